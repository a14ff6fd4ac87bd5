"""The first steps of a variational autoencoder with a penalty on its hidden values, by PyTorch in float64 with the same noise:
makes variational.h, the figures that test_variational.c compares lockstep with.

variational.py LOCKSTEP: with the program to take the initial model from, as first_steps.py does. The noise is made here again:
Philox by NumPy, then Box and Muller; the divergence is torch.distributions'.
"""
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

here = pathlib.Path(__file__).resolve().parent
lockstep = pathlib.Path(sys.argv[1]).resolve()
ROWS, BATCH, SHARDS, STEPS, SEED = 150, 32, 4, 50, 5
RANDOM_LAYER, DRAW_NORMAL, SAMPLE_NODE, CODE = 4, 1, 4, 3


def share(n, j):
    return n // SHARDS + (j < n % SHARDS)


def batch_rows(t):
    """For each row of step t of an epoch: its number, its shard, and its place in the shard's part of the batch."""
    rows = []
    for j in range(SHARDS):
        first = sum(share(ROWS, i) for i in range(j))
        begin, end = (share(min(s * BATCH, ROWS), j) for s in (t, t + 1))
        rows.extend((first + row, j, row - begin) for row in range(begin, end))
    return rows


def words(step, shard, block):
    """Eight words of 32 bits. NumPy counts on before it draws."""
    counter = block + ((shard + (DRAW_NORMAL << 32)) << 64) + (step << 128)
    philox = np.random.Philox(counter=(counter - 1) % (1 << 256), key=SEED + (RANDOM_LAYER << 64))
    return philox.random_raw(4).view(np.uint32)


def normals(step, shard, place):
    """Standard normal numbers of a row of the code: one block is enough for up to eight."""
    drawn = words(step, shard, (SAMPLE_NODE << 40) + place)
    unit = (drawn >> 8) * 2.0**-24
    radius, angle = np.sqrt(-2 * np.log1p(-unit[0::2])), 2 * np.pi * unit[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:CODE]


def run(directory, *words):
    subprocess.run([lockstep, *words], check=True, cwd=directory, capture_output=True)


def replay(model_path, inputs_of, error):
    """The losses of the first steps; error(outputs, inputs) is that of each value of a row."""
    with h5py.File(model_path) as model:
        arrays = [torch.tensor(model[f"parameters/dense{i}/{kind}"][()].astype(float), requires_grad=True)
                  for i in range(1, 5) for kind in ("weight", "bias")]
    x = torch.tensor(np.loadtxt(here / "features.csv", delimiter=",").astype(np.float32).astype(float))
    x = inputs_of(x)
    optimizer, losses = torch.optim.Adam(arrays, lr=0.01), []
    dense = lambda i, z: z @ arrays[2 * i].T + arrays[2 * i + 1]
    for step in range(STEPS):
        rows = batch_rows(step % -(-ROWS // BATCH))
        noise = torch.tensor(np.array([normals(step, shard, place) for _, shard, place in rows]))
        inputs = x[[row for row, _, _ in rows]]
        hidden = torch.tanh(dense(0, inputs))
        mean, log_variance = dense(1, hidden).chunk(2, dim=1)
        code = Normal(mean, torch.exp(log_variance / 2))
        outputs = dense(3, torch.tanh(dense(2, mean + code.scale * noise)))
        loss = (error(outputs, inputs).mean(1) + 0.002 * hidden.abs().sum(1) + 0.01 * (hidden**2).sum(1)
                + 0.05 * kl_divergence(code, Normal(0.0, 1.0)).sum(1)).mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


with tempfile.TemporaryDirectory() as place:
    run(place, "import", "--train", here / "features.csv", here / "labels.csv", "variational.h5")
    run(place, "train", here / "variational.yaml", "train.epochs=0")
    path = f"{place}/runs/variational/model.h5"
    squares = replay(path, lambda x: x, lambda z, t: (z - t) ** 2)
    minmax = lambda x: (x - x.min(0).values) / (x.max(0).values - x.min(0).values)
    shares = replay(path, minmax, lambda z, t: torch.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none"))


def table(name, figures):
    lines = [", ".join(f"{v:.17g}" for v in figures[i:i + 4]) for i in range(0, len(figures), 4)]
    return f"static const double {name}[] = {{\n    " + ",\n    ".join(lines) + ",\n};\n"


(here / "variational.h").write_text(
    "/* Losses of the first steps, by variational.py with PyTorch in float64: with mse, and with\n"
    " * binary_cross_entropy of features that are scaled to [0, 1]. */\n/* clang-format off */\n"
    + table("variational", squares) + table("variational_shares", shares))
