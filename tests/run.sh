#!/usr/bin/env bash
# Installs what it needs, builds and tests. Ends with ctest's summary.
#   tests/run.sh            the default tests, ASan + UBSan, under 10 minutes
#   tests/run.sh lint       layers, doors, purity of the cores, banned functions, format
#   tests/run.sh tsan       worker and link tests under ThreadSanitizer
#   tests/run.sh release    the default tests on the release build
#   tests/run.sh fuzz [S]   every fuzz target for S seconds (default 60), clang's libFuzzer
#   tests/run.sh sim [N]    the protocol simulator over N seeds (default 100000)
#   tests/run.sh kill       the long story: 50 random kill -9 during a demo-sized run
#   tests/run.sh memory     the coordinator's peak with 200 devices against its peak with 5
#   tests/run.sh article    the article's three scenarios at its size, 150x150 grey, without and with the CGAN
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-default}
cores=$(nproc)

build() { # PRESET
    cmake --preset "$1" >"build-$1.log" 2>&1 || { cat "build-$1.log" >&2; exit 1; }
    rm -f "build-$1.log"
    cmake --build --preset "$1" -j "$cores"
}

case $what in
default)
    deploy/install-deps.sh build test demo
    build dev
    ctest --preset dev -j "$cores"
    ;;
release)
    deploy/install-deps.sh build test demo
    build release
    ctest --preset release -j "$cores"
    ;;
tsan)
    deploy/install-deps.sh build test
    build tsan
    ctest --preset tsan -L threads
    ;;
lint)
    deploy/install-deps.sh build lint
    tests/lint/run.sh
    ;;
fuzz)
    deploy/install-deps.sh build test
    command -v clang >/dev/null && [ -n "$(clang -print-file-name=libclang_rt.fuzzer-x86_64.a 2>/dev/null | grep /)" ] ||
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends clang libclang-rt-14-dev >/dev/null
    build fuzz
    for target in build/fuzz/tests/fuzz/fuzz_*; do
        [ -x "$target" ] && [ -f "$target" ] || continue
        name=$(basename "$target")
        echo "== $name"
        mkdir -p "build/fuzz/corpus/$name"
        "$target" -max_total_time="${2:-60}" -print_final_stats=1 "build/fuzz/corpus/$name" \
            $([ -d "tests/fuzz/corpus/$name" ] && echo "tests/fuzz/corpus/$name")
    done
    ;;
sim)
    deploy/install-deps.sh build test
    build release
    build/release/tests/sim/sim --seeds "${2:-100000}"
    ;;
kill)
    deploy/install-deps.sh build test demo
    build release
    python3 -B tests/integration/kill_story.py --build build/release --kills 50
    ;;
article)
    deploy/install-deps.sh build test
    build release
    OMP_NUM_THREADS=1 python3 -B tests/integration/article/article.py --build build/release \
        --images ../shared/data/intel-scenes/train
    ;;
memory)
    deploy/install-deps.sh build test
    build release
    python3 -B tests/integration/memory.py --build build/release
    ;;
*)
    sed -n '2,11p' "$0" | cut -c3-
    exit 2
    ;;
esac
