# How jobs start lockstep; sourced by the batch scripts. Nothing in it is of one site: what a site needs is in the
# environment of sbatch, or in the file that LOCKSTEP_SETUP names.
#
#   LOCKSTEP            the program; else the checkout's build/release/lockstep, the installed one, lockstep on PATH
#   LOCKSTEP_SETUP      a file to source first: module load, PATH, variables of the MPI library
#   LOCKSTEP_LAUNCHER   srun or mpirun; else srun where SLURM has what LOCKSTEP_MPI names
#   LOCKSTEP_MPI        for srun --mpi=, default pmix (MPICH: pmi2 or pmix, as it was built)
#   LOCKSTEP_OPTIONS    further words for srun or mpirun
# shellcheck shell=bash

if [[ -n ${LOCKSTEP_SETUP:-} ]]; then
  # shellcheck disable=SC1090 # the site's
  source "$LOCKSTEP_SETUP"
fi

lockstep_root=${LOCKSTEP_ROOT:-$SLURM_SUBMIT_DIR}
if [[ -z ${LOCKSTEP:-} ]]; then
  LOCKSTEP=$lockstep_root/build/release/lockstep
  [[ -x $LOCKSTEP ]] || LOCKSTEP=$lockstep_root/../../bin/lockstep # of an installation
  [[ -x $LOCKSTEP ]] || LOCKSTEP=lockstep
fi

# This job for commands of SLURM. One element of an array has the number of the array as its own, by which they would take
# all elements.
job=${SLURM_JOB_ID:-}
[[ -z ${SLURM_ARRAY_TASK_ID:-} ]] || job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID

# SLURM has told when a job ends since version 23.02; before, the queue knows.
job_end() {
  local end
  [[ -z ${SLURM_JOB_END_TIME:-} ]] || return 0
  end=$(squeue --noheader --jobs "$job" --format %e 2>/dev/null) || return 0
  if [[ $end == *T* ]]; then
    SLURM_JOB_END_TIME=$(date -d "$end" +%s) && export SLURM_JOB_END_TIME
  fi
}

launcher() {
  if [[ -n ${LOCKSTEP_LAUNCHER:-} ]]; then
    echo "$LOCKSTEP_LAUNCHER"
  elif srun --mpi=list 2>&1 | grep -qw "${LOCKSTEP_MPI:-pmix}"; then
    echo srun
  else
    echo mpirun
  fi
}

# launch NODES TASKS THREADS WORDS…: starts the program with these words on TASKS ranks, spread evenly over NODES nodes of the
# job: those of the array `hosts`, any if it is empty. SIGUSR1 to this script goes on to the ranks, and sets asked_to_stop;
# the exit code is theirs.
hosts=()
launch() {
  local nodes=$1 tasks=$2 threads=$3 code=0 child words
  shift 3
  local -a options=()
  read -ra options <<<"${LOCKSTEP_OPTIONS:-}"
  # what the job was asked for and what this launch is are the same to the program
  export SLURM_NTASKS=$tasks SLURM_CPUS_PER_TASK=$threads OMP_NUM_THREADS=$threads
  if [[ $(launcher) == srun ]]; then
    words=(srun "--mpi=${LOCKSTEP_MPI:-pmix}" "--nodes=$nodes" "--ntasks=$tasks" "--cpus-per-task=$threads")
    [[ ${#hosts[@]} -eq 0 ]] || words+=("--nodelist=$(IFS=, && echo "${hosts[*]}")")
  elif mpirun --version 2>&1 | grep -q 'Open MPI'; then
    words=(mpirun -n "$tasks" --map-by "ppr:$(((tasks + nodes - 1) / nodes)):node:PE=$threads" --bind-to core)
    [[ ${#hosts[@]} -eq 0 ]] ||
      words+=(--host "$(printf "%s:$(((tasks + nodes - 1) / nodes)) " "${hosts[@]}" | sed 's/ $//; s/ /,/g')")
  else
    words=(mpiexec -n "$tasks" -ppn "$(((tasks + nodes - 1) / nodes))" -bind-to "core:$threads")
    [[ ${#hosts[@]} -eq 0 ]] || words+=(-hosts "$(IFS=, && echo "${hosts[*]}")")
  fi
  "${words[@]}" "${options[@]}" "$LOCKSTEP" "$@" &
  child=$!
  # shellcheck disable=SC2034 # restart.sh reads it
  trap 'asked_to_stop=yes; kill -USR1 "$child" 2>/dev/null' USR1
  wait "$child" || code=$?
  while kill -0 "$child" 2>/dev/null; do # a signal ended the waiting, and not the program
    code=0
    wait "$child" || code=$?
  done
  trap 'asked_to_stop=yes' USR1
  return "$code"
}
