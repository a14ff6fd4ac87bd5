#!/usr/bin/env bash
# scripts/gallery.sh makes every picture of the docs, and no others; a page shows each; none is large.
#   pictures.sh ROOT_OF_THE_REPOSITORY
set -euo pipefail
cd "$1"
most_bytes=100000
wrong=0
complain() {
  echo "$1" >&2
  wrong=1
}
made=$(scripts/gallery.sh --list | sort)
there=$(find docs/images -type f -printf '%P\n' | sort)
while read -r name; do complain "docs/images/$name has no section in scripts/gallery.sh"; done < <(comm -13 <(echo "$made") <(echo "$there"))
while read -r name; do complain "scripts/gallery.sh makes $name, which is not in docs/images"; done < <(comm -23 <(echo "$made") <(echo "$there"))
shown=$(grep -rhoE 'images/[^)]+\)' README.md docs --include=*.md)
for name in $there; do
  [[ $shown == *"images/$name)"* ]] || complain "no page shows docs/images/$name"
  (($(stat -c %s "docs/images/$name") < most_bytes)) || complain "docs/images/$name has $most_bytes bytes or more"
done
exit $wrong
