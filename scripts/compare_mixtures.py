#!/usr/bin/env python3
"""Gaussian mixtures by lockstep beside scikit-learn: the same rows, the same start, the same cores, in turns.

    /usr/bin/python3 scripts/compare_mixtures.py DATA.h5 [--k 32] [--covariance diagonal] [--rounds 5] [--lockstep PROGRAM]

DATA.h5 is a dataset file, such as that of Fashion-MNIST (README). The start is lockstep's first epoch. Each round is two iterations of
lockstep, as a run that is resumed, and then one of scikit-learn in double and in float; the table has the medians of seconds per
iteration and the largest relative difference of log-likelihoods. Needs h5py, scikit-learn and threadpoolctl. scikit-learn is as
fast as its BLAS: Debian's reference BLAS is many times slower than OpenBLAS, and OpenBLAS may need OPENBLAS_CORETYPE on a CPU that it
does not know. The script prints which one is loaded.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

try:
    import h5py
    import numpy as np
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_info
except ImportError as error:
    print(f"cannot compare: {error}")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
THEIR_NAMES = {"full": "full", "tied": "tied", "diagonal": "diag", "spherical": "spherical"}


class Lockstep:
    """A run in a folder of its own that goes on in pieces."""

    def __init__(self, options, folder):
        self.options, self.folder, self.epochs = options, folder, 0
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        settings = {"data": {"file": os.path.abspath(options.data), "scaling": {"name": "minmax", "range": [0, 1]}},
                    "cluster": {"method": "mixture", "k": options.k, "covariance": options.covariance, "starts": 1, "tolerance": 0}}
        with open(os.path.join(folder, "run.yaml"), "w") as file:
            json.dump(settings, file)  # which YAML reads too

    def iterate(self, n):
        resumed = ["--resume"] if self.epochs > 0 else []
        self.epochs += n
        subprocess.run([self.options.lockstep, "cluster", "run.yaml", "name=run", f"train.epochs={self.epochs}", *resumed],
                       cwd=self.folder, env=self.environment, check=True, capture_output=True)
        if len(self.history()[1]) < self.epochs:
            sys.exit(f"lockstep settled after {len(self.history()[1])} epochs: ask for fewer --rounds")

    def path(self, name):
        return os.path.join(self.folder, "runs/run", name)

    def history(self):
        with h5py.File(self.path("history.h5")) as file:
            return -file["train_loss"][:], file["seconds"][:]

    def start(self):
        """Parameters, and the rows as the network sees them."""
        with h5py.File(self.path("model.h5")) as file, h5py.File(self.options.data) as data:
            layer, scaling = file["parameters/gaussians1"], file["scaling/features"]
            x = data["train/x"][:].reshape(len(data["train/x"]), -1).astype(float)
            x = (x - scaling["shift"][:]) * scaling["scale"][:] + scaling["offset"][:]
            return [layer[name][:].astype(float) for name in ("mean", "factor", "offset")] + [x.astype(np.float32)]


def scikit_learn(options, mean, factor, offset, dtype):
    """A mixture of scikit-learn with these parameters. Its factors of precisions are upper triangular: transposed."""
    k, d = mean.shape
    model = GaussianMixture(k, covariance_type=THEIR_NAMES[options.covariance])
    model.means_ = mean.astype(dtype)
    if options.covariance == "full":
        factor = factor.reshape(k, d, d).transpose(0, 2, 1)
        logs = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
    elif options.covariance == "tied":
        factor = factor.T
        logs = np.log(np.diagonal(factor)).sum()
    else:
        logs = np.log(factor).sum(axis=1) if options.covariance == "diagonal" else d * np.log(factor)
    model.precisions_cholesky_ = factor.astype(dtype)
    model.weights_ = np.exp(offset - logs + d / 2 * np.log(2 * np.pi)).astype(dtype)
    return model


def iterate(model, x):
    """Mean log-density before an iteration, and its seconds."""
    began = time.perf_counter()
    mean, responsibilities = model._e_step(x)
    model._m_step(x, responsibilities)
    return mean, time.perf_counter() - began


def compare(options, folder):
    ours = Lockstep(options, folder)
    ours.iterate(1)
    mean, factor, offset, x = ours.start()
    rows = {dtype: x.astype(dtype) for dtype in (np.float64, np.float32)}
    models = {dtype: scikit_learn(options, mean, factor, offset, dtype) for dtype in rows}
    found = {dtype: [] for dtype in rows}
    for round_number in range(options.rounds):
        ours.iterate(2)
        for dtype, model in models.items():
            found[dtype].append(iterate(model, rows[dtype]))
        print(f"round {round_number + 1} of {options.rounds}", file=sys.stderr)
    logs, seconds = ours.history()
    print(f"{len(x)} rows of {x.shape[1]} features, k = {options.k}, {options.covariance}; {os.cpu_count()} cores; BLAS: "
          f"{[(i['internal_api'], i.get('architecture'), i['num_threads']) for i in threadpool_info()] or 'not known'}")
    own = np.median(seconds[1:])
    print(f"{'':22} {'seconds':>8} {'slower':>7}  log-density differs by")
    print(f"{'lockstep':22} {own:8.3f}")
    for dtype, pairs in found.items():
        theirs = np.median([pair[1] for pair in pairs])
        difference = max(abs(logs[i] / pair[0] - 1) for i, pair in enumerate(pairs))
        print(f"{'scikit-learn ' + dtype.__name__:22} {theirs:8.3f} {theirs / own:6.1f}x  {difference:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="DATA.h5")
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--covariance", choices=THEIR_NAMES, default="diagonal")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lockstep", default=os.path.join(ROOT, "build/release/lockstep"), metavar="PROGRAM")
    options = parser.parse_args()
    options.lockstep = os.path.abspath(options.lockstep)
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        compare(options, folder)


if __name__ == "__main__":
    main()
