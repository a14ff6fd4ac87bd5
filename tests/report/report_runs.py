"""Small runs of every kind that a report shows differently, from generated data; shared by the tests of the page."""
import json
import pathlib
import shutil
import subprocess

import h5py
import numpy as np

SCRIPT = "<script>alert(1)</script>"  # the name of a class, as an evil file may have it
CLASSES = [SCRIPT, 'b & "b"']


def write(path, **arrays):
    """Arrays under their names, __ for /; lists of texts become attributes."""
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            if isinstance(values, list):
                file.attrs[name] = values
            else:
                file[name.replace("__", "/")] = values


def halves(x, y):
    n = len(x) // 2
    return {"train__x": x[:n], "train__y": y[:n], "test__x": x[n:], "test__y": y[n:]}


def make_data(folder):
    random = np.random.default_rng(1)
    x = random.uniform(-3, 3, (400, 1)).astype("f4")
    noise = random.normal(0, 0.1 + 0.1 * np.abs(x))
    write(folder / "curve.h5", **halves(x, (np.sin(x) + noise).astype("f4")), feature_names=["angle"])
    x = random.normal(size=(400, 5)).astype("f4")
    y = (x[:, 0] + x[:, 1] ** 2 + random.normal(0, 0.5, 400) > 0.7).astype("i4")
    write(folder / "table.h5", **halves(x, y), class_names=CLASSES, feature_names=["one", "<b>two", "three", "four", "five"])
    # pictures of 8 x 8: a bar that is upright, lies, or goes along one of the diagonals
    shapes = [np.zeros((8, 8)) for _ in range(4)]
    shapes[0][:, 3:5], shapes[1][3:5, :] = 200, 200
    shapes[2][range(8), range(8)], shapes[3][range(8), range(7, -1, -1)] = 200, 200
    y = random.integers(0, 4, 600)
    pictures = np.clip(np.array(shapes)[y] + random.normal(0, 110, (600, 8, 8)), 0, 255).astype("u1")
    write(folder / "pictures.h5", **halves(pictures, y.astype("i4")))
    time = np.arange(600)
    series = np.c_[np.sin(time / 24 * 2 * np.pi), np.cos(time / 12 * 2 * np.pi)] + random.normal(0, 0.1, (600, 2))
    write(folder / "series.h5", train__x=series.astype("f4"), feature_names=["temperature", "wind"])
    # several series one after the other, of which one is too short
    three = np.r_[np.sin(np.arange(200) / 4), np.cos(np.arange(90) / 4), np.zeros(5)] + random.normal(0, 0.1, 295)
    write(folder / "three.h5", train__x=three[:, None].astype("f4"), train__series=np.r_[np.full(200, 7), np.full(90, 3), np.full(5, 9)])
    x = random.normal(size=(300, 3)).astype("f4")
    y = np.c_[x[:, 0] > 0, x[:, 1] * 10 + 50, x[:, 2] > 0.5, x.sum(axis=1) > 0, np.exp(x[:, 0] / 2)].astype("f4")
    write(folder / "heads.h5", **halves(x, y))


HEADS = ("[{head: kind, name: cross_entropy, outputs: 2}, {head: size, name: quantile, quantiles: [0.1, 0.5, 0.9], outputs: 3},"
         " {head: 'yes', name: binary_cross_entropy, outputs: 2}, {head: rate, name: poisson_nll, outputs: 1}]")
SETTINGS = {  # name: command, data file, layers, loss, what else
    "curve": ("train", "curve", "[dense: {units: 8, activation: tanh}, dense: 2]", "gaussian_nll",
              "data.target_scaling=standard optimizer.learning_rate=0.02 train.epochs=30 data.validation=0.2 train.log_every=2"),
    "table": ("train", "table", "[dense: {units: 8, activation: relu}, residual: [dense: 8], dropout: 0.1, dense: 2]", "cross_entropy",
              "train.epochs=25 optimizer.learning_rate=0.02 data.validation=0.2 data.scaling=standard"),
    "pictures": ("train", "pictures", "[dense: {units: 16, activation: relu}, dense: 4]", "cross_entropy",
                 "train.epochs=4 optimizer.learning_rate=0.01 data.scaling=minmax data.validation=0.2"),
    "series": ("train", "series", "[dense: {units: 16, activation: tanh}, dense: 12]", "mse",
               "data.window={length: 24, horizon: 6, season: 24, test: 0.2} data.validation=0.15 train.epochs=8 data.scaling=standard"),
    "three": ("train", "three", "[dense: 6]", "quantile",
              "loss.quantiles=[0.2, 0.8] data.window={length: 10, horizon: 3, test: 0.25, series: series} train.epochs=5"),
    "heads": ("train", "heads", "[dense: {units: 12, activation: tanh}, branches: [[dense: 2], [dense: 3], [dense: 2], [dense: 1]]]", HEADS,
              "train.epochs=10 data.target_scaling=standard data.validation=0.2 train.top_k=1"),
    "ensemble": ("train", "curve", "[dense: {units: 8, activation: tanh}, dense: 1]", "mse",
                 "train.members=3 train.epochs=10 optimizer.learning_rate=0.02 data.validation=0.2"),
    "bayes": ("solve", "table", "[dense: 1]", "mse", "solve.method=bayesian"),
    "diverged": ("train", "curve", "[dense: {units: 8}, dense: 1]", "mse",
                 "optimizer={name: sgd, learning_rate: 1e3} train.epochs=9 train.log_every=1"),
}


def run_lockstep(program, folder, *words, codes=(0,)):
    done = subprocess.run([program, *map(str, words)], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        raise AssertionError(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def make_run(program, folder, name):
    command, data, layers, loss, rest = SETTINGS[name]
    text = (f"data: {{file: {data}.h5}}\nmodel: {{layers: {layers}}}\nloss: {loss}\ntrain: {{global_batch_size: 32}}\n"
            "parallel: {threads: 1}\n")
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    overrides, depth, word = [], 0, ""
    for letter in rest + " ":  # blanks inside braces and brackets belong to a value
        depth += letter in "{["
        depth -= letter in "}]"
        if letter == " " and depth == 0:
            overrides.append(word)
            word = ""
        else:
            word += letter
    run_lockstep(program, folder, command, f"{name}.yaml", *overrides, codes=(1,) if name == "diverged" else (0,))


def make(program, folder, names=tuple(SETTINGS)):
    """Data and runs below `folder`."""
    folder = pathlib.Path(folder)
    make_data(folder)
    for name in names:
        make_run(program, folder, name)
    return folder


def copy(folder, name, new):
    shutil.copytree(folder / "runs" / name, folder / "runs" / new)
    return folder / "runs" / new


def summary(folder, name):
    return json.loads((folder / "runs" / name / "summary.json").read_text(encoding="utf-8"))
