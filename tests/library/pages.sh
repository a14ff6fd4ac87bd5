#!/usr/bin/env bash
# The man pages have no faults that man, groff and mandoc know of; the completions complete. A shell or a tool that is not
# here is left out, and named.
#   pages.sh PREFIX
set -euo pipefail
prefix=$(realpath "$1")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
exec </dev/null
cd "$place"
fail() { echo "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null || { echo "left out: no $1 here"; return 1; }; }

pages=("$prefix"/share/man/man[15]/lockstep*)
if has mandoc; then
  mandoc -Tlint "${pages[@]}" >lint || fail "mandoc: $(head -5 lint)"
fi
if has man; then
  for page in "${pages[@]}"; do
    warnings=$(LC_ALL=C.UTF-8 man --warnings -l "$page" 2>&1 >shown)
    [[ -z $warnings ]] || fail "$page: $warnings"
    case $page in
      *-train.1) words="NAME SYNOPSIS DESCRIPTION --resume EXIT lockstep-settings(5)" ;;
      *-settings.5) words="train.epochs cross_entropy" ;;
      *) words=NAME ;;
    esac
    for word in $words; do grep -q -- "$word" shown || fail "$page shows no $word"; done
  done
fi

# What is typed | what must be offered | what must not be: - for nothing
cat >lines <<'END'
lockstep tr|train|eval
lockstep train --re|--resume --replace|--timing
lockstep train a.yaml train.epo|train.epochs=|train.seed=
lockstep train a.yaml optimizer=adam|adam adamw|sgd
lockstep train a.yaml optimizer.name=adam|adam adamw|sgd
lockstep train a.yaml data.external=|true false|none
lockstep import --make blo|blobs|moons
lockstep import --make=blo|blobs|moons
lockstep import --dates |dmy mdy|ymd
lockstep diff file|file-1.h5 file-2.h5|train
lockstep predict file|file-1.h5 file-2.h5|train
lockstep train a.yaml data.file=file-1|file-1.h5|file-2.h5
lockstep he|help|train
lockstep help tr|train|eval
lockstep reference train.epo|train.epochs|train.seed
END
touch file-1.h5 file-2.h5

# offers SHELL FUNCTION: each line of `lines`, given to a function that prints one answer a line
offers() {
  local typed wanted others word n=0
  while IFS='|' read -r typed wanted others; do
    "$2" "$typed" >answers 2>&1 || fail "$1: '$typed': $(cat answers)"
    for word in $wanted; do
      grep -qE -- "(^|=)$word\$" answers || fail "$1: '$typed' offers no $word but $(tr '\n' ' ' <answers)"
    done
    ! grep -qE -- "(^|=)$others\$" answers || fail "$1: '$typed' offers $others"
    n=$((n + 1))
  done <lines
  echo "$1 completes $n lines"
}

in_bash() {
  bash --norc -u -c 'source "$1"
    COMP_LINE=$2 COMP_POINT=${#2}
    _lockstep
    printf "%s\n" "${COMPREPLY[@]}"' bash "$prefix/share/bash-completion/completions/lockstep" "$1"
}
in_fish() {
  # shellcheck disable=SC2016
  fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
    "$prefix/share/fish/vendor_completions.d/lockstep.fish" "$1" | cut -f1
}
# zsh completes at a prompt alone: in its place stand-ins print what compadd and _files are given.
in_zsh() {
  zsh -f -c '
    compdef() { }
    source $1
    shown_prefix=
    compset() { [[ $1 == -P ]] && PREFIX=${PREFIX#*=} }
    compadd() {
      while [[ $1 == -* ]]; do
        if [[ $1 == -- ]] { shift; break }
        if [[ $1 == -S ]] { shift 2 } else { shift }
      done
      for word in "$@"; do [[ $word == $PREFIX* ]] && print -r -- $word; done
      return 0
    }
    _describe() { local -a all=(${(P)2}); compadd -- ${all%%:*} }
    _files() { local -a all=(*(N)); compadd -- $all }
    words=(${(z)2})
    [[ $2 == *" " ]] && words+=("")
    CURRENT=$#words PREFIX=$words[-1]
    _lockstep' zsh "$prefix/share/zsh/site-functions/_lockstep" "$1"
}
offers bash in_bash
if has fish; then offers fish in_fish; fi
if has zsh; then offers zsh in_zsh; fi
