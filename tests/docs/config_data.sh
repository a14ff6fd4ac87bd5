# The data of the files in configs/; sourced. The working directory has links to configs and docs, and `lockstep` is on PATH.
# shellcheck shell=bash

# The commands at the head of a file as far as the first that uses the data.
data_commands() {
  sed -n '/^#/!q; s/^#   //p' "$1" | awk '/^(lockstep (train|solve|components|cluster|density|predict|eval)|mpirun|scripts\/)/ { exit } { print }'
}

# make_data ROWS: small sets, of ROWS images, in the place of those that are large or that a study makes;
# scripts/quickstart.sh and the test study.approximation use the true ones.
make_data() {
  local config commands made=$'\n'
  lockstep import --make blobs data/fashion-mnist.h5 --rows "$1" --features 784 --classes 10 --split train=0.8,test=0.2
  lockstep import --make sine approximation/waves-2.h5 --rows 400 --features 2 --split train=0.5,test=0.5
  for config in configs/*.yaml; do
    case $config in configs/fashion-mnist*.yaml) continue ;; esac
    data_commands "$config" >data.sh
    commands=$'\n'$(<data.sh)$'\n'
    [[ $made != *"$commands"* ]] || continue # another file has the same commands
    made+=$commands
    bash -euo pipefail data.sh >data.log 2>&1 || { cat data.log; echo "$config: the commands for its data fail" >&2; exit 1; }
  done
}
