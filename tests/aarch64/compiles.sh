#!/usr/bin/env bash
# Compiles every source for 64-bit ARM, without warnings, with the headers of this machine's libraries: nothing is
# linked. Optimised as a Release build is, since a compiler can fail there alone.
#   compiles.sh ROOT VERSION HEADER_FOLDER...
set -euo pipefail
compiler=${LOCKSTEP_ARM_COMPILER:-aarch64-linux-gnu-gcc}
if ! command -v "$compiler" >/dev/null; then
  echo "no $compiler: scripts/setup.sh --aarch64 installs it" >&2
  exit 77
fi
cd "$1"
options=(-std=c17 -O3 -fopenmp -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra -Wconversion -Wshadow
  -Wvla -Wmissing-prototypes -Wstrict-prototypes -Werror -D_GNU_SOURCE "-DLOCKSTEP_VERSION=\"$2\"" -Isrc -Iinclude
  -Itests/aarch64)
shift 2
# after the cross compiler's own: this machine's folders hold its C library too
for folder in "$@"; do options+=(-idirafter "$folder"); done

failed=0
report=$(mktemp)
trap 'rm -f "$report"' EXIT
compile() {
  local copy=(-DLOCKSTEP_VARIANT=baseline -DLOCKSTEP_LANES=4) # of kernels, which are compiled for each instruction set
  case $1 in */product_tiles.c) copy=(-DLOCKSTEP_VARIANT=emulated -DLOCKSTEP_LANES=16) ;; esac
  "$compiler" "${options[@]}" "${copy[@]}" -S -o /dev/null "$1"
}
# one process a core, each with every so many-th file
cores=$(nproc)
files=(src/*/*.c)
for ((core = 0; core < cores; core++)); do
  (
    status=0
    for ((i = core; i < ${#files[@]}; i += cores)); do compile "${files[i]}" || status=1; done
    exit "$status"
  ) 2>>"$report" &
done
for job in $(jobs -p); do wait "$job" || failed=1; done
cat "$report" >&2
exit "$failed"
