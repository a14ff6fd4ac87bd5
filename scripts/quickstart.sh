#!/usr/bin/env bash
# From a fresh checkout to a trained network: set-up, build, import of Fashion-MNIST, training on all cores.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
dataset=data/fashion-mnist.h5
run=runs/fashion-mnist

scripts/setup.sh
options=()
[[ -e build/release/CMakeCache.txt ]] || options=(-DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=OFF)
build build/release "${options[@]}" -- lockstep
lockstep=build/release/lockstep

# The four files of Fashion-MNIST: from Debian's package, or put into data/ by hand.
find_files() {
  local folder
  folder=$(dpkg -L dataset-fashion-mnist 2>/dev/null | grep '/train-images-idx3-ubyte.gz$' | xargs -r dirname || true)
  for folder in "$folder" data; do
    if [[ -n $folder && -e $folder/train-images-idx3-ubyte.gz ]]; then
      echo "$folder"
      return
    fi
  done
  echo "quickstart: no Fashion-MNIST: install dataset-fashion-mnist, or put its four .gz files into data/" >&2
  return 1
}

if [[ ! -e $dataset ]]; then
  folder=$(find_files)
  mkdir -p data
  "$lockstep" import --train "$folder"/train-{images-idx3,labels-idx1}-ubyte.gz \
    --test "$folder"/t10k-{images-idx3,labels-idx1}-ubyte.gz "$dataset"
fi

# One rank a core; where there are more cores than the batch of 512 has shards, a rank has several of them.
ranks=$(cores)
binding=()
if [[ $ranks -gt 16 ]]; then
  ranks=16
  binding=(--bind-to none)
fi
mpirun -n "$ranks" "${binding[@]}" "$lockstep" train configs/fashion-mnist.yaml

accuracy=$(summary_value "$run" test_accuracy)
echo
echo "test accuracy $accuracy; the run lies in $PWD/$run"
