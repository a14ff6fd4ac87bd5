#!/usr/bin/env bash
# Lets every allocation of a training fail in turn, and of fits of clusters, densities and components. Each run must end
# within a time limit, by itself, with exit code 1 and a message about memory, or go on with a warning about a file that could
# not be saved. It must have freed all that it had allocated.
#   allocations.sh ROOT LOCKSTEP LIBRARY STRIDE [MPIRUN...]
# LIBRARY: tests/faults/allocator.c. STRIDE: 1 tries every allocation, 7 every seventh, and of fits, which share most with a
# training, every 28th. Of a training the first six are always tried, before ranks can tell each other of errors in the usual
# way; fits begin in the same way. In the environment: COMMANDS, which of train, cluster, density and components, all by
# default. MPIRUN... starts two ranks, of which the last fails.
# A run that cannot start MPI on a busy machine is tried again: no allocation of lockstep has failed in it. So is a run in
# which the launcher ended a rank before it could write its report, because the other rank had ended with an error.
set -euo pipefail
root=$(realpath "$1") program=$(realpath "$2") library=$(realpath "$3") stride=$4
shift 4
launch=() last=0
if [[ $# -gt 0 ]]; then
  launch=("$@" 2) last=1
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
exec </dev/null
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_ess_singleton_isolated=${OMPI_MCA_ess_singleton_isolated:-1}
limit=60 failures=0 runs=0

fail() {
  echo "$*" >&2
  failures=$((failures + 1))
}

# Runs `lockstep WORDS` with the N-th allocation failing; 0: none.
faulty() {
  local n=$1 code tries
  shift
  for ((tries = 0; tries < 3; tries++)); do
    code=0
    rm -rf runs report.*
    timeout --signal=KILL $limit "${launch[@]}" env LD_PRELOAD="$library" FAULT_ALLOCATION="$n" FAULT_RANK=$last \
      FAULT_REPORT="$place/report" "$program" "$@" >out 2>&1 || code=$?
    ! grep -q 'An error occurred in MPI_Init' out && [[ -e report.0 && -e report.$last ]] && break
  done
  return $code
}

# try WORDS...: the allocations of `lockstep WORDS`.
try() {
  local allocations live n code rank
  faulty 0 "$@" || { fail "$*: does not run at all:"$'\n'"$(cat out)"; return; }
  read -r allocations live <report.$last
  [[ $live -eq 0 ]] || fail "$*: $live blocks are not freed at the end of a run that succeeds"
  for ((n = 1; n <= allocations; n += n < first ? 1 : n == first ? 1 + RANDOM % stride : stride)); do
    code=0
    faulty "$n" "$@" || code=$?
    runs=$((runs + 1))
    # a checkpoint or history that cannot be saved does not end a run
    if [[ $code -ne 1 ]] && ! { [[ $code -eq 0 ]] && grep -q '^warning: .*memory.*training goes on' out; }; then
      fail "$*: allocation $n of $allocations: exit code $code"$'\n'"$(tail -5 out)"
      continue
    fi
    grep -qi 'memory' out || fail "$*: allocation $n of $allocations: no word of memory:"$'\n'"$(tail -5 out)"
    for ((rank = 0; rank <= last; rank++)); do
      read -r _ live <report.$rank || live=unknown
      [[ $live == 0 ]] || fail "$*: allocation $n of $allocations: rank $rank has $live blocks left"
    done
  done
  echo "$*: $allocations allocations"
}

"$program" import --make spirals data.h5 --rows 120 --classes 3 --seed 1 --split train=0.7,valid=0.15,test=0.15 >/dev/null
cat >run.yaml <<'YAML'
data: {file: data.h5, scaling: standard}
model: {layers: [{dense: {units: 8, activation: relu}}, {dropout: 0.1}, {dense: 3}]}
loss: cross_entropy
optimizer: adam
train: {epochs: 2, global_batch_size: 32}
checkpoint: {every: 1 epochs}
parallel: {threads: 1, shards: 4}
YAML

chosen() { [[ -z ${COMMANDS:-} || " $COMMANDS " == *" $1 "* ]]; }
cat >fit.yaml <<'YAML'
data: {file: data.h5, scaling: standard}
parallel: {threads: 1, shards: 4}
YAML

first=6
! chosen train || try train run.yaml
[[ $stride -eq 1 ]] || stride=$((4 * stride)) first=1
for method in kmeans minibatch mixture; do
  ! chosen cluster || try cluster fit.yaml cluster.method=$method cluster.k=3 cluster.starts=2 train.epochs=4 'checkpoint.every=1 epochs'
done
! chosen density || try density fit.yaml density.rows=40 'density.bandwidth=[0.3, 0.6]' 'checkpoint.every=1 epochs'
! chosen components || try components fit.yaml components.n=1
echo "$runs runs with a failing allocation, $failures faults"
[[ $runs -gt 0 && $failures -eq 0 ]]
