"""Does again with NumPy what lockstep has forecast: least squares over sliding windows, errors beside forecasts without a
model, forecasts of every window.

forecast.py DATA.h5 RUN EVAL.json PREDICTIONS.csv: a solved run of a single dense layer, columns x with data.scaling, all of
them forecast; validation and test as in its settings.
"""
import json
import sys

import h5py
import numpy as np

data, run, eval_path, predictions_path = sys.argv[1:]
with h5py.File(data) as file:
    series = file["train/x"][...].astype(float)
with h5py.File(f"{run}/model.h5") as file:
    weight, bias = file["parameters/dense1/weight"][...], file["parameters/dense1/bias"][...]
    shift, scale = (file[f"scaling/features/{name}"][...] for name in ("shift", "scale"))
    target_shift, target_scale = (file[f"scaling/targets/{name}"][...] for name in ("shift", "scale"))
    settings = file.attrs["settings"]
settings = settings.decode() if isinstance(settings, bytes) else settings


def setting(key):
    return float(settings.split(f"{key}:")[1].split()[0].strip("{},"))


length, horizon, stride, season = (int(setting(key)) for key in ("length", "horizon", "stride", "season"))
n, k = series.shape
n_test, n_valid = round(setting("test") * n), round(setting("validation") * n)
n_train = n - n_valid - n_test


def close(what, found, expected, tolerance):
    worst = np.abs(np.asarray(found) - np.asarray(expected)).max() / np.abs(expected).max()
    if not worst < tolerance:
        sys.exit(f"{what} is {worst:g} away from NumPy's")


def windows(first, end):
    """Inputs (n, length * k) and targets (n, horizon, k) of the windows in steps first ... end."""
    cut = np.lib.stride_tricks.sliding_window_view(series[first:end], length + horizon, axis=0)[::stride]
    cut = cut.transpose(0, 2, 1)
    return cut[:, :length].reshape(len(cut), -1), cut[:, length:]


# scaled by the training steps alone, each counted once
close("a feature's mean", shift, np.tile(series[:n_train].mean(0), length), 1e-12)
close("a feature's deviation", 1 / scale, np.tile(series[:n_train].std(0), length), 1e-12)
close("a target's mean", target_shift, np.tile(series[:n_train].mean(0), horizon), 1e-7)
close("a target's deviation", 1 / target_scale, np.tile(series[:n_train].std(0), horizon), 1e-7)

# the closed form, in the series' own units
x, y = windows(0, n_train)
fit = np.linalg.lstsq(np.c_[x, np.ones(len(x))], y.reshape(len(y), -1), rcond=None)[0]
own = weight * scale / target_scale[:, None]
close("a coefficient", own, fit[:-1].T, 1e-5)
close("an intercept", target_shift + bias / target_scale - own @ shift, fit[-1], 1e-5)

# what it is worth on the test windows, and what others are
x, y = windows(n - n_test - length, n)
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
table = np.genfromtxt(predictions_path, delimiter=",", skip_header=1)
x = np.lib.stride_tricks.sliding_window_view(series, length, axis=0)[::stride].transpose(0, 2, 1)
x = x.reshape(len(x), -1)
close("a time", table[:, 1], length + stride * np.arange(len(x)), 1e-12)
close("a forecast", table[:, 2:], x @ fit[:-1] + fit[-1], 1e-5)
