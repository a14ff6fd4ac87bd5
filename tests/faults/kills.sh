#!/usr/bin/env bash
# Kills trainings, and fits of clusters and densities, at random moments, each several times, and lets another layout resume
# each. The last resume ends with the bits of a run that was left alone.
#   kills.sh ROOT LOCKSTEP COUNT MPIRUN...
# COUNT: how many kills. MPIRUN... starts ranks; their number is appended. In the environment: SEED repeats a sequence, a
# failure prints its own; KINDS, the names of the kinds to try.
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
seed=${SEED:-$(($(date +%s%N) % 1000000))}
RANDOM=$((seed % 32768))

# ---- four kinds of training, each with and without batch_norm and dropout; five kinds of fits ----

well import --make spirals data.h5 --rows 1500 --classes 3 --seed 1
settings() {
  cat <<YAML
data: {file: data.h5, scaling: standard, validation: 0.2$1}
model: {layers: [{dense: {units: 48, activation: relu}}, $2{dense: {units: 32, activation: tanh}}, {dense: 3}]}
loss: cross_entropy
optimizer: $3
train: {epochs: $4, global_batch_size: $5$6}
checkpoint: {every: $7, keep: 2}
parallel: {shards: 6}
YAML
}
noise="batch_norm, {dropout: 0.2}, "
settings "" "" adam 16 40 "" "7 steps" >memory.yaml
settings "" "$noise" adam 12 40 "" "20 steps" >memory-noise.yaml
settings ", memory_limit: 40 kB" "" "{name: sgd, momentum: 0.9}" 8 40 "" "11 steps" >stream.yaml
settings ", memory_limit: 40 kB" "$noise" adamw 6 40 "" "1 epochs" >stream-noise.yaml
settings "" "" adam 6 40 ", members: 3" "13 steps" >ensemble.yaml
settings "" "$noise" adam 4 40 ", members: 3" "1 epochs" >ensemble-noise.yaml
settings "" "" lbfgs 60 all ", l2: 0.001" "3 steps" >lbfgs.yaml
settings "" "batch_norm, " "{name: sgd, learning_rate: 0.1}" 80 all "" "5 steps" >full-batch-noise.yaml

well import --make blobs groups.h5 --rows 6000 --classes 6 --features 8 --seed 1
fit() {
  cat <<YAML
data: {file: groups.h5, scaling: standard$1}
$2
checkpoint: {every: $3, keep: 2}
parallel: {shards: 6}
YAML
}
fit "" "cluster: {k: 12, starts: 3, tolerance: 0}" "4 epochs" >kmeans.yaml
fit ", memory_limit: 64 kB" "cluster: {k: 12, starts: 1, tolerance: 0}" "3 epochs" >kmeans-stream.yaml
fit "" "cluster: {method: minibatch, k: 12, batch: 300, starts: 2, tolerance: 0}" "30 steps" >minibatch.yaml
fit "" "cluster: {method: mixture, k: 6, starts: 2, tolerance: 1e-4}" "2 epochs" >mixture.yaml
fit "" "density: {rows: 700, bandwidth: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]}" "1 epochs" >kernels.yaml
kinds=(memory kmeans memory-noise mixture stream minibatch stream-noise kernels ensemble kmeans-stream ensemble-noise lbfgs
  full-batch-noise)
[[ -z ${KINDS:-} ]] || read -ra kinds <<<"$KINDS"
declare -A commands=([kmeans]=cluster [kmeans-stream]=cluster [minibatch]=cluster [mixture]=cluster [kernels]=density)

# start WORDS…: a layout at random, in the background; sets child, layout.
start() {
  local ranks=$((1 + RANDOM % 4)) threads=$((1 + RANDOM % 2)) words=()
  [[ $ranks -eq 1 ]] || words=("${launch[@]}" "$ranks")
  layout="$ranks x $threads"
  "${words[@]}" "$program" "$@" "parallel.threads=$threads" >out 2>&1 &
  child=$!
}

# The ranks of the job, one in a line: processes of lockstep here.
ranks_of_job() {
  local pid
  for pid in $(pgrep -x "$(basename "$program" | cut -c1-15)" || true); do
    [[ $(readlink "/proc/$pid/cwd") != "$place" ]] || echo "$pid"
  done
}

# Whether the launcher or a rank lives. Ranks end soon after a launcher that was killed.
lives() {
  kill -0 "$child" || [[ -n $(ranks_of_job) ]]
}

# Open MPI 4.1's launcher can block for ever, or crash, after ranks were killed while they started. scripts/launch.sh kills
# one that blocks and starts again after both; here they are counted.
launcher_crashed() {
  [[ $code -eq 139 || $code -eq 134 ]] && grep -q 'PMIx_server_finalize' out &&
    ! grep -qE 'exited on signal (4|6|7|8|11)\b|/lockstep\(' out
}

# Waits for the end of the job; sets code. 124: it hangs.
finish() {
  local tries alone=0
  code=0
  for ((tries = 0; tries < 20 * limit; tries++)); do
    lives || break
    alone=$((alone + 1))
    [[ -z $(ranks_of_job) ]] || alone=0
    if [[ $alone -ge 300 ]]; then # for 15 s and more
      blocked=$((blocked + 1))
      kill -KILL "$child" || true
    fi
    sleep 0.05
  done
  if lives; then
    # shellcheck disable=SC2046 # process numbers
    kill -KILL "$child" $(ranks_of_job) || true
    wait "$child" || true
    code=124
    return
  fi
  wait "$child" || code=$?
}

# Kills the job at a moment within its expected time: a rank, all ranks or the launcher, by SIGKILL or SIGTERM.
strike() {
  local moment=$((RANDOM % ${milliseconds[$kind]})) ranks target signal=KILL whom
  [[ $((RANDOM % 4)) -ne 0 ]] || signal=TERM
  sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
  read -ra ranks <<<"$(ranks_of_job | tr '\n' ' ')"
  [[ ${#ranks[@]} -gt 0 ]] || ranks=("$child")
  case $((RANDOM % 4)) in
    0) target=("$child") whom=launcher ;;
    1) target=("${ranks[@]}") whom="all ranks" ;;
    *) target=("${ranks[RANDOM % ${#ranks[@]}]}") whom="a rank" ;;
  esac
  struck="SIG$signal to $whom after $moment ms on $layout"
  kill "-$signal" "${target[@]}" || true
}

# The bits of a run: its checksum, and those of its members.
bits() {
  local run
  for run in runs/"$1"/ runs/"$1"-member-*/; do
    [[ -d $run && ! $run =~ \.[0-9]+/$ ]] || continue
    echo "${run#runs/"$1"} $(summary "$(basename "$run")" parameters_checksum) $(summary "$(basename "$run")" status)"
  done
}

# A run of the kind that is left alone: what it ends with, and how long it takes.
declare -A milliseconds expected
blocked=0
leave_alone() {
  local began
  began=$(date +%s%N)
  well "$command" "$kind.yaml" "name=whole-$kind" parallel.threads=1
  milliseconds[$kind]=$((($(date +%s%N) - began) / 1000000 + 1))
  expected[$kind]=$(bits "whole-$kind")
}

trap 'echo "line $LINENO of kills.sh failed (SEED=$seed)"' ERR
exec 2>/dev/null # the shell's lines about killed processes
turn=$((RANDOM % ${#kinds[@]}))
while [[ $runs -lt $count && $failures -lt 5 ]]; do
  kind=${kinds[turn++ % ${#kinds[@]}]} history="" resume=()
  command=${commands[$kind]:-train}
  rm -rf runs/killed*
  [[ -n ${expected[$kind]:-} ]] || leave_alone
  for ((strikes = 1 + RANDOM % 3; strikes > 0 && runs < count; strikes--)); do
    start "$command" "${resume[@]}" "$kind.yaml" name=killed
    strike
    finish
    runs=$((runs + 1))
    history+=$'\n'"  $struck: exit code $code"
    ends[$code]=$((${ends[$code]:-0} + 1))
    if launcher_crashed; then code=137 blocked=$((blocked + 1)); fi
    [[ $code -ne 124 ]] || fail "$kind: hangs (SEED=$seed)$history"$'\n'"$(tail -5 out)"
    [[ $code -ne 139 && $code -ne 134 && $code -ne 136 ]] || fail "$kind: crashes (SEED=$seed)$history"$'\n'"$(cat out)"
    resume=(--resume)
  done
  start "$command" "${resume[@]}" "$kind.yaml" name=killed
  finish
  if [[ $code -ne 0 || $(bits killed) != "${expected[$kind]}" ]]; then
    fail "$kind: the last resume on $layout ends with $code (SEED=$seed)$history"$'\n'"$(bits killed)"$'\n'"expected"$'\n'"${expected[$kind]}"$'\n'"$(tail -5 out)"
  fi
  check_tidy "$kind (SEED=$seed)$history"
done
[[ $blocked -eq 0 ]] || echo "launchers that blocked or crashed without a rank: $blocked"
for code in "${!ends[@]}"; do echo "exit code $code: ${ends[$code]}"; done
counts "kills (SEED=$seed)"
