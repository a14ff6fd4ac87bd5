#!/usr/bin/env bash
# Installs lockstep into a folder of its own, moves that, and builds the examples against it (examples.sh). Every file has its
# place, man pages and completions work, and scripts find what was installed with them.
#   install.sh ROOT BUILD CMAKE
set -euo pipefail
root=$(realpath "$1") build=$(realpath "$2") cmake=$3
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
exec </dev/null
export OMP_WAIT_POLICY=passive
fail() { echo "$*" >&2; exit 1; }
quietly() { "$@" >"$place/log" 2>&1 || fail "$*:"$'\n'"$(tail -20 "$place/log")"; }

quietly "$cmake" --install "$build" --prefix "$place/first"
mv "$place/first" "$place/prefix"
prefix=$place/prefix
while read -r file; do
  [[ -s $prefix/$file ]] || fail "$file is not installed"
done <"$root/tests/library/installed.txt"
for command in $("$prefix/bin/lockstep" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
  [[ -s $prefix/share/man/man1/lockstep-$command.1 ]] || fail "lockstep $command has no man page"
done
LOCKSTEP='' PATH=/usr/bin:/bin "$prefix/share/lockstep/scripts/launch.sh" no.yaml >"$place/log" 2>&1 &&
  fail "launch.sh trains without settings"
grep -q 'lockstep: no.yaml' "$place/log" || fail "the installed launch.sh does not find the program: $(cat "$place/log")"
bash "$root/tests/library/pages.sh" "$prefix"
bash "$root/tests/library/examples.sh" "$prefix" "$cmake"
