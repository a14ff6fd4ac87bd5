"""Gaussian mixtures by scikit-learn, for tests/cluster/test_gaussians.c: from the same hard start, iterations of EM with
each kind of covariance.

mixtures.py > mixtures.h
"""
import numpy as np
from sklearn.mixture import GaussianMixture

ROWS, COLUMNS, COMPONENTS, ITERATIONS = 150, 3, 3, 12
random = np.random.default_rng(5)
centres = np.array([[0, 0, 0], [3, 1, -2], [-1, 4, 2]], dtype=float)
turn = random.normal(size=(COMPONENTS, COLUMNS, COLUMNS)) * 0.6
kind = random.integers(0, COMPONENTS, size=ROWS)
x = centres[kind] + np.einsum("nij,nj->ni", turn[kind], random.normal(size=(ROWS, COLUMNS)))
x = np.round(x * 256) / 256  # floats hold these numbers exactly, also with 4096 added
start = np.round(centres * 0.5, 1) + 0.25


def array(name, values):
    print(f"static const double {name}[] = {{{', '.join(repr(float(v)) for v in np.ravel(values))}}};")


print("/* Made by mixtures.py with scikit-learn. */")
print(f"enum {{ MIXTURE_ROWS = {ROWS}, MIXTURE_COLUMNS = {COLUMNS}, MIXTURE_COMPONENTS = {COMPONENTS}, "
      f"MIXTURE_ITERATIONS = {ITERATIONS} }};")
array("mixture_x", x)
array("mixture_start", start)
nearest = ((x[:, None] - start) ** 2).sum(axis=2).argmin(axis=1)
for theirs, ours in {"full": "full", "tied": "tied", "diag": "diagonal", "spherical": "spherical"}.items():
    model = GaussianMixture(COMPONENTS, covariance_type=theirs)
    model._initialize(x, np.eye(COMPONENTS)[nearest])
    means = []
    for _ in range(ITERATIONS):
        mean_log_density, log_responsibilities = model._e_step(x)
        model._m_step(x, log_responsibilities)
        means.append(mean_log_density)
    print(f"/* {ours}: mean log-density before each iteration; then weights, means, covariances after the last */")
    array(f"mixture_{ours}_log", means)
    array(f"mixture_{ours}_weights", model.weights_)
    array(f"mixture_{ours}_means", model.means_)
    array(f"mixture_{ours}_covariances", model.covariances_)
