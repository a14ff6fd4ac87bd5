#!/bin/sh
# No files of src/ call each other in a cycle. File A refers to file B when A's object file has an undefined symbol that
# B's defines: a call, or an address in a table of functions. Usage: cycles.sh ROOT BUILD
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Kernels are compiled once for each instruction set (lockstep_math_avx512.dir ...): those are one file each.
find "$2/CMakeFiles" -path '*/src/*.o' | sort >"$work/objects"
[ -s "$work/objects" ] || { echo "no object files below $2/CMakeFiles" >&2; exit 1; }

# symbol FILE for what is defined, FILE symbol for what is used; FILE is room/name.c. One nm reads all objects: it writes
# OBJECT: SYMBOL TYPE …. An object whose file is no more is left over.
(cd "$1/src" && ls -d ./*/*.c | cut -c 3-) >"$work/files"
symbols() {
  xargs nm -A -P -g "$1" <"$work/objects" | awk 'NR == FNR { exists[$1] = 1; next }
    { file = $1; sub(/^.*\/src\//, "", file); sub(/\.o:$/, "", file); if (file in exists) print $2, file }' "$work/files" -
}
symbols --defined-only >"$work/defined"
symbols -u | awk '{ print $2, $1 }' >"$work/used"

# Each pair of files, once, is a line for tsort, which names the members of every cycle.
awk 'NR == FNR { of[$1] = $2; next }
     ($2 in of) && of[$2] != $1 && !seen[$1, of[$2]]++ { print $1, of[$2] }' \
  "$work/defined" "$work/used" >"$work/pairs"
[ -s "$work/pairs" ] || { echo "no file refers to another" >&2; exit 1; }
if tsort "$work/pairs" >/dev/null 2>"$work/cycles"; then exit 0; fi
echo "files that call each other in a cycle:" >&2
sed -n 's/^tsort: .*loop:$/a cycle:/p; s/^tsort: \(.*\.c\)$/  src\/\1/p' "$work/cycles" >&2
exit 1
