#!/usr/bin/env bash
# Set-up, build, all tests. Arguments go to ctest: scripts/test.sh -R tree
# The Debug build runs the tests that must hold whatever the compiler does (label `both`); the Release build, last and
# in the place of the quickstart's, runs all. CI has run the units and golden runs of a Debug build before, under sanitizers.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
[[ -n ${CI:-} ]] || build build/debug -DCMAKE_BUILD_TYPE=Debug -DLOCKSTEP_TESTS=ON -- both
build build/release -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=ON

# One more than there are cores, because many tests wait: for timeouts, processes that start, and disks.
status=0
run=(ctest --output-on-failure -j $(($(nproc) + 1)))
[[ -n ${CI:-} ]] || "${run[@]}" --test-dir build/debug -L both "$@" || status=$?
"${run[@]}" --no-tests=error --test-dir build/release "$@" || status=$?
exit "$status"
