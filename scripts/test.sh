#!/usr/bin/env bash
# Set-up, build, all tests. Arguments go to ctest: scripts/test.sh -R tree
# The Debug build runs the tests that must hold whatever the compiler does (label `both`); the Release build, last,
# runs all. With CI set, warnings are errors.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
options=(-DLOCKSTEP_TESTS=ON -DLOCKSTEP_WERROR="$([[ -n ${CI:-} ]] && echo ON || echo OFF)")

scripts/setup.sh
build build/debug -DCMAKE_BUILD_TYPE=Debug "${options[@]}"
build build/test -DCMAKE_BUILD_TYPE=Release "${options[@]}"

status=0
run=(ctest --output-on-failure -j "$(nproc)")
"${run[@]}" --test-dir build/debug -L both "$@" || status=$?
"${run[@]}" --no-tests=error --test-dir build/test "$@" || status=$?
exit "$status"
