#!/usr/bin/env bash
# Runs bench_nn and PyTorch by turns and prints both with their ratio (above 1: Cairn is faster).
# Usage: run.sh BENCH_NN [ROUNDS [SECONDS PER ROW]]; PYTHON names a python3 that has torch.
set -euo pipefail
bench=${1:?usage: run.sh BENCH_NN [ROUNDS [SECONDS PER ROW]]} rounds=${2:-3} seconds=${3:-1}
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")" && pwd)
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
export OMP_NUM_THREADS=1

if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "$python has no torch: no comparison (PYTHON=... names another)" >&2
    exec "$bench" "$seconds"
fi
for ((i = 0; i < rounds; i++)); do
    "$bench" "$seconds" 2>/dev/null | tee -a "$lines"
    "$python" "$here/bench_torch.py" "$seconds" | tee -a "$lines"
done
"$python" - "$lines" <<'END'
import json, statistics, sys
rows = {}
for line in open(sys.argv[1]):
    r = json.loads(line)
    rows.setdefault(r["row"], {}).setdefault(r["who"], []).append(r["ms"])
print("%-20s %12s %12s %8s" % ("one training step", "cairn ms", "PyTorch ms", "ratio"))
for name, who in rows.items():
    c, t = (statistics.median(who[k]) for k in ("cairn", "torch"))
    print("%-20s %12.3f %12.3f %7.2fx" % (name, c, t, t / c))
END
