#!/usr/bin/env bash
# Lets every file call of a run go wrong in turn: the process is killed there, or the call fails, or the disk is full from
# there on. Whatever happens, the files are whole, and the resumed run, on another layout, ends with the bits of a run that
# nothing befell. So for a training, for fits of clusters and densities, and for components, which are found anew. The same
# for commands with one output, which is whole or absent.
#   file_calls.sh ROOT LOCKSTEP LIBRARY STRIDE [MPIRUN...]
# LIBRARY: tests/faults/file_calls.c. STRIDE: 1 tries every call, 7 every seventh, and more of the few calls of commands with
# one output. MPIRUN... starts two ranks; every rank that writes files is tried. In the environment: KINDS, which faults;
# COMMANDS, which of train, cluster, density, components and outputs; all by default.
set -euo pipefail
program=$(realpath "$2") library=$(realpath "$3") stride=$4
place=$(realpath "$(mktemp -d)")
trap 'rm -rf "$place"' EXIT
root=$1
# shellcheck source=tests/faults/common.sh
source "$root/tests/faults/common.sh"
shift 4
cd "$place"
launch=() ranks=1 threads=2
if [[ $# -gt 0 ]]; then
  launch=("$@" 2) ranks=2 threads=1
fi

# faulty RANK N KIND WORDS…: `lockstep WORDS`, with the N-th call of RANK going wrong; 0: none. The calls of RANK, of all
# ranks if it is -1, are listed in calls.RANK.
faulty() {
  local rank=$1 n=$2 kind=$3
  shift 3
  # without the shell's line about a killed process
  { timeout --signal=KILL $limit "${launch[@]}" env LD_PRELOAD="$library" FAULT_UNDER="$place/runs" FAULT_CALL="$n" \
    FAULT_KIND="$kind" FAULT_RANK="$rank" FAULT_REPORT="$place/calls" "$program" "$@" >out 2>&1; } 2>/dev/null
}

# An end that the kind of the fault may have: killed, or a documented code with a message.
check_end() {
  local what=$1 kind=$2 code=$3
  case $code in
    0) [[ $(summary a parameters_checksum) == "$expected" ]] || fail "$what: exit code 0 with other bits"$'\n'"$(cat out)" ;;
    1) grep -q '^lockstep: ' out || [[ $kind == kill || $kind == torn ]] || fail "$what: no message"$'\n'"$(cat out)" ;;
    9 | 137) [[ $kind == kill || $kind == torn ]] || fail "$what: killed after $limit s"$'\n'"$(tail -5 out)" ;;
    *) fail "$what: exit code $code"$'\n'"$(tail -5 out)" ;;
  esac
}

# try RANK N KIND: with the words of `attack`
try() {
  local rank=$1 n=$2 kind=$3 code=0 what
  rm -rf runs calls.*
  faulty "$rank" "$n" "$kind" "${words[@]}" || code=$?
  what="${words[0]}: $kind at call $n of rank $rank of $ranks ($(sed -n "s/^$n //p" "calls.$rank" 2>/dev/null))"
  runs=$((runs + 1))
  ends[$code]=$((${ends[$code]:-0} + 1))
  check_end "$what" "$kind" "$code"
  check_files "$what"
  code=0
  timeout --signal=KILL $limit "$program" "${words[@]}" ${resume:+"$resume"} parallel.threads=$threads >again 2>&1 || code=$?
  if [[ $code -ne 0 || $(summary a parameters_checksum) != "$expected" ]]; then
    fail "$what: resumed, exit code $code, checksum $(summary a parameters_checksum)"$'\n'"$(cat out)"$'\n'"$(cat again)"
  fi
  check_tidy "$what"
}

well import --make spirals data.h5 --rows 200 --classes 3 --seed 1
cat >run.yaml <<'YAML'
data: {file: data.h5, scaling: standard, validation: 0.2}
model: {layers: [{dense: {units: 8, activation: relu}}, batch_norm, {dropout: 0.1}, {dense: 3}]}
loss: cross_entropy
optimizer: {name: sgd, momentum: 0.9}
train: {epochs: 3, global_batch_size: 64}
checkpoint: {every: 1 epochs, keep: 2}
parallel: {threads: 1, shards: 4}
YAML

# attack RESUME WORDS…: the file calls of `lockstep WORDS`, a run named a. RESUME: the option that goes on, if there is one.
attack() {
  local counted=() calls kind n
  resume=$1
  shift
  words=("$@")
  chosen "${words[0]}" || return 0
  rm -rf runs calls.*
  faulty -1 0 none "${words[@]}" || { cat out >&2 && exit 1; }
  expected=$(summary a parameters_checksum)
  for ((rank = 0; rank < ranks; rank++)); do counted+=("$(wc -l <"calls.$rank")"); done
  for ((rank = 0; rank < ranks; rank++)); do
    calls=${counted[rank]}
    [[ $calls -gt 0 ]] || continue
    echo "${words[0]}: rank $rank of $ranks: $calls calls"
    for kind in ${KINDS:-kill torn ENOSPC EIO short full}; do
      for ((n = 1 + RANDOM % stride; n <= calls; n += stride)); do try "$rank" "$n" "$kind"; done
    done
  done
}
chosen() { [[ -z ${COMMANDS:-} || " $COMMANDS " == *" $1 "* ]]; }

well import --make blobs groups.h5 --rows 300 --classes 3 --features 2 --seed 1
# fit SECTION: settings of a fit
fit() {
  cat <<YAML
data: {file: groups.h5, scaling: standard}
$1
parallel: {threads: 1, shards: 4}
YAML
}
fit "cluster: {k: 3, starts: 2, tolerance: 0}"$'\ntrain: {epochs: 3}\ncheckpoint: {every: 1 epochs, keep: 2}' >clusters.yaml
fit "density: {rows: 20, bandwidth: [0.3, 0.6]}"$'\ncheckpoint: {every: 1 epochs, keep: 2}' >kernels.yaml
fit "components: {n: 1}" >components.yaml
attack --resume train run.yaml name=a
attack --resume cluster clusters.yaml name=a
attack --resume density kernels.yaml name=a
attack "" components components.yaml name=a

# try_output FILE WORDS…: `lockstep WORDS`, which writes runs/FILE. What it writes after a fault is whole, or it fails; what
# can be resumed becomes the same file then.
try_output() {
  local file=$1 kind n calls code what step
  shift
  resume=""
  [[ $1 != landscape && $1 != connect ]] || resume=--resume
  rm -rf runs calls.* && mkdir runs
  faulty 0 0 none "$@" || { echo "lockstep $*" && cat out && exit 1; }
  calls=$(wc -l <calls.0)
  step=$((1 + (stride - 1) * calls / 300)) # outputs of many calls are tried as often as others
  cp "runs/$file" good
  echo "lockstep $*: $calls calls"
  for kind in ${KINDS:-kill torn ENOSPC EIO short full}; do
    for ((n = 1 + RANDOM % step; n <= calls; n += step)); do
      code=0
      rm -rf runs calls.* && mkdir runs
      faulty 0 "$n" "$kind" "$@" || code=$?
      what="$kind at call $n of lockstep $*, exit code $code"
      runs=$((runs + 1))
      ends[$code]=$((${ends[$code]:-0} + 1))
      case $code in
        0) [[ -e runs/$file ]] || fail "$what: no output" ;;
        1) grep -q '^lockstep: ' out || [[ $kind == kill || $kind == torn ]] || fail "$what: no message" ;;
        9 | 137) [[ $kind == kill || $kind == torn ]] || fail "$what: killed" ;;
        *) fail "$what"$'\n'"$(tail -5 out)" ;;
      esac
      if [[ -n $resume ]]; then
        timeout --signal=KILL $limit "$program" "$@" "$resume" >again 2>&1 || fail "$what: not resumed"$'\n'"$(cat again)"
      fi
      [[ ! -e runs/$file && -z $resume ]] || cmp -s "runs/$file" good || fail "$what: runs/$file is not whole"
    done
  done
}

if chosen outputs; then
  rm -rf runs
  well train run.yaml name=a
  well train run.yaml name=b optimizer.learning_rate=0.02
  cp runs/a/model.h5 .
  cp runs/b/model.h5 model2.h5
  well cluster clusters.yaml name=clusters cluster.method=mixture
  cp runs/clusters/model.h5 clusters.h5
  try_output made.h5 import --make spirals runs/made.h5 --rows 200 --classes 3 --seed 1
  try_output p.csv predict model.h5 data.h5 --x train/x --out runs/p.csv
  try_output p.h5 predict model.h5 data.h5 --x train/x --out runs/p.h5
  try_output scores.csv anomalies clusters.h5 groups.h5 --x train/x --out runs/scores.csv
  try_output plane.h5 landscape model.h5 --random 2 --x=-1:1:4 --out runs/plane.h5
  try_output path.h5 connect model.h5 model2.h5 --epochs 2 --out runs/path.h5
  try_output drawn.h5 sample clusters.h5 --rows 50 --out runs/drawn.h5
fi
for code in "${!ends[@]}"; do echo "exit code $code: ${ends[$code]}"; done
counts "file calls on $ranks rank(s)"
