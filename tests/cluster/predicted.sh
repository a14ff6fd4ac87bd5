#!/usr/bin/env bash
# What follows from messages between two nodes beside what training waits for: the table of
# docs/guide/scaling-studies.md. Times, so no test; on an idle machine.
#   predicted.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM MPIEXEC [REPEATS] [WORDS OF TBF…]
# shellcheck source=tests/cluster/nodes.sh
source "$(dirname "$0")/nodes.sh"
# shellcheck source=tests/cluster/run.sh
source "$(dirname "$0")/run.sh"
set -- "$(realpath "$1")" "$(realpath "$2")" "${@:3}"
link=("${@:5}")
[[ ${#link[@]} -gt 0 ]] || link=(rate 1gbit burst 64kb latency 50ms)

nodes_up 2
run_make "$1" "$2"
for n in 0 1; do ip netns exec "$(node $n)" tc qdisc add dev eth0 root tbf "${link[@]}"; done
for repeat in $(seq "${4:-3}"); do
  launch "$3" 0:1,1:1 "$2" bench --network --json network.json >log 2>&1 || fail "bench: $(cat log)"
  for layout in 256:8 512:8 1024:8 1024:6; do # units of the layers, shards
    dense="{dense: {units: ${layout%:*}}}"
    launch "$3" 0:1,1:1 "$2" train config.yaml "name=$layout" --timing train.steps=13 checkpoint.every=never \
      "parallel.shards=${layout#*:}" "model.layers=[$dense, $dense, $dense, {dense: 3}]" >log 2>&1 ||
      fail "training: $(cat log)"
    "$1/scripts/python.sh" - "$1" "runs/$layout" <<'END'
import json
import sys

sys.path.insert(0, sys.argv[1] + "/scripts")
import h5py
import numpy as np
from study import prediction

network, summary = (json.load(open(path)) for path in ("network.json", sys.argv[2] + "/summary.json"))
size, shards = 4 * summary["parameters"], summary["shards"]
with h5py.File(sys.argv[2] + "/timing.h5") as timing:
    exposed = np.median(timing["seconds_exposed"][3:])
found = prediction.exchange_seconds(network, size, 2, shards)
print(f"{size / 1e6:.2f} MB, {shards} shards: predicted {found * 1e3:.2f} ms, measured {exposed * 1e3:.2f} ms, "
      f"ratio {found / exposed:.2f}")
END
  done
done
