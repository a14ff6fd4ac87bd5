#!/usr/bin/env bash
# Damages a model, a checkpoint and datasets in thousands of ways. Every damage is found, or harmless: no crash, no hang,
# nothing that reads as something else. Most files are read by a driver with the functions of the commands, and a sample by
# the commands themselves.
#   damage.sh ROOT LOCKSTEP DRIVER STRIDE
# DRIVER: tests/faults/damage.c. STRIDE: 1 flips a bit in every byte, zeroes 512 bytes at every 64th, and cuts at 500
# places; 10 a tenth of that. FILES in the environment: which of trained, fits and commands; all by default.
set -euo pipefail
program=$(realpath "$2") driver=$(realpath "$3") stride=$4
place=$(realpath "$(mktemp -d)")
trap 'rm -rf "$place"' EXIT
root=$1
# shellcheck source=tests/faults/common.sh
source "$root/tests/faults/common.sh"
cd "$place"

cat >run.yaml <<'YAML'
data: {file: data.h5, scaling: standard, validation: 0.2}
model: {layers: [{dense: {units: 8, activation: relu}}, batch_norm, {dense: 3}]}
loss: cross_entropy
optimizer: adam
train: {epochs: 2, global_batch_size: 64}
checkpoint: {every: 1 epochs, keep: 2}
parallel: {threads: 1, shards: 4}
YAML
well import --make spirals data.h5 --rows 200 --classes 3 --seed 1
awk -f "$root/docs/guide/throws.awk" >throws.csv
head -n 200 throws.csv >table.csv
well import table.csv table.h5 --label result --split train=0.8,test=0.2
well train run.yaml name=a
last=$(printf '%s\n' runs/a/checkpoint-*.h5 | tail -n 1)

# drive KIND FILE: all damages of a file.
drive() {
  local bytes
  bytes=$(stat -c %s "$2")
  "$driver" "$1" "$2" flips "$stride" || failures=$((failures + 1))
  "$driver" "$1" "$2" zeros "$((64 * stride))" || failures=$((failures + 1))
  "$driver" "$1" "$2" cuts "$(((bytes * stride + 499) / 500))" || failures=$((failures + 1))
  runs=$((runs + 3))
}
chosen() { [[ -z ${FILES:-} || " $FILES " == *" $1 "* ]]; }
if chosen trained; then
  drive model runs/a/model.h5
  drive checkpoint "$last"
  drive dataset data.h5
  drive dataset table.h5
fi
cat >fit.yaml <<'YAML'
data: {file: data.h5, scaling: standard}
parallel: {threads: 1, shards: 4}
YAML
if chosen fits; then
  well cluster fit.yaml name=centres cluster.k=4 cluster.starts=2 train.epochs=5 checkpoint.every='2 epochs'
  well cluster fit.yaml name=mixture cluster.method=mixture cluster.k=3 cluster.starts=1
  well density fit.yaml name=kernels density.rows=30
  well components fit.yaml name=components components.n=2
  for run in centres mixture kernels components; do drive model "runs/$run/model.h5"; done
  drive checkpoint "$(printf '%s\n' runs/centres/checkpoint-*.h5 | tail -n 1)"
fi
chosen commands || { counts "damage" && exit; }

# ---- the commands themselves ----

# flip FILE AT: flips a bit.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N1 "$1")
  # shellcheck disable=SC2059 # a byte
  printf "\\x$(printf %02x $((byte ^ (1 << $2 % 8))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# refused WHAT WORDS…: exit code 3 with a message, or 0 with the same output as before.
refused() {
  local what=$1 code=0
  shift
  rm -f predicted.csv
  timeout --signal=KILL $limit "$program" "$@" >out 2>err || code=$?
  runs=$((runs + 1))
  [[ ! -e predicted.csv ]] || mv predicted.csv out
  if [[ $code -eq 3 ]]; then
    grep -q '^lockstep: ' err || fail "$what: no message"
  elif [[ $code -ne 0 ]] || ! cmp -s out good; then
    fail "$what: exit code $code, $* $(head -3 err)"
  fi
}

# sample FILE WORDS…: damaged copies of FILE, each read by `lockstep WORDS`.
sample() {
  local file=$1 bytes n at
  shift
  bytes=$(stat -c %s "$file")
  cp "$file" whole
  "$program" "$@" >good 2>/dev/null
  [[ ! -e predicted.csv ]] || mv predicted.csv good
  for ((n = 0; n < (stride == 1 ? 40 : 4); n++)); do
    at=$(((RANDOM * 32768 + RANDOM) % bytes))
    flip "$file" "$at"
    refused "a flip in byte $at of $file" "$@"
    cp whole "$file"
    truncate -s "$at" "$file"
    refused "$file of $at bytes" "$@"
    cp whole "$file"
  done
}
sample runs/a/model.h5 info runs/a/model.h5
sample runs/a/model.h5 eval runs/a/model.h5 data.h5 --x train/x --y train/y
sample runs/a/model.h5 predict runs/a/model.h5 data.h5 --x train/x --out predicted.csv
well cluster fit.yaml name=groups cluster.method=mixture cluster.k=3 cluster.starts=1
sample runs/groups/model.h5 anomalies runs/groups/model.h5 data.h5 --x train/x --threshold 3 --out predicted.csv
sample runs/groups/model.h5 sample runs/groups/model.h5 --rows 20 --out predicted.csv
sample data.h5 info data.h5
sample data.h5 check run.yaml

# A damaged newest checkpoint is put aside, and the one before it leads to the same bits.
expected=$(summary a parameters_checksum)
cp -r runs/a saved
bytes=$(stat -c %s "$last")
for ((n = 0; n < (stride == 1 ? 40 : 4); n++)); do
  rm -rf runs/a && cp -r saved runs/a && rm runs/a/model.h5
  at=$(((RANDOM * 32768 + RANDOM) % bytes)) code=0
  flip "$last" "$at"
  timeout --signal=KILL $limit "$program" train --resume run.yaml name=a >out 2>&1 || code=$?
  runs=$((runs + 1))
  if [[ $code -ne 0 || $(summary a parameters_checksum) != "$expected" ]]; then
    fail "resumed after a flip in byte $at of the newest checkpoint: exit code $code"$'\n'"$(cat out)"
  fi
done

# Training on a damaged dataset: an error, or the same bits.
cp data.h5 whole
bytes=$(stat -c %s data.h5)
for ((n = 0; n < (stride == 1 ? 200 : 6); n++)); do
  at=$(((RANDOM * 32768 + RANDOM) % bytes)) code=0
  flip data.h5 "$at"
  rm -rf runs/b
  timeout --signal=KILL $limit "$program" train run.yaml name=b >out 2>&1 || code=$?
  runs=$((runs + 1))
  if [[ $code -ne 3 && ($code -ne 0 || $(summary b parameters_checksum) != "$expected") ]]; then
    fail "trained after a flip in byte $at of the dataset: exit code $code"$'\n'"$(cat out)"
  fi
  cp whole data.h5
done
counts "damage"
