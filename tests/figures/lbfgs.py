"""L-BFGS by PyTorch in float64 on logistic regression with a penalty: makes lbfgs.h, the figures that test_lbfgs.c
compares lockstep with. Run by hand.

Both take the same pairs, the same first estimate of H and the same conditions of the line search (strong Wolfe, 1e-4 and
0.9). They differ in how long the very first trial is, 1 / |g|_1 here and 1 / |g|_2 there, which the rate of the first
iteration makes up for; and in what a search does after its first trial has failed: so the steps are compared as far as
each search ends with its first trial, and the minimum, which is one, in the end.
"""
import pathlib

import numpy as np
import torch

here = pathlib.Path(__file__).resolve().parent
L2, STEPS, CLASSES = 0.01, 14, 3

x = torch.tensor(np.loadtxt(here / "features.csv", delimiter=","))
labels = torch.tensor(np.loadtxt(here / "labels.csv", dtype=np.int64))
weight = torch.zeros(CLASSES, x.shape[1], dtype=torch.float64, requires_grad=True)
bias = torch.zeros(CLASSES, dtype=torch.float64, requires_grad=True)
losses = []  # without the penalty, at each evaluation


def evaluate():
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, labels)
    losses.append(loss.item())
    total = loss + L2 / 2 * (weight**2).sum()
    total.backward()
    return total


def iterate():
    """The loss before the iteration, and how many trials its line search took."""
    losses.clear()
    optimizer.step(evaluate)
    return losses[0], len(losses) - 1


def c_array(name, values):
    rows = [", ".join(f"{v:.17g}" for v in values[i : i + 4]) for i in range(0, len(values), 4)]
    return f"static const double {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


optimizer = torch.optim.LBFGS([weight, bias], max_iter=1, max_eval=100, history_size=10, tolerance_grad=0,
                              tolerance_change=0, line_search_fn="strong_wolfe")
evaluate()
gradient = torch.cat([weight.grad.flatten(), bias.grad])
optimizer.param_groups[0]["lr"] = min(1, 1 / gradient.norm().item()) / min(1, 1 / gradient.abs().sum().item())
course = [iterate()]
optimizer.param_groups[0]["lr"] = 1
course += [iterate() for _ in range(STEPS - 1)]
assert all(trials == 1 for _, trials in course), course
for _ in range(300):
    iterate()
least = evaluate().item()
assert max(weight.grad.abs().max(), bias.grad.abs().max()) < 1e-9
(here / "lbfgs.h").write_text(
    f"/* By lbfgs.py with PyTorch {torch.__version__} in float64: the loss before each iteration; the least loss with\n"
    " * the penalty, and the weights (out, in) there. */\n/* clang-format off */\n"
    + c_array("lbfgs_losses", [loss for loss, _ in course])
    + f"static const double lbfgs_least = {least:.17g};\n"
    + c_array("lbfgs_weights", weight.detach().flatten().tolist()))
