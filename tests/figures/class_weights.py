"""Three heads whose classes have weights, rows with weights beside them: a linear network trained by PyTorch in float64, for
test_class_weights.c. A row's weight for a head is r c / mean(r c) over its split, with r its own weight and c that of its class; the
`balanced` ones are scikit-learn's. And one head alone, as scikit-learn's LogisticRegression finds it.

class_weights.py > class_weights.h
"""
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

random = np.random.default_rng(11)
rows, tests, inputs, steps, rate, head_weight = 60, 25, 3, 5, 0.25, 0.5
x = random.normal(size=(rows + tests, inputs)).round(2)
kind = np.digitize(x @ [1, -1, 0.5] + random.normal(size=len(x)), [0.7, 1.9])  # most rows are of class 0
flag = (x @ [0.5, 1, -1] + random.normal(size=len(x)) > 1.2).astype(int)
size = (x @ [2, 0, 1] + random.normal(size=len(x))).round(2)
r = random.integers(0, 4, size=len(x)).astype(float)
parts = slice(0, rows), slice(rows, rows + tests)
flag_weights = np.array([1, 2.5])
balanced = compute_class_weight("balanced", classes=np.arange(3), y=kind[:rows])


def normalised(part, class_weights):
    w = r[part] * class_weights
    return torch.tensor(w / w.mean())


def losses(z, part):
    """Of the three heads, each a mean over the rows of a part with their weights."""
    k, f = torch.tensor(kind[part]), torch.tensor(flag[part], dtype=torch.float64)
    each = (F.cross_entropy(z[:, :3], k, reduction="none"),
            F.binary_cross_entropy_with_logits(z[:, 3], f, reduction="none"),
            F.mse_loss(z[:, 4], torch.tensor(size[part]), reduction="none"))
    weights = (normalised(part, balanced[kind[part]]), normalised(part, flag_weights[flag[part]]), normalised(part, 1))
    return [(w * loss).mean() for w, loss in zip(weights, each)]


def train():
    layer = torch.nn.Linear(inputs, 5, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    optimizer, history = torch.optim.SGD(layer.parameters(), lr=rate), []
    for _ in range(steps):
        of_heads = losses(layer(torch.tensor(x[parts[0]])), parts[0])
        history.append([loss.item() for loss in of_heads])
        optimizer.zero_grad()
        (of_heads[0] + head_weight * of_heads[1] + of_heads[2]).backward()
        optimizer.step()
    return layer, history, [loss.item() for loss in losses(layer(torch.tensor(x[parts[1]])), parts[1])]


def array(name, values):
    values = np.asarray(values, dtype=float)
    lines = [", ".join(repr(float(v)) for v in row[i : i + 8]) for row in np.atleast_2d(values) for i in range(0, len(row), 8)]
    print(f"static const double {name}[] = {{\n    " + ",\n    ".join(lines) + ",\n};\n")


layer, history, test_losses = train()
penalty = 0.02
weights = r[:rows] * balanced[kind[:rows]]
logistic = LogisticRegression(C=1 / (penalty * weights.sum()), class_weight="balanced", tol=1e-12, max_iter=100000)
logistic.fit(x[:rows], kind[:rows], sample_weight=r[:rows])

print("/* By class_weights.py with PyTorch in float64 and scikit-learn. */\n/* clang-format off */")
print(f"enum {{ ROWS = {rows}, TESTS = {tests}, INPUTS = {inputs}, STEPS = {steps}, HEADS = 3 }};\n")
print(f"static const double rate = {rate}, head_weight = {head_weight}, penalty = {penalty};\n")
array("figure_x", x)
array("figure_y", np.column_stack([size, kind, flag]))
array("figure_weights", r)
array("figure_losses", history)
array("figure_test_losses", test_losses)
print("/* weights, then biases */")
array("figure_parameters", np.r_[layer.weight.detach().numpy().ravel(), layer.bias.detach().numpy()])
array("figure_logistic", np.r_[logistic.coef_.ravel(), logistic.intercept_])
