"""A network of three heads by PyTorch in float64: makes heads.h, the figures that tests/loss/test_objective.c compares
lockstep with. Outputs 0 to 3 are logits of classes, 4 and 5 a mean and the logarithm of a variance, 6 and 7 values.
Run by hand: heads.py"""
import pathlib

import numpy as np
import torch
from torch.nn import functional as F

here = pathlib.Path(__file__).resolve().parent
ROWS, OUTPUTS, TARGETS = 5, 8, 4
random = np.random.default_rng(7)
z = random.normal(size=(ROWS, OUTPUTS)).round(3)
values = random.normal(size=(ROWS, 3)).round(3)
labels = random.integers(0, 4, size=ROWS)
row_weights = random.uniform(0.25, 4, size=ROWS).round(3)
HEAD_WEIGHTS = (1.5, 0.25, 2)


def losses(z):
    t = torch.tensor(values)
    return (F.cross_entropy(z[:, :4], torch.tensor(labels), reduction="none", label_smoothing=0.1),
            F.gaussian_nll_loss(z[:, 4], t[:, 0], z[:, 5].exp(), reduction="none"),
            F.mse_loss(z[:, 6:], t[:, 1:], reduction="none").mean(dim=1))


def array(name, a):
    a = np.asarray(a, dtype=float).ravel()
    rows = [", ".join(f"{v:.17g}" for v in a[i : i + 6]) for i in range(0, len(a), 6)]
    return f"static const double {name}[] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


def main():
    variable = torch.tensor(z, requires_grad=True)
    sums = [(torch.tensor(row_weights) * loss).sum() for loss in losses(variable)]
    sum(w * s for w, s in zip(HEAD_WEIGHTS, sums)).backward()
    targets = np.column_stack([labels, values])
    text = ["/* By heads.py with PyTorch in float64. */\n/* clang-format off */\n"
            f"enum {{ FIGURE_ROWS = {ROWS}, FIGURE_OUTPUTS = {OUTPUTS}, FIGURE_TARGETS = {TARGETS} }};\n"]
    for name, a in (("z", z), ("targets", targets), ("row_weights", row_weights), ("head_weights", HEAD_WEIGHTS),
                    ("sums", [s.item() for s in sums]), ("slope", variable.grad)):
        text.append(array(f"figure_{name}", a))
    (here / "heads.h").write_text("\n".join(text))


main()
