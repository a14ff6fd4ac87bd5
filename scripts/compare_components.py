#!/usr/bin/env python3
"""Principal components beside scikit-learn's: seconds for the same rows on the same cores, medians of interleaved rounds.

    scripts/python.sh scripts/compare_components.py DATA.h5 [--components 50] [--rounds 5] [--json speed.json]

DATA.h5 is a dataset of lockstep, such as data/fashion-mnist.h5. `fit` is the time from rows in memory to components: of
lockstep what the command reports, of scikit-learn PCA.fit, of rows in double (as lockstep computes) and in float. `all` is the
time of a program from its start to its end: `lockstep components`, which also evaluates all rows and writes a model, and a
Python script that reads the rows as floats, fits, and saves the components. Methods: exact (covariance_eigh, before
scikit-learn 1.5 full) and randomized with as many passes over the rows. Both programs use --cores cores.

The exact variances of both must agree to 1e-6. Needs a built lockstep (--lockstep, or on PATH), h5py and scikit-learn.
Debian's NumPy computes with reference BLAS unless libopenblas0-pthread is installed; wheels of PyPI have OpenBLAS. Leave the
machine alone meanwhile.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

ITERATIONS = 4
SCRIPT = """
import sys
import h5py, numpy as np
from sklearn.decomposition import PCA
data, solver, components, iterations, out = sys.argv[1:]
with h5py.File(data) as file:
    x = file["train/x"][:].reshape(len(file["train/x"]), -1).astype(np.float32)
fitted = PCA(int(components), svd_solver=solver, iterated_power=int(iterations), random_state=0).fit(x)
np.savez(out, fitted.components_, fitted.mean_, fitted.explained_variance_)
"""


def lockstep(options, method, folder):
    """Seconds of a run and of its fit, and the variances that it finds."""
    config = os.path.join(folder, "components.yaml")
    with open(config, "w") as out:
        out.write(f"data: {{file: {os.path.abspath(options.data)}}}\nruns: {folder}\nparallel: {{threads: {options.cores}}}\n")
    words = [f"components.n={options.components}", f"components.method={method}"]
    if method == "randomized":
        words.append(f"components.iterations={ITERATIONS}")
    begin = time.perf_counter()
    done = subprocess.run([options.lockstep, "components", config, *words], check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    fit = float(re.search(r"components found in ([0-9.]+) s", done.stderr).group(1))
    import h5py
    with h5py.File(os.path.join(folder, "components", "model.h5")) as model:
        return seconds, fit, model["components/explained_variance"][:]


def fit_here(options, solver, x):
    from sklearn.decomposition import PCA
    begin = time.perf_counter()
    fitted = PCA(options.components, svd_solver=solver, iterated_power=ITERATIONS, random_state=0).fit(x)
    return time.perf_counter() - begin, fitted.explained_variance_


def script(options, solver, folder):
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", SCRIPT, options.data, solver, str(options.components), str(ITERATIONS),
                    os.path.join(folder, "found.npz")], check=True)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", metavar="DATA.h5")
    parser.add_argument("--components", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--lockstep", default="lockstep", metavar="PROGRAM")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(options.cores)  # before NumPy comes
    import h5py
    import numpy as np
    import sklearn
    newer = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 5)
    with h5py.File(options.data) as file:
        x = file["train/x"][:].reshape(len(file["train/x"]), -1)
    rows = {"double": x.astype(np.float64), "float": x.astype(np.float32)}
    print(f"{len(x)} rows, {x.shape[1]} features, {options.components} components, {options.cores} cores, "
          f"scikit-learn {sklearn.__version__}")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for method, solver in (("exact", "covariance_eigh" if newer else "full"), ("randomized", "randomized")):
                whole, fit, mine = lockstep(options, method, folder)
                times = {"lockstep fit": fit, "lockstep all": whole, "scikit-learn all": script(options, solver, folder)}
                for precision, values in rows.items():
                    times[f"scikit-learn fit, {precision}"], theirs = fit_here(options, solver, values)
                    if method == "exact" and precision == "double":
                        error = np.abs(mine / theirs - 1).max()
                        assert error < 1e-6, f"the variances differ by {error}"
                for name, seconds in times.items():
                    found.setdefault(f"{method}: {name}", []).append(seconds)
    for method in ("exact", "randomized"):
        for name in ("fit, double", "fit, float", "all"):
            ours = found[f"{method}: lockstep {name.split(',')[0]}"]
            theirs = found[f"{method}: scikit-learn {name}"]
            ratios = [b / a for a, b in zip(ours, theirs)]
            print(f"{method:10}  {name:11}  lockstep {statistics.median(ours):6.2f} s   scikit-learn {statistics.median(theirs):6.2f} s"
                  f"   {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})")
    if options.json:
        with open(options.json, "w") as out:
            json.dump(found, out)


if __name__ == "__main__":
    main()
