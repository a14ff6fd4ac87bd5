#!/usr/bin/env bash
# What a step costs on two nodes whose network takes about as long as their arithmetic: two namespaces with one core
# each, 1 Gbit/s (or RATE) between them and 0.2 ms there and back (where the kernel has netem), and the network
# 784-1024-1024-1024-10. For each batch and round:
#   compute   the step of a node alone with the same rows per rank (both nodes at the same time)
#   transfer  the transfer alone (by the largest exchange of `lockstep bench --network`)
#   step      of both
#   floor     what no step on these nodes is faster than: the longer of the transfer and of the arithmetic with what the
#             kernel takes from its core for the bytes of one step. That is found by running `compute` again while plain
#             TCP streams, which do nothing with what they carry, fill the line both ways.
# and step and floor over the longer of compute and transfer; then the lower deciles of compute and step, and their ratio,
# which neighbours on the same machine disturb less (but a step may also be short since the one before was long). Medians
# of the rounds at the end. A batch of `equal` rows is one for which compute and transfer are about the same. Not a test:
# its figures are in docs/measurements/zen3-two-nodes.md.
#   measure_overlap.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM MPIEXEC [BATCH…]      (STEPS=40 ROUNDS=3 RATE=1gbit in front)
# shellcheck source=tests/cluster/nodes.sh
source "$(dirname "$0")/nodes.sh"
root=$(realpath "$1") lockstep=$(realpath "$2") mpiexec=$3
shift 3
batches=("$@")
[[ ${#batches[@]} -gt 0 ]] || batches=(equal)
steps=${STEPS:-40} rounds=${ROUNDS:-3} speed=${RATE:-1gbit} # of the line, as tc(8) writes it

# cable N: what node N sends leaves at this rate, 0.1 ms later.
cable() {
  local parent=root
  # what is usual on clusters: a connection that was idle for a moment goes on at full speed
  ip netns exec "$(node "$1")" sysctl -qw net.ipv4.tcp_slow_start_after_idle=0 net.ipv4.tcp_congestion_control=reno
  if tc -n "$(node "$1")" qdisc add dev eth0 root handle 1: netem delay 0.1ms limit 10000 2>/dev/null; then
    parent="parent 1:"
  else
    late=" (this kernel has no netem: without the delay)"
  fi
  # shellcheck disable=SC2086 # two words
  tc -n "$(node "$1")" qdisc add dev eth0 $parent handle 2: tbf rate "$speed" burst 256kb latency 5ms ||
    skip "this kernel has no tbf, or tc of the package iproute2 is missing"
}

# figures PHASE NAME…: median and lower decile of the steps of runs, in ms, the first ten left out; of several runs the
# longer ones
figures() {
  "$root/scripts/python.sh" - "$@" <<'END'
import sys, h5py, numpy as np
phase, runs = sys.argv[1], sys.argv[2:]
steps = [1e3 * h5py.File(f"runs/{name}/timing.h5")[phase][10:] for name in runs]
print(*(f"{max(np.quantile(s, q) for s in steps):.1f}" for q in (0.5, 0.1)))
END
}

# settings of a run of BATCH rows in a step, in SHARDS
settings() {
  echo "train.global_batch_size=$1 parallel.shards=$2 train.steps=$steps"
}

# compute BATCH: ms of a step of each node alone, of the slower one: median and lower decile
compute() {
  local n runs=()
  for n in 0 1; do
    # shellcheck disable=SC2046 # words
    launch "$mpiexec" 0:1 taskset -c $n "$lockstep" train config.yaml --timing name=alone$n \
      $(settings $(($1 / 2)) $((shards / 2))) >log$n 2>&1 &
    runs+=($!)
  done
  wait "${runs[@]}"
  figures seconds alone0 alone1
}

# What node 0 has sent and received so far, in bytes.
carried() {
  ip netns exec "$(node 0)" cat /sys/class/net/eth0/statistics/{tx,rx}_bytes | awk '{ n += $1 } END { printf "%.0f", n }'
}

# beside BATCH: the same beside full streams both ways, and how full: MB/s of each way
beside() {
  local before at streams=() ms
  ip netns exec "$(node 0)" taskset -c 0 "$root/scripts/python.sh" stream.py 2>/dev/null &
  streams+=($!)
  ip netns exec "$(node 1)" taskset -c 1 "$root/scripts/python.sh" stream.py "$net.1" 2>/dev/null &
  streams+=($!)
  sleep 1
  before=$(carried) at=$(date +%s%N)
  read -r ms _ <<<"$(compute "$1")"
  echo "$ms $((($(carried) - before) * 500 / ($(date +%s%N) - at)))"
  # shellcheck disable=SC2046 # process numbers, parted by spaces
  kill $(ip netns pids "$(node 0)") $(ip netns pids "$(node 1)") 2>/dev/null || true
  wait "${streams[@]}" 2>/dev/null || true
}

# Open MPI's own way with large messages over TCP gets two thirds of a line that is used both ways
export OMPI_MCA_btl_tcp_flags=1
late=""
nodes_up 2
cable 0
cable 1
place=$(mktemp -d)
trap 'nodes_down; rm -rf "$place"' EXIT
cd "$place"
"$root/scripts/python.sh" - <<'END'
import h5py, numpy as np
random = np.random.default_rng(1)
with h5py.File("data.h5", "w") as f:
    f["train/x"] = random.integers(0, 256, (16384, 784), np.uint8)
    f["train/y"] = random.integers(0, 10, 16384).astype(np.int32)
END
cat >config.yaml <<'END'
data: {file: data.h5, validation: 0, scaling: {name: minmax, range: [0, 1]}}
model:
  layers:
    - dense: {units: 1024, activation: relu}
    - dense: {units: 1024, activation: relu}
    - dense: {units: 1024, activation: relu}
    - dense: 10
loss: cross_entropy
optimizer: {name: adam, learning_rate: 0.0001}
train: {epochs: 100, log_every: 1000000}
parallel: {threads: 1}
checkpoint: {every: never}
END
cat >stream.py <<'END'
import os, socket, sys, time
if len(sys.argv) == 1:
    peer = socket.create_server(("", 5555)).accept()[0]
else:
    while True:
        try:
            peer = socket.create_connection((sys.argv[1], 5555))
            break
        except OSError:
            time.sleep(0.1)
block = bytearray(1 << 19)
if os.fork() == 0:
    while True:
        peer.sendall(block)
while peer.recv_into(block):
    pass
END
# a core for each rank
cat >one_core.sh <<'END'
#!/bin/sh
exec taskset -c "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}" "$@"
END
chmod +x one_core.sh

launch "$mpiexec" 0:1,1:1 ./one_core.sh "$lockstep" bench --network --json=network.json >log 2>&1 || fail "$(cat log)"
parameters=$((784 * 1024 + 2 * 1024 * 1024 + 1024 * 10 + 3 * 1024 + 10))
transfer=$("$root/scripts/python.sh" - $parameters <<'END'
import json, sys
line = json.load(open("network.json"))["exchange"]
print(f"{1e3 * line['seconds'][-1] / line['bytes'][-1] * 4 * int(sys.argv[1]):.1f}")
END
)
shards=32
for ((i = 0; i < ${#batches[@]}; i++)); do
  [[ ${batches[i]} == equal ]] || continue
  batches[i]=$(awk -v c="$(compute 960 | cut -d " " -f 1)" -v t="$transfer" 'BEGIN { print 64 * int(960 * t / c / 64 + 0.5) }')
done
echo "$parameters parameters, $speed/s$late; $steps steps; ms, medians"
echo "batch  compute  transfer  step  exposed  floor  step / longer  floor / longer  lower deciles: compute  step  / longer"
row="%5d  %7.1f  %8.1f  %4.1f  %7.1f  %5.1f  %13.2f  %14.2f  %23.1f  %4.1f  %8.2f\n"
for ((round = 0; round < rounds; round++)); do
  for batch in "${batches[@]}"; do
    shards=$((batch >= 2048 ? 64 : 32))
    read -r alone alone_least <<<"$(compute "$batch")"
    # shellcheck disable=SC2046 # words
    launch "$mpiexec" 0:1,1:1 ./one_core.sh "$lockstep" train config.yaml --timing name=both $(settings "$batch" "$shards") >log 2>&1 ||
      fail "$(cat log)"
    read -r step step_least <<<"$(figures seconds both)"
    read -r exposed _ <<<"$(figures seconds_exposed both)"
    read -r slowed carried <<<"$(beside "$batch")"
    awk -v b="$batch" -v c="$alone" -v t="$transfer" -v s="$step" -v e="$exposed" -v d="$slowed" -v r="$carried" \
      -v p="$parameters" -v cl="$alone_least" -v sl="$step_least" -v row="$row" 'BEGIN {
        l = c > t ? c : t
        ll = cl > t ? cl : t
        kernel = d > c ? (d - c) / d : 0 # its share of the core while the line is full
        busy = c + kernel * 4e-3 * p / r
        f = busy > t ? busy : t
        printf row, b, c, t, s, e, f, s / l, f / l, cl, sl, sl / ll }' | tee -a rows
  done
done
echo "medians"
for batch in "${batches[@]}"; do
  awk -v b="$batch" '$1 == b' rows | "$root/scripts/python.sh" -c 'import sys, numpy as np
print(sys.argv[1].replace("\\n", "") % tuple(np.median(np.loadtxt(sys.stdin, ndmin=2), axis=0)))' "$row"
done
