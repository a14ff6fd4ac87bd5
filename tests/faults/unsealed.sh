#!/usr/bin/env bash
# A file without a seal, at which HDF5 hangs: the child process that reads the file first is ended after 20 s, and the
# command with an error. (A call that never returns stands for a structure without an end.)
#   unsealed.sh ROOT LOCKSTEP LIBRARY
# LIBRARY: tests/faults/stall.c
set -euo pipefail
program=$(realpath "$2") library=$(realpath "$3")
place=$(realpath "$(mktemp -d)")
trap 'rm -rf "$place"' EXIT
root=$1
# shellcheck source=tests/faults/common.sh
source "$root/tests/faults/common.sh"
cd "$place"

well import --make spirals sealed.h5 --rows 60 --classes 3 --seed 1
{ cat sealed.h5 && printf x; } >unsealed.h5 # bytes behind the seal, as after editing
well info unsealed.h5
export STALL_CALL=pread STALL_NUMBER=1 STALL_FILE=sealed.h5 STALL_CHILD=1

# try FILE CODE TEXT: what `lockstep info` says, and how it ends
try() {
  local code=0
  runs=$((runs + 1))
  LD_PRELOAD=$library timeout --signal=KILL $limit "$program" info "$1" >out 2>&1 || code=$?
  [[ $code -eq $2 ]] || fail "$1: exit code $code"$'\n'"$(cat out)"
  grep -q "$3" out || fail "$1: not said: $3"$'\n'"$(cat out)"
}
try sealed.h5 0 '60 rows' # read without a child
try unsealed.h5 3 "unsealed.h5 is damaged: HDF5 could not read the file's structure in 20 s"
counts "files without a seal"
