#!/usr/bin/env python3
"""How many labels does an autoencoder save? Test accuracy over the number of labelled rows, of networks that begin with random
weights and of networks that begin with the encoder of a denoising autoencoder, which has seen all rows without labels.

    scripts/python.sh scripts/labels.py [digits] [fashion-mnist] [--out FOLDER] [--lockstep PROGRAM] [--small]

Each point is two commands: `lockstep train` of the autoencoder (once for a data set), and `lockstep train` of the classifier with
model.init_from and model.init_layers=matching. Labelled rows are drawn at random, the same number of each class, with several
seeds. FOLDER (labels) gets the data, the runs, labels.svg and results.json with the figures behind it; the table is printed.
--small takes few points, to be done in seconds.
"""
import argparse
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys

try:
    import h5py
    import numpy as np
except ImportError as error:
    sys.exit(f"labels: {error}; scripts/python.sh finds a Python that has all modules")

from pictures import style

ROOT = pathlib.Path(__file__).resolve().parent.parent
DIGITS = pathlib.Path("/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz")  # Debian: python3-sklearn
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")                                   # Debian: dataset-fashion-mnist

# Of each set: labelled rows, widths of the encoder, epochs of the autoencoder, seeds; then the same for --small.
SETS = {"digits": (([20, 50, 100, 200, 500, 1000], [128, 64], 100, 5), ([20, 100], [32], 5, 2)),
        "fashion-mnist": (([20, 100, 500, 2000, 10000], [256, 128], 20, 3), ([20, 100], [32], 1, 2))}
STEPS = (800, 100)  # of a classifier, at least
BATCH = 64
EPOCH_ROWS = 3200  # fewer labelled rows are repeated in the file, because an epoch costs more than its steps
WAYS = {"random": "random weights", "encoder": "encoder, trained on", "frozen": "encoder, frozen"}


# ---- data ----

def read_idx(path):
    with gzip.open(path) as file:
        data = file.read()
    dims = data[3]
    shape = np.frombuffer(data, ">i4", dims, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(shape[0], -1)


def read_set(name):
    """Training rows and test rows, pixels from 0 to 1."""
    if name == "digits":
        table = np.loadtxt(DIGITS, delimiter=",")
        order = np.random.default_rng(1).permutation(len(table))
        x, y = table[order, :-1] / 16, table[order, -1].astype(np.int32)
        return (x[:1258], y[:1258]), (x[1258:], y[1258:])
    parts = [[read_idx(FASHION / f"{part}-{kind}.gz") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
             for part in ("train", "t10k")]
    return tuple((x / 255, y.ravel().astype(np.int32)) for x, y in parts)


def write(path, train, test):
    with h5py.File(path, "w") as file:
        for group, (x, y) in (("train", train), ("test", test)):
            file[f"{group}/x"], file[f"{group}/y"] = x.astype(np.float32), y


def choose(y, count, seed):
    """Rows with labels: the same number of each class."""
    random = np.random.default_rng(seed)
    rows = [random.permutation(np.flatnonzero(y == k))[:count // 10] for k in range(10)]
    return np.sort(np.concatenate(rows))


# ---- runs ----

class Study:
    def __init__(self, folder, program, small):
        self.folder, self.program, self.small = folder, program, small
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def train(self, name, settings):
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(settings))
        done = subprocess.run([self.program, "train", path.name, f"name={name}", "--replace"], cwd=self.folder,
                              env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"labels: {name}: {done.stderr.strip()}")
        return json.loads((self.folder / "runs" / name / "summary.json").read_text())

    def settings(self, data, layers, loss, epochs, more=None):
        return {"data": {"file": data, **(more or {})}, "model": {"layers": layers}, "loss": loss,
                "optimizer": {"name": "adam", "learning_rate": 0.001}, "schedule": "cosine",
                "train": {"epochs": epochs, "global_batch_size": BATCH}, "checkpoint": {"every": "never"}}

    def run(self, name):
        counts, widths, epochs, seeds = SETS[name][self.small]
        train, test = read_set(name)
        hidden = [{"dense": {"units": units, "activation": "relu"}} for units in widths]
        write(self.folder / f"{name}.h5", train, test)
        pixels = train[0].shape[1]
        layers = [{"noise": {"deviation": 0.2, "mask": 0.2}}, *hidden, {"dense": {"units": pixels, "activation": "sigmoid"}}]
        self.train(f"{name}-autoencoder", self.settings(f"{name}.h5", layers, "mse", epochs, {"targets": "x"}))
        points = []
        for count in counts:
            for seed in range(seeds):
                rows = choose(train[1], count, seed)
                data = f"{name}-few.h5"
                rows = np.tile(rows, max(1, EPOCH_ROWS // len(rows)))
                write(self.folder / data, (train[0][rows], train[1][rows]), test)
                epochs = max(5, STEPS[self.small] * BATCH // len(rows))
                for way in WAYS:
                    settings = self.settings(data, [*hidden, {"dense": 10}], "cross_entropy", epochs)
                    settings["train"]["seed"] = seed + 1
                    if way != "random":
                        settings["model"].update(init_from=f"runs/{name}-autoencoder/model.h5", init_layers="matching")
                    if way == "frozen":
                        settings["model"]["freeze"] = [f"dense{i + 1}" for i in range(len(hidden))]
                    accuracy = self.train(f"{name}-{way}", settings)["test_accuracy"]
                    points.append({"labels": count, "seed": seed, "way": way, "accuracy": accuracy})
            print(f"{name}, {count} labels: " + ", ".join(f"{way} {mean(points, count, way):.3f}" for way in WAYS), flush=True)
        return points


def mean(points, count, way):
    return float(np.mean([p["accuracy"] for p in points if (p["labels"], p["way"]) == (count, way)]))


# ---- what is shown ----

def table(results):
    lines = ["| data | labels | random weights | encoder, trained on | encoder, frozen |", "| --- | --- | --- | --- | --- |"]
    for name, points in results.items():
        for count in sorted({p["labels"] for p in points}):
            cells = []
            for way in WAYS:
                found = [p["accuracy"] for p in points if (p["labels"], p["way"]) == (count, way)]
                cells.append(f"{np.mean(found):.3f} ± {np.std(found):.3f}")
            lines.append(f"| {name} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(results):
    fig, grid = style.figure(1, len(results), height=2.9)
    for axes, (name, points) in zip(grid[0], results.items()):
        counts = sorted({p["labels"] for p in points})
        for k, (way, text) in enumerate(WAYS.items()):
            found = np.array([[p["accuracy"] for p in points if (p["labels"], p["way"]) == (count, way)] for count in counts])
            axes.plot(counts, found.mean(axis=1), style.LINES[k] + style.MARKERS[k], color=style.COLOURS[k], label=text, markersize=4)
            axes.fill_between(counts, found.min(axis=1), found.max(axis=1), color=style.COLOURS[k], alpha=0.15, linewidth=0)
        axes.set(title=name, xlabel="labelled rows", ylabel="test accuracy", xscale="log")
    style.legend_below(fig)
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"{', '.join(SETS)} (default: all)")
    parser.add_argument("--out", default="labels", metavar="FOLDER")
    parser.add_argument("--lockstep", metavar="PROGRAM", help="the program (default: lockstep on PATH, or that of this checkout)")
    parser.add_argument("--small", action="store_true", help="few points, for a test")
    options = parser.parse_args()
    for name in options.sets:
        if name not in SETS:
            parser.error(f"there is no set {name}, only {', '.join(SETS)}")
    program = options.lockstep or shutil.which("lockstep") or ROOT / "build/release/lockstep"
    folder = pathlib.Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    study = Study(folder, str(pathlib.Path(program).resolve()), int(options.small))
    results = {name: study.run(name) for name in options.sets or SETS}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    style.save(draw(results), folder / "labels.svg")
    print(table(results))


if __name__ == "__main__":
    main()
