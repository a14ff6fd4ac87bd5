#!/bin/sh
# The plan of the house, checked: a room includes only rooms on lower floors, a library's headers appear in its own
# room's .c files alone, no room has more than 4500 lines, and some words are not used at all. Usage: rooms.sh ROOT
# The table is the one of docs/architecture.md.
set -eu
cd "$1/src"
failures=0

fail() {
  echo "$1" >&2
  failures=$((failures + 1))
}

floor() {
  case $1 in
    base) echo 1 ;;
    math | comm | store | config | optim | table) echo 2 ;;
    layout | pages | loss | nearest) echo 3 ;;
    model | data | host) echo 4 ;;
    features | import) echo 5 ;;
    step | score | sums) echo 6 ;;
    run | health | components | answers | quality | cluster | density) echo 7 ;;
    train | anomaly) echo 8 ;;
    study | sweep | library) echo 9 ;;
    inspect | landscape) echo 10 ;;
    request) echo 11 ;;
    cli) echo 12 ;;
    *) echo 0 ;;
  esac
}

# Each header of a library, and where it may be included.
libraries='
mpi.h            comm/*.c comm/*_impl.h
hdf5.h           store/*.c store/*_impl.h
sleef.h          math/*.c math/elementary.h
lapacke          math/*.c
yaml.h           config/*.c
xxhash.h         base/*.c
zlib.h           table/*.c
omp.h            layout/*.c step/*.c sums/*.c cluster/*.c score/*.c run/*.c train/*.c comm/*.c study/*.c
Random123/       base/*.c
argp.h           cli/* request/* pages/*
'

includes=$(mktemp)
trap 'rm -f "$includes"' EXIT

# room floor rule: FILE includes HEADER
grep -rn '^ *# *include *"' . --include='*.[ch]' | sed 's|^\./||' >"$includes"
[ -s "$includes" ] || fail "no includes found in $PWD"
while IFS=: read -r file line text; do
  header=${text#*\"}
  header=${header%%\"*}
  from=${file%%/*}
  to=${header%%/*}
  [ "$to" != "$header" ] || { fail "src/$file:$line: \"$header\" does not name its room"; continue; }
  [ "$to" != lockstep ] || continue
  [ "$from" != "$to" ] || continue
  [ "$(floor "$from")" -gt 0 ] || fail "src/$file: $from is no room of the plan"
  if [ "$(floor "$to")" -eq 0 ] || [ "$(floor "$to")" -ge "$(floor "$from")" ]; then
    fail "src/$file:$line: $from must not include $header: a room includes only rooms on lower floors"
  fi
  case $header in
    *_impl.h) fail "src/$file:$line: $header is the inside of another room" ;;
  esac
done <"$includes"

# libraries
grep -rn '^ *# *include *<' . --include='*.[ch]' | sed 's|^\./||' >"$includes"
while IFS=: read -r file line text; do
  header=${text#*<}
  header=${header%%>*}
  while read -r library places; do
    case ${library:-/} in
      /) continue ;;
    esac
    case $header in
      "$library"*) ;;
      *) continue ;;
    esac
    allowed=no
    for place in $places; do
      # shellcheck disable=SC2254 # the place is a pattern
      case $file in
        $place) allowed=yes ;;
      esac
    done
    [ $allowed = yes ] || fail "src/$file:$line: <$header> is known only to $places"
  done <<LIBRARIES
$libraries
LIBRARIES
done <"$includes"

# words: only main ends the program, nothing aborts, random numbers come from base/random. One child process, which reads
# a file on trial, ends by _exit, and so does the thread that watches a main thread which is blocked.
words='(^|[^_[:alnum:]])(abort|exit|_exit|rand|srand|random|drand48|setjmp|longjmp)[[:space:]]*\('
grep -rnE "$words" . --include='*.[ch]' | sed 's|^\./||' | grep -vE '^[^:]*:[0-9]*: */?\*' |
  grep -vE '^(store/open\.c:[0-9]+:  _exit\(0\)|comm/watch\.c:[0-9]+:  _exit\(1\));$' >"$includes" || true
while IFS= read -r found; do fail "src/$found: this word is not used in the house"; done <"$includes"

# size: a room that one can read
for room in */; do
  lines=$(cat "$room"*.[ch] | wc -l)
  [ "$lines" -le 4500 ] || fail "src/$room has $lines lines, more than 4500: give a part of its subject a room of its own"
done

if [ "$failures" -gt 0 ]; then
  echo "$failures against the plan of the house" >&2
  exit 1
fi
