"""Fifty steps of each optimiser by PyTorch in float64, and of the one that it has not by NumPy: makes optimizers.h, the figures that
tests/optim/test_optimizer.c compares lockstep's optimisers with. Run by hand with /usr/bin/python3 and
what scripts/setup.sh --figures installs.

The function to be made small is a chain, f(w) = sum over i of 2 (w_(i+1) - w_i^2)^2 + (1 - w_i)^2 (Rosenbrock 1960,
with 2 in place of 100): its gradient is a few products, and neither constant nor the same for all parameters.
"""
import pathlib

import numpy as np
import torch

N, STEPS = 8, 50

# name in C, and PyTorch's optimiser; the test repeats these settings in lockstep's words
CASES = [
    ("sgd", lambda p: torch.optim.SGD(p, lr=0.01)),
    ("sgd_momentum", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9)),
    ("sgd_nesterov", lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True)),
    ("adam", lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.9, 0.999), eps=1e-8)),
    ("adamw", lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)),
    ("adagrad", lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-8)),
    ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.99, eps=1e-8)),
    ("rmsprop_momentum", lambda p: torch.optim.RMSprop(p, lr=0.002, alpha=0.9, eps=1e-8, momentum=0.9)),
    # foreach: the other loop of PyTorch before 2.0 took one factor of its product twice (pytorch/pytorch#92699)
    ("nadam", lambda p: torch.optim.NAdam(p, lr=0.02, betas=(0.9, 0.999), eps=1e-8, momentum_decay=0.004, foreach=True)),
]


def loss(w):
    return (2 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()


def train(make):
    w = torch.tensor([-1.2 + 0.3 * i for i in range(N)], dtype=torch.float64, requires_grad=True)
    optimizer = make([w])
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
    return w.tolist()


def proximal(lr=0.02, l1=0.8):
    """Iterative soft thresholding (Daubechies et al. 2004), the gradient by hand."""
    w = -1.2 + 0.3 * np.arange(N)
    for _ in range(STEPS):
        d, g = w[1:] - w[:-1] ** 2, np.zeros(N)
        g[:-1] = -8 * d * w[:-1] - 2 * (1 - w[:-1])
        g[1:] += 4 * d
        v = w - lr * g
        w = np.sign(v) * np.maximum(np.abs(v) - lr * l1, 0)
    return w.tolist()


def c_array(name, numbers):
    values = [f"{v:.17g}" for v in numbers]
    rows = [", ".join(values[i : i + 4]) for i in range(0, N, 4)]
    return f"static const double {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};"


def main():
    lines = [f"/* Parameters after {STEPS} steps, by optimizers.py with PyTorch {torch.__version__} and NumPy in float64. */",
             "/* clang-format off */"]
    lines += [c_array(f"torch_{name}", train(make)) for name, make in CASES]
    lines.append(c_array("numpy_proximal", proximal()))
    (pathlib.Path(__file__).parent / "optimizers.h").write_text("\n".join(lines) + "\n")


main()
