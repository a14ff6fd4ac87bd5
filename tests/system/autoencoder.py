"""Data for autoencoders, and what their targets must be.

autoencoder.py make    writes codes.h5: x with an offset beside which single precision sees nothing, a column of categories
                       and gaps, and in test/values what data.targets: x is made of: gaps filled in, categories as 0 and 1,
                       marks of gaps. There is no y.
"""
import h5py
import numpy as np


def columns(x, filled):
    """The columns of x in original units: `filled` (the mean of the training rows) in gaps, then a mark for each column with
    gaps among the training rows."""
    first = np.where(np.isnan(x[:, 0]), filled, x[:, 0])
    kinds = (x[:, 1:2] == np.arange(3)).astype(float)
    return np.c_[first, kinds, x[:, 2:], np.isnan(x[:, :2])]


random = np.random.default_rng(2)
with h5py.File("codes.h5", "w") as file:
    for group, n in (("train", 1200), ("valid", 150), ("test", 211)):
        t = random.uniform(-1, 1, n)
        x = np.c_[1.6e9 + 40 * t, random.integers(0, 3, n), t * t, 3 - t + 0.1 * random.normal(size=n)]
        x[::17, 0] = np.nan
        x[::23, 1] = np.nan
        file[f"{group}/x"] = x
        file[f"{group}/weight"] = random.uniform(0.5, 2, n)
        filled = np.nanmean(x[:, 0]) if group == "train" else filled
        if group == "test":
            file["test/values"] = columns(x, filled)
