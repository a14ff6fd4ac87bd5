"""`lockstep eval` computes the bits of the library: where all targets are 0 and nothing scales them, the loss mae of a row is the
absolute value of its prediction. And the classes that eval counts are those of the library.
    eval_bits.py LOCKSTEP RUN DATA ARRAY LABELS      in a folder for files; RUN: a classifier, its rows and labels
"""
import json
import subprocess
import sys

import h5py
import numpy as np

import lockstep

PROGRAM, RUN, DATA, ARRAY, LABELS = sys.argv[1:]
ROWS = 150
NETWORKS = {
    "dense": "model: {layers: [{dense: {units: 33, activation: tanh}}, {dense: {units: 20, activation: gelu}}, {dense: 1}]}",
    "norms": "model: {layers: [{dense: 24}, {batch_norm: {}}, {activation: relu}, {dropout: 0.2}, {layer_norm: {}}, {dense: 1}]}",
    "blocks": "model: {layers: [{dense: 9}, {residual: [{dense: {units: 9, activation: silu}}]},"
              " {branches: [[{dense: 4}], [{dense: 3}]]}, {dense: 1}]}",
    "tied": "model: {layers: [{dense: {units: 9, activation: tanh}}, {dense: {units: 5, activation: relu}}, {tied: dense2}, {dense: 1}]}",
    "basis": "model: {layers: [{dense: 1}]}",
    "members": "model: {layers: [{dense: {units: 12, activation: tanh}}, {dense: 1}]}",
}
MORE = {"basis": ", basis: {name: rbf, size: 17}", "members": ""}


def run(*words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: {done.stderr}")


rng = np.random.default_rng(5)
x = rng.normal(size=(ROWS, 6)).astype(np.float32) * [1, 20, 0.1, 3, 1, 1] + [0, 0, 0, 100, 0, 0]
with h5py.File("rows.h5", "w") as file:
    file["train/x"], file["train/y"] = x.astype(np.float32), np.sin(x[:, 0] + x[:, 1] / 20).astype(np.float32)
    file["zeros"] = np.zeros(ROWS, np.float32)
for name, network in NETWORKS.items():
    with open("settings.yaml", "w", encoding="utf-8") as file:
        file.write(f"name: bits-{name}\ndata: {{file: rows.h5, scaling: standard{MORE.get(name, '')}}}\n{network}\nloss: mae\n"
                   f"train: {{epochs: 2, global_batch_size: 50{', members: 3' if name == 'members' else ''}}}\n"
                   "optimizer: {name: adam, learning_rate: 0.02}\nparallel: {shards: 2}\ncheckpoint: {every: never}\n")
    run("train", "settings.yaml")
    run("eval", f"runs/bits-{name}", "--x", "train/x", "--y", "zeros", "--rows", f"{name}.h5")
    with h5py.File(f"{name}.h5") as file:
        losses = file["loss"][...]
        dtype = losses.dtype
    found = np.abs(lockstep.Model(f"runs/bits-{name}/model.h5").predict(x.astype(np.float32), dtype=np.float64)[:, 0])
    same = np.array_equal(losses, found.astype(dtype))
    if not same or np.ptp(found) < 1e-3:
        k = int(np.argmax(losses != found.astype(dtype)))
        sys.exit(f"{name}: row {k}: eval has {losses[k]!r}, the library {found[k]!r}")

run("eval", RUN, DATA, "--json", "classes.json", "--x", ARRAY, "--y", LABELS)
with open("classes.json", encoding="utf-8") as file:
    counted = np.array(json.load(file)["confusion"])
model = lockstep.Model(f"{RUN}/model.h5")
with h5py.File(DATA) as file:
    rows, labels = file[ARRAY][...], file[LABELS][...].reshape(-1)
best = np.argmax(model.predict(rows.reshape(len(rows), -1)), axis=1)
confusion = np.zeros_like(counted)
np.add.at(confusion, (labels, best), 1)
if not np.array_equal(confusion, counted):
    sys.exit(f"{RUN}: eval counts {counted.tolist()}, the library {confusion.tolist()}")
print(f"{len(NETWORKS)} networks: eval has the bits of the library; {counted.sum()} classes agree")
