#!/usr/bin/env bash
# Set-up, build, all tests. Arguments go to ctest: scripts/test.sh -R tree
# The Debug build runs the tests that must hold whatever the compiler does (label `both`); the Release build, last and
# in the place of the quickstart's, runs all.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh
build build/debug -DCMAKE_BUILD_TYPE=Debug -DLOCKSTEP_TESTS=ON -- both
build build/release -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=ON

status=0
run=(ctest --output-on-failure -j "$(nproc)")
"${run[@]}" --test-dir build/debug -L both "$@" || status=$?
"${run[@]}" --no-tests=error --test-dir build/release "$@" || status=$?
exit "$status"
