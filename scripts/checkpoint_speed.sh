#!/usr/bin/env bash
# What checkpoints cost: trains a large network without checkpoints and with one every so many seconds, in turn,
# and prints the ratio of the speeds. The machine should be idle.
#   scripts/checkpoint_speed.sh [LOCKSTEP [ROUNDS [SECONDS [WIDTH [RANKS [EVERY]]]]]]
# SECONDS: of each run, 150 by default. WIDTH: units of the two wide layers; 4096 makes 20 million parameters, 8192 makes
# 74 million. RANKS: 1 by default; more are started by mpirun. EVERY: 30 s by default.
set -euo pipefail
program=$(realpath "${1:-build/release/lockstep}") rounds=${2:-3} seconds=${3:-150} width=${4:-4096} ranks=${5:-1}
every=${6:-30 s}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
launch=()
[[ $ranks -eq 1 ]] || launch=(mpirun -n "$ranks")

"$program" import --make blobs --rows 20480 --features 784 --classes 10 data.h5 >/dev/null
cat >config.yaml <<END
data: {file: data.h5, validation: 0, scaling: standard}
model: {layers: [{dense: {units: $width, activation: relu}}, {dense: {units: $width, activation: relu}}, {dense: 10}]}
loss: cross_entropy
optimizer: {name: adam, learning_rate: 0.0001}
train: {epochs: 100000, global_batch_size: 512, time_limit: $seconds}
END

number() { # FILE KEY: the value of a key in JSON
  grep -o "\"$2\": [-0-9.e+]*" "$1" | head -n 1 | cut -d ' ' -f 2
}

pauses() { # NAME: seconds that the steps paused for all checkpoints but the last one, which ends the run
  grep '"event": "checkpoint"' "runs/$1/log.jsonl" | sed '$d' | grep -o '"pause_seconds": [-0-9.e+]*' |
    awk '{sum += $2} END {print sum + 0}'
}

speed() { # NAME EVERY: rows per second of a run, with its pauses
  local code=0
  rm -rf "runs/$1"
  "${launch[@]}" "$program" train config.yaml name="$1" checkpoint.every="$2" >/dev/null 2>messages || code=$?
  [[ $code -eq 75 ]] || { cat messages >&2; exit 1; }
  awk -v steps="$(number "runs/$1/summary.json" steps)" -v rate="$(number "runs/$1/summary.json" rows_per_second)" \
    -v pauses="$(pauses "$1")" 'BEGIN {rows = steps * 512; print rows / (rows / rate + pauses)}'
}

echo "round  rows/s without  rows/s with  ratio  checkpoints  seconds paused"
for ((round = 1; round <= rounds; round++)); do
  without=$(speed without never)
  with=$(speed with "$every")
  saves=$(($(grep -c '"event": "checkpoint"' runs/with/log.jsonl) - 1))
  awk -v r="$round" -v a="$without" -v b="$with" -v s="$saves" -v p="$(pauses with)" \
    'BEGIN {printf "%5d %15.1f %12.1f %6.3f %12d %15.3f\n", r, a, b, b / a, s, p}' | tee -a table
done
awk '{a += $2; b += $3} END {printf "ratio of the means: %.3f\n", b / a}' table
grep '"event": "checkpoint"' runs/with/log.jsonl | tail -n 2 | head -n 1
