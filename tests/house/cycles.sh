#!/bin/sh
# No files of src/ call each other in a cycle. File A refers to file B when A's object file has an undefined symbol that
# B's defines: a call, or an address in a table of functions. Usage: cycles.sh ROOT BUILD
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Kernels are compiled once for each instruction set (lockstep_math_avx512.dir ...): those are one file each.
find "$2/CMakeFiles" -path '*/src/*.o' | sort >"$work/objects"
[ -s "$work/objects" ] || { echo "no object files below $2/CMakeFiles" >&2; exit 1; }

# symbol FILE for what is defined, FILE symbol for what is used; FILE is room/name.c
: >"$work/defined"
: >"$work/used"
while IFS= read -r object; do
  file=${object#*/src/}
  file=${file%.o}
  [ -e "$1/src/$file" ] || continue # left over from a file that is no more
  nm -P --defined-only -g "$object" | awk -v file="$file" '{ print $1, file }' >>"$work/defined"
  nm -P -u "$object" | awk -v file="$file" '{ print file, $1 }' >>"$work/used"
done <"$work/objects"

# Each pair of files, once, is a line for tsort, which names the members of every cycle.
awk 'NR == FNR { of[$1] = $2; next }
     ($2 in of) && of[$2] != $1 && !seen[$1, of[$2]]++ { print $1, of[$2] }' \
  "$work/defined" "$work/used" >"$work/pairs"
[ -s "$work/pairs" ] || { echo "no file refers to another" >&2; exit 1; }
if tsort "$work/pairs" >/dev/null 2>"$work/cycles"; then exit 0; fi
echo "files that call each other in a cycle:" >&2
sed -n 's/^tsort: .*loop:$/a cycle:/p; s/^tsort: \(.*\.c\)$/  src\/\1/p' "$work/cycles" >&2
exit 1
