"""BIC and AIC of the mixtures of a sweep, as scikit-learn has them for the same parameters.

criteria.py RUNS/NAME-sweep ROWS.h5 bic|aic      the trials' figures and their order, for rows train/x without scaling
"""
import pathlib
import sys

import h5py
import numpy as np
from sklearn.mixture import GaussianMixture

NAMES = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}


def mixture(path, covariance):
    with h5py.File(path) as file:
        mean, factor, offset = (file["parameters/gaussians1/" + name][:].astype(float) for name in ("mean", "factor", "offset"))
    k, d = mean.shape
    model = GaussianMixture(k, covariance_type=NAMES[covariance])
    if covariance == "full":
        model.precisions_cholesky_ = factor.reshape(k, d, d).transpose(0, 2, 1)
        log_det = np.log(np.abs(np.diagonal(model.precisions_cholesky_, axis1=1, axis2=2))).sum(axis=1)
    elif covariance == "tied":
        model.precisions_cholesky_ = factor.T
        log_det = np.log(np.abs(np.diag(factor))).sum()
    else:
        model.precisions_cholesky_ = factor
        log_det = np.log(factor).sum(axis=1) if covariance == "diagonal" else d * np.log(factor)
    model.means_ = mean
    model.weights_ = np.exp(offset - log_det + d / 2 * np.log(2 * np.pi))
    return model


folder, rows, metric = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
with h5py.File(rows) as file:
    x = file["train/x"][:].astype(float)
with h5py.File(folder / "sweep.h5") as file:
    assert file.attrs["metric"] in (metric, metric.encode()) and file.attrs["higher_is_better"] == 0
    found = file["trials/metric"][:]
    assert np.array_equal(found, file["trials/" + metric][:])
    order = file["ranking/combination"][:]
    covariances = file["combinations/cluster.covariance"].asstr()[:]
expected = np.array([getattr(mixture(folder / f"{i + 1:04}" / "model.h5", c), metric)(x) for i, c in enumerate(covariances)])
worst = np.max(np.abs(found - expected) / np.abs(expected))
print(f"{metric}: relative difference {worst:.2g}")
if not worst < 1e-6:
    sys.exit(f"{metric}: {found}, scikit-learn has {expected}")
if not np.array_equal(order, np.argsort(expected, kind="stable") + 1):
    sys.exit(f"order {order} for {expected}")
