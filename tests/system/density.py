"""Densities as NumPy computes them, in double.

density.py logs MODEL ROWS.h5 ARRAY FOUND.h5     compares log_density of `lockstep predict` with the definition
density.py rows ROWS.h5 D                         writes 300 rows for kernels and 100 others, of D features
density.py direct RUN ROWS.h5 FOUND.h5 H...      compares log_density and the losses of the epochs, which judge
                                                 bandwidths H by leave-one-out, with sums over all kernels
density.py moments MODEL DRAWN.h5                compares mean and covariance of drawn rows with those of the model
density.py decoded MODEL DRAWN.h5                the same for a decoder of two dense layers, tanh between them
density.py make ROWS.h5                          rows with weights, some of them 0, and a column that is the same in all rows
density.py scores ROWS.h5 HISTORY.h5 H…          compares losses of bandwidths with the mean log-density of a row by the others
density.py rule ROWS.h5 MODEL scott|silverman    compares the bandwidth of a rule with its formula
"""
import sys

import h5py
import numpy as np


def read(path):
    """Means (k, d), factors U (k, d, d), offsets (k) of the last layer; shift, scale, offset of the features."""
    with h5py.File(path) as file:
        layer = next(iter(file["parameters"].values()))
        mean, factor, offset = (layer[name][:].astype(float) for name in ("mean", "factor", "offset"))
        scaling = [file["scaling/features/" + name][:] for name in ("shift", "scale", "offset")]
    k, d = mean.shape
    if factor.ndim == 1:
        factor = factor[:, None, None] * np.eye(d)
    elif factor.shape == (d, d) and k * d != d:
        factor = np.broadcast_to(factor, (k, d, d))
    elif factor.shape == (k * d, d):
        factor = factor.reshape(k, d, d)
    else:
        factor = factor[:, :, None] * np.eye(d)
    return mean, factor, offset, scaling


def check(found, expected, tolerance, what):
    worst = np.max(np.abs(found - expected) / tolerance)
    print(f"{what}: {worst:.3g} tolerances")
    if not worst < 1:
        sys.exit(f"{what}: {found} is not {expected}")


def logs(model, rows, array, found):
    mean, factor, offset, (shift, scale, zero) = read(model)
    with h5py.File(rows) as file:
        x = (file[array][:].astype(float) - shift) * scale + zero
    with h5py.File(found) as file:
        log_density = file["log_density"][:].ravel()
    z = np.array([offset - 0.5 * ((factor @ (row - mean)[:, :, None]) ** 2).sum(axis=(1, 2)) for row in x])
    top = z.max(axis=1)
    check(log_density, top + np.log(np.exp(z - top[:, None]).sum(axis=1)), 2e-6 * np.maximum(1, np.abs(top)), "log-density")


def rows(path, columns):
    random = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        for split, n in (("train", 300), ("test", 100)):
            file[split + "/x"] = (random.normal(size=(n, int(columns))) + 3).astype(np.float32)
            file[split + "/y"] = np.zeros(n, np.float32)


def log_densities(x, kernels, h, is_own):
    """Of rows x by kernels of bandwidth h; if they are the same rows, each by the kernels of the others."""
    n, d = kernels.shape
    z = -0.5 * ((x[:, None] - kernels) ** 2).sum(axis=2) / h**2 - d * np.log(h) - d / 2 * np.log(2 * np.pi)
    z[np.arange(len(x)), np.arange(len(x))] -= np.inf if is_own else 0
    top = z.max(axis=1)
    return top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - np.log(n - is_own)


def direct(run, rows, found, *bandwidths):
    with h5py.File(rows) as file:
        kernels, x = file["train/x"][:].astype(float), file["test/x"][:].astype(float)
    with h5py.File(run + "/history.h5") as file:
        losses = file["train_loss"][:]
    for h, loss in zip(map(float, bandwidths), losses, strict=True):
        expected = log_densities(kernels, kernels, h, True).mean()
        check(-loss, expected, 1e-8 * abs(expected), f"leave-one-out for {h}")
    with h5py.File(run + "/model.h5") as file:
        h = 1 / float(file["parameters/gaussians1/factor"][0])
    with h5py.File(found) as file:
        log_density = file["log_density"][:].ravel()
    expected = log_densities(x, kernels, h, False)
    check(log_density, expected, 4e-7 * np.maximum(1, np.abs(expected)), "log-density")


def moments(model, drawn):
    """The mean of the components' means, and their covariances plus that of their means, in original units."""
    mean, factor, offset, (shift, scale, zero) = read(model)
    weight = np.exp(offset - np.log(np.linalg.det(factor)))
    weight /= weight.sum()
    inverse = np.linalg.inv(factor)
    middle = weight @ mean
    between = (mean - middle) * weight[:, None]
    covariance = np.einsum("k,kij,klj->il", weight, inverse, inverse) + between.T @ (mean - middle)
    with h5py.File(drawn) as file:
        x, component = file["x"][:].astype(float), file["component"][:]
    n = len(x)
    x = (x - shift) * scale + zero
    deviation = np.sqrt(np.diag(covariance))
    check(x.mean(axis=0), middle, 5 * deviation / np.sqrt(n), "mean")
    check(np.cov(x.T), covariance, 8 * np.outer(deviation, deviation) / np.sqrt(n), "covariance")
    share = np.bincount(component, minlength=len(weight)) / n
    check(share, weight, 6 * np.sqrt(weight / n) + 6 / n, "weights")
    own = (factor[component] @ (x - mean[component])[:, :, None])[:, :, 0]  # normal numbers
    check(own.mean(axis=0), 0, 5 / np.sqrt(n), "mean of normal numbers")
    check(own.T @ own / n, np.eye(x.shape[1]), 8 / np.sqrt(n), "covariance of normal numbers")


def decoded(model, drawn):
    """Means, and means of products, of what the decoder makes of standard normal codes."""
    with h5py.File(model) as file:
        hidden, last = ([file[f"parameters/{name}/{kind}"][:].astype(float) for kind in ("weight", "bias")]
                        for name in ("dense2", "dense3"))
        shift, scale, zero = (file["scaling/features/" + name][:] for name in ("shift", "scale", "offset"))
    with h5py.File(drawn) as file:
        assert "component" not in file
        x = (file["x"][:].astype(float) - shift) * scale + zero
    code = np.random.default_rng(1).normal(size=(len(x), hidden[0].shape[1]))
    y = np.tanh(code @ hidden[0].T + hidden[1]) @ last[0].T + last[1]
    check(x.mean(axis=0), y.mean(axis=0), 7 * y.std(axis=0) / np.sqrt(len(x)), "mean")
    check(x.T @ x / len(x), y.T @ y / len(y), 12 * (y * y).mean() / np.sqrt(len(x)), "products")


def make(rows):
    random = np.random.default_rng(5)
    x = random.normal(size=(700, 3)) * [1, 2, 0] + np.where(random.random((700, 1)) < 0.4, 3, 0)
    x[:, 2] = 7
    with h5py.File(rows, "w") as file:
        file["train/x"], file["train/y"] = x.astype(np.float32), np.zeros((700, 1), np.float32)
        file["train/weights"] = (random.integers(0, 4, 700) * random.random(700)).astype(np.float32)


def read_rows(rows):
    with h5py.File(rows) as file:
        return file["train/x"][:].astype(float), file["train/weights"][:].astype(float)


def scores(rows, history, *tried):
    """Weights are shares of their sum; the kernel of a row does not count for it."""
    x, weight = read_rows(rows)
    weight /= weight.sum()
    x, weight = x[weight > 0], weight[weight > 0]
    d, square = x.shape[1], ((x[:, None] - x) ** 2).sum(axis=2)
    with h5py.File(history) as file:
        losses = file["train_loss"][:]
    for loss, h in zip(losses, map(float, tried), strict=True):
        z = np.log(weight) - square / (2 * h * h)
        np.fill_diagonal(z, -np.inf)
        top = z.max(axis=1)
        logs = top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - np.log1p(-weight)
        expected = d * np.log(h) + d / 2 * np.log(2 * np.pi) - (weight * logs).sum()
        check(loss, expected, 1e-8 * abs(expected), f"bandwidth {h}")


def rule(rows, model, word):
    x, weight = read_rows(rows)
    n, d = weight.sum() ** 2 / (weight ** 2).sum(), x.shape[1]
    variance = np.average((x - np.average(x, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    h = np.sqrt(variance.sum() / 2) * (n if word == "scott" else n * (d + 2) / 4) ** (-1 / (d + 4))
    with h5py.File(model) as file:
        factor = next(iter(file["parameters"].values()))["factor"][:]
    check(1 / factor, h, 1e-6 * h, word)


{"make": make, "scores": scores, "rule": rule, "logs": logs, "rows": rows, "direct": direct, "moments": moments,
 "decoded": decoded}[sys.argv[1]](*sys.argv[2:])
