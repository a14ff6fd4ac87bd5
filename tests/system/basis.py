"""Basis functions against scikit-learn: phi of the rows of a dataset, made by scikit-learn from the settings and the
centres that stand in a model file, times the model's weights must be what lockstep predicted; and where LAMBDA is not 0,
scikit-learn's Ridge on this phi must predict the same.

basis.py [MODEL.h5 DATA.h5 PREDICTIONS.h5 LAMBDA]...
"""
import sys

import h5py
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import linear_kernel, polynomial_kernel, rbf_kernel
from sklearn.preprocessing import PolynomialFeatures


def scaled(values, group):
    return (values - group["shift"][:]) * group["scale"][:] + group["offset"][:] if "shift" in group else values


def functions(model, x):
    """phi(x) by scikit-learn and NumPy."""
    basis = model["basis"]
    name, degree = basis.attrs["name"], int(basis.attrs["degree"])
    gamma, coef0 = basis.attrs["gamma"], basis.attrs["coef0"]
    if name == "polynomial":
        settings = model.attrs["settings"].split("basis:")[1].splitlines()[0]
        if "interactions: false" in settings:
            return np.hstack([x ** k for k in range(1, degree + 1)])
        return PolynomialFeatures(degree, include_bias=False).fit_transform(x)
    centres = basis["centres"][:].astype(float)
    if name == "fourier":
        phi = np.sqrt(2 / len(centres)) * np.cos(x @ centres.T + basis["phases"][:])
        error = np.abs(phi[:300] @ phi[:300].T - rbf_kernel(x[:300], gamma=gamma)).max()
        assert error < 6 / np.sqrt(len(centres)), f"far from the kernel: {error}"
        assert abs(centres.std() / np.sqrt(2 * gamma) - 1) < 0.1, centres.std()
        return phi
    if name == "pca":
        phi = (x - basis["origin"][:].astype(float)) @ centres.T
        expected = PCA(len(centres), whiten=True, svd_solver="full").fit_transform(x)
        sign = np.sign((phi * expected).sum(0))
        assert np.abs(phi * sign - expected).max() < 1e-5, np.abs(phi * sign - expected).max()
        return phi
    apart = np.abs(x[:, None, :] - centres[None, :, :]).max(axis=2)
    rows = apart.argmin(axis=0)
    assert apart.min(axis=0).max() < 1e-5, "a centre is no training row"
    assert len(set(rows)) == len(rows) and (np.diff(rows) > 0).all(), "the rows are not distinct and in order"
    return {"rbf": lambda: rbf_kernel(x, centres, gamma=gamma),
            "polynomial_kernel": lambda: polynomial_kernel(x, centres, degree, gamma, coef0),
            "linear_kernel": lambda: linear_kernel(x, centres)}[name]()


def compare(model, data, predictions, penalty):
    name = model["basis"].attrs["name"]
    phi = functions(model, scaled(data["train/x"][:].astype(float), model["scaling/features"]))
    weight, bias = model["parameters/dense1/weight"][:], model["parameters/dense1/bias"][:]
    expected = phi @ weight.T.astype(float) + bias
    found = scaled(predictions["prediction"][:].astype(float), model["scaling/targets"])
    scale = np.abs(phi) @ np.abs(weight.T) + 1
    assert phi.shape[1] == model["basis"].attrs["outputs"] == model.attrs["inputs"], phi.shape
    assert (np.abs(found - expected) / scale).max() < 2e-5, f"{name}: {np.abs(found - expected).max()}"
    if penalty > 0:
        y = scaled(data["train/y"][:].astype(float), model["scaling/targets"])
        error = np.abs(found - Ridge(alpha=penalty).fit(phi, y).predict(phi)).max()
        assert error < 1e-3, f"{name}: {error} from the solution of scikit-learn"


for k in range(1, len(sys.argv), 4):
    compare(*(h5py.File(path, "r") for path in sys.argv[k:k + 3]), float(sys.argv[k + 3]))
