#!/usr/bin/env python3
"""What a network can represent, and what it learns of that: studies of width, of data and of depth, with pictures.

    scripts/python.sh scripts/approximation.py [width] [rows] [depth] [--out FOLDER] [--lockstep PROGRAM] [--small]

width   the error of networks of one hidden layer over their width, in several dimensions, and what they say where
        there were no data
rows    training and test error over the number of rows, and over the width where rows are few and noisy
depth   boundaries of networks of one, two and three layers on sets of two classes in the plane

Without a name all three. FOLDER (approximation) gets data, width.png, width.svg and so on, and results.json with the
figures behind the pictures. Each point is trained with several seeds. --small takes a few points of each study, to be
done in seconds.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

try:
    import h5py
    import matplotlib
    import numpy as np
except ImportError as error:
    sys.exit(f"approximation: {error}; scripts/python.sh finds a Python that has all modules")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
from pictures.style import indexed  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7"]  # Okabe and Ito 2008

NORM = 6.0  # |w_k|
WAVES = 6
NOISE = 0.3  # in standard deviations of f
TEST_ROWS = 2000

# What each study goes through; the second entry is that of --small.
DIMENSIONS = ([1, 2, 4, 8], [1, 8])
WIDTHS = ([1, 2, 4, 8, 16, 32, 64, 128], [2, 16])
DRAWN_WIDTHS = ([2, 8, 64], [2, 16])
SEEDS = (3, 1)
ROWS = ([25, 50, 100, 200, 400, 800, 1600, 3200, 6400], [25, 1600])
FEW_ROWS = 100
SETS = (["blobs", "moons", "circles", "xor", "spirals"], ["circles", "xor"])
LAYERS = [1, 2, 3]


# ---- the function, the same in spirit in every dimension ----

def waves(dimensions):
    """f(x) = sum_k cos(w_k x + p_k) / WAVES with |w_k| = NORM, brought to mean 0 and deviation 1 on the unit ball."""
    fixed = np.random.default_rng(1)
    w = fixed.normal(size=(WAVES, dimensions))
    w *= NORM / np.linalg.norm(w, axis=1, keepdims=True)
    phase = fixed.uniform(0, 2 * np.pi, WAVES)

    def raw(x):
        return np.cos(x @ w.T + phase).mean(axis=1)

    there = raw(points(100000, dimensions, 2))
    return lambda x: (raw(x) - there.mean()) / there.std()


def points(rows, dimensions, seed):
    """Uniform in the unit ball."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, dimensions))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x * random.uniform(size=(rows, 1)) ** (1 / dimensions)


# ---- lockstep ----

class Lockstep:
    """Runs the program; data, runs and predictions lie in one folder."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def run(self, *words):
        done = subprocess.run([self.program, *map(str, words)], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"approximation: lockstep {' '.join(map(str, words))}\n{done.stderr}")

    def train(self, config, *overrides):
        self.run("train", ROOT / "configs" / config, "name=run", f"runs={self.folder / 'runs'}", *overrides)
        return json.loads((self.folder / "runs/run/summary.json").read_text())

    def predict(self, x, array):
        """What the last network says of rows x: its array of that name."""
        with h5py.File(self.folder / "ask.h5", "w") as file:
            file["x"] = x
        self.run("predict", self.folder / "runs/run", self.folder / "ask.h5", "--out", self.folder / "answer.h5")
        with h5py.File(self.folder / "answer.h5") as file:
            return file[array][:]

    def write(self, name, **splits):
        path = self.folder / f"{name}.h5"
        with h5py.File(path, "w") as file:
            for split, (x, y) in splits.items():
                file[f"{split}/x"], file[f"{split}/y"] = x, y
        return path

    def fit(self, data, width, seed):
        """Training and test error of a hidden layer of that width, in deviations of f."""
        summary = self.train("approximation.yaml", f"data.file={data}", f"train.seed={seed}",
                             f"model.layers=[dense: {{units: {width}, activation: tanh}}, dense: 1]")
        return {"width": width, "seed": seed, "parameters": summary["parameters"],
                "train": summary["train_loss"] ** 0.5, "test": summary["test_rmse"]}


# ---- width ----

def study_width(lockstep, size):
    found, fits = [], []
    for dimensions in DIMENSIONS[size]:
        f = waves(dimensions)
        x, test = points(2000, dimensions, 3), points(TEST_ROWS, dimensions, 4)
        data = lockstep.write(f"waves-{dimensions}", train=(x, f(x)), test=(test, f(test)))
        for width in WIDTHS[size]:
            for seed in range(1, SEEDS[size] + 1):
                found.append({"dimensions": dimensions} | lockstep.fit(data, width, seed))
                if dimensions == 1 and seed == 1 and width in DRAWN_WIDTHS[size]:
                    line = np.linspace(-2, 2, 401)[:, None]
                    fits.append({"width": width, "y": lockstep.predict(line, "prediction")[:, 0].tolist()})
    return {"points": found, "fits": fits}


def curve(axes, found, x, y, colour, label):
    """The median over seeds, and the range between the best and the worst."""
    places = sorted({point[x] for point in found})
    values = [[point[y] for point in found if point[x] == place] for place in places]
    axes.loglog(places, [np.median(v) for v in values], color=colour, label=label, marker="o", markersize=3)
    axes.fill_between(places, [min(v) for v in values], [max(v) for v in values], color=colour, alpha=0.15, linewidth=0)
    axes.set_xticks(places, places)
    axes.minorticks_off()
    return places


def draw_width(result):
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.4), layout="constrained")
    for i, dimensions in enumerate(sorted({point["dimensions"] for point in result["points"]})):
        found = [point for point in result["points"] if point["dimensions"] == dimensions]
        widths = np.array(curve(left, found, "width", "test", COLOURS[i], f"d = {dimensions}"))
    left.plot(widths, widths**-0.5, ":", color="black", label="1/√m")
    left.set(xlabel="width m of the hidden layer", ylabel="test error / deviation of f")
    line = np.linspace(-2, 2, 401)
    right.axvspan(-1, 1, color="#eeeeee", linewidth=0)
    right.plot(line, waves(1)(line[:, None]), color="black", label="f")
    for i, fit in enumerate(result["fits"]):
        right.plot(line, fit["y"], color=COLOURS[i], label=f"m = {fit['width']}")
    right.set(xlabel="x; data in the grey part alone", ylabel="f and networks, d = 1", ylim=(-4, 4))
    return figure, (left, right)


# ---- rows ----

def study_rows(lockstep, size):
    dimensions, f = 2, waves(2)
    test = points(TEST_ROWS, dimensions, 4)

    def data(rows):
        x = points(rows, dimensions, 5)
        y = f(x) + NOISE * np.random.default_rng(6).normal(size=rows)
        return lockstep.write(f"noisy-{rows}", train=(x, y), test=(test, f(test)))

    seeds = range(1, SEEDS[size] + 1)
    by_rows = [{"rows": rows} | lockstep.fit(data(rows), 16, seed) for rows in ROWS[size] for seed in seeds]
    few = data(FEW_ROWS)
    return {"by_rows": by_rows, "by_width": [lockstep.fit(few, width, seed) for width in WIDTHS[size] for seed in seeds]}


def draw_rows(result):
    figure, both = plt.subplots(1, 2, figsize=(7.4, 3.4), layout="constrained", sharey=True)
    for axes, key, x in zip(both, ("by_rows", "by_width"), ("rows", "width")):
        curve(axes, result[key], x, "train", COLOURS[0], "training rows, with their noise")
        curve(axes, result[key], x, "test", COLOURS[3], "test rows, without noise")
        axes.axhline(NOISE, color="black", linestyle=":", label="the noise")
    both[0].set(xlabel="training rows; width 16", ylabel="error / deviation of f", ylim=(0.02, 2.5))
    both[1].set(xlabel=f"width of the hidden layer; {FEW_ROWS} rows")
    return figure, both


# ---- depth ----

def make_set(lockstep, name):
    path = lockstep.folder / f"{name}.h5"
    if name == "xor":
        x = np.random.default_rng(7).uniform(-1, 1, size=(900, 2))
        y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
        return lockstep.write(name, train=(x[:720], y[:720]), test=(x[720:], y[720:]))
    noise = {"blobs": 1, "spirals": 0.02}.get(name, 0.1)
    lockstep.run("import", "--make", name, path, "--rows", 900, "--noise", noise, "--seed", 1, "--split",
                 "train=0.8,test=0.2")
    if name == "blobs":  # three at least; two of them are looked at
        with h5py.File(path) as file:
            splits = {split: (file[f"{split}/x"][:], file[f"{split}/y"][:]) for split in ("train", "test")}
        lockstep.write(name, **{split: (x[y < 2], y[y < 2]) for split, (x, y) in splits.items()})
    return path


def study_depth(lockstep, size):
    found = []
    side = 121 if size == 0 else 21
    for name in SETS[size]:
        data = make_set(lockstep, name)
        with h5py.File(data) as file:
            x, y = file["test/x"][:], file["test/y"][:]
        low, high = x.min(axis=0) - 0.2, x.max(axis=0) + 0.2
        grid = np.stack(np.meshgrid(*np.linspace(low, high, side).T), axis=-1).reshape(-1, 2)
        for layers in LAYERS:
            summary = lockstep.train(f"boundary-{layers}.yaml", f"data.file={data}")
            chance = lockstep.predict(grid, "probability")[:, 1].reshape(side, side)
            found.append({"set": name, "layers": layers, "parameters": summary["parameters"],
                          "accuracy": summary["test_accuracy"], "low": low.tolist(), "high": high.tolist(),
                          "x": x.tolist(), "y": y.tolist(), "chance": chance.round(4).tolist()})
    return found


def draw_depth(result):
    names = list(dict.fromkeys(point["set"] for point in result))
    figure, grid = plt.subplots(len(LAYERS), len(names), figsize=(1.5 * len(names), 5.4), layout="constrained",
                                squeeze=False)
    for point in result:
        axes = grid[point["layers"] - 1][names.index(point["set"])]
        x, y = np.array(point["x"]), np.array(point["y"])
        side = len(point["chance"])
        across, up = np.linspace(point["low"], point["high"], side).T
        axes.contourf(across, up, point["chance"], levels=[0, 0.1, 0.3, 0.5, 0.7, 0.9, 1], cmap="PuOr", alpha=0.35)
        axes.contour(across, up, point["chance"], levels=[0.5], colors="black", linewidths=1)
        axes.scatter(*x.T, c=np.where(y > 0, "#542788", "#b35806"), s=7, edgecolor="white", linewidth=0.3)
        axes.set_title(f"{point['set']}, {point['layers']} layer{'s' * (point['layers'] > 1)}\n"
                       f"{100 * point['accuracy']:.1f} %", fontsize=9)
        axes.set(xticks=[], yticks=[])
    return figure, []


# ---- the whole ----

STUDIES = {"width": (study_width, draw_width), "rows": (study_rows, draw_rows), "depth": (study_depth, draw_depth)}


def save(folder, name, figure, curves):
    for axes in curves:
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})  # same figures, same file
    indexed(figure, 120).save(folder / f"{name}.png", optimize=True)
    plt.close(figure)
    print(folder / f"{name}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help="width, rows, depth; without one: all")
    parser.add_argument("--out", default="approximation", metavar="FOLDER", help="where everything goes")
    parser.add_argument("--lockstep", metavar="PROGRAM", help="the program (lockstep on PATH, or build/release/lockstep)")
    parser.add_argument("--small", action="store_true", help="a few points of each study")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.studies if name not in STUDIES]
    if unknown:
        sys.exit(f"approximation: there is no study {unknown[0]}, only {', '.join(STUDIES)}")
    program = arguments.lockstep or shutil.which("lockstep") or ROOT / "build/release/lockstep"
    if not pathlib.Path(program).is_file():
        program = ROOT.parent.parent / "bin/lockstep"  # of an installation
    if not pathlib.Path(program).is_file():
        sys.exit(f"approximation: {program} is not there; build it, or name the program with --lockstep")
    folder = pathlib.Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.rcParams.update({"svg.hashsalt": "lockstep", "font.size": 9})
    lockstep = Lockstep(program, folder)
    path = folder / "results.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    for name in arguments.studies or STUDIES:
        study, draw = STUDIES[name]
        results[name] = study(lockstep, int(arguments.small))
        path.write_text(json.dumps(results))
        save(folder, name, *draw(results[name]))


if __name__ == "__main__":
    main()
