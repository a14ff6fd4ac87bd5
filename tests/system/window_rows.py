"""A series for autoencoders of windows, and what their errors must be.

window_rows.py make                     writes series.h5: two columns of different size, three series, no y; a disturbance in the test
window_rows.py check PREDICTIONS JSON   compares errors that eval has found with those of predictions, over windows made here
"""
import json
import sys

import h5py
import numpy as np

LENGTH = 6


def make():
    random = np.random.default_rng(4)
    with h5py.File("series.h5", "w") as file:
        for group, n in (("train", 900), ("test", 240)):
            t = np.arange(n)
            x = np.c_[np.sin(t / 5), 1e6 + 20 * np.cos(t / 9)] + random.normal(size=(n, 2)) * [0.05, 1]
            if group == "test":
                x[150:153, 0] += 2
            file[f"{group}/x"] = x
            file[f"{group}/series"] = np.repeat([0, 1, 2], n // 3)


def check(predictions, report):
    with h5py.File("series.h5") as file, h5py.File(predictions) as found, open(report) as text:
        x, series, report = file["test/x"][:], file["test/series"][:], json.load(text)
        begins = [i for i in range(len(x) - LENGTH + 1) if series[i] == series[i + LENGTH - 1]]
        y = np.array([x[i:i + LENGTH].ravel() for i in begins])
        error = found["prediction"][:] - y
        assert found["prediction"].dtype == np.float64 and report["rows"] == len(y), (report["rows"], len(y))
        expected = dict(mae=np.abs(error).mean(), rmse=np.sqrt((error**2).mean()))
        for key, value in expected.items():
            assert abs(report[key] / value - 1) < 1e-9, (key, report[key], value)
        assert expected["mae"] < 3, "a code of three numbers knows more than that"


make() if sys.argv[1] == "make" else check(*sys.argv[2:])
