"""Data for components, and what scikit-learn finds in it.

components.py make             writes rows.h5 (train, test), rows that vary little in most directions, weights, a constant
                               column and a copy of another; and narrow.h5, nine rows of twelve features
components.py span ONE TWO     the second layer of the network ONE spans what the first of the components TWO spans
components.py basis ONE TWO    the basis pca of the network ONE is what the components TWO are
components.py check NAME ...   compares runs/NAME with NumPy: figures in the file to 1e-6, NAME-scores.h5 and
                               NAME-rows.h5, predictions of the test rows
"""
import sys

import h5py
import numpy as np


def make():
    random = np.random.default_rng(5)
    turn = np.linalg.qr(random.normal(size=(20, 20)))[0]
    x = random.normal(size=(1230, 20)) * 0.6 ** np.arange(20) @ turn + np.linspace(-2, 3, 20)
    x = np.c_[x, np.full(len(x), 0.7), x[:, 3]].astype(np.float32)
    with h5py.File("rows.h5", "w") as file:
        file["train/x"] = x[:1000]
        file["train/weight"] = random.integers(0, 4, 1000).astype(np.float32)
        file["test/x"] = x[1000:]
    with h5py.File("narrow.h5", "w") as file:
        file["train/x"] = random.normal(size=(9, 12)).astype(np.float32)
    with h5py.File("equal.h5", "w") as file:
        file["train/x"] = np.ones((9, 12), np.float32)
    with h5py.File("gap.h5", "w") as file:
        x[7, 3] = np.nan
        file["train/x"] = x


def same(what, found, wanted, tolerance=1e-6):
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    assert error < tolerance, f"{what}: {error}"


def check(name, weighted, whiten, share):
    with h5py.File("rows.h5") as file:
        x, test = file["train/x"][:].astype(float), file["test/x"][:].astype(float)
        weight = file["train/weight"][:].astype(float) if weighted else np.ones(len(x))
    mean = np.average(x, axis=0, weights=weight)
    rows = weight.sum()  # a whole weight is as many rows
    covariance = (weight[:, None] * (x - mean)).T @ (x - mean) / (rows - 1)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1].T
    with h5py.File(f"runs/{name}/model.h5") as file:
        n = len(file["components/explained_variance"])
        least = int((np.cumsum(values) / values.sum() <= share).sum()) + 1
        assert share == 0 or n == least, f"{n} components, not {least}, explain more than {share}"
        weights = file["parameters/dense1/weight"][:]
        sign = np.sign((weights * vectors[:n]).sum(1))[:, None]
        scale = np.sqrt(values[:n])[:, None] if whiten else 1
        group = file["components"]
        same("variances", group["explained_variance"][:], values[:n])
        same("shares", group["explained_variance_ratio"][:], values[:n] / values.sum())
        same("singular values", group["singular_values"][:],
             np.sqrt(values[:n] * (rows - 1)))
        same("means", group["mean"][:], mean)
        same("components", sign * weights * scale, vectors[:n])
        assert (weights.max(1) >= -weights.min(1)).all(), "signs"
    scores = (test - mean) @ (sign * vectors[:n] / scale).T
    with h5py.File(f"{name}-scores.h5") as file:
        same("scores", file["dense1"][:], scores, 3e-6)
    with h5py.File(f"{name}-rows.h5") as file:
        same("rows", file["prediction"][:], mean + scores @ (sign * vectors[:n] * scale), 3e-6)


def span(network, components):
    with h5py.File(f"runs/{network}/model.h5") as file:
        decoder = np.linalg.qr(file["parameters/dense2/weight"][:].astype(float))[0]
    with h5py.File(f"runs/{components}/model.h5") as file:
        cosines = np.linalg.svd(file["parameters/dense1/weight"][:].astype(float) @ decoder)[1]
    assert cosines.min() > 0.9999, f"cosines of the angles between the subspaces: {cosines}"


def basis(network, components):
    """The basis of a network holds what a run of components found, although it was fitted on its own."""
    with h5py.File(f"runs/{network}/model.h5") as file, h5py.File(f"runs/{components}/model.h5") as other:
        assert np.array_equal(file["basis/origin"][:], other["components/mean"][:].astype(np.float32))
        assert np.array_equal(file["basis/centres"][:], other["parameters/dense1/weight"][:])


if sys.argv[1] == "make":
    make()
elif sys.argv[1] in ("span", "basis"):
    {"span": span, "basis": basis}[sys.argv[1]](*sys.argv[2:])
else:
    check(sys.argv[2], "weighted" in sys.argv, "whiten" in sys.argv, float(sys.argv[-1]) if sys.argv[-1][0] == "0" else 0)
