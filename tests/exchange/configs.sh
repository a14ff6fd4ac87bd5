#!/usr/bin/env bash
# For each file in configs/ the model that the test docs.configs has trained, and its predictions: PLACE/NAME/model.h5, x.npy
# and predictions.h5, for compare.sh.
#   configs.sh ROOT LOCKSTEP PLACE LEAVES
# LEAVES: where docs.configs has left its data and runs.
set -euo pipefail
root=$1
program=$2
place=$3
leaves=$4
if [[ ! -e $leaves/runs ]]; then
  echo "no models in $leaves: the test docs.configs was left out"
  exit 77
fi
rm -rf "$place"
mkdir -p "$place"
cd "$leaves"
inputs=()
for config in "$root"/configs/*.yaml; do
  name=$(basename "$config" .yaml)
  mkdir "$place/$name"
  cp "runs/$name/model.h5" "$place/$name/"
  data=$(awk '$1 == "file:" { print $2; exit }' "runs/$name/config.yaml")
  "$program" predict "$place/$name/model.h5" "$data" --x train/x --out "$place/$name/predictions.h5" >predict.log 2>&1 ||
    { tail -n 20 predict.log; exit 1; }
  inputs+=("$data" "$place/$name/x.npy")
done
"$root/scripts/python.sh" - "${inputs[@]}" <<'END'
import sys
import h5py
import numpy
for data, array in zip(sys.argv[1::2], sys.argv[2::2]):
    with h5py.File(data) as file:
        numpy.save(array, file["train/x"][...])
END
