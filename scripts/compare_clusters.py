#!/usr/bin/env python3
"""lockstep cluster beside scikit-learn: the seconds of an iteration, on the same rows, from the same centres, with the
same number of cores.

    scripts/compare_clusters.py [--lockstep build/release/lockstep] [--rows X.h5] [--k 64] [--iterations 20]
                                [--repeat 5]

The rows are train/x of an HDF5 file, divided by their largest number, or without --rows 60,000 rows of 784 numbers in
overlapping clouds. Both programs begin with the first k rows and do the same number of Lloyd iterations in single
precision. They take turns, so that other work on the machine meets both. The seconds of an iteration are those of a run
of many iterations less those of a run of few, divided by the iterations that the program has really made in between: both
end early when no row moves any more. The table has medians, and the seconds of all cores (user and system time), which
other work changes less. lockstep's late iterations are faster than its early ones, scikit-learn's are all alike, so the
ratio grows with --iterations. scikit-learn's speed depends on its library of linear algebra, so the script names that
library: wheels from PyPI have OpenBLAS; Debian's packages take what update-alternatives has chosen, by default the slow
reference. Centres differ in a few digits: on the rows without --rows, scikit-learn's in single precision differ from its own in double
by 1e-2 of their norm after ten iterations, lockstep's by 3e-8. Ends with 1 if their mean squared distances to the rows differ by 0.1 %, or if a program has settled too early to
be measured. Needs h5py and scikit-learn.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import h5py
    import numpy as np
    import sklearn
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances_argmin_min
    from threadpoolctl import threadpool_info
except ImportError as error:
    print(f"cannot compare: {error}")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FEW, LEAST = 2, 8  # iterations of the short run; iterations beyond it that can be measured


def clouds(rows, columns):
    """Rows around 80 centres in a space of few dimensions, as wide as the centres are apart, so k-means is busy for long. In all
    columns alike, 80 centres would be too far from each other, and k-means would settle at once."""
    random = np.random.default_rng(1)
    axes = random.normal(size=(20, columns)) / columns ** 0.5
    places = 2 * random.normal(size=(80, 20))[random.integers(0, 80, rows)] + 2 * random.normal(size=(rows, 20))
    return (places @ axes + random.normal(scale=0.05, size=(rows, columns))).astype(np.float32)


def read_rows(path):
    with h5py.File(path, "r") as file:
        x = np.asarray(file["train/x"], np.float32)
    x = x.reshape(len(x), -1)
    return x / np.abs(x).max()


class Lockstep:
    def __init__(self, program, place, x, k):
        self.program, self.place, self.k = program, place, k
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        with h5py.File(os.path.join(place, "rows.h5"), "w") as file:
            file["train/x"] = x
        with open(os.path.join(place, "run.yaml"), "w", encoding="utf-8") as config:
            config.write(f"data: {{file: rows.h5}}\ncluster: {{k: {k}, init: rows, starts: 1, tolerance: 0}}\n"
                         "checkpoint: {every: never}\n")

    def fit(self, iterations):
        """Seconds, seconds of all cores, the iterations made and their centres; at most `iterations`. The run has one epoch more: the
        first one only finds the objective of the rows to begin with."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([self.program, "cluster", "run.yaml", f"train.epochs={iterations + 1}", "--replace"],
                              cwd=self.place, env=self.environment, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"lockstep cluster: {done.stderr}")
        with h5py.File(os.path.join(self.place, "runs/run/history.h5"), "r") as history:
            seconds, made = float(np.sum(history["seconds"][:])), len(history["seconds"]) - 1
        with h5py.File(os.path.join(self.place, "runs/run/model.h5"), "r") as model:
            centres = model["parameters/centres1/centre"][:]
        return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, made, centres


def theirs(x, k, iterations):
    began, work = time.perf_counter(), time.process_time()
    fit = KMeans(k, init=x[:k].copy(), n_init=1, max_iter=iterations, tol=0, algorithm="lloyd").fit(x)
    return time.perf_counter() - began, time.process_time() - work, fit.n_iter_, fit.cluster_centers_


def mean_distance(x, centres):
    return float(np.mean(pairwise_distances_argmin_min(x, centres, metric="sqeuclidean")[1]))


def per_iteration(name, few, many):
    """Seconds of an iteration, and of all cores, and how many iterations that is the mean of."""
    made = many[2] - few[2]
    if made < LEAST:
        sys.exit(f"{name} settled after {many[2]} iterations, too few to measure their speed: take rows that overlap more")
    return [(many[i] - few[i]) / made for i in range(2)] + [made]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lockstep", default=os.path.join(ROOT, "build/release/lockstep"))
    parser.add_argument("--rows")
    parser.add_argument("--k", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    a = parser.parse_args()
    x = read_rows(a.rows) if a.rows else clouds(60000, 784)
    libraries = [f"{i['internal_api']} {i.get('version')}, {i['num_threads']} threads" for i in threadpool_info()]
    print(f"{len(x):,} rows of {x.shape[1]}, k {a.k}, at most {a.iterations} iterations, {os.cpu_count()} cores")
    print(f"scikit-learn {sklearn.__version__} with {'; '.join(libraries)}")
    figures = {"lockstep": [], "scikit-learn": []}
    with tempfile.TemporaryDirectory() as place:
        own = Lockstep(os.path.abspath(a.lockstep), place, x, a.k)
        for _ in range(a.repeat):
            for name, fit in ("lockstep", own.fit), ("scikit-learn", lambda n: theirs(x, a.k, n)):
                few, many = fit(FEW), fit(a.iterations)
                figures[name].append(per_iteration(name, few, many))
                figures[name + " centres"] = many[3]
    ours, others = figures["lockstep centres"], figures["scikit-learn centres"]
    difference = float(np.linalg.norm(ours - others) / np.linalg.norm(others))
    medians = {name: [statistics.median(turn[i] for turn in figures[name]) for i in range(2)]
               for name in ("lockstep", "scikit-learn")}
    for name, (seconds, work) in medians.items():
        print(f"{name:12s}  {seconds * 1e3:8.1f} ms an iteration, {work * 1e3:8.1f} ms of all cores; mean of iterations {FEW + 1} to "
              f"{FEW + figures[name][-1][2]}")
    print(f"lockstep is {medians['scikit-learn'][0] / medians['lockstep'][0]:.2f} times as fast, by the work of cores "
          f"{medians['scikit-learn'][1] / medians['lockstep'][1]:.2f} times; centres differ by {difference:.1e}")
    distances = [mean_distance(x, centres) for centres in (ours, others)]
    print(json.dumps({"figures": {name: figures[name] for name in medians}, "difference": difference, "distances": distances}))
    return int(abs(distances[0] / distances[1] - 1) > 1e-3)


sys.exit(main())
