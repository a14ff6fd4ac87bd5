"""Compares the library with `lockstep predict` on models: every prediction must have the same bits.
   same_bits.py [MODEL DATA.h5 ARRAY PREDICTIONS.h5]...
Rows come at once, one by one, in blocks of 7, by columns (Fortran order), and from four threads."""
import sys
import threading

import h5py
import numpy as np

import lockstep


def expected(path, heads):
    """The means, head by head, as the program wrote them."""
    columns = []
    with h5py.File(path) as file:
        for head in heads:
            group = file if len(heads) == 1 else file[head.name]
            names = [head.kind] if head.kind in group else [n for n in group if n.startswith("quantile")]
            if head.kind in ("distance", "log_density"):
                names = [name for name in ("cluster", head.kind, "responsibility") if name in group]
            else:
                names = sorted(names)
            parts = [group[name][...].reshape(len(group[name]), -1) for name in names]
            columns.append(np.concatenate(parts, axis=1))
        deviations = {}
        for name in ("aleatoric_std", "epistemic_std"):
            if len(heads) == 1 and name in file:
                deviations[name] = file[name][...].reshape(len(file[name]), -1)
    return np.concatenate(columns, axis=1), deviations


class LogDensity:
    """A kernel density as `predict` writes it: without the columns of clusters and kernels."""

    def __init__(self, model):
        self.model = model

    def __getattr__(self, name):
        return getattr(self.model, name)

    def predict(self, *arguments, **named):
        found = self.model.predict(*arguments, **named)
        return (found[0][:, 1:2], *found[1:]) if isinstance(found, tuple) else found[:, 1:2]


def compare(path, data, array, predictions):
    with h5py.File(predictions) as file:
        has_only_densities = "log_density" in file and "cluster" not in file

    def opened(source):
        return LogDensity(lockstep.Model(source)) if has_only_densities else lockstep.Model(source)

    model = opened(path)
    with h5py.File(data) as file:
        x = file[array][...]
        if model.steps > 1:  # a row is a window, which ends where its forecast begins
            times = h5py.File(predictions)["time"][...]
            x = np.stack([x[t - model.steps:t].reshape(-1) for t in times])
    x = x.reshape(len(x), -1)
    if x.dtype not in (np.float32, np.float64):
        x = x.astype(np.float32 if x.dtype in (np.uint8, np.int8, np.int16, np.uint16) else np.float64)
    mean, deviations = expected(predictions, model.heads)
    dtype = mean.dtype

    def same(what, found, wanted):
        if not np.array_equal(found.astype(wanted.dtype), wanted, equal_nan=True):
            bad = np.argwhere(found.astype(wanted.dtype) != wanted)[0]
            sys.exit(f"{path}: {what}: row {bad[0]}, column {bad[1]}: {found[tuple(bad)]!r}, not {wanted[tuple(bad)]!r}")

    whole, aleatoric, epistemic = model.predict(x, deviations=True, dtype=dtype)
    same("all rows", whole, mean)
    for name, found in (("aleatoric_std", aleatoric), ("epistemic_std", epistemic)):
        if name in deviations:
            same(name, found, deviations[name])
    some = x[:40]
    same("row by row", np.concatenate([model.predict(some[i:i + 1], dtype=dtype) for i in range(len(some))]), mean[:40])
    same("blocks of 7", np.concatenate([model.predict(x[i:i + 7], dtype=dtype) for i in range(0, len(x), 7)]), mean)
    same("by columns", model.predict(np.asfortranarray(x), dtype=dtype), mean)
    same("every third row backwards", model.predict(x[::-3], dtype=dtype), mean[::-3])
    with open(path, "rb") as file:
        same("from memory", opened(file.read()).predict(x, dtype=dtype), mean)
    results = [None] * 4

    def work(i):
        results[i] = [model.predict(x, dtype=dtype) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for found in results:
        for one in found:
            same("four threads", one, mean)
    print(f"{path}: {len(x)} rows, {model.outputs} outputs, {[head.loss for head in model.heads]}: the same bits")


for first in range(1, len(sys.argv), 4):
    compare(*sys.argv[first:first + 4])
