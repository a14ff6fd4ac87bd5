#!/usr/bin/env bash
# For each file in configs/: its data, made by the commands at its head, a model of one epoch, and its predictions:
# PLACE/NAME/model.h5, x.npy and predictions.h5, for compare.sh.
#   configs.sh ROOT LOCKSTEP PLACE
set -euo pipefail
root=$1
program=$2
place=$3
if [[ ! -e /usr/lib/python3/dist-packages/sklearn/datasets/data ]]; then
  echo "no data sets of scikit-learn here (Debian: python3-sklearn)"
  exit 77
fi
rm -rf "$place"
mkdir -p "$place/work/bin" "$place/work/data" "$place/work/approximation"
cd "$place/work"
ln -s "$program" bin/lockstep
for folder in configs docs; do ln -s "$root/$folder" .; done
export PATH=$PWD/bin:$PATH

# shellcheck source=tests/docs/config_data.sh
source "$root/tests/docs/config_data.sh"
make_data 300 >/dev/null

for config in configs/*.yaml; do
  name=$(basename "$config" .yaml)
  lockstep train "$config" name="$name" train.epochs=1 checkpoint.every=never >train.log 2>&1 ||
    { tail -n 20 train.log; exit 1; }
  mkdir "../$name"
  cp "runs/$name/model.h5" "../$name/"
  data=$(awk '$1 == "file:" { print $2; exit }' "runs/$name/config.yaml")
  lockstep predict "../$name/model.h5" "$data" --x train/x --out "../$name/predictions.h5" >train.log 2>&1 ||
    { tail -n 20 train.log; exit 1; }
  "$root/scripts/python.sh" - "$data" "../$name/x.npy" <<'END'
import sys
import h5py
import numpy
with h5py.File(sys.argv[1]) as file:
    numpy.save(sys.argv[2], file["train/x"][...])
END
done
rm -rf "$place/work"
