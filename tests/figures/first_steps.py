"""The first steps of training, replayed in NumPy with float64: makes first_steps.h, the figures that
test_first_steps.c compares lockstep with.

first_steps.py LOCKSTEP: with the program to take the initial model and the dataset from. Run by hand; it writes
features.csv, labels.csv and targets.csv, imports them, has lockstep save each network before training
(train.epochs=0), and replays 50 steps from what it reads in those files with h5py. Nothing but the initial
weights and the partition of rows (src/layout/shard.h) is lockstep's; gradients are worked out below by hand.
"""
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy as np

here = pathlib.Path(__file__).resolve().parent
lockstep = pathlib.Path(sys.argv[1]).resolve()

ROWS, FEATURES, CLASSES, TARGETS = 150, 13, 3, 2
BATCH, SHARDS, STEPS = 32, 4, 50


def write_tables():
    """Rows of a smooth law with noise, rounded so that the tables are short."""
    random = np.random.default_rng(12)
    x = random.normal(size=(ROWS, FEATURES)).round(3)
    law = np.tanh(x @ random.normal(size=(FEATURES, CLASSES)) / 2) + 0.2 * random.normal(size=(ROWS, CLASSES))
    np.savetxt(here / "features.csv", x, "%.3f", ",")
    np.savetxt(here / "labels.csv", law.argmax(axis=1), "%d")
    np.savetxt(here / "targets.csv", law[:, :TARGETS].round(3), "%.3f", ",")


def run(directory, *words):
    subprocess.run([lockstep, *words], check=True, cwd=directory, capture_output=True)


def share(n, j):
    """Size of part j when n things are dealt to the shards, the first ones getting one more."""
    return n // SHARDS + (j < n % SHARDS)


def batch_rows(t):
    """The rows of step t of an epoch: of each shard's block, those between what t and t + 1 batches take."""
    rows = []
    for j in range(SHARDS):
        first = sum(share(ROWS, i) for i in range(j))
        begin, end = (share(min(s * BATCH, ROWS), j) for s in (t, t + 1))
        rows.extend(range(first + begin, first + end))
    return rows


ACTIVATIONS = {  # f, and f' by the output y = f(z)
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "relu": (lambda z: np.maximum(z, 0), lambda y: (y > 0).astype(float)),
    "identity": (lambda z: z, np.ones_like),
}


def forward(layers, x):
    values = [x]
    for weight, bias, name in layers:
        values.append(ACTIVATIONS[name][0](values[-1] @ weight.T + bias))
    return values


def backward(layers, values, delta):
    """Gradients of all arrays, from dL/dy of the last layer."""
    gradients = []
    for (weight, _, name), x, y in zip(layers[::-1], values[-2::-1], values[::-1]):
        delta = delta * ACTIVATIONS[name][1](y)
        gradients[:0] = [delta.T @ x, delta.sum(axis=0)]
        delta = delta @ weight
    return gradients


def cross_entropy(z, labels):
    """Sum over rows, and its gradient."""
    z = z - z.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    one_hot = np.eye(CLASSES)[labels]
    return -(np.log(p) * one_hot).sum(), p - one_hot


def mse(z, y):
    """Sum over rows of the mean over targets."""
    return ((z - y) ** 2).mean(axis=1).sum(), 2 * (z - y) / y.shape[1]


class Adam:
    def __init__(self, arrays, rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.m, self.v, self.t = [np.zeros_like(a) for a in arrays], [np.zeros_like(a) for a in arrays], 0
        self.rate, self.beta1, self.beta2, self.epsilon = rate, beta1, beta2, epsilon

    def update(self, arrays, gradients):
        self.t += 1
        for a, g, m, v in zip(arrays, gradients, self.m, self.v):
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            a -= self.rate * (m / (1 - self.beta1**self.t)) / (np.sqrt(v / (1 - self.beta2**self.t)) + self.epsilon)


class Momentum:
    def __init__(self, arrays, rate=0.05, momentum=0.9):
        self.b, self.rate, self.momentum = [np.zeros_like(a) for a in arrays], rate, momentum

    def update(self, arrays, gradients):
        for a, g, b in zip(arrays, gradients, self.b):
            b *= self.momentum
            b += g
            a -= self.rate * b


class Lamb:
    """You et al. 2020; matrices have a trust ratio and decay, biases neither."""

    def __init__(self, arrays, rate=0.02, beta1=0.9, beta2=0.999, epsilon=1e-6, decay=0.1):
        self.m, self.v, self.t = [np.zeros_like(a) for a in arrays], [np.zeros_like(a) for a in arrays], 0
        self.rate, self.beta1, self.beta2, self.epsilon, self.decay = rate, beta1, beta2, epsilon, decay

    def update(self, arrays, gradients):
        self.t += 1
        for a, g, m, v in zip(arrays, gradients, self.m, self.v):
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            u = (m / (1 - self.beta1**self.t)) / (np.sqrt(v / (1 - self.beta2**self.t)) + self.epsilon)
            if a.ndim == 2:
                u += self.decay * a
                u *= np.linalg.norm(a) / np.linalg.norm(u)
            a -= self.rate * u


class Lars:
    """You et al. 2017; matrices have a trust ratio and decay, biases neither."""

    def __init__(self, arrays, rate=0.5, momentum=0.9, coefficient=0.05, decay=0.1):
        self.b, self.rate, self.momentum = [np.zeros_like(a) for a in arrays], rate, momentum
        self.coefficient, self.decay = coefficient, decay

    def update(self, arrays, gradients):
        for a, g, b in zip(arrays, gradients, self.b):
            trust, decay = 1, 0
            if a.ndim == 2:
                size, decay = np.linalg.norm(a), self.decay
                trust = self.coefficient * size / (np.linalg.norm(g) + decay * size)
            b *= self.momentum
            b += self.rate * trust * (g + decay * a)
            a -= b


def replay(model_path, data_path, activations, loss, optimizer):
    with h5py.File(model_path) as model, h5py.File(data_path) as data:
        arrays = []
        for i in range(len(activations)):
            for kind in "weight", "bias":
                arrays.append(model[f"parameters/dense{i + 1}/{kind}"][()].astype(float))
        x, y = data["train/x"][()].astype(float), data["train/y"][()]
    layers = [(arrays[2 * i], arrays[2 * i + 1], name) for i, name in enumerate(activations)]
    rule, losses = optimizer(arrays), []
    steps = -(-ROWS // BATCH)
    for step in range(STEPS):
        rows = batch_rows(step % steps)
        values = forward(layers, x[rows])
        total, delta = loss(values[-1], y[rows])
        losses.append(total / len(rows))
        rule.update(arrays, [g / len(rows) for g in backward(layers, values, delta)])
    return losses


def c_array(name, values):
    rows = [", ".join(f"{v:.17g}" for v in values[i : i + 4]) for i in range(0, len(values), 4)]
    return f"static const double {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


def main():
    write_tables()
    figures = []
    with tempfile.TemporaryDirectory() as place:
        for name, y, words, activations, loss, optimizer in (
            ("adam_cross_entropy", "labels", (), ("tanh", "relu", "identity"), cross_entropy, Adam),
            ("momentum_mse", "targets", ("--regression",), ("relu", "tanh", "identity"), mse, Momentum),
            ("lamb_cross_entropy", "labels", (), ("tanh", "relu", "identity"), cross_entropy, Lamb),
            ("lars_mse", "targets", ("--regression",), ("relu", "tanh", "identity"), mse, Lars),
        ):
            run(place, "import", "--train", here / "features.csv", here / f"{y}.csv", f"{name}.h5", *words)
            run(place, "train", here / f"{name}.yaml", "train.epochs=0")
            losses = replay(f"{place}/runs/{name}/model.h5", f"{place}/{name}.h5", activations, loss, optimizer)
            figures.append(c_array(name, losses))
    text = "/* Losses of the first steps, by first_steps.py with NumPy in float64. */\n/* clang-format off */\n" + "\n".join(figures)
    (here / "first_steps.h").write_text(text)


main()
