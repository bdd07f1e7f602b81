#!/usr/bin/env bash
# Installs what building, testing and the demo need, from Debian 12's packages only.
# Usage: deploy/install-deps.sh [build] [test] [demo] [lint]      (default: build)
set -euo pipefail

build=(build-essential cmake ninja-build pkg-config libzmq3-dev libprotobuf-c-dev protobuf-c-compiler
    libsodium-dev libstb-dev libsqlite3-dev libdnnl-dev libopenblas-dev liblapacke-dev libmicrohttpd-dev
    libcurl4-openssl-dev libjansson-dev libinih-dev libutf8proc-dev libexif-dev zlib1g-dev)
test=(libcmocka-dev python3 dataset-fashion-mnist procps)
demo=(dataset-fashion-mnist jq procps)
lint=(clang-format binutils)

wanted=()
for group in "${@:-build}"; do
    case $group in
        build) wanted+=("${build[@]}") ;;
        test) wanted+=("${test[@]}") ;;
        demo) wanted+=("${demo[@]}") ;;
        lint) wanted+=("${lint[@]}") ;;
        *) echo "$0: no such group: $group (build, test, demo, lint)" >&2; exit 2 ;;
    esac
done

missing=()
for p in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "These packages are missing, and neither root nor sudo is at hand: ${missing[*]}" >&2
        echo "Install them with apt-get install and run this again." >&2
        exit 1
    }
    as_root=(sudo)
fi
echo "installing: ${missing[*]}"
log=$(mktemp)
"${as_root[@]}" apt-get update >"$log" 2>&1 || true
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || {
    tail -20 "$log" >&2
    echo "apt-get could not install them; the end of its output stands above." >&2
    exit 1
}
rm -f "$log"
