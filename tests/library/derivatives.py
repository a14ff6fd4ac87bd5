"""Compares the library's derivatives with finite differences of its predictions.
   derivatives.py [MODEL DATA.h5 ARRAY]...
Predictions have the precision of float, so the differences are of fourth order with a large step, and kinks (relu) spoil
a few of them: nine of ten must agree, and the median far better."""
import sys

import h5py
import numpy as np

import lockstep


def difference(model, x, step, c, output):
    """d prediction / d x_c by a stencil of four points."""
    def at(times):
        moved = x.copy()
        moved[:, c] += times * step
        return model.predict(moved)[:, output]
    return (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * step)


def compare(path, data, array):
    model = lockstep.Model(path)
    with h5py.File(data) as file:
        x = file[array][...]
        if model.steps > 1:
            x = np.stack([x[t - model.steps:t].reshape(-1) for t in range(model.steps, model.steps + 30)])
    x = x.reshape(len(x), -1)[:30].astype(np.float64)
    deviation = np.nanstd(x, axis=0) + 1e-9
    rng = np.random.default_rng(1)
    columns = rng.permutation(model.inputs)[:12]
    errors = []
    jacobian = np.stack([model.derivative(x, k) for k in range(model.outputs)], axis=1)
    numbers = [head.columns.start for head in model.heads if head.kind in ("distance", "log_density")]
    for k in numbers:  # of clusters: they jump
        assert not jacobian[:, k].any()
    for k in set(range(model.outputs)) - set(numbers):
        size = np.abs(jacobian[:, k] * deviation).max() + 1e-12
        for c in columns:
            if model.categories[c % len(model.column_names)] or np.unique(x[:, c][~np.isnan(x[:, c])]).size < 6:
                continue
            known = ~np.isnan(x[:, c])
            wanted = difference(model, x, 0.03 * deviation[c], c, k)
            errors.append(np.abs(jacobian[:, k, c] - wanted)[known] * deviation[c] / size)
    errors = np.concatenate(errors)
    direction = rng.normal(size=x.shape) * deviation
    product = model.directional(x, direction)
    assert np.allclose(product, np.einsum("rki,ri->rk", jacobian, direction), rtol=1e-12, atol=1e-12 * np.abs(product).max())
    one = np.concatenate([model.derivative(x[i:i + 1]) for i in range(5)])
    assert np.array_equal(one, jacobian[:5, 0]), "a row alone has the same derivatives"
    many = np.tile(x, (10, 1))  # rows are taken 128 at a time
    assert np.array_equal(model.derivative(many, 0), np.tile(jacobian[:, 0], (10, 1))), "blocks of rows"
    assert np.array_equal(model.directional(many, np.tile(direction, (10, 1))), np.tile(product, (10, 1))), "blocks of rows"
    print(f"{path}: {errors.size} derivatives, median error {np.median(errors):.1e}, 90 % below {np.quantile(errors, 0.9):.1e}")
    if np.median(errors) > 1e-3 or np.quantile(errors, 0.9) > 2e-2:
        sys.exit(f"{path}: the derivatives differ from the differences")


for first in range(1, len(sys.argv), 3):
    compare(*sys.argv[first:first + 3])
