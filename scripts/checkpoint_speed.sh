#!/usr/bin/env bash
# What checkpoints cost: trains a large network with checkpoints and compares the steps during which one is written with the
# steps just before and after. Both are of one run and a few seconds apart, so changes of the machine's speed matter little.
#   scripts/checkpoint_speed.sh [LOCKSTEP [SAVES [WIDTH [RANKS]]]]
# SAVES: checkpoints to measure, 10 by default, one every 15 s. WIDTH: units of the two wide layers; 4096, the default,
# makes 20 million parameters, 8192 makes 74 million. RANKS: 1 by default; more are started by mpirun.
# The last line is the speed that is kept with one checkpoint every 30 s. Needs a Python with h5py and numpy.
set -euo pipefail
program=$(realpath "${1:-build/release/lockstep}") saves=${2:-10} width=${3:-4096} ranks=${4:-1} every=15
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
launch=()
[[ $ranks -eq 1 ]] || launch=(mpirun -n "$ranks")
for python in python3 /usr/bin/python3; do
  "$python" -c 'import h5py, numpy' 2>/dev/null && break
  python=
done
[[ -n $python ]] || { echo "checkpoint_speed.sh needs a Python with h5py and numpy" >&2; exit 1; }

"$program" import --make blobs --rows 20480 --features 784 --classes 10 data.h5 >/dev/null
cat >config.yaml <<END
data: {file: data.h5, validation: 0, scaling: standard}
model: {layers: [{dense: {units: $width, activation: relu}}, {dense: {units: $width, activation: relu}}, {dense: 10}]}
loss: cross_entropy
optimizer: {name: adam, learning_rate: 0.0001}
train: {epochs: 100000, global_batch_size: 512}
END
well() { "${launch[@]}" "$program" train config.yaml "$@" --timing >messages 2>&1 || { cat messages >&2; exit 1; }; }

well name=short train.steps=15 checkpoint.every=never
steps=$("$python" -c "
import h5py
seconds = h5py.File('runs/short/timing.h5')['seconds'][5:]
print(int(($saves + 0.5) * $every / seconds.mean()))")
well name=run train.steps="$steps" checkpoint.every="$every s"

"$python" - <<'END'
import json
import h5py
import numpy as np

seconds = h5py.File("runs/run/timing.h5")["seconds"][:]
ends = np.cumsum(seconds)
step = np.arange(len(seconds))
saves = [event for event in map(json.loads, open("runs/run/log.jsonl")) if event["event"] == "checkpoint"][:-1]
writing = np.zeros(len(seconds), int)  # the number of the checkpoint that is written during a step, from 1; 0: none
for number, save in enumerate(saves, 1):
    begin = ends[save["step"] - 1]
    writing[(step >= save["step"]) & (ends - seconds < begin + save["seconds"])] = number
print("checkpoint  seconds to write  of a core  steps paused  steps during  their mean  mean of those around  lost")
losses = []
for number, save in enumerate(saves, 1):
    during = writing == number
    around = (writing == 0) & (np.abs(step - step[during].mean()) < 2.5 * during.sum() + 5)
    lost = np.sum(seconds[during] - seconds[around].mean()) + save["pause_seconds"]
    losses.append(lost)
    print(f"{number:10d} {save['seconds']:17.2f} {save['core_seconds']:10.2f} {save['pause_seconds']:13.3f} {during.sum():13d}"
          f" {seconds[during].mean():11.3f} {seconds[around].mean():21.3f} {lost:5.2f}")
print(f"median lost: {np.median(losses):.2f} s; speed kept with a checkpoint every 30 s: {1 - np.median(losses) / 30:.3f}"
      f" (mean: {1 - np.mean(losses) / 30:.3f})")
END
