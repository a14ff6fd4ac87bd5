#!/usr/bin/env bash
# Runs all tests that start ranks with MPICH, as a second MPI library: its launcher, signals and ways to fail are others.
#   scripts/mpich.sh [CTEST-OPTION...]
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh --mpich
build build/mpich -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_MPI=mpich -DLOCKSTEP_TESTS=ON -- ranks
ctest --test-dir build/mpich -L ranks --no-tests=error --output-on-failure -j "$(nproc)" "$@"
