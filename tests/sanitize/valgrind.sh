#!/usr/bin/env bash
# A small training with two threads, its checkpoint and predictions, fits of clusters, densities and components, and a program
# that trains through the library, under valgrind: values that were never set, and blocks that are never freed. Kernels of
# AVX2, since valgrind knows no newer instructions.
#   valgrind.sh ROOT LOCKSTEP
set -euo pipefail
root=$(realpath "$1")
program=$(realpath "$2")
if ! command -v valgrind >/dev/null; then
  echo "valgrind.sh: valgrind is missing (Debian and Ubuntu: valgrind)" >&2
  exit 1
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
exec </dev/null
export LOCKSTEP_ISA=avx2 OMP_WAIT_POLICY=passive OMPI_MCA_ess_singleton_isolated=1

suppressions=("--suppressions=$root/tests/sanitize/valgrind.supp")
of_openmpi=/usr/share/openmpi/openmpi-valgrind.supp
if [[ -f $of_openmpi ]]; then suppressions+=("--suppressions=$of_openmpi"); fi

run() {
  if ! valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite \
    --fair-sched=yes "${suppressions[@]}" "$@" >log 2>&1; then
    cat log >&2
    echo "valgrind.sh: failed: $*" >&2
    exit 1
  fi
}

cat >rows.csv <<'ROWS'
a,b,kind,y
1,0.5,red,0
2,,blue,1
3,1.5,red,2
4,-2,green,0
5,0.25,blue,1
6,7,red,2
7,1,green,0
8,2.5,blue,1
ROWS
cat >net.yaml <<'SETTINGS'
data: {file: rows.h5, scaling: standard, missing: mean, validation: 0.25}
model:
  layers: [{dense: {units: 5, activation: gelu}}, batch_norm, {dropout: 0.2}, {dense: 3}]
loss: cross_entropy
optimizer: {name: adam, learning_rate: 0.01}
train: {epochs: 2, global_batch_size: 3}
checkpoint: {every: 1 epoch}
parallel: {threads: 2, shards: 2}
SETTINGS
run "$program" import rows.csv rows.h5 --label y --missing
run "$program" train net.yaml
run "$program" train net.yaml train.epochs=3 --resume
run "$program" eval runs/net
run "$program" predict runs/net rows.h5 --out out.csv data.x=train/x

cat >fit.yaml <<'SETTINGS'
data: {file: rows.h5, scaling: standard, missing: mean}
parallel: {threads: 2, shards: 2}
SETTINGS
run "$program" cluster fit.yaml name=centres cluster.k=2 cluster.starts=2 train.epochs=2 'checkpoint.every=1 epoch'
run "$program" cluster fit.yaml name=centres cluster.k=2 cluster.starts=2 train.epochs=3 'checkpoint.every=1 epoch' --resume
run "$program" cluster fit.yaml name=batches cluster.method=minibatch cluster.k=2 cluster.batch=3 train.epochs=2
run "$program" cluster fit.yaml name=mixture cluster.method=mixture cluster.k=2 cluster.regularization=0.1
run "$program" density fit.yaml name=kernels density.rows=3 'density.bandwidth=[0.5, 1]'
run "$program" components fit.yaml name=components components.n=2
run "$program" eval runs/centres
run "$program" anomalies runs/mixture rows.h5 --x train/x --threshold 3 --out scores.csv
run "$program" sample runs/kernels --rows 20 --out drawn.csv

built=$(dirname "$program")
mpicc -g "$root/examples/insitu/heat.c" -o heat -I"$root/include" -L"$built" -llockstep_train -lm -Wl,-rpath,"$built"
run ./heat 30 20
