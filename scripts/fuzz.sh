#!/usr/bin/env bash
# Builds the fuzz targets (tests/fuzz) with clang and runs them, each for some seconds. Ends with an error if any input
# crashes a target, takes longer than 10 s or more than 1 GB, leaks, or makes a sanitizer report.
#   scripts/fuzz.sh [TARGET...] [--seconds N]     20 s by default, all targets
#
# An input that breaks a target is kept in build/fuzz/faults. Give it to the program to see the fault again:
#   build/fuzz/tests/fuzz/fuzz_csv build/fuzz/faults/csv-...
# Inputs that reach new code are collected in build/fuzz/corpus, beside the seeds in tests/fuzz/seeds.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

seconds=20
targets=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --seconds)
      seconds=${2:?--seconds needs a number}
      shift
      ;;
    -*)
      echo "fuzz: unknown option $1; there is --seconds" >&2
      exit 2
      ;;
    *) targets+=("$1") ;;
  esac
  shift
done

if ! command -v clang >/dev/null; then
  echo "fuzz: clang is missing (Debian and Ubuntu: clang, libclang-rt-dev; scripts/setup.sh --clang installs them)" >&2
  exit 1
fi
if ! echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang -x c -fsanitize=fuzzer,address -o /dev/null - 2>/dev/null; then
  version=$(clang -dumpversion)
  echo "fuzz: clang has no libFuzzer (Debian and Ubuntu: libclang-rt-${version%%.*}-dev)" >&2
  exit 1
fi
CC=clang build build/fuzz -DCMAKE_BUILD_TYPE=Debug -DLOCKSTEP_FUZZ=ON -DLOCKSTEP_TESTS=ON -- fuzz

programs=build/fuzz/tests/fuzz
if [[ ${#targets[@]} -eq 0 ]]; then
  for program in "$programs"/fuzz_*; do [[ -x $program ]] && targets+=("${program##*/fuzz_}"); done
fi
for target in "${targets[@]}"; do
  if [[ ! -x $programs/fuzz_$target ]]; then
    echo "fuzz: there is no target $target; there are: $(cd "$programs" && echo fuzz_*[a-z] | sed 's/fuzz_//g')" >&2
    exit 2
  fi
done

cores=$(nproc) # before OMP_NUM_THREADS is set, which nproc takes for their number
# Files of the targets are in memory where that is possible.
scratch=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo /tmp)/lockstep-fuzz-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export TMPDIR=$scratch OMP_NUM_THREADS=1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base=$scratch
export ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/tests/sanitize/leaks.supp:print_suppressions=0

mkdir -p build/fuzz/{corpus,faults,logs}
# Names that libFuzzer puts into settings: all keys and choices of the reference.
# shellcheck disable=SC2016
grep -o '`[a-z0-9_.]*`' docs/reference.md | tr -d '`' | tr . '\n' | sort -u | grep . | sed 's/.*/"&"/' >build/fuzz/settings.dict

run_target() {
  local target=$1 options=()
  mkdir -p "build/fuzz/corpus/$target"
  case $target in settings | dataset | model) options+=(-dict=build/fuzz/settings.dict -max_len=20000) ;; esac
  "$programs/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/faults/$target-" "${options[@]}" \
    "build/fuzz/corpus/$target" "tests/fuzz/seeds/$target" >"build/fuzz/logs/$target" 2>&1 ||
    echo "$target" >>build/fuzz/failed
}

: >build/fuzz/failed
for target in "${targets[@]}"; do
  while [[ $(jobs -rp | wc -l) -ge $cores ]]; do wait -n; done
  run_target "$target" &
done
wait

printf '%-10s %12s %18s %8s  %s\n' target executions "edges of all" corpus result
for target in "${targets[@]}"; do
  log=build/fuzz/logs/$target result=good
  if grep -qx "$target" build/fuzz/failed; then result="FAULT, see $log"; fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  all=$(sed -n 's/.*Loaded [0-9]* modules* *(\([0-9]*\) inline.*/\1/p' "$log" | head -n 1)
  files=$(find "build/fuzz/corpus/$target" -type f | wc -l)
  printf '%-10s %12s %18s %8s  %s\n' "$target" "${executions:-?}" "${edges:-?} of ${all:-?}" "$files" "$result"
done
[[ ! -s build/fuzz/failed ]]
