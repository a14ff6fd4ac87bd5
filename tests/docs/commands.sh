#!/usr/bin/env bash
# Runs the commands of the README and the guide, in the order in which a reader meets them, in a directory that looks
# like the root of a built checkout. Every ```sh block counts but those behind a comment <!-- not run by tests: why -->.
# What a page shows of their output, its ```text blocks, must come: each line as it stands, up to … where it has one.
#   commands.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM
set -euo pipefail
root=$1
program=$2
pages=(README.md docs/guide/{first-steps,data,tables,model,losses,regression,basis,forecasting,uncertainty,training,approximation,studies,sweeps,reading-results,scaling-studies,installation,c,insitu,fortran,python,fine-tuning,exchange}.md)

if ! "$root/scripts/python.sh" -c '' 2>/dev/null; then
  echo "no Python with h5py, numpy and matplotlib here: the pages' commands cannot be run"
  exit 77
fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir build
ln -s "$(dirname "$program")" build/release
for folder in configs docs scripts; do ln -s "$root/$folder" .; done

# A page as a script: its blocks, each behind a note of where it stands.
page_script() {
  awk -v page="$1" '
    /^<!-- not run by tests: .+ -->$/ { skip = 1; next }
    /^```sh$/ { inside = !skip; skip = 0; if (inside) printf "echo \"--- %s:%d\"\n", page, NR; next }
    /^```/ { inside = 0; next }
    inside { print; next }
    NF { skip = 0 }' "$root/$1"
}

# The lines of a page that its commands must have printed, and have not.
lines_not_printed() {
  awk '/^```text$/ { inside = 1; next } /^```/ { inside = 0 } inside && NF { sub(/ *….*/, ""); print }' "$root/$1" |
    while IFS= read -r line; do grep -qF -- "$line" page.log || printf '%s\n' "$line"; done
}

# What a reader at a desk does not have: variables for MPI and OpenMP. Only mpirun as root needs some.
while read -r name; do unset "$name"; done < <(env | sed -nE 's/^((OMP|GOMP|KMP|OMPI|PMIX|PRTE|MPICH|HYDRA|SLURM)_[A-Za-z0-9_]*)=.*/\1/p')
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export MPLCONFIGDIR=$place/matplotlib
export PATH=$place/build/release:$PATH

for page in "${pages[@]}"; do
  page_script "$page" >page.sh
  if ! grep -q '^echo' page.sh; then
    echo "$page has no block of commands that could be run" >&2
    exit 1
  fi
  if ! bash -euo pipefail page.sh >page.log 2>&1 </dev/null; then
    cat page.log
    echo "$page: the block named last did not work" >&2
    exit 1
  fi
  missing=$(lines_not_printed "$page")
  if [[ -n $missing ]]; then
    printf '%s shows lines that its commands did not print:\n%s\n' "$page" "$missing" >&2
    exit 1
  fi
  echo "$page: $(grep -c '^echo "---' page.sh) blocks"
done
