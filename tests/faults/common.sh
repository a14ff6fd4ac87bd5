# What the scripts of faults share; sourced by them after `place` is made. A fault is one that loses work, changes bits,
# crashes or hangs: every script counts them in `failures`, and ends with a line of counts.
# shellcheck shell=bash
exec </dev/null
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_ess_singleton_isolated=${OMPI_MCA_ess_singleton_isolated:-1}
export OMPI_MCA_pml=${OMPI_MCA_pml:-ob1} OMPI_MCA_odls_base_sigkill_timeout=0 # a start and an end without waiting
export OMPI_MCA_orte_tmpdir_base=$place/sessions
root=$(realpath "${root:?}") # of the sources
limit=60 failures=0 runs=0
declare -A ends # how many runs ended with an exit code

fail() {
  echo "$*"
  failures=$((failures + 1))
}

# well WORDS…: `lockstep WORDS`, which must succeed.
well() {
  "$program" "$@" >out 2>&1 || { echo "lockstep $*" && cat out && exit 1; }
}

# A word of the summary of run NAME: summary NAME KEY.
summary() {
  sed -n "s/.*\"$2\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "runs/$1/summary.json" 2>/dev/null | head -n 1
}

# check_files WHAT: every finished file of runs/a can be read.
check_files() {
  local file
  for file in runs/a/*.h5; do
    [[ -e $file ]] || continue
    timeout --signal=KILL $limit "$program" info "$file" >info.log 2>&1 || fail "$1: $file: $(cat info.log)"
  done
}

# check_tidy WHAT: nothing is left of processes that have ended.
check_tidy() {
  local left
  left=$(find runs -name '*.tmp-*' -o -name '.*.lock*')
  [[ -z $left ]] || fail "$1: left behind:"$'\n'"$left"
}

# counts WHAT: the last line, and the exit code.
counts() {
  echo "$1: $runs runs, $failures faults"
  [[ $runs -gt 0 && $failures -eq 0 ]]
}
