#!/usr/bin/env bash
# One rank is stopped, at a random time, in each command: the job ends within the timeout with exit code 1, and one line
# names the rank and what it has been doing. The same for a rank that hangs in a file call or in MPI_Init. A killed rank
# ends the job too, and a job that was suspended as a whole goes on.
#   stopped_rank.sh LOCKSTEP_PROGRAM STALL_LIBRARY ROUNDS MPIEXEC ARGUMENTS... (the last one asks for a number of ranks)
# Each round stops one rank once in each command: in the first round rank 0 in every second command and the last rank in the
# others, in the next round the other way round. SEED=N repeats the times of another call; JOBS: how many
# jobs at once, since they mostly wait.
# shellcheck disable=SC2015 # A && B || C is meant as it is
set -u
program=$1 stall=$2 rounds=$3
shift 3
mpirun=("$@")
ranks=2 timeout=3 slack=20 # seconds; slack: for the launcher, on a machine that is busy
seed=${SEED:-$(($(date +%s) % 32768))}
RANDOM=$seed
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LOCKSTEP_TIMEOUT=$timeout

fail() {
  {
    echo "FAILED (SEED=$seed): $*"
    sed 's/^/  | /' log
  } >>"$work/failures"
}

# Each rank leaves its process number in pid.RANK and then is the program itself.
cat >rank.sh <<'RANK'
#!/bin/sh
rank=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}
echo $$ >pid.$rank
if [ "${STALL_RANK:-none}" = "$rank" ] || [ "${STALL_RANK:-none}" = all ]; then
  LD_PRELOAD=$STALL_LIBRARY${LD_PRELOAD:+:$LD_PRELOAD}
  export LD_PRELOAD
fi
exec "$@"
RANK
chmod +x rank.sh

# start COMMAND...: in the background
start() {
  rm -f pid.* log
  "${mpirun[@]}" $ranks ../rank.sh "$program" "$@" >log 2>&1 &
  launcher=$!
}
# Whether a rank still runs. One that has ended is a zombie until the launcher asks for it.
a_rank_lives() {
  grep -sqE '^State:[[:space:]]*[^ZX[:space:]]' $(sed 's|.*|/proc/&/status|' pid.*)
}
# end SECONDS: waits for the launcher; sets `code`, or fails after SECONDS. Open MPI 4.1's launcher can block for
# ever, or end by SIGPIPE, after a rank was killed while it connected: no rank is left then. scripts/launch.sh kills one that
# blocks; here both are counted, and the code is that of the rank that ended.
end() {
  local until=$((SECONDS + $1))
  while kill -0 "$launcher" 2>/dev/null; do
    if [[ $SECONDS -gt $until ]] && ! a_rank_lives && [[ $(reports) -gt 0 ]]; then
      echo "the launcher blocks" >>log
      pwd >>"$work/blocked"
      kill -KILL "$launcher"
      wait "$launcher" 2>/dev/null
      code=1
      return 0
    fi
    if [[ $SECONDS -gt $until ]]; then
      ps -o pid,ppid,stat,wchan:20,args -p "$launcher,$(cat pid.* | paste -sd,)" --ppid "$launcher" >>log 2>&1
      # shellcheck disable=SC2046 # several numbers
      kill -KILL $(cat pid.*) "$launcher" 2>/dev/null
      wait "$launcher" 2>/dev/null
      return 1
    fi
    sleep 0.1
  done
  wait "$launcher"
  code=$?
  if [[ $code == 141 ]] && grep -q 'Exit code:  *1$' log; then
    pwd >>"$work/blocked"
    code=1
  fi
}
reports() { grep -cE '^lockstep: ' log; }
is_there() { kill -0 "$(cat "pid.$1")" 2>/dev/null; }

# ---- what the commands need ----

{
  "$program" import --make spirals data.h5 --rows 6000 --noise 0.02 --split train=0.8,valid=0.1,test=0.1 &&
    "$program" import --make sine line.h5 --rows 4000 --split train=0.9,test=0.1
} >log 2>&1 || fail "import"
cat >config.yaml <<CONFIG
data: {file: ../data.h5, scaling: standard}
model:
  layers:
    - dense: {units: 32, activation: tanh}
    - dense: {units: 2}
loss: cross_entropy
optimizer: {name: adam, learning_rate: 0.01}
train: {epochs: 8, global_batch_size: 32}
checkpoint: {every: 20 steps}
parallel: {threads: 1, timeout: $timeout}
CONFIG
sed -e 's/data.h5/line.h5/; /units: 32/d; s/units: 2/units: 1/; s/cross_entropy/mse/' config.yaml >line.yaml
cat >rows.yaml <<CONFIG
data: {file: ../data.h5, scaling: standard}
parallel: {threads: 1, timeout: $timeout}
CONFIG
mkdir model
{
  cd model && "$program" train ../config.yaml name=model train.epochs=1 &&
    "$program" train ../config.yaml name=other train.epochs=1 train.seed=1 &&
    "$program" cluster ../rows.yaml cluster.method=mixture cluster.k=3 cluster.starts=1 name=clusters && cd ..
} >log 2>&1 || fail "the models"

commands=(
  "train ../config.yaml name=run"
  "train ../config.yaml name=run parallel.ranks_per_node=1"
  "train ../config.yaml name=run parallel.shards=1"
  "solve ../line.yaml name=run"
  "eval ../model/runs/model"
  "predict ../model/runs/model ../data.h5 --x test/x --out predictions.csv"
  "gradcheck ../config.yaml"
  "lr-find ../config.yaml"
  "check ../config.yaml"
  "bench ../config.yaml --seconds 0.3"
  "import --make spirals other.h5 --rows 200000 --overwrite"
  "cluster ../rows.yaml cluster.k=4 name=run"
  "components ../rows.yaml name=run"
  "density ../rows.yaml density.rows=500 name=run"
  "anomalies ../model/runs/clusters --out scores.csv"
  "sample ../model/runs/clusters --rows 20000 --out rows.csv"
  "landscape ../model/runs/model --random 2 --x=-1:1:21 --out plane.h5"
  "connect ../model/runs/model ../model/runs/other --epochs 2 --out path.h5"
  "sweep ../config.yaml name=run train.seed=1,2 train.epochs=4"
  "info ../data.h5"
  "diff ../model/runs/model ../model/runs/model"
)

# the undisturbed run may be slow
declare -A settings
for command in train solve eval predict gradcheck lr-find check bench cluster components density anomalies sample; do settings[$command]=parallel.timeout=60; done

# ---- a rank that is stopped or killed ----

# Whether the stopped rank had done all that others wait for.
was_at_its_end() {
  for ((r = 0; r < ranks; r++)); do
    [[ $r == "$1" ]] || { [[ -s pid.$r ]] && ! is_there $r; } || return 1
  done
  [[ $(reports) == 0 ]]
}

# Others may take a while to end, on a busy machine. Ends when they have, or when one has reported.
waits_for_no_report() {
  local tries
  sleep 0.5
  for ((tries = 0; tries < 10 * (timeout + slack); tries++)); do
    ! was_at_its_end "$1" || return 0
    [[ $(reports) == 0 ]] && kill -0 "$launcher" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# measure NUMBER COMMAND: the time that the command takes, in ns, to ../duration.NUMBER. It may be slow here.
measure() {
  local words began
  read -ra words <<<"$2"
  began=$(date +%s%N)
  LOCKSTEP_TIMEOUT=60 start "${words[@]}" ${settings[${words[0]}]:+"${settings[${words[0]}]}"}
  end 120 && [[ $code == 0 ]] || fail "undisturbed: \`$2\` ends with $code"
  echo $(($(date +%s%N) - began)) >"../duration.$1"
}

# strike SIGNAL RANK SHARE NUMBER COMMAND: after this share of its time. Earlier if the command was over before.
strike() {
  local signal=$1 rank=$2 share=$3 words pause
  read -ra words <<<"$5"
  for ((tries = 1; tries < 9; tries++)); do
    pause=$(awk -v s="$share" -v t=$tries '{ printf "%.3f", s * $1 / 1e9 / t }' "../duration.$4")
    start "${words[@]}"
    until [[ -s pid.$rank ]] || ! kill -0 "$launcher" 2>/dev/null; do sleep 0.01; done
    sleep "$pause"
    kill -"$signal" "$(cat "pid.$rank")" 2>/dev/null || { end 60; continue; }
    [[ $signal == STOP ]] && waits_for_no_report "$rank" || break
    kill -CONT "$(cat "pid.$rank")"
    end 60
  done
  what="rank $rank, $signal after $pause s, \`$5\`"
  end $((timeout + slack)) || { fail "$what: the job hangs"; return; }
  if [[ $signal == KILL ]]; then
    [[ $code != 0 ]] || fail "$what: exit code 0"
    return
  fi
  grep -q 'PMIx_server_finalize' log && code=1 # mpirun of Open MPI 4.1 at times crashes at its own end
  [[ $code == 1 ]] || fail "$what: exit code $code"
  [[ $(reports) == 1 ]] || fail "$what: $(reports) reports"
  grep -qE "^lockstep: (rank $rank on [^ ]+ does not answer: process [0-9]+ is stopped, it has been [a-z]|process $(cat "pid.$rank") of this job)" log ||
    fail "$what: the rank is not named"
}

# ---- a call that does not return ----

# hang RANK CALL N FILE SAID COMMAND: the rank's N-th call CALL on a file with this in its name, or its call of MPI_Init.
# One rank reports. In MPI_Init ranks do not know of each other yet, so one that comes late may find the first one gone.
hang() {
  local words most=1
  [[ $2 != MPI_Init ]] || most=2
  read -ra words <<<"$6"
  export STALL_RANK=$1 STALL_LIBRARY=$stall STALL_CALL=$2 STALL_NUMBER=$3 STALL_FILE=$4
  start "${words[@]}"
  end $((timeout + slack + 10)) || { fail "$2 $3 hangs: the job hangs"; return; }
  [[ $code == 9 && $1 == all ]] && code=1 # that of mpiexec of MPICH, when a rank ends by itself
  [[ $code == 1 && $(reports) -ge 1 && $(reports) -le $most ]] || fail "$2 $3 hangs: exit code $code, $(reports) reports"
  grep -qE "^lockstep: $5" log || fail "$2 $3 hangs: not named"
}

# ---- a job that is suspended as a whole, as batch systems do, and goes on later ----

suspend() {
  local words
  read -ra words <<<"$1"
  start "${words[@]}"
  until [[ -s pid.0 && -s pid.1 ]]; do sleep 0.01; done
  sleep 1
  kill -STOP "$(cat pid.0)" "$(cat pid.1)"
  sleep $((2 * timeout))
  kill -CONT "$(cat pid.0)" "$(cat pid.1)"
  end 120 && [[ $code == 0 && $(reports) == 0 ]] || fail "suspended: exit code $code"
}

# ---- all of them ----

struck=0
# at_once FUNCTION ARGUMENTS...: in a folder of its own, at the same time as others
at_once() {
  while [[ $(jobs -rp | wc -l) -ge ${JOBS:-8} ]]; do wait -n; done
  mkdir "$((++struck))"
  (cd $struck && "$@") &
}
for ((c = 0; c < ${#commands[@]}; c++)); do at_once measure $c "${commands[c]}"; done
wait
for ((round = 0; round < rounds; round++)); do
  for ((c = 0; c < ${#commands[@]}; c++)); do
    at_once strike STOP $(((c + round + seed) % 2 * (ranks - 1))) "0.$(printf %05d "$RANDOM")" $c "${commands[c]}"
  done
done
at_once strike KILL 0 0.5 0 "${commands[0]}"
at_once strike KILL $((ranks - 1)) 0.5 0 "${commands[0]}"
writes="rank 0 on [^ ]+ does not answer: process .*, it has been writing [^ ]*checkpoint-"
reads="rank [01] on [^ ]+ does not answer: process .*, it has been reading [^ ]*data.h5"
any="rank [01] on [^ ]+ does not answer: process .*, it has been [a-z]"
at_once hang 0 fsync 1 checkpoint- "$writes" "${commands[0]}"
at_once hang 0 pwrite 3 checkpoint- "$writes" "${commands[0]}"
at_once hang 0 pread 1 data.h5 "$reads" "${commands[0]}"
at_once hang all pread 300 data.h5 "$any" "${commands[0]} data.memory_limit=30KB train.epochs=100"
at_once suspend "${commands[0]} train.epochs=30"
at_once hang 1 MPI_Init 1 none "MPI_Init of rank [01] on [^ ]+ has not returned for $timeout s" "${commands[0]}"
wait

LOCKSTEP_TIMEOUT=soon "$program" info data.h5 >log 2>&1
[[ $? == 2 ]] && grep -q "^lockstep: LOCKSTEP_TIMEOUT: 'soon' is not a number" log || fail "a timeout that is no number"

[[ ! -e failures ]] || cat failures >&2
[[ ! -e blocked ]] || echo "launchers that blocked or ended by SIGPIPE without a rank: $(grep -c . blocked)"
echo "$((struck - ${#commands[@]})) jobs with a rank that was stopped, killed or hung, SEED=$seed," \
  "$(grep -c '^FAILED' failures 2>/dev/null || true) failures"
[[ ! -e failures ]]
