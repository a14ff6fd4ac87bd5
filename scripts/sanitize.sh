#!/usr/bin/env bash
# Looks for faults that tests do not see: accesses outside of objects, undefined behaviour, leaks, races, values that were
# never set. A report ends the program that makes it, so the test or run fails.
#   scripts/sanitize.sh [address] [threads] [valgrind] [CTEST-OPTION...]     all three without a name
# address    AddressSanitizer and UndefinedBehaviorSanitizer over all tests, or those that the options of ctest choose, as
#            -R system. The build is that of scripts/fuzz.sh, since gcc takes minutes for each file of kernels. TARGETS in
#            the environment names what is built of it; all else
# threads    ThreadSanitizer (clang) over runs of one process with several threads (tests/sanitize/threads.sh)
# valgrind   memcheck over a small training and its predictions (tests/sanitize/valgrind.sh)
# What libraries do is left out by tests/sanitize/*.supp; each line there has its reason.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parts=()
while [[ $# -gt 0 ]]; do
  case $1 in
    address | threads | valgrind) parts+=("$1") ;;
    *) break ;;
  esac
  shift
done
[[ ${#parts[@]} -gt 0 ]] || parts=(address threads valgrind)
scripts/setup.sh --clang --valgrind

address() {
  local targets
  read -ra targets <<<"${TARGETS:-all}"
  CC=clang build build/fuzz -DCMAKE_BUILD_TYPE=Debug -DLOCKSTEP_FUZZ=ON -DLOCKSTEP_TESTS=ON -- "${targets[@]}"
  export LSAN_OPTIONS=suppressions=$PWD/tests/sanitize/leaks.supp:print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1
  ctest --test-dir build/fuzz --no-tests=error --output-on-failure -j "$(nproc)" "$@"
}

threads() {
  CC=clang build build/threads -DCMAKE_BUILD_TYPE=Debug -DLOCKSTEP_THREADS=ON -DLOCKSTEP_TESTS=OFF -- lockstep
  tests/sanitize/threads.sh . build/threads/lockstep
}

# Without assertions: one of them looks for a mode of the CPU (base/float_mode.h) that valgrind does not have.
valgrind() {
  build build/valgrind -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-DNDEBUG -DLOCKSTEP_TESTS=OFF
  tests/sanitize/valgrind.sh . build/valgrind/lockstep
}

for part in "${parts[@]}"; do
  echo "sanitizing: $part"
  "$part" "$@"
done
