#!/usr/bin/env bash
# A rank that is stopped ends the job on all nodes: a rank of its host names it and says what it has been doing, or if it
# is alone there, a rank of another host names its node. Exactly one rank reports, also when others notice
# later, and the launcher does not end them.
#   stuck_rank.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM MPIEXEC
# shellcheck source=tests/cluster/nodes.sh
source "$(dirname "$0")/nodes.sh"
# shellcheck source=tests/cluster/run.sh
source "$(dirname "$0")/run.sh"
timeout=6

wait_until() {
  local until=$((SECONDS + $1))
  shift
  while ! "$@"; do
    [[ $SECONDS -le $until ]] || return 1
    sleep 0.05
  done
}
has_checkpoint() { compgen -G "runs/$name/checkpoint-*.h5" >/dev/null; }
launcher_ended() { ! kill -0 "$launcher" 2>/dev/null; }
# rank_on NODE RANK: its process
rank_on() {
  for process in $(ip netns pids "$(node "$1")"); do
    [[ $(cat "/proc/$process/comm" 2>/dev/null) == lockstep ]] || continue
    if grep -qzE "^(OMPI_COMM_WORLD_RANK|PMI_RANK)=$2$" "/proc/$process/environ"; then echo "$process"; fi
  done
}

# the processes of the launcher, on node 0
mpi_launcher() {
  for process in $(ip netns pids "$(node 0)"); do
    if [[ $(cat "/proc/$process/comm" 2>/dev/null) =~ ^(mpi|orte) ]]; then echo "$process"; fi
  done
}

# stop NAME NODE RANK EXPECTED [LATE]: stops the rank; with LATE also ranks 0, 2 and 3 for a while, so that they give up
# last, and until then the launcher, which would end them before
stop() {
  name=$1
  launch "$mpiexec" 1:2,2:2,3:1 "$program" train config.yaml train.epochs=10000 train.global_batch_size=36 \
    "checkpoint.every=100 steps" parallel.timeout=$timeout "name=$name" >log 2>&1 &
  launcher=$!
  wait_until 60 has_checkpoint || fail "no checkpoint: $(cat log)"
  kill -STOP "$(rank_on "$2" "$3")"
  if [[ -n ${5-} ]]; then
    mapfile -t launchers < <(mpi_launcher)
    late=("$(rank_on 1 0)" "$(rank_on 2 2)" "$(rank_on 2 3)")
    kill -STOP "${launchers[@]}" "${late[@]}"
    sleep 1.5
    kill -CONT "${late[@]}"
    sleep $((timeout + 3))
    kill -CONT "${launchers[@]}"
  fi
  wait_until $((timeout + 10)) grep -qE "^lockstep: " log || fail "nothing is said of rank $3: $(cat log)"
  wait_until 30 launcher_ended || fail "the launcher hangs: $(cat log)"
  ! wait "$launcher" || fail "the job ended as if all were well"
  reports=$(grep -E "^lockstep: " log)
  [[ $(wc -l <<<"$reports") == 1 ]] || fail "not one rank reports: $reports; $(cat log)"
  grep -qE "^lockstep: $4" log || fail "rank $3 is not named: $(cat log)"
}

program=$2 mpiexec=$3
nodes_up 4
run_make "$1" "$2"
# as for a lost node: MPICH must not share memory between these nodes
export UCX_TLS=tcp,self UCX_NET_DEVICES=eth0
stop first 1 0 "rank 0 on $(node 1) does not answer: process [0-9]+ is stopped, it has been [a-z]"
stop second 2 3 "rank 3 on $(node 2) does not answer: process [0-9]+ is stopped, it has been [a-z]"
stop alone 3 4 "node $(node 3) does not answer \(rank 4\), so the job ends .* this rank has been [a-z]" late
