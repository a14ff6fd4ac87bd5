#!/usr/bin/env python3
"""lockstep sweep beside scikit-learn's GridSearchCV: the same combinations on the same folds.

    /usr/bin/python3 scripts/compare_sweep.py [--lockstep build/release/lockstep] [--ranks 2] [--kills 5]

The wines of scikit-learn, standardised on the training rows of each fold, and a linear classifier with 12 penalties: both
programs minimise the same convex function, so accuracies of folds must be those of scikit-learn but for a row or two, and
the winner as good as scikit-learn's. The sweep of 12 combinations and 5 folds runs twice: undisturbed, and with all ranks
killed as often as --kills says and resumed; both results must be equal. Ends with 1 when something does not hold. Needs
h5py and scikit-learn.
"""
import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

try:
    import h5py
    import numpy as np
    from sklearn import datasets, linear_model, model_selection, pipeline, preprocessing
except ImportError as error:
    print(f"cannot compare: {error}")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDS = 5
PENALTIES = [float(f"{10 ** (i / 2 - 5):.3g}") for i in range(12)]  # 1e-5 to 3.16
CONFIG = """
data: {file: wine.h5, scaling: standard}
model: {layers: [{dense: 3}]}
loss: cross_entropy
optimizer: lbfgs
train: {epochs: 150, global_batch_size: all, top_k: 1}
checkpoint: {best: none, every: 25 epochs, keep: 1}
parallel: {threads: 1, shards: 4}
"""


def ranks_below(launcher):
    """The ids of the processes called lockstep that `launcher` has started, or of itself."""
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except (OSError, IndexError):
            continue
        children.setdefault(int(rest.split()[1]), []).append((int(entry), name))
    found, todo = [], [launcher]
    while todo:
        for pid, name in children.get(todo.pop(), []):
            todo.append(pid)
            if name == "lockstep":
                found.append(pid)
    return found


def sweep(arguments, place, name, *more):
    launch = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(arguments.ranks)] if arguments.ranks > 1 else []
    words = [*launch, arguments.lockstep, "sweep", "wine.yaml", "train.l2=" + ",".join(map(str, PENALTIES)), "--folds",
             str(FOLDS), f"name={name}", *more]
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return subprocess.Popen(words, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate()
    if process.returncode != 0:
        sys.exit(f"lockstep sweep: {err}")
    return out


def kill_and_resume(arguments, place, seconds):
    """Returns how many kills met a sweep at work."""
    met = 0
    for _ in range(arguments.kills):
        process = sweep(arguments, place, "killed", "--resume")
        time.sleep(random.uniform(0.3, max(0.6, seconds / 2)))
        ranks = ranks_below(process.pid) or [process.pid]
        met += process.poll() is None
        for pid in ranks:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.communicate()
    finish(sweep(arguments, place, "killed", "--resume"))
    return met


def read(place, name):
    arrays = {}
    with h5py.File(os.path.join(place, f"runs/{name}-sweep/sweep.h5")) as file:
        file.visititems(lambda path, item: arrays.update({path: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return {path: array for path, array in arrays.items() if "seconds" not in path and "manifest" not in path}


def grid_search(x, y, fold):
    """Mean cross-entropy + l2 / 2 w^2 of n rows is C n times less than scikit-learn's function with C = 1 / (n l2)."""
    n = len(x) * (FOLDS - 1) / FOLDS
    model = pipeline.make_pipeline(preprocessing.StandardScaler(),
                                   linear_model.LogisticRegression(tol=1e-8, max_iter=10000))
    grid = {"logisticregression__C": [1 / (n * penalty) for penalty in PENALTIES]}
    search = model_selection.GridSearchCV(model, grid, cv=model_selection.PredefinedSplit(fold))
    search.fit(x, y)
    return np.array([search.cv_results_[f"split{k}_test_score"] for k in range(FOLDS)]).T, search.best_index_


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lockstep", default=os.path.join(ROOT, "build/release/lockstep"))
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--kills", type=int, default=5)
    arguments = parser.parse_args()
    arguments.lockstep = os.path.abspath(arguments.lockstep)
    x, y = datasets.load_wine(return_X_y=True)
    with tempfile.TemporaryDirectory() as place:
        with h5py.File(os.path.join(place, "wine.h5"), "w") as file:
            file["train/x"], file["train/y"] = x, y
        with open(os.path.join(place, "wine.yaml"), "w") as file:
            file.write(CONFIG)
        began = time.monotonic()
        print(finish(sweep(arguments, place, "whole")))
        met = kill_and_resume(arguments, place, time.monotonic() - began)
        whole, killed = read(place, "whole"), read(place, "killed")
    same = whole.keys() == killed.keys() and all(whole[k].tobytes() == killed[k].tobytes() for k in whole)
    ours = whole["trials/metric"].reshape(len(PENALTIES), FOLDS)
    theirs, best = grid_search(x, y, whole["fold"] - 1)
    rows = np.bincount(whole["fold"])[1:]
    other = np.rint(np.abs(ours - theirs) * rows).astype(int)
    winner = whole["ranking/combination"][0] - 1
    print(f"{met} kills of {arguments.ranks} ranks; the resumed sweep {'equals' if same else 'DIFFERS FROM'} the whole one")
    print("penalty    lockstep   scikit-learn   rows that differ in a fold")
    for i, penalty in enumerate(PENALTIES):
        print(f"{penalty:<9.3g}  {ours[i].mean():.5f}    {theirs[i].mean():.5f}        {' '.join(map(str, other[i]))}")
    loss = theirs[best].mean() - theirs[winner].mean()
    print(f"winners: l2 = {PENALTIES[winner]} and {PENALTIES[best]}; scikit-learn's score of ours is {loss:.5f} lower")
    sys.exit(0 if same and other.max() <= 2 and loss <= 1 / len(x) else 1)


if __name__ == "__main__":
    main()
