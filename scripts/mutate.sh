#!/usr/bin/env bash
# Puts small faults into a copy of the sources, one at a time, and runs the tests that should notice them. The lists of
# faults are tests/mutations/*.txt. Prints a table with the first complaint of the tests; a fault that no test notices is a
# survivor. Exit code 1 if there is a survivor without a recorded explanation, a fault that is only noticed because the tests do not
# end, or an edit that does not apply or does not build.
#   scripts/mutate.sh [REGEX...]        all mutations, or those whose name or file fits a regular expression
#   scripts/mutate.sh --list [REGEX...] only names, files and tests
#   scripts/mutate.sh --check [BUILD]   only whether each edit applies exactly once, and BUILD has the tests
#   scripts/mutate.sh --again           those that the last run did not find noticed
#   scripts/mutate.sh --sure [REGEX...] without running the tests first without a fault: they are known to pass
# MUTATE_PLACE: another folder than build/mutate, for a run beside another one; MUTATE_JOBS: compilers at a time.
#
# The copy is a work tree of git in build/mutate/tree. It holds what git knows, with changes that are not committed; new
# files must be added to git first. Objects stay there, so a mutation costs one or two files and a link.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

lists=(tests/mutations/*.txt)
work=${MUTATE_PLACE:-$PWD/build/mutate}
tree=$work/tree binaries=$work/tree/build/release # as in the checkout, so that ccache knows the objects
edit() { awk -v mode="$1" -v want="${2:-}" -f tests/mutations/edit.awk "${lists[@]}"; }

# select_mutations REGEX...: their lines
select_mutations() {
  local name file rest pattern
  edit list | while IFS=$'\t' read -r name file rest; do
    [[ $# -gt 0 ]] || printf '%s\t%s\t%s\n' "$name" "$file" "$rest"
    for pattern in "$@"; do
      if [[ $name =~ $pattern || $file =~ $pattern ]]; then
        printf '%s\t%s\t%s\n' "$name" "$file" "$rest"
        break
      fi
    done
  done
}

# check_tests BUILD: each expression for tests fits some test
check_tests() {
  local known bad=0 expression
  known=$(ctest --test-dir "$1" -N | sed -n 's/^ *Test *#[0-9]*: //p')
  while read -r expression; do
    if ! grep -qxE -- "$expression" <<<"$known"; then
      echo "mutate: there is no test $expression; it is in $(grep -lE "^tests .*$expression" "${lists[@]}" | paste -sd ' ')" >&2
      bad=1
    fi
  done < <(edit list | cut -f 3 | tr ' ' '\n' | sort -u)
  return $bad
}

sure=""
case ${1:-} in
  --sure)
    sure=yes
    shift
    ;;
  --list)
    shift
    select_mutations "$@" | cut -f 1-3 | column -t -s $'\t'
    exit
    ;;
  --check)
    edit check
    [[ -z ${2:-} ]] || check_tests "$2"
    exit
    ;;
  --again)
    [[ -f $work/results ]] || { echo "mutate: there is no last run" >&2 && exit 2; }
    again=$(awk -F '\t' '$1 != "noticed" { print $3 }' "$work/results" | sed 's/.*/^&$/')
    [[ -n $again ]] || exit 0
    mapfile -t patterns <<<"$again"
    set -- "${patterns[@]}"
    ;;
  -*)
    echo "mutate: unknown option $1; there are --list, --check, --again and --sure" >&2
    exit 2
    ;;
esac
for program in ninja column git; do
  command -v $program >/dev/null || { echo "mutate: $program is missing" >&2 && exit 1; }
done
edit check || exit 1

# ---- the copy ----

mkdir -p "$work"
state=$(git stash create)
git worktree prune
[[ -e $tree/.git ]] || git worktree add --quiet --force --detach "$tree"
git -C "$tree" checkout --quiet --force --detach "${state:-$(git rev-parse HEAD)}"
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
if ! cmake -G Ninja -S "$tree" -B "$binaries" -DCMAKE_BUILD_TYPE=Release "${launcher[@]}" >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
check_tests "$binaries" || exit 1

restore() { git -C "$tree" checkout --quiet --force -- . 2>/dev/null || true; }
trap restore EXIT

# ---- one mutation ----

expression_of() { echo "^(${1// /|})\$"; }

# Builds the programs of the tests: those that ctest finds in their commands, and those of the test's name, since ctest does not
# show commands of programs that are not there yet.
build_for() {
  local targets
  mapfile -t targets < <({
    ctest --test-dir "$binaries" --show-only=json-v1 -R "$1" | grep -o "\"$binaries/[^\"]*\"" | tr -d '"' | sed "s|^$binaries/||"
    ctest --test-dir "$binaries" -N -R "$1" | sed -n 's|^ *Test *#[0-9]*: \([a-z]*\)\.\(test_[a-z0-9_]*\).*|tests/\1_\2|p'
  } | sort -u | grep -xFf "$work/known" || true)
  [[ ${#targets[@]} -eq 0 ]] || ninja -C "$binaries" -j "${MUTATE_JOBS:-$(nproc)}" "${targets[@]}"
}

# run_tests TESTS SECONDS ONLY: the limit is the time of day at which ctest ends its tests, since each has a longer one of its
# own; ONLY is a pattern of Criterion.
run_tests() {
  (cd "$binaries" && CRITERION_TEST_PATTERN=$3 CRITERION_FAIL_FAST=1 ctest -R "$1" --output-on-failure --no-tests=error \
    --stop-time "$(date -d "+$2 seconds" +%H:%M:%S)")
}

seconds_since() { awk -v from="$1" -v to="$(date +%s.%N)" 'BEGIN { printf "%.0f", to - from }'; }

say() {
  printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$work/results"
  printf '%-14s %5s s  %s\n' "$1" "$2" "$3"
}

# The first complaint in a log, in one line: the place and the words of an assertion, or the first line after the name of a test
# that has failed.
complaint_in() {
  awk '{ gsub(/\.\.\/\.\.\//, "") }
       /^\[----\] .*Assertion Failed/ { sub(/^\[----\] /, ""); sub(/ Assertion Failed/, ""); place = $0 " "; next }
       /\*\*\*(Failed|Timeout|Exception)/ { has_failed = 1; next }
       { sub(/^\[----\] */, "") }
       /^([.FEs]+|The stop time .*)$/ { next }
       has_failed && /[^-=[:space:]]/ { print substr(place $0, 1, 100); exit }' "$1" | tr '\t' ' '
}

try_mutation() {
  local name=$1 file=$2 tests=$3 limit=$4 only=$5 reason=$6 log=$work/logs/$1 began expression by
  began=$(date +%s.%N)
  expression=$(expression_of "$tests")
  edit apply "$name" >"$work/edited"
  cat "$work/edited" >"$tree/$file"
  if ! build_for "$expression" >"$log" 2>&1; then
    say "does not build" "$(seconds_since "$began")" "$name" "see $log"
  elif run_tests "$expression" "$limit" "$only" >>"$log" 2>&1; then
    if [[ -n $reason ]]; then
      say equivalent "$(seconds_since "$began")" "$name" "$reason"
    else
      say survived "$(seconds_since "$began")" "$name" "$file"
    fi
  elif [[ -n $reason ]]; then
    say "noticed now" "$(seconds_since "$began")" "$name" "so it is not equivalent: $reason"
  else
    by=$(sed -n 's/^\t *[0-9]* - \(.*\) (\(.*\)).*/\1 (\2)/p' "$log" | paste -sd , | sed 's/,/, /g')
    if [[ $by == *'(Timeout)'* ]] && ! grep -q Assertion "$log" && [[ $by != *'(Failed)'* ]]; then
      say "timed out" "$(seconds_since "$began")" "$name" "$by"
    else
      say noticed "$(seconds_since "$began")" "$name" "$by: $(complaint_in "$log")"
    fi
  fi
  restore
}

mapfile -t chosen < <(select_mutations "$@")
[[ ${#chosen[@]} -gt 0 ]] || { echo "mutate: no mutation fits" >&2 && exit 2; }
rm -rf "$work/logs"
mkdir -p "$work/logs"
: >"$work/results"
ninja -C "$binaries" -t targets all | sed 's/: [^:]*$//' | sort -u >"$work/known"

# Without a fault every test must pass: else its failure says nothing. Once for all tests that are run whole, and once for
# each pattern.
all=$(printf '%s\n' "${chosen[@]}" | cut -f 3 | tr ' ' '\n' | sort -u | paste -sd '|')
echo "building and running the tests of ${#chosen[@]} mutations without a fault"
passes() {
  [[ -z $sure ]] || return 0
  run_tests "$(expression_of "$1")" 3600 "$2" >>"$work/log" 2>&1 && return
  tail -n 40 "$work/log" >&2
  echo "mutate: these tests fail without a fault; see $work/log" >&2
  exit 1
}
if ! build_for "^($all)\$" >"$work/log" 2>&1; then
  tail -n 40 "$work/log" >&2
  exit 1
fi
whole=$(printf '%s\n' "${chosen[@]}" | awk -F '\t' '$5 == "*" { print $3 }' | tr ' ' '\n' | sort -u | paste -sd ' ')
[[ -z $whole ]] || passes "$whole" '*'
while IFS=$'\t' read -r tests only; do
  passes "$tests" "$only"
done < <(printf '%s\n' "${chosen[@]}" | awk -F '\t' '$5 != "*" { print $3 "\t" $5 }' | sort -u)
for line in "${chosen[@]}"; do
  IFS=$'\t' read -r name file tests limit only reason <<<"$line"
  try_mutation "$name" "$file" "$tests" "$limit" "$only" "$reason"
done

# ---- the table ----

echo
(printf 'result\tseconds\tmutation\tnoticed by, or remark\n' && sort -s -t $'\t' -k 1,1 "$work/results") | column -t -s $'\t'
echo
cut -f 1 "$work/results" | sort | uniq -c
[[ -z $(cut -f 1 "$work/results" | grep -vxE 'noticed|equivalent' || true) ]]
