"""Losses and their gradients by PyTorch and scikit-learn in float64: makes losses.h, the figures that
tests/model/test_loss.c compares lockstep with. Run by hand with /usr/bin/python3 and what
scripts/setup.sh --figures installs.

PyTorch has no margin loss of Crammer and Singer; the hinge's value is compared with scikit-learn's hinge_loss."""
import pathlib

import numpy as np
import torch
from sklearn.metrics import hinge_loss, mean_pinball_loss
from torch.nn import functional as F

here = pathlib.Path(__file__).resolve().parent
ROWS, WIDTH = 5, 6
random = np.random.default_rng(3)
z = random.normal(size=(ROWS, WIDTH)).round(3)
values = random.normal(size=(ROWS, WIDTH)).round(3)
shares = random.uniform(size=(ROWS, WIDTH)).round(3)
counts = random.integers(0, 5, size=(ROWS, WIDTH))
labels = random.integers(0, WIDTH, size=ROWS)
weights = random.uniform(0.25, 4, size=ROWS).round(3)


def gaussian(z):
    mean, log_variance = z[:, :3], z[:, 3:]
    t = torch.tensor(values[:, :3])
    return F.gaussian_nll_loss(mean, t, log_variance.exp(), reduction="none").mean(dim=1)


def quantile(z):
    t, total = torch.tensor(values[:, :2]), 0
    for i, level in enumerate((0.1, 0.5, 0.9)):
        d = t - z[:, 2 * i : 2 * i + 2]
        total = total + torch.maximum(level * d, (level - 1) * d).sum(dim=1)
    return total / WIDTH


def cross_entropy(smoothing):
    return lambda z: F.cross_entropy(z, torch.tensor(labels), reduction="none", label_smoothing=smoothing)


def margin(width):
    """max(0, width - lead): how far the label's score is ahead of the largest other one."""
    def loss(z):
        own = torch.tensor(labels)[:, None]
        others = z.scatter(1, own, -torch.inf).max(dim=1).values
        return (width - (z.gather(1, own)[:, 0] - others)).clamp(min=0)
    return loss


def by_value(loss, **keys):
    return lambda z: loss(z, torch.tensor(values), reduction="none", **keys).mean(dim=1)


CASES = {
    "mse": by_value(F.mse_loss),
    "mae": by_value(F.l1_loss),
    "huber": by_value(F.huber_loss, delta=0.5),
    "hinge": margin(1),
    "perceptron": margin(0),
    "distortion": lambda z: -2 * z.max(dim=1).values,
    "density": lambda z: -z.logsumexp(dim=1),
    "gaussian_nll": gaussian,
    "poisson_nll": lambda z: F.poisson_nll_loss(z, torch.tensor(counts).double(), reduction="none").mean(dim=1),
    "quantile": quantile,
    "smooth_cross_entropy": cross_entropy(0.1),
    "weighted_cross_entropy": lambda z: torch.tensor(weights) * cross_entropy(0)(z),
    "binary_cross_entropy": lambda z: F.binary_cross_entropy_with_logits(
        z, torch.tensor(shares), reduction="none").mean(dim=1),
    "smooth_binary_cross_entropy": lambda z: F.binary_cross_entropy_with_logits(
        z, torch.tensor(shares) * 0.9 + 0.05, reduction="none").mean(dim=1),
}


def array(kind, name, a):
    a = np.asarray(a).ravel()
    form = (lambda v: f"{v:d}") if kind == "int32_t" else lambda v: f"{v:.17g}"
    rows = [", ".join(form(v) for v in a[i : i + 6]) for i in range(0, len(a), 6)]
    return f"static const {kind} {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


def main():
    text = ["/* By losses.py with PyTorch and scikit-learn in float64. */\n/* clang-format off */\n"
            f"enum {{ FIGURE_ROWS = {ROWS}, FIGURE_WIDTH = {WIDTH} }};\n"]
    for name, a in ("z", z), ("values", values), ("shares", shares), ("counts", counts), ("weights", weights):
        text.append(array("double", f"figure_{name}", a.astype(float)))
    text.append(array("int32_t", "figure_labels", labels))
    for name, loss in CASES.items():
        variable = torch.tensor(z, requires_grad=True)
        total = loss(variable).sum()
        total.backward()
        text.append(f"static const double {name}_value = {total.item():.17g};\n" + array("double", f"{name}_slope", variable.grad))
    assert np.isclose(margin(1)(torch.tensor(z)).mean(), hinge_loss(labels, z, labels=range(WIDTH)), rtol=1e-12)
    two = (labels > 2).astype(int)
    text.append(f"static const double hinge_of_two_value = {ROWS * hinge_loss(two, z[:, 0], labels=[0, 1]):.17g};\n")
    pinball = mean_pinball_loss(values[:, 0], z[:, 0], alpha=0.9)
    text.append(f"static const double pinball_value = {ROWS * pinball:.17g};\n")
    (here / "losses.h").write_text("\n".join(text))


main()
