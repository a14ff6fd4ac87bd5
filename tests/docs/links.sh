#!/usr/bin/env bash
# Every link from one page to another file of the repository, or to a heading, leads somewhere.
#   links.sh ROOT_OF_THE_REPOSITORY
set -euo pipefail
cd "$1"
broken=0
declare -A headings # by page, the names that its headings have in links, each between newlines
read_headings() {
  headings[$1]=$'\n'$(LC_ALL=C sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | LC_ALL=C sed 's/[^a-z0-9 _-]//g; s/ /-/g')$'\n'
}
has_heading() {
  [[ -n ${headings[$1]-} ]] || read_headings "$1"
  [[ ${headings[$1]} == *$'\n'"$2"$'\n'* ]]
}
while IFS=: read -r page link; do
  folder=.
  [[ $page != */* ]] || folder=${page%/*}
  target=$folder/${link%%#*}
  [[ $link != \#* ]] || target=$page
  if [[ ! -e $target ]] || { [[ $link == *.md#* || $link == \#* ]] && ! has_heading "$target" "${link#*#}"; }; then
    echo "$page: there is no $link" >&2
    broken=1
  fi
done < <(grep -oHE '\]\([^)]+\)' README.md CHANGELOG.md docs/*.md docs/guide/*.md docs/lecture/*.md docs/measurements/*.md CONTRIBUTING.md |
  sed -E 's/\]\(([^)]+)\)/\1/' | grep -vE ':https?:')
exit "$broken"
