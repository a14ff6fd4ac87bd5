#!/usr/bin/env python3
"""Principal components beside scikit-learn's: seconds for the same rows on the same cores, medians of interleaved rounds.

    scripts/python.sh scripts/compare_components.py DATA.h5 [--components 50] [--rounds 5] [--json speed.json]

DATA.h5 is a dataset of lockstep, such as data/fashion-mnist.h5. Of lockstep the whole command counts: it starts, reads the
rows, finds the components, evaluates all rows, and writes the model. Of scikit-learn only PCA.fit counts, of rows that are
floats in memory: exact (covariance_eigh where this version has it, else full) and randomized (as many passes over the rows).
Both programs use all cores. The exact variances of both must agree to 1e-4: scikit-learn adds up floats in float.

Needs a built lockstep (--lockstep, or on PATH), h5py and scikit-learn. Debian's NumPy computes with reference BLAS unless
libopenblas0-pthread is installed; wheels of PyPI have OpenBLAS.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import h5py
import numpy as np
import sklearn
from sklearn.decomposition import PCA

ITERATIONS = 4


def lockstep(options, method, folder):
    """Seconds of a run, and the variances that it finds."""
    config = os.path.join(folder, "components.yaml")
    with open(config, "w") as out:
        out.write(f"data: {{file: {os.path.abspath(options.data)}}}\nruns: {folder}\nparallel: {{threads: {options.cores}}}\n")
    words = [f"components.n={options.components}", f"components.method={method}"]
    if method == "randomized":
        words.append(f"components.iterations={ITERATIONS}")
    begin = time.perf_counter()
    subprocess.run([options.lockstep, "components", config] + words, check=True, capture_output=True)
    seconds = time.perf_counter() - begin
    with h5py.File(os.path.join(folder, "components", "model.h5")) as model:
        return seconds, model["components/explained_variance"][:]


def scikit_learn(options, method, x):
    begin = time.perf_counter()
    if method == "randomized":
        fitted = PCA(options.components, svd_solver="randomized", iterated_power=ITERATIONS, random_state=0).fit(x)
    else:
        try:
            fitted = PCA(options.components, svd_solver="covariance_eigh").fit(x)
        except ValueError:  # before scikit-learn 1.5
            fitted = PCA(options.components, svd_solver="full").fit(x)
    return time.perf_counter() - begin, fitted.explained_variance_


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", metavar="DATA.h5")
    parser.add_argument("--components", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--lockstep", default="lockstep", metavar="PROGRAM")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    with h5py.File(options.data) as file:
        x = file["train/x"][:].reshape(len(file["train/x"]), -1).astype(np.float32)
    print(f"{len(x)} rows, {x.shape[1]} features, {options.components} components, {options.cores} cores, "
          f"scikit-learn {sklearn.__version__}")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for method in ("exact", "randomized"):
                for name, run in (("lockstep", lambda: lockstep(options, method, folder)),
                                  ("scikit-learn", lambda: scikit_learn(options, method, x))):
                    seconds, variances = run()
                    found.setdefault((name, method), []).append(seconds)
                    found[name, "variances"] = variances
                if method == "exact":
                    error = np.abs(found["lockstep", "variances"] / found["scikit-learn", "variances"] - 1).max()
                    assert error < 1e-4, f"the variances differ by {error}"
    medians = {key: statistics.median(value) for key, value in found.items() if key[1] != "variances"}
    for method in ("exact", "randomized"):
        ratios = [b / a for a, b in zip(found["lockstep", method], found["scikit-learn", method])]
        print(f"{method:10}  lockstep {medians['lockstep', method]:6.2f} s   scikit-learn {medians['scikit-learn', method]:6.2f} s"
              f"   {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})")
    if options.json:
        with open(options.json, "w") as out:
            json.dump({f"{name} {method}": value for (name, method), value in found.items() if method != "variances"}, out)


if __name__ == "__main__":
    main()
