#!/usr/bin/env bash
# Trains under mpirun, without a batch system, and starts again after a lost host, a killed rank or a hang.
#   scripts/launch.sh [--restarts N] [--hostfile FILE | --ranks N] CONFIG [section.key=value …]
#
#   --restarts N      at most N restarts, default 10 (slurm/restart.sh says when)
#   --hostfile FILE   a line for each host: its name, then its ranks as `slots=N` (else 1). Hosts that do not answer are left
#                     out when training starts again
#   --ranks N         N ranks on this machine, default 1
# Ctrl-C, SIGTERM and SIGUSR1 make the ranks save and end; the exit code is 75 then, and the same command goes on later.
# Settings in the environment:
#   LOCKSTEP          the program; else the checkout's build/release/lockstep, the installed one, lockstep on PATH
#   LOCKSTEP_COMMAND  train, cluster or density, default train
#   LOCKSTEP_MPIRUN   the launcher, default mpirun
#   LOCKSTEP_OPTIONS  further words for it
#   LOCKSTEP_PATIENCE seconds that the launcher has to end after all that it has started is gone; then it is killed.
#                     Default 60
#   LOCKSTEP_REACH    how to ask whether a host answers: `$LOCKSTEP_REACH HOST true` must succeed within 10 s, default
#                     ssh -o BatchMode=yes -o ConnectTimeout=5
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=slurm/restart.sh
source "$root/slurm/restart.sh"

usage() {
  echo "launch.sh: $1" >&2
  echo "usage: scripts/launch.sh [--restarts N] [--hostfile FILE | --ranks N] CONFIG [section.key=value …]" >&2
  exit 2
}

restarts=10 hostfile="" ranks=1
while [[ ${1:-} == --* ]]; do
  case $1 in
    --restarts) restarts=${2:-} ;;
    --hostfile) hostfile=${2:-} ;;
    --ranks) ranks=${2:-} ;;
    --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) usage "there is no option $1" ;;
  esac
  [[ $# -ge 2 ]] || usage "$1 needs a value"
  shift 2
done
[[ $restarts =~ ^[0-9]+$ ]] || usage "--restarts needs a number, not '$restarts'"
[[ $ranks =~ ^[1-9][0-9]*$ ]] || usage "--ranks needs a number, not '$ranks'"
[[ $# -gt 0 ]] || usage "give the file of settings"

program=${LOCKSTEP:-$root/build/release/lockstep}
[[ -n ${LOCKSTEP:-} || -x $program ]] || program=$root/../../bin/lockstep # of an installation
[[ -n ${LOCKSTEP:-} || -x $program ]] || program=lockstep
mpirun=${LOCKSTEP_MPIRUN:-mpirun} patience=${LOCKSTEP_PATIENCE:-60}
[[ $patience =~ ^[1-9][0-9]*$ ]] || usage "LOCKSTEP_PATIENCE needs a number of seconds, not '$patience'"
options=() all=() hosts=()
read -ra options <<<"${LOCKSTEP_OPTIONS:-}"
declare -A slots
if [[ -n $hostfile ]]; then
  [[ -r $hostfile ]] || usage "$hostfile cannot be read"
  while read -r host rest; do
    [[ -n $host && $host != \#* ]] || continue
    slots[$host]=1
    [[ ! $rest =~ slots=([1-9][0-9]*) ]] || slots[$host]=${BASH_REMATCH[1]}
    all+=("$host")
  done <"$hostfile"
  [[ ${#all[@]} -gt 0 ]] || usage "$hostfile names no host"
  hosts=("${all[@]}")
fi

# The hosts that answer; this machine always does.
find_hosts() {
  local host others=() found
  [[ ${#all[@]} -gt 0 ]] || return 0
  for host in "${all[@]}"; do is_here "$host" || others+=("$host"); done
  found=$(answering 10 "${LOCKSTEP_REACH:-ssh -o BatchMode=yes -o ConnectTimeout=5}" "${others[@]}")
  hosts=()
  for host in "${all[@]}"; do
    if is_here "$host" || grep -qxF -- "$host" <<<"$found"; then hosts+=("$host"); fi
  done
  [[ ${#hosts[@]} -eq ${#all[@]} ]] || echo "launch.sh: of ${all[*]} only ${hosts[*]:-none} answer" >&2
  [[ ${#hosts[@]} -gt 0 ]]
}

is_here() {
  [[ $1 == localhost || $1 == "$(hostname)" || $1 == "$(hostname -s)" ]]
}

# The launcher and its words: as many ranks as the hosts have slots.
words=()
find_words() {
  local host list="" n=$ranks
  if [[ ${#hosts[@]} -gt 0 ]]; then
    n=0
    for host in "${hosts[@]}"; do
      list+=${list:+,}$host:${slots[$host]}
      n=$((n + slots[$host]))
    done
  fi
  words=("$mpirun")
  if [[ -n $list && $("$mpirun" --version 2>&1) =~ "Open MPI"|OpenRTE ]]; then
    words+=(--host "$list")
  elif [[ -n $list ]]; then
    words+=(-hosts "$list")
  fi
  words+=("${options[@]}" -n "$n")
}

# Processes that process $1 has started and not waited for, each with its state: Z has ended.
children_of() {
  local pid
  for pid in $(cat "/proc/$1"/task/*/children 2>/dev/null); do
    sed -n "s/^State:[[:space:]]*\(.\).*/$pid \1/p" "/proc/$pid/status" 2>/dev/null || true
  done
}

# Open MPI 4.1 can block for ever when ranks are killed while they start: its own threads wait for each other then. Kills
# launcher $1 if nothing that it has started is left, and it does not end either.
unblock() {
  local children began="" gone=0
  while sleep 1 && kill -0 "$1" 2>/dev/null; do
    children=$(children_of "$1")
    [[ -z $children ]] || began=yes
    gone=$((gone + 1))
    [[ ! $children =~ \ [^Z] ]] || gone=0
    [[ -n $began && $gone -ge $patience ]] || continue
    echo "launch.sh: all ranks are gone, and $mpirun has not ended for $patience s: it is killed" >&2
    kill -KILL "$1" 2>/dev/null
  done
}

# In a session of its own, so that Ctrl-C comes to this script alone: mpirun's own way to end ranks is quick and hard.
child=""
attempt() {
  local code=0
  find_words
  setsid "${words[@]}" "$program" "$command" --resume "${training[@]}" </dev/null &
  child=$!
  unblock "$child" </dev/null >/dev/null &
  [[ -z $asked_to_stop ]] || kill -USR1 "$child"
  wait "$child" || code=$?
  while kill -0 "$child" 2>/dev/null; do # a signal ended the waiting, and not the launcher
    code=0
    wait "$child" || code=$?
  done
  child=""
  return "$code"
}

command=$(command_of_run)
training=("$@")
trap 'asked_to_stop=yes; [[ -z $child ]] || kill -USR1 "$child" 2>/dev/null || true' INT TERM USR1
code=0
keep_going "$restarts" 0 "$@" || code=$?
exit "$code"
