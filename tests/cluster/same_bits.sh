#!/usr/bin/env bash
# Runs on several nodes have the bits of a run on one.
#   same_bits.sh ROOT_OF_THE_REPOSITORY LOCKSTEP_PROGRAM MPIEXEC
# shellcheck source=tests/cluster/nodes.sh
source "$(dirname "$0")/nodes.sh"
# shellcheck source=tests/cluster/run.sh
source "$(dirname "$0")/run.sh"

nodes_up 4
run_make "$1" "$2"
"$2" train config.yaml name=one 2>log || fail "on one node: $(cat log)"
for layout in 0:1,1:1 0:2,1:2 0:1,1:1,2:1 0:1,1:1,2:1,3:1; do
  launch "$3" "$layout" "$2" train config.yaml name=several >log 2>&1 || fail "layout $layout: $(cat log)"
  nodes=$(tr -cd , <<<"$layout" | wc -c)
  grep -q "\"nodes\": $((nodes + 1))," runs/several/summary.json ||
    fail "layout $layout is not seen as $((nodes + 1)) nodes: $(cat runs/several/summary.json)"
  "$2" diff runs/one runs/several >log 2>&1 || fail "layout $layout has other bits: $(cat log)"
done
