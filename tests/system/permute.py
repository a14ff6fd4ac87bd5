"""Writes weights for `lockstep adopt`: those of a model whose first hidden layer has its units in reverse order, in the
next layer's weights too, so that the network computes the same. Usage: permute.py MODEL WEIGHTS"""
import sys

import h5py

source, target = sys.argv[1:3]
with h5py.File(source) as model, h5py.File(target, "w") as weights:
    for name in model:
        if name not in ("manifest", "data"):
            model.copy(name, weights)
    for key, value in model.attrs.items():
        if key not in ("parameters_checksum", "libraries", "cpu"):
            weights.attrs[key] = value
    weights.attrs.create("format", "lockstep weights 1", dtype=h5py.string_dtype("utf-8"))
    layers = weights["parameters"]
    for name in ("dense1/weight", "dense1/bias"):
        layers[name][...] = layers[name][...][::-1]
    layers["dense2/weight"][...] = layers["dense2/weight"][...][:, ::-1]
