"""Scaling as scikit-learn does it: makes gaps.csv, a table with missing values and a column of categories, and
scaling.h, what a scikit-learn pipeline makes of its rows, which test_scaling.c compares lockstep with. Run by hand.
"""
import pathlib

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

here = pathlib.Path(__file__).resolve().parent
ROWS = 40
NAMES = ["age", "income", "colour", "balance", "height", "y"]

random = np.random.default_rng(5)
x = np.column_stack([
    random.integers(18, 90, ROWS), (random.lognormal(8, 1, ROWS)).round(2), random.choice([1, 2, 5, 9], ROWS),
    random.normal(0, 300, ROWS).round(1), random.normal(1.7, 0.1, ROWS).round(2)])
x[random.random(ROWS) < 0.2, 0] = np.nan
x[random.random(ROWS) < 0.1, 1] = np.nan
y = random.normal(size=ROWS).round(3)

with open(here / "gaps.csv", "w") as file:
    print(",".join(NAMES), file=file)
    for row in np.column_stack([x, y]):
        print(",".join("" if np.isnan(value) else f"{value:g}" for value in row), file=file)

def filled(scaler):
    return make_pipeline(scaler, SimpleImputer())

pipeline = ColumnTransformer([
    ("age", filled(RobustScaler()), [0]), ("income", filled(StandardScaler()), [1]),
    ("colour", OneHotEncoder(handle_unknown="ignore"), [2]), ("balance", filled(MaxAbsScaler()), [3]),
    ("height", filled(MinMaxScaler((-1, 1))), [4])], sparse_threshold=0)
written = np.genfromtxt(here / "gaps.csv", delimiter=",", skip_header=1)[:, :-1]
out = pipeline.fit_transform(written)

with open(here / "scaling.h", "w") as file:
    print("/* Made by scaling.py with scikit-learn: do not edit. */", file=file)
    print(f"enum {{ SCALED_ROWS = {ROWS}, SCALED_INPUTS = {out.shape[1]} }};\n", file=file)
    print("static const double scaled[SCALED_ROWS][SCALED_INPUTS] = {", file=file)
    for row in out:
        print("    {" + ", ".join(repr(float(value)) for value in row) + "},", file=file)
    print("};", file=file)
