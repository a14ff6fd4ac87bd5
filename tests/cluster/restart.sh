#!/usr/bin/env bash
# scripts/launch.sh goes on after a node is cut off, on the nodes that are left, to the bits of a run that nothing befell.
#   restart.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM MPIEXEC
# shellcheck source=tests/cluster/nodes.sh
source "$(dirname "$0")/nodes.sh"
# shellcheck source=tests/cluster/run.sh
source "$(dirname "$0")/run.sh"
root=$(realpath "$1")
settings=(train.epochs=60 train.global_batch_size=36 "checkpoint.every=100 steps" parallel.timeout=4)

# wait_until SECONDS CONDITION…
wait_until() {
  local until=$((SECONDS + $1))
  shift
  while ! "$@"; do
    [[ $SECONDS -le $until ]] || return 1
    sleep 0.05
  done
}
has_checkpoint() { compgen -G 'runs/lost/checkpoint-*.h5' >/dev/null; }
has_ended() { ! kill -0 "$launcher" 2>/dev/null; }

nodes_up 3
run_make "$1" "$2"
"$2" train config.yaml "${settings[@]}" name=whole 2>log || fail "on one node: $(cat log)"

# MPICH finds by itself that these nodes share memory: told to keep to the network, it loses them too
export UCX_TLS=tcp,self UCX_NET_DEVICES=eth0
printf '%s slots=%d\n' "$(node 0)" 1 "$(node 1)" 2 "$(node 2)" 1 >hosts
options=(-launcher rsh -launcher-exec "$here/agent.sh" -iface eth0)
if [[ $("$3" --version 2>&1) =~ "Open MPI"|OpenRTE ]]; then
  options=(--mca plm rsh --mca plm_rsh_agent "$here/agent.sh" --mca oob_tcp_if_include "$net.0/24"
    --mca btl_tcp_if_include "$net.0/24" --bind-to none)
fi
env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LOCKSTEP="$2" LOCKSTEP_MPIRUN="$3" \
  LOCKSTEP_OPTIONS="${options[*]}" LOCKSTEP_REACH="$here/reach.sh" \
  timeout -k 1 200 ip netns exec "$(node 0)" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$(node 0)" \
  "$root/scripts/launch.sh" --restarts 3 --hostfile hosts config.yaml "${settings[@]}" name=lost >lost.log 2>&1 &
launcher=$!
wait_until 60 has_checkpoint || fail "no checkpoint: $(cat lost.log)"
cut_off 1
wait_until 150 has_ended || fail "the launcher hangs: $(cat lost.log)"
wait "$launcher" || fail "exit code $?: $(cat lost.log)"
grep -q "of $(node 0) $(node 1) $(node 2) only $(node 0) $(node 2) answer" lost.log || fail "not the lost node is left out: $(cat lost.log)"
grep -q "restart 1 of at most 3" lost.log || fail "no restart: $(cat lost.log)"
grep -q "going on from step" lost.log || fail "not resumed: $(cat lost.log)"
"$2" diff runs/whole runs/lost >log 2>&1 || fail "the run has other bits: $(cat log)"
