#!/usr/bin/env bash
# Trains into a file system that is small and runs full. Training goes on to an end with a documented exit code; once there
# is space, the resumed run ends with the bits of a run that had space.
#   full_disk.sh ROOT LOCKSTEP
# The file system is a tmpfs in a name space of mounts, where that is allowed. The limit of a file's size (ulimit -f) is
# tried too.
set -euo pipefail
if [[ ${IN_NAMESPACE:-} == "" ]]; then
  if IN_NAMESPACE=yes unshare --mount true 2>/dev/null; then
    IN_NAMESPACE=yes exec unshare --mount "$0" "$@"
  elif unshare --map-root-user --mount true 2>/dev/null; then
    IN_NAMESPACE=yes exec unshare --map-root-user --mount "$0" "$@"
  fi
fi
program=$(realpath "$2")
place=$(realpath "$(mktemp -d)")
trap 'umount "$place/runs" 2>/dev/null || true; rm -rf "$place"' EXIT
root=$1
# shellcheck source=tests/faults/common.sh
source "$root/tests/faults/common.sh"
cd "$place"

well import --make spirals data.h5 --rows 200 --classes 3 --seed 1
cat >run.yaml <<'YAML'
data: {file: data.h5, scaling: standard, validation: 0.2}
model: {layers: [{dense: {units: 64, activation: relu}}, {dense: {units: 64, activation: relu}}, {dense: 3}]}
loss: cross_entropy
optimizer: adam
train: {epochs: 20, global_batch_size: 64}
checkpoint: {every: 1 epochs, keep: 1000}
parallel: {threads: 1, shards: 4}
YAML
well train run.yaml name=a
expected=$(summary a parameters_checksum) full=$(du -sk runs | cut -f1)
cp runs/a/model.h5 model.h5
rm -rf runs

# check_full WHAT CODE: how a run without space ended, and goes on with space.
check_full() {
  runs=$((runs + 1))
  if [[ $2 -eq 0 ]]; then
    [[ $(summary a parameters_checksum) == "$expected" ]] || fail "$1: exit code 0 with other bits"
  elif [[ $2 -ne 1 ]]; then
    fail "$1: exit code $2"$'\n'"$(tail -5 out)"
  else
    grep -q '^lockstep: .*\(No space left\|File too large\|cannot be written\)' out || fail "$1: nothing is said of the disk"$'\n'"$(cat out)"
  fi
  check_files "$1"
}

goes_on() {
  local code=0
  timeout --signal=KILL $limit "$program" train --resume run.yaml name=a parallel.threads=2 >again 2>&1 || code=$?
  [[ $code -eq 0 && $(summary a parameters_checksum) == "$expected" ]] ||
    fail "$1: resumed with space, exit code $code"$'\n'"$(cat out)"$'\n'"$(cat again)"
  check_tidy "$1"
}

mkdir runs
what="no tmpfs (mounts are not allowed here)"
if [[ ${IN_NAMESPACE:-} == yes ]] && mount -t tmpfs -o size=1m tmpfs runs 2>/dev/null; then
  what="a full tmpfs"
  for kilobytes in $((full / 8 + 40)) $((full / 4)) $((full / 2)) $((full * 3 / 4)) $((full - 40)); do
    mount -o "remount,size=${kilobytes}k" runs
    code=0
    timeout --signal=KILL $limit "$program" train run.yaml name=a >out 2>&1 || code=$?
    check_full "$kilobytes kB" "$code"
    mount -o remount,size=64m runs
    goes_on "$kilobytes kB"
    rm -rf runs/*
  done
  umount runs
fi
for kilobytes in 4 16 48 80; do
  code=0
  # through a pipe, since the limit holds for the messages too
  { (ulimit -f "$kilobytes" && exec timeout --signal=KILL $limit "$program" train run.yaml name=a) 2>&1 | cat >out; } || code=$?
  check_full "files of at most $kilobytes kB" "$code"
  goes_on "files of at most $kilobytes kB"
  rm -rf runs/*
done
counts "$what, files that may not grow"
