"""Compares the trajectory in a landscape with principal components by NumPy of the weights in a run's files.
    landscape.py LANDSCAPE RUN_OF_NO_EPOCHS RUN"""
import pathlib
import re
import sys

import h5py
import numpy as np


def weights(path):
    arrays = []
    with h5py.File(path) as file:
        file["parameters"].visititems(lambda name, item: arrays.append(item[:].ravel().astype(float))
                                      if isinstance(item, h5py.Dataset) else None)
    return np.concatenate(arrays)


way, start, run = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
final = weights(run / "model.h5")
steps = {int(re.search(r"(\d+)\.h5", path.name)[1]): path for path in run.glob("checkpoint-*.h5")}
points = [(0, weights(start / "model.h5"))] + [(step, weights(steps[step])) for step in sorted(steps)]
points = [(step, point - final) for step, point in points if (point != final).any()]
matrix = np.array([point for _, point in points])
assert len(matrix) >= 5, len(matrix)
_, sizes, directions = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
with h5py.File(way) as file:
    found = np.array([file["proj_xcoord"][:], file["proj_ycoord"][:]])
    assert list(file["proj_step"][:-1]) == [step for step, _ in points], file["proj_step"][:]
    assert np.allclose(file["explained_variance_ratio_"][:], (sizes ** 2 / (sizes ** 2).sum())[:2], rtol=1e-6)
    assert (found[:, -1] == 0).all(), "the final model is not at (0, 0)"
    for axis in range(2):
        expected = matrix @ directions[axis]
        expected *= -np.sign(expected[0])  # away from the first point
        assert np.allclose(found[axis, :-1], expected, atol=1e-6 * abs(expected).max()), (found[axis], expected)
    assert file["train_loss"].shape == (len(file["ycoordinates"]), len(file["xcoordinates"]))
    x, y = file["xcoordinates"][:], file["ycoordinates"][:]
    assert x[0] < found[0].min() and x[-1] > found[0].max() and y[0] < found[1].min() and y[-1] > found[1].max()
