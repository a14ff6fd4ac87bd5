"""Targets keep their type: what lockstep reports in original units, done again with NumPy in double from the file of
predictions and the targets of the data file.

targets.py make              writes flat.h5 (y and, in y32 and y_int, its float32 and int32 forms), heads.h5 and windows.h5:
                             offsets beside which single precision sees nothing of the targets
targets.py check [DATA PREDICTIONS.h5 EVAL.json]...   compares; y is test/y, or with `time` in the predictions windows of x
"""
import json
import sys

import h5py
import numpy as np

OFFSET = 1.6e9
TOLERANCE = 1e-12


def make():
    random = np.random.default_rng(1)
    with h5py.File("flat.h5", "w") as flat, h5py.File("heads.h5", "w") as heads:
        for group, n in (("train", 3000), ("test", 211)):
            x = random.uniform(-1, 1, (n, 2))
            y = OFFSET + 40 * x[:, :1] - 20 * x[:, 1:]
            for file in flat, heads:
                file[f"{group}/x"] = x.astype(np.float32)
            flat[f"{group}/y"] = y
            flat[f"{group}/y32"] = (y - OFFSET).astype(np.float32)
            flat[f"{group}/y_int"] = y.astype(np.int32)
            noise = random.normal(size=(n, 1))
            heads[f"{group}/y"] = np.hstack([y, -3e8 + 7 * y % 50 + noise, 5e7 + noise])
    with h5py.File("windows.h5", "w") as file:
        t = np.arange(900.0)
        noise = random.normal(size=(2, len(t)))
        file["train/x"] = np.c_[OFFSET + 30 * np.sin(t / 7) + noise[0], t % 24, -7e8 + 5 * np.cos(t / 12) + noise[1]]


def close(what, found, expected):
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    worst = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-300)
    assert worst <= TOLERANCE, f"{what}: {found} instead of {expected}"


def figures(y, prediction):
    """Mean absolute error, root mean squared error, and the mean of R2 over the targets as in scikit-learn."""
    e = prediction.astype(float) - y
    around = ((y - y.mean(0)) ** 2).sum(0)
    r2 = np.where(around > 0, 1 - (e ** 2).sum(0) / np.where(around > 0, around, 1), (e == 0).all(0))
    try:
        from sklearn.metrics import r2_score  # here, since `make` and windows do without these two seconds
    except ImportError:
        r2_score = None
    if r2_score is not None:
        close("R2 by scikit-learn", r2.mean(), r2_score(y, prediction))
    return {"mae": np.abs(e).mean(), "rmse": np.sqrt((e ** 2).mean()), "r2": r2.mean()}


def coverage(y, group, levels):
    if "std" in group or "aleatoric_std" in group:
        half = {0.5: 0.6744897501960817, 0.8: 1.2815515655446004, 0.9: 1.6448536269514722, 0.95: 1.959963984540054}
        std = group["std" if "std" in group else "aleatoric_std"][...].astype(float)
        inside = [(np.abs(group["prediction"][...] - y) <= half[level["nominal"]] * std).mean() for level in levels]
    else:
        inside = [(y <= group[f"quantile_{level['nominal']:g}"][...]).mean() for level in levels]
    close("coverage", [level["observed"] for level in levels], inside)


def head(y, group, report):
    levels = report.get("quantiles", report.get("coverage", []))
    name = "prediction" if "prediction" in group else "quantile_0.5"
    expected = "float32" if y.dtype == np.float32 else "float64"
    assert group[name].dtype == expected, f"{group[name].dtype} for targets in {y.dtype}"
    for key, value in figures(y.astype(float), group[name][...]).items():
        close(key, report[key], value)
    if levels:
        coverage(y.astype(float), group, levels)


def windows(x, predictions, report):
    settings = dict(horizon=3, columns=[0, 2], season=24)
    steps = predictions["time"][...]
    found = predictions["prediction"][...]
    known = steps + settings["horizon"] <= len(x)
    steps, found = steps[known], found[known]
    at = steps[:, None] + np.arange(settings["horizon"])

    def forecast(rows):
        return x[rows][:, :, settings["columns"]].reshape(len(steps), -1)

    y = forecast(at)
    assert len(steps) == report["rows"], (len(steps), report["rows"])
    assert found.dtype == np.float64
    for key, value in figures(y, found).items():
        close(key, report[key], value)
    for name, rows in (("persistence", np.broadcast_to(steps[:, None] - 1, at.shape)), ("seasonal_naive", at - 24)):
        for key in "mae", "rmse":
            close(f"{name} {key}", report[name][key], figures(y, forecast(rows))[key])


def check(data, predictions, report):
    with open(report) as file:
        report = json.load(file)
    name, _, y = data.partition(":")
    with h5py.File(name) as data, h5py.File(predictions) as predictions:
        if "time" in predictions:
            windows(data["train/x"][...], predictions, report)
        elif "heads" in report:
            for h in report["heads"]:
                k = ("level", "noisy", "median").index(h["head"])
                head(data["test/y"][:, k:k + 1], predictions[h["head"]], h)
        else:
            head(data[y or "test/y"][...], predictions, report)


if sys.argv[1] == "make":
    make()
else:
    for i in range(2, len(sys.argv), 3):
        try:
            check(*sys.argv[i:i + 3])
        except AssertionError as error:
            sys.exit(f"{sys.argv[i + 2]}: {error}")
