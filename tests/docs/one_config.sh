#!/usr/bin/env bash
# A file of settings, with its data in place: its graph is one that Graphviz draws, its gradient that of central
# differences, it is solved where it says how, and its training loss falls within two epochs.
#   one_config.sh CONFIG
set -euo pipefail
config=$1
name=$(basename "$config" .yaml)
overrides=()
# all of its rows stand at the kink of the loss where it begins: the gradient is checked from other weights
[[ $name != perceptron ]] || overrides=('model.layers=[dense: 1]')

if grep -q '^components:' "$config"; then # its network follows from the rows
  lockstep components "$config" name="$name"
  grep -q '"status": "done"' "runs/$name/summary.json"
  exit
fi
lockstep info --graph --dot "$config" >"$name.dot"
if command -v dot >/dev/null; then
  dot -Tsvg -o "$name.svg" "$name.dot"
  grep -q '<g id="node' "$name.svg"
fi
lockstep gradcheck "$config" "${overrides[@]}" --elements 8 --rows 8
if grep -q '^solve:' "$config"; then
  lockstep solve "$config" name="$name-solved"
  grep -q '"status": "done"' "runs/$name-solved/summary.json"
fi
lockstep train "$config" name="$name" train.epochs=2
grep -q '"status": "done"' "runs/$name/summary.json"

log=runs/$name/log.jsonl
[[ ! -e runs/$name-member-1 ]] || log=runs/$name-member-1/log.jsonl # of an ensemble the members have epochs
losses=$(sed -n '/"event": *"epoch"/s/.*"train_loss": *\([-0-9.e+]*\).*/\1/p' "$log")
if ! awk '{ loss[NR] = $1 } END { exit !(NR == 2 && (loss[2] < loss[1] || loss[2] == 0)) }' <<<"$losses"; then
  echo "the training loss does not fall: $losses"
  exit 1
fi
