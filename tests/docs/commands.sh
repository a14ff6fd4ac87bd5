#!/usr/bin/env bash
# Runs the commands of a page of the guide or the lecture in a directory that looks like the root of a built
# checkout. Every ```sh block counts but those behind a comment <!-- not run by tests: why -->. What the page shows of
# their output, its ```text blocks, must come: each line as it stands, up to … where it has one.
#   commands.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM               all pages in one directory, as a reader meets them
#   commands.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM STATES PART   the pages of a part, after those that it builds on
#   commands.sh --parts                                               all parts, each with the parts that it builds on
# With STATES, a part finds there what the parts that it builds on have made, and leaves there what it has made.
set -euo pipefail

# Part, its pages, and the parts whose files it uses; in the order of a reader.
parts=(
  'first-steps: first-steps:'
  'data: data:'
  'tables: tables:'
  'model: model: first-steps'
  'losses: losses:'
  'regression: regression:'
  'basis: basis:'
  'forecasting: forecasting:'
  'components: components:'
  'autoencoders: autoencoders:'
  'clusters: clusters:'
  'density: density:'
  'anomalies: anomalies:'
  'uncertainty: uncertainty: regression'
  'training: training: first-steps data model regression'
  'approximation: approximation:'
  'studies: studies: first-steps'
  'landscape: landscape:'
  'sweeps: sweeps: first-steps'
  'connect: connect:'
  'reading-results: reading-results: first-steps'
  'scaling-studies: scaling-studies: first-steps'
  'installation: installation c insitu fortran python:'
  'fine-tuning: fine-tuning:'
  'weights: weights:'
  'exchange: exchange:'
  'pictures: pictures:'
  'lecture-network: lecture/network:'
  'lecture-loss: lecture/loss:'
  'lecture-descent: lecture/descent:'
  'lecture-data: lecture/data:'
  'lecture-uncertainty: lecture/uncertainty:'
  'lecture-tasks: lecture/tasks:'
)

if [[ ${1-} == --parts ]]; then
  printf '%s\n' "${parts[@]}" | sed 's/:.*:/:/'
  exit
fi
root=$1
program=$2
states=${3-}
pages=() needs=()
for part in "${parts[@]}"; do
  IFS=: read -r name own others <<<"$part"
  [[ -z $states || $name == "$4" ]] || continue
  read -ra found <<<"$own"
  pages+=("${found[@]}")
  [[ -z $states ]] || read -ra needs <<<"$others"
done
if ((${#pages[@]} == 0)); then
  echo "there is no part $4" >&2
  exit 2
fi

if ! python=$("$root/scripts/python.sh" -c 'import sys; print(sys.executable)' 2>/dev/null); then
  echo "no Python with h5py, numpy and matplotlib here: the pages' commands cannot be run"
  exit 77
fi

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir build
ln -s "$(dirname "$program")" build/release
for folder in configs docs scripts; do ln -s "$root/$folder" .; done

page_file() {
  case $1 in
    lecture/*) echo "docs/$1.md" ;;
    *) echo "docs/guide/$1.md" ;;
  esac
}

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

# What a part has made, for the parts that build on it: appears whole.
leave_state() {
  mkdir -p "$states"
  rm -rf "${states:?}/$1" "$states/$1.tmp"
  mkdir "$states/$1.tmp"
  tar -c --exclude=./build --exclude=./configs --exclude=./docs --exclude=./scripts . | tar -x -C "$states/$1.tmp"
  mv "$states/$1.tmp" "$states/$1"
}

# What a reader at a desk does not have: variables for MPI and OpenMP. Only mpirun as root needs some.
while read -r name; do unset "$name"; done < <(env | sed -nE 's/^((OMP|GOMP|KMP|OMPI|PMIX|PRTE|MPICH|HYDRA|SLURM)_[A-Za-z0-9_]*)=.*/\1/p')
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export MPLCONFIGDIR=${states:-$place}/matplotlib # its list of fonts, for all parts
export LOCKSTEP_PYTHON=$python                   # found once
export PATH=$place/build/release:$PATH

for need in "${needs[@]}"; do cp -a "$states/$need/." .; done
for page in "${pages[@]}"; do
  file=$(page_file "$page")
  page_script "$file" >page.sh
  if ! grep -q '^echo' page.sh; then
    echo "$file has no block of commands that could be run" >&2
    exit 1
  fi
  if ! bash -euo pipefail page.sh >page.log 2>&1 </dev/null; then
    cat page.log
    echo "$file: the block named last did not work" >&2
    exit 1
  fi
  missing=$(lines_not_printed "$file")
  if [[ -n $missing ]]; then
    printf '%s shows lines that its commands did not print:\n%s\n' "$file" "$missing" >&2
    exit 1
  fi
  echo "$file: $(grep -c '^echo "---' page.sh) blocks"
done
[[ -z $states ]] || leave_state "$4"
