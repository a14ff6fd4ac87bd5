#!/usr/bin/env bash
# The library's predictions have the bits of `lockstep predict`, for the model of every golden run, and those of `lockstep eval`
# (eval_bits.py). It keeps its promises (promises.c) and explains mistakes (mistakes.py).
#   same_bits.sh ROOT LOCKSTEP LIBRARY PROMISES GOLDEN
# GOLDEN: where golden.sh has left its data and runs.
set -euo pipefail
root=$(realpath "$1") program=$(realpath "$2") library=$(realpath "$3") promises=$(realpath "$4") golden=$(realpath "$5")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
exec </dev/null
export LOCKSTEP_LIBRARY=$library PYTHONPATH=$root/python PYTHONDONTWRITEBYTECODE=1 OMP_WAIT_POLICY=passive
mkdir runs
cp -r "$golden/data" .
models=() moved=()
for config in "$root"/tests/golden/*.yaml; do
  name=$(basename "$config" .yaml)
  data=$(sed -nE 's/.*file: *([^, }]*\.h5).*/\1/p' "$config" | head -1)
  [[ -e $golden/runs/$name ]] || { echo "the golden runs have left no run $name" >&2; exit 1; }
  cp -r "$golden/runs/$name" runs
  data=${data/gaps/classes} # the same columns without gaps: this model fills none
  array=test/x
  [[ $data != */series.h5 ]] || array=train/x
  "$program" predict "runs/$name" "$data" --x $array --out "$name.h5" >log 2>&1 || { cat log >&2; exit 1; }
  models+=("runs/$name/model.h5" "$data" "$array" "$name.h5")
  case $name in
  ensemble | heads | kernel | lbfgs | norms | windows) # what differs: mixtures, losses, basis functions, ops, windows
    moved+=("runs/$name/model.h5" "$data" "$array")
    ;;
  esac
done
"$root/scripts/python.sh" "$root/tests/library/same_bits.py" "${models[@]}"
"$root/scripts/python.sh" "$root/tests/library/derivatives.py" "${moved[@]}"
echo "$((${#models[@]} / 4)) models compared"
[[ $((${#models[@]} / 4)) -ge 19 ]]

"$root/scripts/python.sh" "$root/tests/library/eval_bits.py" "$program" runs/plain data/classes.h5 test/x test/y

for name in plain heads deep ensemble bf16; do
  "$promises" "runs/$name/model.h5"
done
cat >table.csv <<'CSV'
size,kind,weight
1.5,cat,4
2,dog,20.5
0.5,bird,0.1
1,cat,3.5
2.5,dog,30
0.4,bird,0.2
CSV
"$program" import table.csv table.h5 --label weight --regression >log 2>&1 || { cat log >&2; exit 1; }
cat >table.yaml <<'YAML'
data: {file: table.h5, scaling: standard}
model: {layers: [{dense: 1}]}
loss: mse
train: {epochs: 2, global_batch_size: 3}
YAML
"$program" train table.yaml >log 2>&1 || { cat log >&2; exit 1; }
"$promises" runs/table/model.h5
"$root/scripts/python.sh" "$root/tests/library/mistakes.py" runs/kernel/model.h5 runs/table/model.h5
