# What the tests train, in a directory of its own; sourced after nodes.sh.
# shellcheck shell=bash

# run_make ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM: goes to a directory with config.yaml and its data.
run_make() {
  place=$(mktemp -d)
  trap 'nodes_down; rm -rf "$place"' EXIT
  cd "$place"
  awk -f "$1/docs/guide/throws.awk" >throws.csv
  "$2" import throws.csv data.h5 --label result --shuffle 1 --split train=0.8,test=0.2 >log 2>&1 ||
    fail "import: $(cat log)"
  cat >config.yaml <<'END'
data: {file: data.h5, validation: 0.1, scaling: standard}
model:
  layers:
    - dense: {units: 61, activation: tanh}
    - dropout: 0.1
    - dense: {units: 33, activation: relu}
    - dense: 3
loss: cross_entropy
train: {epochs: 2, global_batch_size: 86, clip_norm: 1}
parallel: {shards: 6, threads: 1}
END
}
