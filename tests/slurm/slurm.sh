#!/usr/bin/env bash
# A real SLURM, started for this test: jobs of slurm/*.sbatch are preempted, requeued and finish with the bits of a run
# that was left alone; both launchers work; what does not fit together is one error with the remedy.
#   slurm.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM
set -euo pipefail
root=$1
# shellcheck source=tests/slurm/cluster.sh
source "$root/tests/slurm/cluster.sh"

why=$(cluster_lacks)
if [[ -n $why ]]; then
  echo "no SLURM can be started here: $why"
  exit 77
fi

place=$(mktemp -d /tmp/lockstep-slurm-XXXXXX)
chmod 755 "$place" # munged wants its socket to be within reach of all
trap 'cluster_stop; rm -rf "$place"' EXIT
cd "$place"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LOCKSTEP=$2 LOCKSTEP_ROOT=$root
cluster_start "$place/slurm" 2

fail() {
  echo "$1" >&2
  tail -n 40 ./*.out "$cluster"/slurm*.log >&2
  exit 1
}

# wait_until SECONDS COMMAND…
wait_until() {
  local tries=$((20 * $1))
  shift
  until "$@"; do
    ((tries-- > 0)) || fail "this did not come true: $*"
    sleep 0.05
  done
}

# summary RUN KEY: a word of summary.json
summary() {
  sed -n "s/.*\"$2\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "runs/$1/summary.json" 2>/dev/null | head -n 1
}

has_stopped() { [[ $(grep -c '"event": "stop"' "runs/$1/log.jsonl" 2>/dev/null) -ge $2 ]]; }
has_begun() { [[ $(grep -cE '"event": "(start|resume)"' "runs/$1/log.jsonl" 2>/dev/null) -ge $2 ]]; }
has_ended() { [[ -z $(squeue --noheader --jobs "$1" 2>/dev/null) ]]; }

"$LOCKSTEP" import --make spirals --rows 4000 --seed 1 data.h5 >/dev/null
cat >config.yaml <<'END'
data: {file: data.h5, scaling: standard}
model:
  layers:
    - dense: {units: 64, activation: tanh}
    - dense: {units: 64, activation: tanh}
    - dense: {units: 2}
loss: cross_entropy
train: {epochs: 100, global_batch_size: 32}
parallel: {shards: 4}
checkpoint: {every: 50 epochs}
END

# refused TEXT COMMAND…: exit code 2 and one message, which says this.
refused() {
  local text=$1 code=0
  shift
  "$@" >refused.out 2>&1 || code=$?
  [[ $code -eq 2 ]] || fail "exit code $code, not 2: $*"
  [[ $(grep -c '^lockstep: ' refused.out) -eq 1 ]] || fail "not one message: $*"
  grep -qF -- "$text" refused.out || fail "nothing of '$text': $*"
}

# What does not fit together; while the other job waits to be started again.
refused_together() {
  refused '--mpi=pmix' srun --mpi=none --ntasks=2 "$LOCKSTEP" check config.yaml
  refused '--cpus-per-task=2' \
    srun --mpi=pmix --ntasks=2 --cpus-per-task=1 "$LOCKSTEP" check config.yaml parallel.threads=2
  refused 'SLURM_NTASKS=1' salloc --quiet --ntasks=2 mpirun -n 1 "$LOCKSTEP" check config.yaml
}

# ---- preempted twice ----

"$LOCKSTEP" train config.yaml name=whole parallel.threads=1 2>/dev/null
job=$(sbatch --parsable --ntasks=2 --cpus-per-task=1 --time=5 --output=preempted.out \
  "$root/slurm/train.sbatch" config.yaml name=preempted)
wait_until 60 has_begun preempted 1
scancel --signal=TERM "$job" # to the ranks, as preemption does
wait_until 60 has_stopped preempted 1
[[ $(summary preempted reason) == signal ]] || fail "the reason is '$(summary preempted reason)', not signal"
refused_together
wait_until 60 has_begun preempted 2
scancel --batch --signal=USR1 "$job" # to the script, as --signal=B:USR1@… does
wait_until 60 has_stopped preempted 2
wait_until 60 has_ended "$job"
[[ $(summary preempted status) == "done" ]] || fail "the job has not finished its training"
[[ $(grep -c '"event": "resume"' runs/preempted/log.jsonl) -eq 2 ]] || fail "it was not resumed twice"
"$LOCKSTEP" diff runs/whole runs/preempted || fail "other bits than those of the run that was left alone"

# ---- a rank is killed: the job starts again by itself, without going back to the queue ----

has_checkpoint() { compgen -G "runs/$1/checkpoint-*.h5" >/dev/null; }
for launcher in srun mpirun; do
  name=killed-$launcher
  job=$(LOCKSTEP_LAUNCHER=$launcher sbatch --parsable --ntasks=2 --cpus-per-task=1 --time=5 --output="$name.out" \
    "$root/slurm/train.sbatch" --restarts 3 config.yaml "name=$name" "checkpoint.every=10 epochs" parallel.timeout=20)
  wait_until 60 has_checkpoint "$name"
  words="$LOCKSTEP train --resume config.yaml name=$name checkpoint.every=10 epochs parallel.timeout=20"
  kill -KILL "$(pgrep -x -f -- "$words" | tail -n 1)" || fail "$name: there was no rank to kill"
  wait_until 100 has_ended "$job"
  [[ $(summary "$name" status) == "done" ]] || fail "$name: the job has not finished its training: $(cat "$name.out")"
  grep -q 'restart 1 of at most 3' "$name.out" || fail "$name: nothing is said of a restart: $(cat "$name.out")"
  ! grep -q 'goes back to the queue' "$name.out" || fail "$name: the job went back to the queue"
  "$LOCKSTEP" diff runs/whole "runs/$name" || fail "$name: other bits than those of the run that was left alone"
done

# ---- the same bits on other layouts, by mpirun inside the job ----

job=$(LAYOUTS="1x1x1 1x2x1" LOCKSTEP_LAUNCHER=mpirun sbatch --parsable --array=0-1%1 --ntasks=2 --cpus-per-task=1 --time=5 \
  --output=scaling.out "$root/slurm/scaling.sbatch" config.yaml train.epochs=3)
wait_until 60 has_ended "$job"
"$LOCKSTEP" diff runs/config-1x1x1 runs/config-1x2x1 || fail "other bits on another layout"

# ---- a sweep as an array of two jobs, and a third that writes the result ----

# The figures of a sweep, without the seconds.
figures() { sed -E 's/,[^,]*(,[0-9a-f]{16})$/\1/' "runs/$1-sweep/sweep.csv"; }

words=(config.yaml "optimizer.learning_rate=0.001,0.01" train.epochs=3 --folds 2)
"$LOCKSTEP" sweep "${words[@]}" name=alone parallel.threads=1 >/dev/null 2>&1
job=$(sbatch --parsable --array=1-2 --ntasks=1 --cpus-per-task=1 --time=5 --output=parts-%a.out \
  "$root/slurm/sweep.sbatch" "${words[@]}" name=parts)
wait_until 60 has_ended "$job"
[[ ! -e runs/parts-sweep/sweep.h5 ]] || fail "a part of the sweep has written the result"
trained=(runs/parts-sweep/*/model.h5)
[[ ${#trained[@]} -eq 4 ]] || fail "the parts have not trained all trials"
job=$(sbatch --parsable --ntasks=2 --cpus-per-task=1 --time=5 --output=whole.out \
  "$root/slurm/sweep.sbatch" "${words[@]}" name=parts)
wait_until 60 has_ended "$job"
diff <(figures alone) <(figures parts) || fail "a sweep in parts has other figures"

# ---- variables that module systems set; idle ranks; the line that check prints ----

# checked TEXT WORDS…: `check` by WORDS succeeds and says this.
checked() {
  local text=$1
  shift
  "$@" >check.out 2>&1 || fail "exit code $?: $* $(cat check.out)"
  grep -qF -- "$text" check.out || fail "nothing of '$text': $* $(cat check.out)"
}

for variable in OMP_PROC_BIND=close OMP_PLACES=cores GOMP_CPU_AFFINITY=0 OMP_NUM_THREADS=1; do
  checked ': 2 ranks x 1 thread on 2 of' \
    env "$variable" srun --mpi=pmix --ntasks=2 --cpus-per-task=1 "$LOCKSTEP" check config.yaml
done
checked ': 1 rank x 1 thread on 2 of' \
  env OMP_NUM_THREADS=1 srun --mpi=pmix --ntasks=1 --cpus-per-task=2 "$LOCKSTEP" check config.yaml
checked '1 of 2 ranks is idle' \
  srun --mpi=pmix --ntasks=2 --cpus-per-task=1 "$LOCKSTEP" train config.yaml name=idle train.epochs=1 parallel.shards=1
for words in "" parallel.threads=1 parallel.threads=2 parallel.shards=1; do
  # shellcheck disable=SC2016 # variables of the job's shell
  checked '2 of 2 cores' salloc --quiet --ntasks=2 --cpus-per-task=1 sh -c '
    tasks=2 cpus=1
    [ "$1" != parallel.threads=2 ] || { tasks=1 cpus=2; }
    srun --mpi=pmix --ntasks=$tasks --cpus-per-task=$cpus "$LOCKSTEP" check config.yaml name=line train.epochs=1 $1 >line.out
    cat line.out
    eval "$(sed -n "s/^launch  //p" line.out)"' sh "$words"
  [[ $(summary line status) == "done" ]] || fail "the line that check printed did not train: $(cat check.out)"
  rm -r runs/line
done

# ---- a scaling study as a job array: measured, collected, nothing missing ----

if "$root/scripts/python.sh" -c '' 2>/dev/null; then
  cat >study.yaml <<'END'
config: config.yaml
repeats: 1
steps: 5
grid: {ranks: [1, 2]}
cores_per_node: 2
slurm: {time: "5"}
studies: {few: {scaling: strong, global_batch_size: 32}}
END
  study() { "$root/scripts/python.sh" "$root/scripts/scaling.py" "$@" study.yaml --lockstep "$LOCKSTEP"; }
  job=$(study submit | sed -n 's/^Submitted batch job //p')
  [[ -n $job ]] || fail "no job array was submitted"
  wait_until 60 has_ended "$job"
  study collect >collected.out 2>&1 || fail "nothing was measured: $(cat collected.out studies/study/slurm-*.txt)"
  ! grep missing collected.out || fail "runs are missing: $(cat studies/study/slurm-*.txt)"
  [[ $(tail -n +2 studies/study/steps.csv | wc -l) -eq $((2 * 8)) ]] || fail "not all steps are in steps.csv"
  grep -q "srun --mpi=pmix" studies/study/points/few-1x2x1-shared-1.json || fail "it was not srun that started ranks"
fi
