#!/usr/bin/env bash
# A fleet that learns on real images: one coordinator, a few edges, people who correct. See --help.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'EOF'
usage: deploy/demo.sh [options]

Installs what it needs, builds the release preset, starts a coordinator and edge daemons on loopback, and
plays the people: each image is predicted, then confirmed or corrected. Labels come step by step. After each
step's release a table shows how well the fleet's model does on all labels seen so far.

  --images DIR     a folder with a sub-folder of images per label (default: Fashion-MNIST, a Debian package)
  --test DIR       test images, the same shape (default: Fashion-MNIST's 10,000)
  --image WxHxC    the network's input (default: 28x28x1, with --images 64x64x3, article 28x28x1)
  --recipe NAME    features | article (default: features)
  --synth NAME     cgan | moments | none (default: cgan)
  --edges N        edge daemons (5)
  --per-label N    images of each label over the whole fleet (250)
  --steps N        the labels come in that many steps; 1: all at once (5)
  --seed N         equal seeds deal equal images (1)
  --dir DIR        keep the fleet's data there (default: a fresh directory, removed at the end)
  --keep           leave the fleet running and say how to talk to it
  --json           end with one line of JSON
  --no-build       use what stands in build/release
  --help           this text
EOF
}

images='' test='' image='' recipe=features synth=cgan edges=5 per_label=250 steps=5 seed=1 dir='' keep='' json='' build=1
while [ $# -gt 0 ]; do
    case $1 in
    --images) images=$2; shift ;;
    --test) test=$2; shift ;;
    --image) image=$2; shift ;;
    --recipe) recipe=$2; shift ;;
    --synth) synth=$2; shift ;;
    --edges) edges=$2; shift ;;
    --per-label) per_label=$2; shift ;;
    --steps) steps=$2; shift ;;
    --seed) seed=$2; shift ;;
    --dir) dir=$2; shift ;;
    --keep) keep=1 ;;
    --json) json=1 ;;
    --no-build) build='' ;;
    --help | -h) usage; exit 0 ;;
    *) echo "demo.sh: unknown option $1; --help lists them" >&2; exit 2 ;;
    esac
    shift
done
say() { printf '%s\n' "$*"; }
die() { echo "demo.sh: $*" >&2; exit 1; }

# ---- install, build ----

if [ -n "$build" ]; then
    deploy/install-deps.sh build demo
    say "building (release preset)"
    log=$(mktemp)
    { cmake --preset release -DCAIRN_TESTS=OFF && cmake --build --preset release -j "$(nproc)"; } >"$log" 2>&1 ||
        { tail -30 "$log" >&2; die "the build failed; the end of its output stands above"; }
    rm -f "$log"
fi
bin=$PWD/build/release
coordinator=$bin/server/cairn-coordinator edge=$bin/client/edge/cairn-edge cairn=$bin/client/ctl/cairn deal=$bin/deploy/demo/cairn-deal
for b in "$coordinator" "$edge" "$cairn" "$deal"; do [ -x "$b" ] || die "$b is missing; run without --no-build"; done

if [ -z "$images" ]; then
    images=/usr/share/datasets/fashion-mnist/train test=${test:-/usr/share/datasets/fashion-mnist/t10k}
    image=${image:-28x28x1}
elif [ "$recipe" = article ]; then
    image=${image:-28x28x1}
else
    image=${image:-64x64x3}
fi

work=${dir:-$(mktemp -d -t cairn-demo.XXXXXX)}
mkdir -p "$work"
pids=()
stop() {
    trap - EXIT INT TERM
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    [ -n "$dir" ] || rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM
export OMP_NUM_THREADS=1
start_s=$SECONDS

# ---- deal the images, start the fleet ----

say "dealing images to $edges edges in $steps steps (Dirichlet 0.5, seed $seed)"
"$deal" --images "$images" ${test:+--test "$test"} --out "$work/images" --edges "$edges" --steps "$steps" \
    --per-label "$per_label" --seed "$seed" >"$work/labels.tsv" || die "the images could not be dealt"

say "starting a coordinator and $edges edges under $work"
"$coordinator" init --data "$work/coordinator" --recipe "$recipe" --image "$image" --synth "$synth" \
    --set fleet.name=demo --set fleet.listen=tcp://127.0.0.1:0 --set fleet.enrol_listen=tcp://127.0.0.1:0 \
    --set round.updates="$edges" --set round.max_wait_s=6 >"$work/init.log" 2>&1 || { cat "$work/init.log" >&2; die "coordinator init failed"; }
"$coordinator" run --data "$work/coordinator" >"$work/coordinator.log" 2>&1 &
pids+=($!)
admin() { "$cairn" --data "$work/coordinator" "$@"; }
for _ in $(seq 100); do [ -e "$work/coordinator/endpoints" ] && break; sleep .1; done
[ -e "$work/coordinator/endpoints" ] || { tail -5 "$work/coordinator.log" >&2; die "the coordinator did not start"; }

for e in $(seq "$edges"); do
    token=$(admin device token --name "edge-$e" --json | jq -r .token)
    "$edge" join "$token" --data "$work/edge-$e" --name "edge-$e" >>"$work/init.log" 2>&1 ||
        { tail -3 "$work/init.log" >&2; die "edge-$e could not join"; }
    "$edge" run --data "$work/edge-$e" --set "edge.listen=unix:$work/edge-$e.sock" --set update.batch=100000 \
        --set update.max_wait_s=3600 >"$work/edge-$e.log" 2>&1 &
    pids+=($!)
done
on() { local e=$1; shift; "$edge" "$@" --data "$work/edge-$e"; } # on EDGE COMMAND...
for e in $(seq "$edges"); do
    for _ in $(seq 100); do [ "$(on "$e" status --json 2>/dev/null | jq '.release != null')" = true ] && break; sleep .1; done
done

# ---- the steps ----

total() { # JQ-PATH: the sum over all edges
    for e in $(seq "$edges"); do on "$e" status --json; done | jq -s "map($1) | add"
}
mb() { awk -v b="$1" 'BEGIN { printf "%.1f MB", b / 1e6 }'; }

settle() { # until nothing that may be sent is left on any edge
    local deadline=$((SECONDS + 120))
    for e in $(seq "$edges"); do on "$e" flush >/dev/null; done
    local quiet=0 # looks in a row: between being chosen and being in an update an image is in neither
    while [ $SECONDS -lt $deadline ] && [ $quiet -lt 3 ]; do
        if [ "$(total '.examples.sendable + .examples.in_update')" = 0 ]; then quiet=$((quiet + 1)); else quiet=0; fi
        sleep .3
    done
    local want
    want=$(admin status --json | jq .release)
    while [ $SECONDS -lt $deadline ]; do
        [ "$(for e in $(seq "$edges"); do on "$e" status --json; done | jq -s "map(.release) | min")" -ge "$want" ] && return 0
        sleep .2
    done
    say "  still waiting after 120 s:"
    admin why || true
    return 0
}

best="$work/best.json"
echo '{}' >"$best"
corrections=0
for s in $(seq "$steps"); do
    new=$(awk -F'\t' -v s="$s" '$1 == s { printf "%s%s", sep, $2; sep = ", " }' "$work/labels.tsv")
    seen=$(awk -F'\t' -v s="$s" '$1 <= s { printf "%s%s", sep, $2; sep = "," }' "$work/labels.tsv")
    say ""
    say "step $s of $steps: people teach $new"
    before=$(admin status --json | jq .release)
    jobs_=()
    for e in $(seq "$edges"); do
        [ -d "$work/images/step-$s/edge-$e" ] || continue
        on "$e" import "$work/images/step-$s/edge-$e" --seed "$seed" --json >"$work/import-$e.json" 2>"$work/import-$e.err" &
        jobs_+=($!)
    done
    for j in "${jobs_[@]}"; do wait "$j" || { cat "$work"/import-*.err >&2; die "teaching failed"; }; done
    said=$(cat "$work"/import-*.json | jq -s '{n: (map(.confirmed + .corrected + .new_labels) | add), confirmed: (map(.confirmed) | add), corrected: (map(.corrected) | add), new: (map(.new_labels) | add)}')
    rm -f "$work"/import-*.json
    say "  $(jq -r '"\(.n) images: \(.confirmed) rewarded, \(.corrected) corrected, \(.new) brought a new label"' <<<"$said")"
    corrections=$((corrections + $(jq .n <<<"$said")))
    settle
    release=$(admin status --json | jq .release)
    [ "$release" -gt "$before" ] || say "  no new release: $(admin why | head -3)"
    [ -d "$work/images/test" ] || continue
    on 1 evaluate "$work/images/test" --model release --labels "$seen" --json >"$work/eval-$s.json" 2>"$work/eval.err" || { cat "$work/eval.err" >&2; die "evaluate failed"; }
    jq -s '.[0] as $b | reduce .[1].per_label[] as $l ($b; .[$l.label] = ([.[$l.label] // 0, $l.right / $l.images] | max))' "$best" "$work/eval-$s.json" >"$best.new" && mv "$best.new" "$best"
    jq -s '.[0] as $b | [.[1].per_label[] | $b[.label] - .right / .images] | add / length' "$best" "$work/eval-$s.json" >"$work/forgetting"
    committed=$(total .examples.committed) queued=$(total '.examples.total - .examples.committed')
    printf '  %-8s %-7s %-9s %-28s %-11s %-19s %s\n' release labels accuracy 'accuracy of each step' forgetting 'committed / on edge' sent
    per_step=$(for t in $(seq "$s"); do
        mine=$(awk -F'\t' -v s="$t" '$1 == s { print $2 }' "$work/labels.tsv" | jq -R . | jq -sc .)
        jq --argjson m "$mine" -r '[.per_label[] | select(.label as $x | $m | index($x))] | (map(.right) | add) / (map(.images) | add) * 1000 | round / 10' "$work/eval-$s.json"
    done | paste -sd' ')
    printf '  %-8s %-7s %-9s %-28s %-11s %-19s %s\n' "$release" "$(jq '.per_label | length' "$work/eval-$s.json")" \
        "$(jq -r '.accuracy * 10000 | round / 100 | tostring + " %"' "$work/eval-$s.json")" "$per_step" \
        "$(awk '{ printf "%.2f %%", $1 * 100 }' "$work/forgetting")" "$committed / $queued" "$(mb "$(total .bytes.sent)")"
    for r in $(seq $((before + 1)) "$release"); do
        admin release show "$r" --json | jq -r '
            "  release \(.number): \(.updates | length) updates; \(.synth) gave " +
            (([.per_label[].synthesized] | if (add // 0) == 0 then "no samples" elif min == max then "\(min) samples a label" else "\(min) to \(max) samples a label" end)) +
            "; \(.stages.tune_steps) steps of consolidation in \(.stages.tune_ms) ms, solve \(.stages.solve_ms) ms",
            (.candidates[]? | "    \(if .taken then "took" else "left" end) \(.name): \(.why)")' || true
    done
done

# ---- the sum of it ----

lost=$((corrections - $(total .examples.total)))
releases=$(admin status --json | jq .release)
labels=$(admin status --json | jq .labels)
say ""
say "summary after $((SECONDS - start_s)) s"
say "  $corrections answers of people: $(total .examples.committed) in a release, $(total .examples.held_out) held out to test releases, $(total '.examples.queued') waiting on their edge for more of their label, $lost lost"
[ "$recipe" != article ] || say "  $(total .examples.counted) rewards were counted only: the article's network learns from its errors"
say "  updates on the wire: $(mb "$(total .bytes.sent)") sent by $edges edges; the last one was $(on 1 status --json | jq -r '"\(.updates.last_wire_bytes) bytes, as raw fp32 \(.updates.last_raw_bytes)"')"
accuracy=null forgetting=null
if [ -e "$work/eval-$steps.json" ]; then
    accuracy=$(jq '.accuracy' "$work/eval-$steps.json") forgetting=$(cat "$work/forgetting")
    say "  accuracy on all $labels labels $(jq -r '.accuracy * 10000 | round / 100' "$work/eval-$steps.json") %, forgetting $(awk '{ printf "%.2f", $1 * 100 }' "$work/forgetting") points"
fi
if [ -n "$keep" ]; then
    dir=$work
    say ""
    say "the fleet keeps running (Ctrl-C ends it). Talk to it:"
    say "  $cairn --data $work/coordinator status"
    say "  $cairn --data $work/coordinator release list"
    say "  $edge status --data $work/edge-1"
    say "  $edge predict IMAGE --data $work/edge-1"
fi
[ -z "$json" ] || printf '{"accuracy":%s,"forgetting":%s,"labels":%s,"releases":%s,"corrections":%s,"lost":%s}\n' \
    "$accuracy" "$forgetting" "$labels" "$releases" "$corrections" "$lost"
[ -z "$keep" ] || wait
