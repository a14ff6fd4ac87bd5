#!/usr/bin/env bash
# How fast the library predicts with a network 13-64-64-1 (speed.c): figures, or with --check the promises that hold on a busy
# machine too.
#   speed.sh LOCKSTEP SPEED [--check]
set -euo pipefail
program=$(realpath "$1") speed=$(realpath "$2")
shift 2
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
exec </dev/null
export OMP_WAIT_POLICY=passive
awk 'BEGIN { srand(1); for (c = 0; c < 13; c++) printf "x%d,", c; print "y"
  for (r = 0; r < 128; r++) { s = 0; for (c = 0; c < 13; c++) { x = 2 * rand() - 1; s += x * x; printf "%.6f,", x }; print s } }' >table.csv
"$program" import table.csv table.h5 --label y --regression >log 2>&1 || { cat log >&2; exit 1; }
for activation in relu tanh; do
  cat >settings.yaml <<YAML
name: $activation
data: {file: table.h5, scaling: standard, target_scaling: standard}
model: {layers: [{dense: {units: 64, activation: $activation}}, {dense: {units: 64, activation: $activation}}, {dense: 1}]}
loss: mse
train: {epochs: 1, global_batch_size: 64}
YAML
  "$program" train settings.yaml >log 2>&1 || { cat log >&2; exit 1; }
done
failed=0
for activation in relu tanh; do
  echo "13-64-64-1, $activation"
  "$speed" "runs/$activation/model.h5" "$@" || failed=1
done
exit $failed
