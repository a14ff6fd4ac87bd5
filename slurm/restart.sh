# Starting a training, or a fit of clusters, again when it ends by a fault: a node is lost, a rank is killed, or ranks wait too
# long for another (parallel.timeout). Sourced by slurm/train.sbatch and scripts/launch.sh.
#
# lockstep ends with 0 when it is done, 2 or 3 when the settings or the data are wrong, and 75 when it was asked to stop.
# Everything else may be a fault of the machine, and `--resume` goes on from the last checkpoint. A fault that comes back
# before the next checkpoint, twice, is not one of the machine.
# shellcheck shell=bash

asked_to_stop="" # set by the traps of the callers when somebody asks the job to end

# The command that makes the run, which must know --resume: LOCKSTEP_COMMAND.
command_of_run() {
  case ${LOCKSTEP_COMMAND:-train} in
    train | cluster | density) echo "${LOCKSTEP_COMMAND:-train}" ;;
    *)
      echo "LOCKSTEP_COMMAND is train, cluster or density, not '$LOCKSTEP_COMMAND'" >&2
      return 2
      ;;
  esac
}

# The run directory of a training: run_of CONFIG [section.key=value …]
run_of() {
  local config=$1 runs name word
  shift
  name=$(sed -n 's/^name: *\([^# ]*\).*/\1/p' "$config" 2>/dev/null | head -n 1)
  runs=$(sed -n 's/^runs: *\([^# ]*\).*/\1/p' "$config" 2>/dev/null | head -n 1)
  for word in "$@"; do
    [[ $word != name=* ]] || name=${word#name=}
    [[ $word != runs=* ]] || runs=${word#runs=}
  done
  echo "${runs:-runs}/${name:-$(basename "${config%.*}")}"
}

# The last checkpoints of the run directory $1 and of its members, as text that changes with each checkpoint.
progress_of() {
  (shopt -s nullglob && printf '%s\n' "$1"{,-member-*}/{checkpoint-*,model}.h5)
}

# keep_going MOST LATEST CONFIG [section.key=value …]: calls the function `attempt`, and again after a fault, at most MOST
# times, as long as checkpoints appear in between. Before each further attempt it waits, longer each time (1 to 60 s), and
# calls `find_hosts`, which may refuse. LATEST: seconds since 1970 after which no attempt begins; 0: no limit. The exit code
# is that of the last attempt.
keep_going() {
  local most=$1 latest=$2 restarts=0 pause=1 code run before now
  shift 2
  run=$(run_of "$@")
  before=$(progress_of "$run")
  while true; do
    code=0
    attempt || code=$?
    # mpiexec of MPICH 4.0 sometimes ends with 0 though its ranks ended with 75
    [[ $code -ne 0 ]] || ! grep -q '"status": "stopped"' "$run/summary.json" 2>/dev/null || code=75
    case $code in
      0 | 2 | 3 | 75) return "$code" ;;
    esac
    now=$(progress_of "$run")
    if [[ -n $asked_to_stop ]]; then
      return "$code"
    elif [[ $restarts -ge $most ]]; then
      [[ $most -eq 0 ]] || echo "restart: exit code $code after $restarts restarts, which were the most allowed" >&2
      return "$code"
    elif [[ $restarts -gt 0 && $now == "$before" ]]; then
      echo "restart: exit code $code again without a new checkpoint, so another restart would not help" >&2
      return "$code"
    elif [[ $latest -gt 0 && $(($(date +%s) + pause)) -ge $latest ]]; then
      echo "restart: exit code $code, and too little time is left for a restart" >&2
      return "$code"
    fi
    [[ $now == "$before" ]] || pause=1
    before=$now restarts=$((restarts + 1))
    echo "restart: exit code $code, restart $restarts of at most $most in $pause s" >&2
    sleep "$pause" || true # a signal may end it
    pause=$((pause < 30 ? 2 * pause : 60))
    [[ -z $asked_to_stop ]] || return "$code"
    find_hosts || return "$code"
  done
}

# answering SECONDS COMMAND HOST…: those hosts on which `COMMAND HOST true` succeeds in time, one in a line. All are asked
# at once.
answering() {
  local seconds=$1 command=$2 host
  shift 2
  for host in "$@"; do
    # shellcheck disable=SC2086 # the command and its options
    (timeout --kill-after=1 "$seconds" $command "$host" true </dev/null >/dev/null 2>&1 && echo "$host") &
  done | cat | { # in the order given, whatever the order of the answers
    local found
    found=$(cat)
    for host in "$@"; do grep -qxF -- "$host" <<<"$found" && echo "$host"; done
    true
  }
}
