#!/usr/bin/env bash
# Starts two runs of one name, the second a moment after the first: one is refused, and nothing of the two is mixed.
#   pairs.sh ROOT LOCKSTEP COUNT MPIRUN...
# COUNT: how many pairs; a third of them on two ranks, a half with --resume.
set -euo pipefail
program=$(realpath "$2") count=$3
place=$(realpath "$(mktemp -d)")
trap 'rm -rf "$place"' EXIT
root=$1
# shellcheck source=tests/faults/common.sh
source "$root/tests/faults/common.sh"
shift 3
launch=("$@")
cd "$place"

well import --make spirals data.h5 --rows 300 --classes 3 --seed 1
cat >run.yaml <<'YAML'
data: {file: data.h5}
model: {layers: [{dense: {units: 16, activation: relu}}, {dense: 3}]}
loss: cross_entropy
train: {epochs: 1000000, global_batch_size: 100}
parallel: {shards: 4, threads: 1}
checkpoint: {every: 20 steps}
YAML

# start SEED: a run in the background; sets child.
start() {
  local words=()
  [[ $ranks -eq 1 ]] || words=("${launch[@]}" "$ranks")
  "${words[@]}" "$program" train "${resume[@]}" run.yaml name=pair "train.seed=$1" >"out.$1" 2>&1 &
  child=$!
}

ranks_of_job() {
  local pid
  for pid in $(pgrep -x "$(basename "$program" | cut -c1-15)" || true); do
    [[ $(readlink "/proc/$pid/cwd") != "$place" ]] || echo "$pid"
  done
}

for ((pair = 0; pair < count; pair++)); do
  rm -rf runs
  ranks=$((pair % 3 == 2 ? 2 : 1)) resume=()
  [[ $((pair % 2)) -eq 0 ]] || resume=(--resume)
  later=$((400 * pair / count)) codes=(0 0)
  start 1 && first=$child
  sleep "0.$(printf %03d $later)"
  start 2 && second=$child
  for ((tries = 0; tries < 20 * limit; tries++)); do
    kill -0 "$first" 2>/dev/null && kill -0 "$second" 2>/dev/null || break
    sleep 0.05
  done
  sleep 0.3 # the winner trains on
  # shellcheck disable=SC2046 # process numbers
  kill -USR1 $(ranks_of_job) 2>/dev/null || true
  for ((tries = 0; tries < 20 * limit; tries++)); do
    kill -0 "$first" 2>/dev/null || kill -0 "$second" 2>/dev/null || break
    sleep 0.05
  done
  # shellcheck disable=SC2046 # process numbers
  [[ $tries -lt $((20 * limit)) ]] || kill -KILL $(ranks_of_job) "$first" "$second" 2>/dev/null || true # a hang: exit code 137
  wait "$first" || codes[0]=$?
  wait "$second" || codes[1]=$?
  runs=$((runs + 1))
  what="pair $pair, $later ms apart, $ranks rank(s) ${resume[*]}"
  winner=1
  [[ ${codes[0]} -eq 75 ]] || winner=2
  if [[ ${codes[winner - 1]} -ne 75 || ${codes[2 - winner]} -ne 1 ]]; then
    fail "$what: exit codes ${codes[*]}"$'\n'"$(cat out.1 out.2)"
    continue
  fi
  grep -q 'runs/pair belongs to process' "out.$((3 - winner))" || fail "$what: the other is refused for another reason"
  grep -q "seed: $winner\$" runs/pair/config.yaml || fail "$what: config.yaml is the other's"
  for file in runs/pair/checkpoint-*.h5; do
    "$program" info --settings "$file" | grep -q "seed: $winner\$" || fail "$what: $file is the other's"
  done
  check_tidy "$what"
done
counts "staggered pairs"
