#!/usr/bin/env bash
# On a machine that lacks everything CMake names all of it at once, with the command that installs it in each system.
# Headers of the bundled libraries are never missing.
#   missing.sh ROOT CMAKE COMPILER
set -euo pipefail
root=$(realpath "$1") cmake=$2 compiler=$3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
fail() { printf '%s\n' "$*" >&2; cat "$place/log" >&2; exit 1; }
hidden=()
for kind in LIBRARY INCLUDE PACKAGE; do hidden+=("-DCMAKE_FIND_ROOT_PATH_MODE_$kind=ONLY"); done
for package in MPI OpenMP PkgConfig HDF5 Threads ZLIB; do hidden+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done
! "$cmake" -S "$root" -B "$place/build" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_FIND_ROOT_PATH="$place" "${hidden[@]}" \
  >"$place/log" 2>&1 || fail "CMake finds everything in an empty folder"
for what in 'MPI 3' 'OpenMP 4.5' 'HDF5 1.10' 'SLEEF 3.5' LAPACKE libyaml zlib 'POSIX threads' Criterion; do
  grep -q "^ *- $what" "$place/log" || fail "CMake does not miss $what"
done
# system: packages; each must be on the system's line
while IFS=: read -r system packages; do
  line=$(grep "^ *$system: " "$place/log") || fail "CMake does not say what $system calls the packages"
  for package in $packages; do
    grep -q -- "[: ]$package\( \|\$\)" <<<"$line" || fail "$system: no $package"
  done
done <<'END'
Debian, Ubuntu: apt install libopenmpi-dev openmpi-bin libhdf5-dev libsleef-dev liblapacke-dev libyaml-dev zlib1g-dev libcriterion-dev
Fedora, EPEL: dnf install openmpi-devel hdf5-devel sleef-devel lapack-devel libyaml-devel zlib-devel
Spack: spack install openmpi hdf5~mpi sleef openblas libyaml zlib-api
conda-forge: conda install -c conda-forge openmpi hdf5 sleef liblapacke yaml zlib
Homebrew: brew install open-mpi hdf5 sleef lapack libyaml zlib criterion
END
[[ $(grep -c 'CMake Error' "$place/log") -eq 1 ]] || fail "more than one error"
! grep -iq 'random123\|xxhash' "$place/log" || fail "the bundled headers are not used"
