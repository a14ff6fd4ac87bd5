"""Does again with NumPy what lockstep has forecast: least squares over sliding windows, errors beside forecasts without a
model, forecasts of every window.

forecast.py DATA.h5 RUN EVAL.json PREDICTIONS.csv: a solved run of a single dense layer, columns x with data.scaling, all of
them forecast; validation and test as in its settings. Where the file has train/series, each series is cut by itself.
"""
import json
import sys

import h5py
import numpy as np

data, run, eval_path, predictions_path = sys.argv[1:]
with h5py.File(data) as file:
    x = file["train/x"][...].astype(float)
    ids = file["train/series"][...] if "train/series" in file else np.zeros(len(x), int)
begins = np.r_[0, np.flatnonzero(np.diff(ids)) + 1]
all_series = np.split(x, begins[1:])
with h5py.File(f"{run}/model.h5") as file:
    weight, bias = file["parameters/dense1/weight"][...], file["parameters/dense1/bias"][...]
    shift, scale = (file[f"scaling/features/{name}"][...] for name in ("shift", "scale"))
    target_shift, target_scale = (file[f"scaling/targets/{name}"][...] for name in ("shift", "scale"))
    settings = file.attrs["settings"]
settings = settings.decode() if isinstance(settings, bytes) else settings


def setting(key):
    return float(settings.split(f"{key}:")[1].split()[0].strip("{},"))


length, horizon, stride, season = (int(setting(key)) for key in ("length", "horizon", "stride", "season"))
k = x.shape[1]


def share(name, series):
    return int(np.floor(setting(name) * len(series) + 0.5))


def close(what, found, expected, tolerance):
    worst = np.abs(np.asarray(found) - np.asarray(expected)).max() / np.abs(expected).max()
    if not worst < tolerance:
        sys.exit(f"{what} is {worst:g} away from NumPy's")


def slide(series, steps):
    """(windows, steps, k)"""
    return np.lib.stride_tricks.sliding_window_view(series, steps, axis=0)[::stride].transpose(0, 2, 1)


def windows(parts):
    """Inputs (n, length * k) and targets (n, horizon, k) of the windows in parts of series that are long enough."""
    cut = np.concatenate([slide(part, length + horizon) for part in parts if len(part) >= length + horizon])
    return cut[:, :length].reshape(len(cut), -1), cut[:, length:]


training = [s[: len(s) - share("validation", s) - share("test", s)] for s in all_series]
training = [part for part in training if len(part) >= length + horizon]
test = [s[max(len(s) - share("test", s) - length, 0) :] for s in all_series if share("test", s) > 0]

# scaled by the training steps alone, each counted once
steps = np.concatenate(training)
close("a feature's mean", shift, np.tile(steps.mean(0), length), 1e-12)
close("a feature's deviation", 1 / scale, np.tile(steps.std(0), length), 1e-12)
close("a target's mean", target_shift, np.tile(steps.mean(0), horizon), 1e-7)
close("a target's deviation", 1 / target_scale, np.tile(steps.std(0), horizon), 1e-7)

# the closed form, in the series' own units
x, y = windows(training)
fit = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y.reshape(len(y), -1), rcond=None)[0]
own = weight * scale / target_scale[:, None]
close("a coefficient", own, fit[:-1].T, 1e-5)
close("an intercept", target_shift + bias / target_scale - own @ shift, fit[-1], 1e-5)

# what it is worth on the test windows, and what others are
x, y = windows(test)
forecast = (x @ fit[:-1] + fit[-1]).reshape(y.shape)
last = np.repeat(x.reshape(len(x), length, k)[:, -1:], horizon, axis=1)
seasonal = np.tile(x.reshape(len(x), length, k)[:, -season:], (1, -(-horizon // season), 1))[:, :horizon]
found = json.load(open(eval_path))
if found["rows"] != len(x):
    sys.exit(f"{found['rows']} windows, not {len(x)}")
for name, values, figures in (("the model", forecast, found), ("persistence", last, found["persistence"]),
                              ("seasonal-naive", seasonal, found["seasonal_naive"])):
    close(f"MAE of {name}", figures["mae"], np.abs(values - y).mean(), 1e-5)
    close(f"RMSE of {name}", figures["rmse"], np.sqrt(((values - y) ** 2).mean()), 1e-5)

# every window's forecast, the last one's of what nobody knows yet
table = np.genfromtxt(predictions_path, delimiter=",", names=True)
x = [slide(s, length).reshape(-1, length * k) if len(s) >= length else np.empty((0, length * k)) for s in all_series]
times = np.concatenate([b + length + stride * np.arange(len(part)) for b, part in zip(begins, x)])
close("a time", table["time"], times, 1e-12)
if "series" in table.dtype.names:
    close("a series", table["series"], np.concatenate([np.full(len(p), ids[b]) for b, p in zip(begins, x)]), 1e-12)
x = np.concatenate(x)
values = np.stack([table[name] for name in table.dtype.names if name.startswith("prediction")], axis=1)
close("a forecast", values, x @ fit[:-1] + fit[-1], 1e-5)
