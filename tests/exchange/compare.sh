#!/usr/bin/env bash
# Exports the models that are in PLACE (cases.py or configs.sh made them) in one format, and compares.
#   compare.sh ROOT LOCKSTEP FORMAT PLACE
set -euo pipefail
root=$1
program=$2
format=$3
place=$4
models=("$place"/*/model.h5)
[[ -e ${models[0]} ]] || { echo "no models in $place"; exit 1; }
exec "$root/tests/exchange/python.sh" "$root" "$format" \
  "$root/tests/exchange/compare.py" "$program" "$root/scripts" "$format" "${models[@]%/model.h5}"
