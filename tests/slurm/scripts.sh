#!/usr/bin/env bash
# The scripts for SLURM without a SLURM: fake launchers note the words that they are called with, and end as the test wants.
#   scripts.sh ROOT_OF_THE_REPOSITORY
set -euo pipefail
root=$(realpath "$1")
place=$(mktemp -d /tmp/lockstep-scripts-XXXXXX)
trap 'rm -rf "$place"' EXIT
cd "$place"

fail() {
  echo "$*" >&2
  cat calls >&2 2>/dev/null || true
  exit 1
}

# ---- fakes ----

mkdir bin runs
# Notes its words; ends with the next code of the file `codes`, after making a checkpoint if that says so: "75", "1 saved".
cat >bin/fake <<'END'
#!/usr/bin/env bash
name=$(basename "$0")
case "$name $*" in
  "srun --mpi=list") echo "MPI plugin types are pmix"; exit ;;
  "mpirun --version") echo "$FAKE_MPI"; exit ;;
  "srun --mpi=none "*) [[ $* != *"--nodelist ${FAKE_LOST:-none} "* ]]; exit ;;
  "scontrol show"*) printf '%s\n' n1 n2 n3; exit ;;
  "squeue "* | "sleep "*) exit ;;
esac
echo "$name $*" >>calls
[[ $name != scontrol ]] || exit 0
read -r code saved <codes || code=0
sed -i 1d codes
[[ -z $saved ]] || touch "runs/config/checkpoint-$RANDOM$RANDOM.h5"
exit "${code:-0}"
END
chmod +x bin/fake
for name in srun mpirun mpiexec scontrol squeue sleep; do ln -s fake "bin/$name"; done
mkdir -p runs/config
export PATH=$place/bin:$PATH FAKE_MPI="mpirun (Open MPI) 4.1.4" FAKE_LOST=none LOCKSTEP=program
export SLURM_SUBMIT_DIR=$root LOCKSTEP_ROOT=$root
unset SLURM_NTASKS SLURM_CPUS_PER_TASK SLURM_JOB_ID SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT SLURM_RESTART_COUNT \
  SLURM_JOB_END_TIME LOCKSTEP_OPTIONS LOCKSTEP_LAUNCHER LOCKSTEP_MPI LOCKSTEP_SETUP LOCKSTEP_RESTARTS OMP_NUM_THREADS

# ending_with CODE...: how the next launches end
ending_with() {
  rm -f calls runs/config/checkpoint-* runs/config/summary.json
  : >calls
  printf '%s\n' "$@" >codes
}
# expect_calls LINE...: exactly these
expect_calls() { diff <(printf '%s\n' "$@") calls >&2 || fail "other calls than expected"; }
expect_code() { [[ $1 -eq $2 ]] || fail "exit code $1, not $2: $3"; }

# ---- words of a launch: five ranks on two nodes ----

# shellcheck source=slurm/launch.sh
source "$root/slurm/launch.sh"
# shellcheck disable=SC2034 # launch reads the hosts
launch_so() { (hosts=("${@:2}") && LOCKSTEP_LAUNCHER=$1 launch 2 5 3 train config.yaml); }
ending_with 0
launch_so srun
expect_calls "srun --mpi=pmix --nodes=2 --ntasks=5 --cpus-per-task=3 program train config.yaml"
ending_with 0
launch_so srun a b
expect_calls "srun --mpi=pmix --nodes=2 --ntasks=5 --cpus-per-task=3 --nodelist=a,b program train config.yaml"
ending_with 0
launch_so mpirun
expect_calls "mpirun -n 5 --map-by ppr:3:node:PE=3 --bind-to core program train config.yaml"
ending_with 0
launch_so mpirun a b
expect_calls "mpirun -n 5 --map-by ppr:3:node:PE=3 --bind-to core --host a:3,b:3 program train config.yaml"
ending_with 0
FAKE_MPI=HYDRA launch_so mpirun a b
expect_calls "mpiexec -n 5 -ppn 3 -bind-to core:3 -hosts a,b program train config.yaml"
ending_with 0
LOCKSTEP_OPTIONS="--mem 0" launch_so srun
expect_calls "srun --mpi=pmix --nodes=2 --ntasks=5 --cpus-per-task=3 --mem 0 program train config.yaml"
for code in 1 75; do
  ending_with $code
  launch_so srun && found=0 || found=$?
  expect_code "$found" $code "of the launcher"
done

# A signal goes on to the launcher, and the exit code is the launcher's though the signal ended the waiting.
cat >bin/patient <<'END'
#!/usr/bin/env bash
trap 'echo "told" >>calls; exit 0' USR1
echo "begun" >>calls
for _ in $(seq 100); do /bin/sleep 0.05; done
END
chmod +x bin/patient
rm bin/srun && ln -s patient bin/srun
ending_with 0
(LOCKSTEP_LAUNCHER=srun launch 1 1 1 train) &
script=$!
for _ in $(seq 200); do ! grep -q begun calls || break && /bin/sleep 0.02; done
kill -USR1 $script
wait $script && found=0 || found=$?
expect_code "$found" 0 "after a signal"
expect_calls begun told
rm bin/srun && ln -s fake bin/srun

# ---- restarts ----

# shellcheck source=slurm/restart.sh
source "$root/slurm/restart.sh"
attempt() { fake; }
find_hosts() { true; }
# keeps_going MOST LATEST: how many attempts there were, and the exit code
keeps_going() {
  local code=0
  # shellcheck disable=SC2034 # keep_going reads it
  asked_to_stop=""
  keep_going "$1" "$2" config.yaml >/dev/null 2>&1 || code=$?
  echo "$(wc -l <calls) $code"
}
ending_with "1 saved" "1 saved" "9 saved" "1 saved"
[[ $(keeps_going 2 0) == "3 9" ]] || fail "two restarts are allowed, not $(wc -l <calls) attempts"
ending_with "1 saved" 0
[[ $(keeps_going 0 0) == "1 1" ]] || fail "no restart is allowed"
ending_with "1 saved" 0
[[ $(keeps_going 5 0) == "2 0" ]] || fail "done after one restart"
ending_with 1 6 1 1
[[ $(keeps_going 5 0) == "2 6" ]] || fail "a fault that comes back without a checkpoint is not of the machine"
ending_with 1 "1 saved" 7 1
[[ $(keeps_going 9 0) == "3 7" ]] || fail "a checkpoint in between gives another restart"
for code in 2 3 75; do
  ending_with $code
  [[ $(keeps_going 5 0) == "1 $code" ]] || fail "exit code $code ends it"
done
ending_with "1 saved" 0
[[ $(keeps_going 5 "$(date +%s)") == "1 1" ]] || fail "too little time is left"
ending_with "1 saved" 0
[[ $(keeps_going 5 "$(($(date +%s) + 100))") == "2 0" ]] || fail "time is left"
ending_with 0
echo '{"status": "stopped"}' >runs/config/summary.json
[[ $(keeps_going 5 0) == "1 75" ]] || fail "a run that was stopped ends with 75"

# ---- batch scripts ----

# run_batch SCRIPT WORD...: the exit code
run_batch() {
  local code=0
  bash "$root/slurm/$1" "${@:2}" >out 2>&1 || code=$?
  echo "$code"
}
export SLURM_JOB_ID=100 SLURM_JOB_NUM_NODES=3 SLURM_NTASKS=7 SLURM_CPUS_PER_TASK=2 SLURM_JOB_NODELIST="n[1-3]"
ending_with 0
expect_code "$(run_batch train.sbatch config.yaml train.epochs=3)" 0 "$(cat out)"
expect_calls "srun --mpi=pmix --nodes=3 --ntasks=7 --cpus-per-task=2 program train --resume config.yaml train.epochs=3"
ending_with "1 saved" 0 # seven ranks on three nodes, of which two are left
expect_code "$(FAKE_LOST=n2 run_batch train.sbatch config.yaml)" 0 "$(cat out)"
expect_calls "srun --mpi=pmix --nodes=3 --ntasks=7 --cpus-per-task=2 program train --resume config.yaml" \
  "srun --mpi=pmix --nodes=2 --ntasks=4 --cpus-per-task=2 --nodelist=n1,n3 program train --resume config.yaml"
ending_with "1 saved" "1 saved" "5 saved" 0
expect_code "$(run_batch train.sbatch --restarts 2 config.yaml)" 5 "--restarts 2"
expect_code "$(run_batch train.sbatch)" 2 "no settings"
expect_code "$(run_batch train.sbatch --restarts none config.yaml)" 2 "no number"
for script in train.sbatch sweep.sbatch; do
  words=(config.yaml)
  [[ $script == train.sbatch ]] || words+=("train.epochs=1,2")
  for count in 0 1 2 3; do # a job may requeue itself twice
    ending_with 75
    found=$(SLURM_RESTART_COUNT=$count LOCKSTEP_RESTARTS=2 run_batch $script "${words[@]}")
    expect_code "$found" $((count < 2 ? 0 : 75)) "$script, restart $count"
    [[ $(grep -cx "scontrol requeue 100" calls) -eq $((count < 2)) ]] || fail "$script, restart $count: $(cat out)"
  done
done
export SLURM_ARRAY_JOB_ID=90 SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_COUNT=4
ending_with 75
expect_code "$(run_batch sweep.sbatch config.yaml train.epochs=1,2)" 0 "$(cat out)"
expect_calls \
  "srun --mpi=pmix --nodes=3 --ntasks=7 --cpus-per-task=2 program sweep --resume config.yaml train.epochs=1,2 --part 3/4" \
  "scontrol requeue 90_5"
ending_with 0
expect_code "$(LAYOUTS="1x1x1 2x3x4" SLURM_ARRAY_TASK_ID=1 run_batch scaling.sbatch config.yaml train.epochs=3)" 0 "$(cat out)"
expect_calls "srun --mpi=pmix --nodes=2 --ntasks=6 --cpus-per-task=4 program train config.yaml name=config-2x3x4 train.epochs=3"
expect_code "$(LAYOUTS="1x1x1 2x3x4" SLURM_ARRAY_TASK_ID=2 run_batch scaling.sbatch config.yaml)" 2 "there is no third layout"
echo "launches, restarts and batch scripts call what they should"
