#!/usr/bin/env bash
# Rules of the house that a compiler does not check. Prints each breach as FILE:LINE: sentence; exits 1 if any.
set -uo pipefail
cd "$(dirname "$0")/../.."
breaches=$(mktemp)
trap 'rm -f "$breaches"' EXIT
say() { echo "$*" | tee -a "$breaches"; }

sources() { git ls-files -co --exclude-standard -- "$@" | grep -E '\.[ch]$'; }

# Includes point downward: from FOLDER may be included only what stands in its list.
layer() { # FOLDER ALLOWED-REGEX
    local file line
    while IFS= read -r hit; do
        file=${hit%%:*}
        line=${hit#*:}
        say "$file:${line%%:*}: ${1%/} may not include $(sed 's/.*"\(.*\)".*/\1/' <<<"$hit")"
    done < <(sources "$1" | xargs -r grep -nE '^#include "(common|server|client|proto)/' | grep -vE "\"($2)[^\"]*\"")
}
base='common/base/'
layer common/base/ "$base"
layer common/doors/ "$base|common/doors/|proto/"
layer common/nn/ "$base|common/nn/|common/doors/(matrix|conv).h"
layer common/image/ "$base|common/image/"
layer common/model/ "$base|common/nn/|common/doors/|common/model/|common/image/pipeline.h"
layer common/synth/ "$base|common/nn/|common/doors/|common/model/|common/synth/"
layer common/recipe/ "$base|common/nn/|common/doors/|common/image/|common/model/|common/synth/|common/recipe/"
layer server/core/ "$base|server/core/"
layer client/edge/core/ "$base|client/edge/core/"
layer server/ "common/|server/"
layer client/edge/ "common/|client/edge/"
layer client/ctl/ "common/|client/ctl/"

# One door per dependency: HEADER may be included by FILE only.
door() { # HEADER-REGEX FILE...
    local header=$1
    shift
    while IFS= read -r hit; do
        local file=${hit%%:*} ok=
        for f in "$@"; do [ "$file" = "$f" ] && ok=1; done
        [ -n "$ok" ] || say "${hit%%:#*}: only $* may include $header"
    done < <(sources common server client | xargs -r grep -nE "^#include [<\"]$header[>\"]")
}
door 'zmq(_utils)?\.h' common/doors/link.c common/doors/link_dial.c common/doors/link_message.c common/doors/link_impl.h common/doors/zap.c
door 'sodium\.h' common/doors/crypto.c
door 'sqlite3\.h' common/doors/db.c
door 'jansson\.h' common/doors/json.c
door 'microhttpd\.h' common/doors/http.c
door 'curl/curl\.h' common/doors/httpc.c
door 'utf8proc\.h' common/doors/text.c
door '(oneapi/dnnl/)?dnnl\.h' common/doors/matrix.c common/doors/conv.c
door '(openblas/)?(cblas|lapacke)\.h' common/doors/solve.c
door 'stb(/|_).*\.h' common/image/decode.c
door 'libexif/.*' common/image/exif.c
door 'ini\.h' common/base/conf.c
door 'pthread\.h' common/doors/worker.c
door '(proto/)?wire\.pb-c\.h' common/doors/wire.c
door '(proto/)?model\.pb-c\.h' common/doors/modelwire.c

# Functions that invite trouble, and the words that have no place in the tree.
while IFS= read -r hit; do
    say "$hit"
done < <(sources common server client deploy |
    xargs -r grep -nE '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|atoi|atol|atof|tmpnam|system|popen)\(' |
    sed 's/$/   <- banned function/')

# Sizes: a .c file past 500 lines has two ideas, a header past 120 too.
while read -r n file; do
    case $file in
    *.c) [ "$n" -le 500 ] || say "$file:$n: longer than 500 lines" ;;
    *.h) [ "$n" -le 120 ] || say "$file:$n: longer than 120 lines" ;;
    esac
done < <(sources common server client deploy | xargs -r wc -l | grep -v ' total$')

# The cores touch nothing outside themselves: no undefined symbol but memory and string primitives.
purity=build/lint
mkdir -p $purity
for f in $(sources server/core client/edge/core | grep '\.c$'); do
    o=$purity/$(tr / _ <<<"$f").o
    cc -std=c11 -O1 -fno-stack-protector -U_FORTIFY_SOURCE -D_GNU_SOURCE -I. -c "$f" -o "$o" || { say "$f:1: does not compile alone"; continue; }
done
defined=$(nm --defined-only $purity/*.o 2>/dev/null | awk 'NF==3{print $3}' | sort -u)
for o in "$purity"/*.o; do
    [ -f "$o" ] || continue
    for s in $(nm -u "$o" | awk '{print $2}'); do
        case $s in
        mem*|strlen|strnlen|strcmp|strncmp|__assert_fail|snprintf|sqrt|sqrtf|erf|exp|log|fabs|isnan) ;;
        *) grep -qx "$s" <<<"$defined" || say "$(basename "$o"): a core calls $s" ;;
        esac
    done
done
rm -rf $purity

# Format.
if command -v clang-format >/dev/null; then
    while IFS= read -r f; do
        clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || say "$f:1: run clang-format -i"
    done < <(sources common server client deploy tests)
else
    say "clang-format is missing: deploy/install-deps.sh lint"
fi

n=$(wc -l <"$breaches")
[ "$n" -eq 0 ] || { echo "lint: $n breaches"; exit 1; }
echo "lint: clean ($(sources common server client deploy tests | wc -l) files)"
