#!/usr/bin/env bash
# Compiles every source for 64-bit ARM, without warnings, with the headers of this machine's libraries: nothing is
# linked. The kernels and the files beside them are optimised as in a Release build, since a compiler can fail there
# alone; those in the place of wider CPUs (`emulated`) less, since that is half of the time and scripts/aarch64.sh builds
# them as in a Release. Of the other files only language and types are checked.
#   compiles.sh ROOT VERSION HEADER_FOLDER...
set -euo pipefail
compiler=${LOCKSTEP_ARM_COMPILER:-aarch64-linux-gnu-gcc}
if ! command -v "$compiler" >/dev/null; then
  echo "no $compiler: scripts/setup.sh --aarch64 installs it" >&2
  if [[ -n ${CI:-} ]]; then exit 1; else exit 77; fi
fi
cd "$1"
options=(-std=c17 -fopenmp -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra -Wconversion -Wshadow
  -Wvla -Wmissing-prototypes -Wstrict-prototypes -Werror -D_GNU_SOURCE "-DLOCKSTEP_VERSION=\"$2\"" -Isrc -Iinclude
  -Itests/aarch64)
shift 2
# after the cross compiler's own: this machine's folders hold its C library too
for folder in "$@"; do options+=(-idirafter "$folder"); done

failed=0
report=$(mktemp)
trap 'rm -f "$report"' EXIT
# kernel FILE VARIANT LANES: one of the files that are compiled for each instruction set, with the options of lockstep_kernels
kernel() {
  local own=(-O3 -fno-tree-pre -fno-var-tracking-assignments -Wno-psabi)
  [[ $2 != emulated ]] || own[0]=-O1
  case $1 in */product_*) own+=(-ffp-contract=fast) ;; esac
  "$compiler" "${options[@]}" "${own[@]}" "-DLOCKSTEP_VARIANT=$2" "-DLOCKSTEP_LANES=$3" -S -o /dev/null "$1"
}
compile() {
  local status=0
  case $1 in
    */product_tiles.c) kernel "$1" emulated 16 || status=1 ;;
    */product_pairs.c | */peak.c) kernel "$1" baseline 4 || status=1 ;;
    */product_fp32.c | */product_dot.c | */product_squares.c | */product_outer.c | */activation.c | */loops.c)
      kernel "$1" baseline 4 || status=1
      kernel "$1" emulated 16 || status=1
      ;;
    src/math/*) "$compiler" "${options[@]}" -O3 -S -o /dev/null "$1" || status=1 ;;
    *) "$compiler" "${options[@]}" -fsyntax-only "$1" || status=1 ;;
  esac
  return "$status"
}
# one process a core; each takes every n-th file, with n cores
cores=$(nproc)
files=(src/*/*.c)
jobs=()
for ((core = 0; core < cores; core++)); do
  (
    status=0
    for ((i = core; i < ${#files[@]}; i += cores)); do compile "${files[i]}" || status=1; done
    exit "$status"
  ) 2>>"$report" &
  jobs+=($!)
done
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
cat "$report" >&2
exit "$failed"
