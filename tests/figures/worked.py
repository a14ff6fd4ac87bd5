"""Numbers for tests/system/test_worked.c: one row through small networks by hand, with NumPy alone, in double.

Writes tests/figures/worked.h: for each case all numbers in the order in which `lockstep info --graph --row` prints them.
"""
import os

import numpy as np


def tanh(z):
    return np.tanh(z), 1 - np.tanh(z) ** 2


def relu(z):
    return np.maximum(z, 0), (z > 0).astype(float)


def sigmoid(z):
    s = 1 / (1 + np.exp(-z))
    return s, s * (1 - s)


def mse(y, target):
    """The mean over targets, as PyTorch has it."""
    return [], list(target), np.mean((y - target) ** 2), 2 * (y - target) / len(y)


def cross_entropy(y, label):
    p = np.exp(y - y.max())
    p /= p.sum()
    delta = p.copy()
    delta[label] -= 1
    return list(p), [label], -np.log(p[label]), delta


def binary_cross_entropy(y, target):
    p = 1 / (1 + np.exp(-y))
    loss = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
    return list(p), list(target), loss, (p - target) / len(y)


def forward(x, layers):
    steps = []
    a = x
    for w, b, f in layers:
        z = w @ a + b
        value, slope = f(z) if f else (z, np.ones_like(z))
        steps.append((a, z, value, slope))
        a = value
    return steps, a


def work(x, layers, loss, target, rate):
    numbers = list(x)
    steps, y = forward(x, layers)
    for (w, b, _), (_, z, a, _) in zip(layers, steps):
        numbers += list(w.ravel()) + list(b) + list(z) + list(a)
    seen, shown, value, slope = loss(y, target)
    numbers += seen + shown + [value]
    deltas = [None] * len(layers)
    for i in reversed(range(len(layers))):
        before, _, _, derivative = steps[i]
        deltas[i] = slope * derivative
        numbers += list(deltas[i]) + list(np.outer(deltas[i], before).ravel()) + list(deltas[i])
        slope = layers[i][0].T @ deltas[i]
    new = [(w - rate * np.outer(d, s[0]), b - rate * d, f) for (w, b, f), d, s in zip(layers, deltas, steps)]
    for w, b, _ in new:
        numbers += list(w.ravel()) + list(b)
    numbers.append(loss(forward(x, new)[1], target)[2])
    return numbers


X = np.array([0.5, -1.25])
W1 = np.array([[0.25, -0.5], [0.75, 0.125], [-1.0, 0.375]])
B1 = np.array([0.125, -0.25, 0.5])
W2 = np.array([[0.5, -0.75, 0.25], [-0.125, 1.0, 0.625]])
B2 = np.array([0.0625, -0.375])
CASES = {
    "mse": work(X, [(W1, B1, tanh), (W2, B2, None)], mse, np.array([1.5, -0.5]), 0.25),
    "line": work(X, [(np.array([[2.0, -0.5]]), np.array([0.5]), None)], mse, np.array([1.5]), 0.25),
    "classes": work(X, [(W1, B1, relu), (W2, B2, None)], cross_entropy, 1, 0.25),
    "decisions": work(X, [(W1, B1, sigmoid), (W2, B2, tanh)], binary_cross_entropy, np.array([1.0, 0.0]), 0.25),
}

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "worked.h"), "w", encoding="utf-8") as out:
    out.write("/* Made by tests/figures/worked.py with NumPy: numbers of one row in small networks. */\n/* clang-format off */\n")
    for name, numbers in CASES.items():
        out.write(f"static const double worked_{name}[] = {{\n")
        for i in range(0, len(numbers), 4):
            out.write("    " + ", ".join(repr(float(v)) for v in numbers[i : i + 4]) + ",\n")
        out.write("};\n")
