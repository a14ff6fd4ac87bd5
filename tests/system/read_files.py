"""Reads all that a run has left with h5py, and predicts with NumPy what lockstep has predicted.

read_files.py RUN DATA.h5 PREDICTIONS.h5: a run of the network in test_commands.c (dense tanh, dense, softmax).
"""
import glob
import sys

import h5py
import numpy as np

run, data_path, predictions_path = sys.argv[1:]


def read_all(path):
    """Every array and attribute, by name."""
    found = {}

    def visit(name, item):
        for key, value in item.attrs.items():
            found[f"{name}@{key}"] = value
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        visit("", file)
        file.visititems(visit)
    return found


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def expect(condition, message):
    if not condition:
        sys.exit(message)


checkpoints = sorted(glob.glob(f"{run}/checkpoint-*.h5"))
expect(checkpoints, "no checkpoints")
for path in checkpoints:
    checkpoint = read_all(path)
    for state in "m", "v":
        shape = checkpoint[f"optimizer/{state}/dense1/weight"].shape
        expect(shape == (12, 4), f"{path}: {state} is {shape}")
    expect(checkpoint["epoch_loss"].shape == (4,), f"{path}: epoch_loss")

history = read_all(f"{run}/history.h5")
expect(history["train_loss"].shape == (20,), "history: 20 epochs")
expect(np.all(history["rows"] == 210), "history: rows")
expect(np.array_equal(history["step"], 7 * np.arange(1, 21)), "history: steps")
expect(history["parameters_checksum"].dtype == np.uint64, "history: checksums")

model, data, predictions = read_all(f"{run}/model.h5"), read_all(data_path), read_all(predictions_path)
expect("loss" in text(model["@settings"]), "model: settings")
names = [text(name) for name in model["@class_names"]]
expect(names == ["aster", "bellis", "carex, small"], f"model: class names {names}")
expect(model["parameters/dense1/weight"].shape == (12, 4), "model: (out, in)")
expect(model["parameters/dense2/weight"].dtype == np.float32, "model: float32")

train, x = data["train/x"].astype(float), data["test/x"].astype(float)
z = (x - train.mean(axis=0)) / train.std(axis=0)
z = np.tanh(z @ model["parameters/dense1/weight"].T.astype(float) + model["parameters/dense1/bias"])
z = z @ model["parameters/dense2/weight"].T.astype(float) + model["parameters/dense2/bias"]
p = np.exp(z - z.max(axis=1, keepdims=True))
p /= p.sum(axis=1, keepdims=True)
error = np.abs(p - predictions["probability"]).max()
expect(error < 1e-5, f"probabilities differ by {error}")
expect(np.array_equal(predictions["class"], predictions["probability"].argmax(axis=1)), "classes")
