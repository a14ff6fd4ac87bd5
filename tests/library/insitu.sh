#!/usr/bin/env bash
# Programs that train from their memory end with the checksum of `lockstep train` on a file with the same rows, with
# any number of ranks, while their own messages go on (insitu.c). Errors of one rank come to all.
#   insitu.sh ROOT LOCKSTEP INSITU RANKS MPIRUN...
set -euo pipefail
program=$(realpath "$2") insitu=$(realpath "$3") ranks=$4
shift 4
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
exec </dev/null
export OMP_WAIT_POLICY=passive
fail() { echo "$*" >&2; exit 1; }
quietly() { "$@" >log 2>&1 || fail "$*:"$'\n'"$(tail -20 log)"; }

split=0
for part in train:1111 valid:60 test:41; do
  awk -v split_number=$split -v rows="${part#*:}" -v name="${part%:*}" '
    function x(row, column) { return ((row * (column * 37 + 11) + column * 5 + split_number * 29) % 97 - 48) / 64 }
    BEGIN {
      for (r = 0; r < rows; r++) {
        printf "%.12f,%.12f,%.12f\n", x(r, 0), x(r, 1), x(r, 2) >(name "_x.csv")
        printf "%.12f\n", 2 * x(r, 0) - x(r, 1) + x(r, 2) * (split_number > 0 ? 1 : 0.5) >(name "_y.csv")
      }
    }'
  split=$((split + 1))
done
quietly "$program" import --train train_x.csv train_y.csv --valid valid_x.csv valid_y.csv --test test_x.csv test_y.csv \
  --regression --header no data.h5
cat >settings.yaml <<'YAML'
name: insitu
data: {scaling: standard, target_scaling: standard}
model: {layers: [{dense: {units: 24, activation: tanh}}, {dropout: 0.1}, {dense: 1}]}
loss: mse
optimizer: {name: adam, learning_rate: 0.01}
schedule: {name: cosine}
train: {epochs: 5, global_batch_size: 64}
parallel: {threads: 2}
YAML

# compare NAME MODE OVERRIDE...: the program and the library with the same settings
config=settings.yaml data=data.h5 array=test/x
compare() {
  local name=$1 mode=$2
  shift 2
  quietly "$program" train $config data.file=$data runs=expected name="$name" "$@"
  expected=$(sed -n 's/.*"parameters_checksum": *"\([0-9a-f]*\)".*/\1/p' "expected/$name/summary.json")
  rm -f insitu.h5
  "${mpirun[@]}" "$insitu" "$mode" $config name="$name" "$@" >found 2>&1 || fail "$name, $mode: $(cat found)"
  [[ $expected == "$(cat found)" ]] || fail "$name, $mode: $(cat found) instead of $expected"
  quietly "$program" predict "expected/$name/model.h5" $data --x $array --out expected.csv
  quietly "$program" predict insitu.h5 $data --x $array --out found.csv
  cmp expected.csv found.csv || fail "$name, $mode: the model predicts something else"
}

mpirun=("$@" "$ranks")
compare plain train
ls runs >/dev/null 2>&1 && fail "a training without keeps_run writes a directory"
compare stopped stop
compare saved save
[[ -f runs/saved/model.h5 && -f runs/saved/history.h5 ]] || fail "no run directory"
grep -q 'file: memory' runs/saved/config.yaml || fail "config.yaml does not say where the data is"
compare idle train parallel.shards=2          # more ranks than shards, where there are three
compare streamed train data.memory_limit=12.5kB train.epochs=2
compare nodes train parallel.ranks_per_node=1 # as if each rank were a node: steps overlap with messages

"${mpirun[@]}" "$insitu" errors settings.yaml name=errors >found 2>&1 || fail "errors: $(cat found)"
grep -q 'a value that is not finite: bad data: the rows in memory: train/x holds NaN in row' found || fail "$(cat found)"
"${mpirun[@]}" "$insitu" single settings.yaml >found 2>&1 || fail "single: $(cat found)"
awk -F, 'BEGIN { OFS = ","; print "a,b,c,w,y"; split("low,middle,high", name, ",") }
  { r = NR - 1; print $0, 0.5 + r % 4, name[r * 7 % 3 + 1] }' train_x.csv >labels.csv
quietly "$program" import labels.csv labels.h5 --label y --weights w --shuffle none
cat >labels.yaml <<'YAML'
name: labels
data: {scaling: minmax, validation: 0.2, weights: train/weights}
model: {layers: [{dense: {units: 9, activation: relu}}, {dense: 3}]}
loss: cross_entropy
train: {epochs: 3, global_batch_size: 32}
YAML
config=labels.yaml data=labels.h5 array=train/x
compare labels labels

# Files of processes that have ended: names are lockstep-data-PROCESS-RANDOM. Other tests may be at work.
while IFS= read -r file; do
  process=${file##*/lockstep-data-}
  kill -0 "${process%%-*}" 2>/dev/null || [[ ! -e $file ]] || fail "left behind: $file"
done < <(find /dev/shm /tmp -maxdepth 1 -name 'lockstep-data-*' -newer settings.yaml 2>/dev/null || true)
echo "$ranks ranks train in situ as lockstep train does"
