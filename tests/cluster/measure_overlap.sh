#!/usr/bin/env bash
# What a step costs on two nodes whose network takes about as long as their arithmetic: two namespaces with one core
# each, 1 Gbit/s between them and 0.2 ms there and back (where the kernel has netem), and the network
# 784-1024-1024-1024-10. For each batch: the step of a node alone with the same rows per rank (both nodes at the same
# time), the transfer alone (by the largest exchange of `lockstep bench --network`), the step of both, and that over the
# longer of the two. Not a test: its figures are in docs/clusters.md.
#   measure_overlap.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM MPIEXEC [BATCH…]
# shellcheck source=tests/cluster/nodes.sh
source "$(dirname "$0")/nodes.sh"
root=$1 lockstep=$2 mpiexec=$3
shift 3
batches=("$@")
[[ ${#batches[@]} -gt 0 ]] || batches=(960)
steps=${STEPS:-40}

# cable N: what node N sends leaves at 1 Gbit/s, 0.1 ms later.
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
  tc -n "$(node "$1")" qdisc add dev eth0 $parent handle 2: tbf rate 1gbit burst 256kb latency 5ms ||
    skip "this kernel has no tbf, or tc of the package iproute2 is missing"
}

# median NAME PHASE: of the steps of a run, in ms, the first ten left out
median() {
  "$root/scripts/python.sh" - "$1" "$2" <<'END'
import sys, h5py, numpy as np
with h5py.File(f"runs/{sys.argv[1]}/timing.h5") as f:
    print(f"{1e3 * np.median(f[sys.argv[2]][10:]):.1f}")
END
}

# settings of a run of BATCH rows in a step, in SHARDS
settings() {
  echo "train.global_batch_size=$1 parallel.shards=$2 train.steps=$steps"
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
echo "$parameters parameters, 1 Gbit/s$late; $steps steps; ms, medians"
echo "batch  compute  transfer  step  step / longer  exposed"
for batch in "${batches[@]}"; do
  shards=$((batch >= 2048 ? 64 : 32))
  # shellcheck disable=SC2046 # words
  for n in 0 1; do
    launch "$mpiexec" 0:1 taskset -c $n "$lockstep" train config.yaml --timing name=alone$n \
      $(settings $((batch / 2)) $((shards / 2))) >log$n 2>&1 &
  done
  wait
  compute=$(median alone0 seconds)
  # shellcheck disable=SC2046
  launch "$mpiexec" 0:1,1:1 ./one_core.sh "$lockstep" train config.yaml --timing name=both $(settings "$batch" "$shards") >log 2>&1 ||
    fail "$(cat log)"
  step=$(median both seconds) exposed=$(median both seconds_exposed)
  awk -v b="$batch" -v c="$compute" -v t="$transfer" -v s="$step" -v e="$exposed" \
    'BEGIN { l = c > t ? c : t; printf "%5d  %7.1f  %8.1f  %4.1f  %13.2f  %7.1f\n", b, c, t, s, s / l, e }'
done
