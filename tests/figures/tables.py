"""A table with categories and gaps, as NumPy and PyTorch see it: makes tables.h, which test_tables.c compares lockstep
with. For each rule of data.missing what a row becomes (NumPy), and the losses of the first steps of a network with
nn.Embedding (PyTorch, float64).

tables.py LOCKSTEP: with the program to take the initial weights from. Run by hand, with h5py, NumPy and PyTorch.
"""
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch

here = pathlib.Path(__file__).resolve().parent
lockstep = pathlib.Path(sys.argv[1]).resolve()

ROWS, BATCH, SHARDS, STEPS = 60, 16, 3, 24
AGE, ROOMS, COLOUR, CITY, SIZE = range(5)
CATEGORIES = {COLOUR: ["blue", "green", "red", "teal"], CITY: [f"city {k}" for k in range(14)],
              SIZE: ["small", "medium", "large"]}
RULES = ["mean", "median", "most_frequent", "constant"]
CONSTANT = 7.5

random = np.random.default_rng(31)
x = np.column_stack([
    random.normal(45, 12, ROWS).round(1), random.integers(1, 6, ROWS), random.choice([0, 1, 2], ROWS, p=[0.5, 0.2, 0.3]),
    random.integers(0, 12, ROWS), random.integers(0, 3, ROWS)]).astype(float)
y = (np.sin(x[:, CITY]) + 0.02 * x[:, AGE] + (x[:, COLOUR] == 1) + 0.1 * random.normal(size=ROWS)).round(3)
x[random.random(ROWS) < 0.15, AGE] = np.nan
x[random.random(ROWS) < 0.1, ROOMS] = np.nan
x[random.random(ROWS) < 0.1, COLOUR] = np.nan
x[random.random(ROWS) < 0.05, CITY] = -1  # a city without a name


def most_frequent(values):
    """Of several the smallest, as scikit-learn's SimpleImputer has it."""
    found, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return found[counts.argmax()]


def encode(rule, embedded):
    """Rows as the layers get them: numbers filled in, 0 and 1 for each category that rows hold, gaps; no cities where
    these are embedded."""
    fills = {"mean": np.nanmean, "median": np.nanmedian, "most_frequent": most_frequent, "constant": lambda _: CONSTANT}
    columns = []
    for c in range(x.shape[1]):
        values = x[:, c].copy()
        is_category = c in (COLOUR, CITY)
        if not is_category or rule == "most_frequent":
            values[np.isnan(values)] = fills[rule](values)
        if not is_category:
            columns.append(values)
        elif not (c == CITY and embedded):
            columns += [(values == k).astype(float) for k in np.unique(values[values >= 0])]
    for c in range(x.shape[1]):
        if np.isnan(x[:, c]).any():
            columns.append(np.isnan(x[:, c]).astype(float))
    return np.column_stack(columns)


def scaled(rows):
    """Numbers to mean 0 and deviation 1, by the values that are there."""
    rows = rows.copy()
    for place, c in ((0, AGE), (1, ROOMS), (-4, SIZE)):
        there = x[~np.isnan(x[:, c]), c]
        rows[:, place] = (rows[:, place] - there.mean()) / there.std()
    return rows


def share(n, j):
    return n // SHARDS + (j < n % SHARDS)


def batch_rows(t):
    """The rows of step t of an epoch: of each shard's block, those between what t and t + 1 batches take."""
    rows = []
    for j in range(SHARDS):
        first = sum(share(ROWS, i) for i in range(j))
        begin, end = (share(min(s * BATCH, ROWS), j) for s in (t, t + 1))
        rows.extend(range(first + begin, first + end))
    return rows


def initial(directory):
    """Lockstep's network before training, from the same table."""
    with h5py.File(directory / "tables.h5", "w") as file:
        file["train/x"], file["train/y"] = x, y[:, None]
        for c, names in CATEGORIES.items():
            file[f"categories/{c}"] = np.array(names, dtype="S10")
        file[f"categories/{SIZE}"].attrs["ordered"] = 1
    subprocess.run([lockstep, "train", here / "tables.yaml", "train.epochs=0"], check=True, cwd=directory,
                   capture_output=True)
    with h5py.File(directory / "runs/tables/model.h5") as file:
        return {name: torch.tensor(file[f"parameters/{name}"][...].astype(float))
                for name in ("embedding1/weight", "dense1/weight", "dense1/bias", "dense2/weight", "dense2/bias")}


def torch_losses():
    with tempfile.TemporaryDirectory() as directory:
        weights = initial(pathlib.Path(directory))
    cities = np.unique(x[x[:, CITY] >= 0, CITY])
    number = np.array([np.flatnonzero(cities == c)[0] if c >= 0 else len(cities) for c in x[:, CITY]])
    width = len(weights["embedding1/weight"])
    vectors = torch.nn.Embedding(len(cities) + 1, width, padding_idx=len(cities), dtype=torch.float64)
    first = torch.nn.Linear(*weights["dense1/weight"].T.shape, dtype=torch.float64)
    last = torch.nn.Linear(*weights["dense2/weight"].T.shape, dtype=torch.float64)
    with torch.no_grad():
        vectors.weight[:-1] = weights["embedding1/weight"].T
        for layer, name in ((first, "dense1"), (last, "dense2")):
            layer.weight[...] = weights[name + "/weight"]
            layer.bias[...] = weights[name + "/bias"]
    rows = scaled(encode("mean", embedded=True))
    rows, numbers, targets = torch.tensor(rows), torch.tensor(number), torch.tensor(y)
    parameters = [*vectors.parameters(), *first.parameters(), *last.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    losses, steps = [], -(-ROWS // BATCH)
    for step in range(STEPS):
        batch = batch_rows(step % steps)
        out = last(torch.tanh(first(torch.cat([rows[batch], vectors(numbers[batch])], dim=1))))[:, 0]
        loss = ((out - targets[batch]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def number(value):
    return "NAN" if np.isnan(value) else repr(float(value))


def array(name, values, file):
    print(f"static const double {name}[{']['.join(str(n) for n in values.shape)}] = {{", file=file)
    for row in values if values.ndim > 1 else values[:, None]:
        text = ", ".join(number(value) for value in row)
        print(f"    {{{text}}}," if values.ndim > 1 else f"    {text},", file=file)
    print("};", file=file)


with open(here / "tables.h", "w") as file:
    rows = {rule: encode(rule, embedded=False) for rule in RULES}
    print("/* Made by tables.py with NumPy and PyTorch: do not edit. */", file=file)
    print("#include <math.h>\n", file=file)
    print(f"enum {{ TABLE_ROWS = {ROWS}, TABLE_COLUMNS = {x.shape[1]}, TABLE_INPUTS = {rows['mean'].shape[1]}, "
          f"TABLE_STEPS = {STEPS} }};\n", file=file)
    array("table_x", x, file)
    array("table_y", y, file)
    for rule in RULES:
        array("filled_by_" + rule, rows[rule], file)
    array("torch_losses", np.array(torch_losses()), file)
