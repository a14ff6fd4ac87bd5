# A cluster on one machine; sourced by the tests. A node is a network namespace with one interface, eth0, and with a
# host name of its own; a further namespace is the switch between them. So nothing is seen outside of the namespaces,
# whose names hold this process's number, and to remove them is to remove all.
# shellcheck shell=bash
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cluster=lockstep-$$
net=10.77.0

# nodes_up COUNT: nodes 0 … COUNT − 1. Ends the test as skipped where that is not possible.
nodes_up() {
  [[ $EUID -eq 0 ]] || skip "nodes are network namespaces, which only root may make"
  command -v ip >/dev/null || skip "nodes are made by ip, of the package iproute2"
  unshare --uts true 2>/dev/null || skip "host names of their own are not allowed here (unshare --uts)"
  ip netns add "$cluster-switch" 2>/dev/null || skip "network namespaces are not allowed here (ip netns add)"
  trap nodes_down EXIT
  ip -n "$cluster-switch" link add bridge0 type bridge || skip "this kernel has no bridges"
  ip -n "$cluster-switch" link set bridge0 up
  for ((n = 0; n < $1; n++)); do
    ip netns add "$(node $n)"
    ip -n "$cluster-switch" link add "port$n" type veth peer name eth0 netns "$(node $n)"
    ip -n "$cluster-switch" link set "port$n" master bridge0 up
    ip -n "$(node $n)" addr add "$net.$((n + 1))/24" dev eth0
    ip -n "$(node $n)" link set eth0 up
    ip -n "$(node $n)" link set lo up
    # TCP gives up what is not acknowledged after some seconds in place of 15 minutes, so that launchers end
    ip netns exec "$(node $n)" sysctl -qw net.ipv4.tcp_retries2=2
  done
}

# Nothing of a test is left, whatever became of it.
nodes_down() {
  local name pids
  for name in $(ip netns list | awk -v start="$cluster-" 'index($1, start) == 1 { print $1 }'); do
    pids=$(ip netns pids "$name")
    # shellcheck disable=SC2086 # process numbers, parted by spaces
    [[ -z $pids ]] || kill -KILL $pids 2>/dev/null || true
    ip netns del "$name"
  done
}

skip() {
  echo "skipped: $1"
  exit 77
}

fail() {
  echo "failed: $1" >&2
  exit 1
}

# The name of node N: its namespace and its host name.
node() { echo "$cluster-$1"; }

# The cable of node N is pulled.
cut_off() { ip -n "$cluster-switch" link set "port$1" down; }

# How many processes of lockstep run on node N.
ranks_on() {
  local pid n=0
  for pid in $(ip netns pids "$(node "$1")"); do
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) != lockstep ]] || n=$((n + 1))
  done
  echo "$n"
}

# launch MPIEXEC LAYOUT COMMAND…: the command under MPIEXEC, which is called on node 0. A layout has NODE:RANKS for each
# node, as in 0:2,1:2.
launch() {
  local mpiexec=$1 layout=$2 hosts="" ranks=0 part options
  shift 2
  for part in ${layout//,/ }; do
    hosts+=${hosts:+,}$(node "${part%:*}"):${part#*:}
    ranks=$((ranks + ${part#*:}))
  done
  if [[ $("$mpiexec" --version 2>&1) =~ "Open MPI"|OpenRTE ]]; then
    options=(--mca plm rsh --mca plm_rsh_agent "$here/agent.sh" --mca oob_tcp_if_include "$net.0/24"
      --mca btl_tcp_if_include "$net.0/24" --bind-to none --host "$hosts")
  else
    options=(-launcher rsh -launcher-exec "$here/agent.sh" -iface eth0 -hosts "$hosts")
  fi
  env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
    timeout -k 1 100 ip netns exec "$(node 0)" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$(node 0)" \
    "$mpiexec" "${options[@]}" -n "$ranks" "$@" </dev/null
}
