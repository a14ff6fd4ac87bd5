#!/usr/bin/env bash
# Copies of checkpoints on the disks of other hosts. A host here is a name and a working directory of its own, so that
# the relative path `runs` is on another "disk" for each. The host of rank 0 is lost with its disk, and the run goes on
# from the copy; a copy is damaged; a partner's disk takes no file; all hosts see one directory.
#   copies.sh ROOT LOCKSTEP MPIRUN...
set -euo pipefail
program=$(realpath "$2")
place=$(realpath "$(mktemp -d)")
trap 'rm -rf "$place"' EXIT
root=$1
# shellcheck source=tests/faults/common.sh
source "$root/tests/faults/common.sh"
shift 2
launch=("$@")
unshare --uts --mount true 2>/dev/null || { echo "hosts cannot be imitated here" && exit 77; }
cd "$place"

well import --make spirals data.h5 --rows 300 --classes 3 --seed 1 --split train=0.8,valid=0.2
cat >run.yaml <<YAML
data: {file: $place/data.h5}
model: {layers: [{dense: {units: 16, activation: relu}}, {dense: 3}]}
loss: cross_entropy
optimizer: adam
train: {epochs: 60, global_batch_size: 24}
parallel: {shards: 6, threads: 1, timeout: 20}
checkpoint: {every: 30 steps, keep: 2, copies: 2}
YAML
well train run.yaml name=whole checkpoint.copies=1
whole=$(summary whole parameters_checksum)

# hosts NAMES WORDS…: `lockstep train WORDS` with a rank on each host; its output goes to the file `out`.
hosts() {
  local name all=()
  local names=$1
  shift
  for name in $names; do
    mkdir -p "$place/$name"
    [[ ${#all[@]} -eq 0 ]] || all+=(:)
    [[ ${#all[@]} -eq 0 ]] && all+=("${launch[@]}") || all+=(-n)
    # shellcheck disable=SC2016 # expanded by the shell on the host
    all+=(1 unshare --uts --mount sh -c 'hostname "$1" && cd "$2/$1" &&
      if [ "$3" != whole ]; then mkdir -p runs && mount -t tmpfs -o "size=$3" tmpfs runs; fi && shift 3 && exec "$@"' sh
      "$name" "$place" "${sizes[$name]:-whole}" "$program" train "$@")
  done
  timeout --signal=KILL $limit "${all[@]}" >out 2>&1
}
declare -A sizes # of the disks of hosts, if they are small

# same HOST NAME WHAT: the run on the host ended with the bits of the run that nothing befell.
same() {
  runs=$((runs + 1))
  local sum
  sum=$(sed -n 's/.*"parameters_checksum": *"\([^"]*\)".*/\1/p' "$1/runs/$2/summary.json" 2>/dev/null || true)
  [[ $sum == "$whole" ]] || fail "$3: the run has other bits: ${sum:-no summary}"$'\n'"$(cat out)"
}
says() { grep -q "$1" out || fail "$2: not said: $1"$'\n'"$(cat out)"; }
kept() { compgen -G "$1" >/dev/null || fail "$2: there is no $1"; }

# the host of rank 0 is lost, when a copy is there
hosts "a b c" ../run.yaml name=lost train.epochs=1000000 &
job=$!
for ((tries = 0; tries < 20 * limit; tries++)); do
  compgen -G 'b/runs/lost.copy/checkpoint-*.h5' >/dev/null && break
  kill -0 $job 2>/dev/null || break
  sleep 0.05
done
for pid in $(pgrep -x "$(basename "$program" | cut -c1-15)" || true); do
  [[ $(readlink "/proc/$pid/cwd" || true) != "$place"/* ]] || kill -KILL "$pid" 2>/dev/null || true
done
wait $job || true
kept 'b/runs/lost.copy/checkpoint-*.h5' "a lost host"
[[ ! -e c/runs ]] || fail "a lost host: host c has files, though one copy was wanted"
rm -rf a
cp -r b b.kept
hosts "c d b" ../run.yaml name=lost --resume train.epochs=60 || fail "a lost host: exit code $?"$'\n'"$(cat out)"
says 'the checkpoint of step [0-9]* comes from b' "a lost host"
says 'going on from step' "a lost host"
same c lost "a lost host"
kept 'd/runs/lost.copy/checkpoint-*.h5' "a lost host, the new copy"

# the partner becomes rank 0
rm -rf b && cp -r b.kept b
hosts "b" ../run.yaml name=lost --resume || fail "rank 0 on the partner: exit code $?"$'\n'"$(cat out)"
says 'going on from step' "rank 0 on the partner"
same b lost "rank 0 on the partner"

# damaged copies are not used: the run starts anew
rm -rf b e && cp -r b.kept b
for file in b/runs/lost.copy/checkpoint-*.h5; do
  printf '\377\377\377\377' | dd of="$file" bs=1 seek=3000 conv=notrunc status=none
done
hosts "e b" ../run.yaml name=lost --resume || fail "damaged copies: exit code $?"$'\n'"$(cat out)"
! grep -q 'going on from step' out || fail "damaged copies: the run goes on from one"
same e lost "damaged copies"

# a partner whose disk takes no file: a warning, and the run goes on
sizes[g]=20k
hosts "f g" ../run.yaml name=full || fail "a full disk: exit code $?"$'\n'"$(cat out)"
says 'warning: .*the copy of the checkpoint of step 30 on g failed: .*training goes on' "a full disk"
same f full "a full disk"

# an earlier run's copies are renamed
hosts "c d" ../run.yaml name=lost || fail "a second run: exit code $?"$'\n'"$(cat out)"
kept 'd/runs/lost.copy.1/checkpoint-*.h5' "a second run"
kept 'd/runs/lost.copy/checkpoint-*.h5' "a second run"

# hosts that see one directory
hosts "c d" ../run.yaml name=one runs="$place/runs" || fail "one directory: exit code $?"$'\n'"$(cat out)"
says 'all hosts see .*so there is one copy' "one directory"
same . one "one directory"
[[ ! -e runs/one.copy ]] || fail "one directory: there is a copy"

counts "copies of checkpoints"
