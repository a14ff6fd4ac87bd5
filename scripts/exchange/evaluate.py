"""The steps in NumPy: what they mean, in few lines. For tests and as a guide to those who read an npz file."""
import math

import numpy as np

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _log1p_exp(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, x * 0.01),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * 0.5 * (1 + _erf(x / math.sqrt(2))),
    "silu": lambda x: x * _sigmoid(x),
    "softplus": _log1p_exp,
    "mish": lambda x: x * np.tanh(_log1p_exp(x)),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "step": lambda x: (x > 0) * 1.0,
}


def _softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _layer_norm(steps, step, x):
    mean = x.mean(axis=1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    get = lambda name: steps.parameter(step["layer"], name)
    return (x - mean) / np.sqrt(variance + step["epsilon"]) * get("scale") + get("shift")


def _batch_norm(steps, step, x):
    get = lambda name: steps.parameter(step["layer"], name)
    return (x - get("mean")) / np.sqrt(get("variance") + np.float32(step["epsilon"])) * get("scale") + get("shift")


def _dense(steps, step, x):
    y = x @ steps.parameter(step["layer"], "weight").T
    return y + steps.parameter(step["layer"], "bias") if steps.has_parameter(step["layer"], "bias") else y


def _centres(steps, step, x):
    return x.dtype.type(-0.5) * ((x[:, None] - steps.parameter(step["layer"], "centre")[None]) ** 2).sum(axis=2)


def _gaussians(steps, step, x):
    mean, factor, offset = (steps.parameter(step["layer"], name) for name in ("mean", "factor", "offset"))
    apart, d = x[None] - mean[:, None], x.shape[1]  # (K, rows, d)
    if step["covariance"] in ("full", "tied"):
        factor = factor.reshape(-1, d, d)
        apart = apart @ factor.transpose(0, 2, 1)
    else:
        apart = apart * factor.reshape(len(mean), 1, -1)
    return (offset[:, None] - x.dtype.type(0.5) * (apart ** 2).sum(axis=2)).T


def _logsumexp(x):
    most = x.max(axis=1, keepdims=True)
    return most + np.log(np.exp(x - most).sum(axis=1, keepdims=True))


RULES = {
    "columns": lambda s, a, x: x[:, s["array"]],
    "missing": lambda s, a, x: np.isnan(x) * 1.0,
    "unknown": lambda s, a, x: np.where(x < 0, np.nan, x),
    "fill": lambda s, a, x: np.where(np.isnan(x), s["array"], x),
    "equals": lambda s, a, x: (x == s["array"]) * 1.0,
    "affine": lambda s, a, x: (x - s["shift"]) * s["scale"] + s["offset"],
    "unscale": lambda s, a, x: (x - s["offset"]) / s["scale"] + s["shift"],
    "cast": lambda s, a, x: x.astype(s["to"]),
    "concat": lambda s, a, *x: np.concatenate(x, axis=1),
    "add": lambda s, a, x, y: x + y,
    "subtract": lambda s, a, x, y: x - y,
    "slice": lambda s, a, x: x[:, s["first"]:s["first"] + s["count"]],
    "extend": lambda s, a, x: np.concatenate([x, x[:, s["left"]] * x[:, s["right"]]], axis=1),
    "distances": lambda s, a, x: ((x[:, None] - s["array"][None]) ** 2).sum(axis=2),
    "product": lambda s, a, x: x @ s["array"].T,
    "constant": lambda s, a, x: x * x.dtype.type(s["scale"]) + x.dtype.type(s["offset"]),
    "power": lambda s, a, x: x ** s["exponent"],
    "function": lambda s, a, x: getattr(np, s["name"])(x),
    "dropout": lambda s, a, x: x,
    "softmax": lambda s, a, x: _softmax(x),
    "activation": lambda s, a, x: ACTIVATIONS[s["name"]](x).astype(x.dtype),
    "embedding": lambda s, a, x: x @ a.parameter(s["layer"], "weight").T,
    "dense": lambda s, a, x: _dense(a, s, x),
    "centres": lambda s, a, x: _centres(a, s, x),
    "gaussians": lambda s, a, x: _gaussians(a, s, x),
    "argmax": lambda s, a, x: x.argmax(axis=1)[:, None],
    "largest": lambda s, a, x: x.max(axis=1, keepdims=True),
    "logsumexp": lambda s, a, x: _logsumexp(x),
    "layer_norm": lambda s, a, x: _layer_norm(a, s, x),
    "batch_norm": lambda s, a, x: _batch_norm(a, s, x),
}
ARRAYS = ("array", "shift", "scale", "offset", "left", "right")


def evaluate(steps, x, exact=False):
    """Predictions for rows x (rows, columns): a dict from the names of outputs to arrays. exact: everything in float64,
    which shows how much of a difference is rounding to float32."""
    values, outputs = {}, {}
    for step in steps.list:
        if step["op"] == "input":
            values[step["out"]] = np.asarray(x, np.float64)
            continue
        inputs = [values[name] for name in step["in"]]
        if step["op"] == "output":
            outputs[step["name"]] = inputs[0]
            continue
        given = {k: steps.arrays[v] if k in ARRAYS and isinstance(v, str) else v for k, v in step.items()}
        if exact and step["op"] == "cast":
            given["to"] = "float64"
        values[step["out"]] = RULES[step["op"]](given, steps, *inputs)
    return outputs
