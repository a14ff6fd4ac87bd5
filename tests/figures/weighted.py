"""Weighted linear regression by NumPy, for test_weighted.c: least squares of rows multiplied by the roots of their
weights, ridge, and the Bayesian fit, its evidence taken from the definition. Weights have mean 1, as lockstep makes them.

weighted.py > weighted.h
"""
import numpy as np

random = np.random.default_rng(7)
rows, inputs, penalty = 30, 3, 2.5
x = random.normal(size=(rows, inputs)).round(2) + 3
y = (x @ [1.5, -2, 0.25] + 4 + random.normal(size=rows)).round(2)
weights = random.integers(0, 5, size=rows).astype(float)

w = weights / weights.mean()
mean = w @ np.c_[x, y] / w.sum()
xc, yc = x - mean[:inputs], y - mean[inputs]
gram, right = xc.T @ (w[:, None] * xc), xc.T @ (w * yc)


def bias(solution):
    return mean[inputs] - solution @ mean[:inputs]


least = np.linalg.lstsq(np.sqrt(w)[:, None] * np.c_[x, np.ones(rows)], np.sqrt(w) * y, rcond=None)[0]
ridge = np.linalg.solve(gram + penalty * np.eye(inputs), right)

counted, alpha, beta = (w > 0).sum(), 1.0, 1.0
for _ in range(1000):
    covariance = np.linalg.inv(alpha * np.eye(inputs) + beta * gram)
    bayes = beta * covariance @ right
    gamma = inputs - alpha * np.trace(covariance)
    alpha, beta = gamma / (bayes @ bayes), (counted - gamma) / (w @ (yc - xc @ bayes) ** 2)
keep = w > 0
spread = np.diag(1 / (beta * w[keep])) + xc[keep] @ xc[keep].T / alpha
evidence = -0.5 * (np.linalg.slogdet(spread)[1] + yc[keep] @ np.linalg.solve(spread, yc[keep])
                   + counted * np.log(2 * np.pi))
epistemic = np.sqrt(1 / (beta * w.sum()) + np.einsum("ni,ij,nj->n", xc, covariance, xc))


def array(name, values):
    values = np.atleast_2d(values)
    size = f"[{len(values)}][{values.shape[1]}]" if len(values) > 1 else f"[{values.shape[1]}]"
    lines = [", ".join(repr(float(v)) for v in row) for row in values]
    body = ", ".join(f"{{{line}}}" for line in lines) if len(values) > 1 else lines[0]
    print(f"static const double {name}{size} = {{{body}}};")


print("/* Made by weighted.py. */")
print(f"enum {{ WEIGHTED_ROWS = {rows}, WEIGHTED_INPUTS = {inputs} }};")
array("weighted_x", x)
array("weighted_y", y)
array("weighted_w", weights)
print("/* weights, then the bias */")
array("weighted_least_squares", least)
array("weighted_ridge", np.r_[ridge, bias(ridge)])
array("weighted_bayesian", np.r_[bayes, bias(bayes)])
print("/* alpha, beta, log evidence */")
array("weighted_evidence", [alpha, beta, evidence])
array("weighted_epistemic", epistemic)
