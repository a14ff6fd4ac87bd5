#!/usr/bin/env bash
# Every link from one page to another file of the repository leads somewhere.
#   links.sh ROOT_OF_THE_REPOSITORY
set -euo pipefail
cd "$1"
broken=0
while IFS=: read -r page link; do
  target=$(dirname "$page")/${link%%#*}
  if [[ ! -e $target ]]; then
    echo "$page: there is no $link" >&2
    broken=1
  fi
done < <(grep -oHE '\]\([^)]+\)' README.md CHANGELOG.md docs/*.md docs/guide/*.md docs/measurements/*.md CONTRIBUTING.md |
  sed -E 's/\]\(([^)]+)\)/\1/' | grep -vE ':(https?:|#)')
exit "$broken"
