"""Keras: a functional model in a .keras file, from rows of x (float32) to a dict of predictions. Layers have lockstep's
names. The file also holds `lockstep.txt`, everything else of the model, which Keras ignores. Works with every backend
of Keras 3; the scripts take JAX or PyTorch if KERAS_BACKEND names none and TensorFlow is not there."""
import os
import zipfile
from importlib.util import find_spec

import numpy as np

from . import Refused
from .contents import Contents, parameter_order

_ABOUT = "lockstep.txt"
_CONSTANT = ("centres", "gaussians")  # layers that Keras does not have: their parameters are constants, and in _ABOUT


def _keras():
    if "KERAS_BACKEND" not in os.environ:
        for backend, module in (("tensorflow", "tensorflow"), ("jax", "jax"), ("torch", "torch")):
            if find_spec(module):
                os.environ["KERAS_BACKEND"] = backend
                break
    import keras
    return keras


def _layer_name(layer):
    return layer.replace(".", "_")


class _Builder:
    def __init__(self, steps):
        self.keras = _keras()
        self.ops, self.layers, self.steps = self.keras.ops, self.keras.layers, steps

    def array(self, step, key):
        value = self.steps.arrays[step[key]]
        return value.astype(np.int32 if value.dtype.kind == "i" else np.float32)

    def affine(self, step, x):
        """As lockstep computes for rows of float32: what rounding takes from a shift comes back in the offset."""
        shift, scale, offset = (np.asarray(self.steps.arrays[step[k]], np.float64) for k in ("shift", "scale", "offset"))
        rounded = shift.astype(np.float32)
        offset = (offset + (rounded - shift) * scale).astype(np.float32)
        return (x - rounded) * scale.astype(np.float32) + offset

    def distances(self, step, x):
        return self.ops.sum(self.ops.square(self.ops.expand_dims(x, 1) - self.array(step, "array")), axis=2)

    def extend(self, step, x):
        take = lambda key: self.ops.take(x, self.array(step, key), axis=1)
        return self.ops.concatenate([x, take("left") * take("right")], axis=1)

    def activation(self, step, x):
        name, layers = step["name"], self.layers
        if name == "leaky_relu":
            return layers.LeakyReLU(negative_slope=0.01)(x)
        if name == "step":
            return self.ops.cast(x > 0, "float32")
        if name == "gelu":
            return x * (self.ops.erf(x * np.float32(np.sqrt(0.5))) + np.float32(1)) * np.float32(0.5)
        if name in ("hard_sigmoid", "hard_swish"):
            gate = self.ops.clip(x * np.float32(1 / 6) + np.float32(0.5), 0.0, 1.0)
            return gate if name == "hard_sigmoid" else x * gate
        return layers.Activation(name)(x)

    def dense(self, step, x):
        get = lambda name: np.asarray(self.steps.parameter(step["layer"], name), np.float32)
        has_bias, weight = self.steps.has_parameter(step["layer"], "bias"), get("weight")
        layer = self.layers.Dense(len(weight), use_bias=has_bias, name=_layer_name(step["layer"]))
        y = layer(x)
        layer.set_weights([weight.T] + ([get("bias")] if has_bias else []))
        return y

    def norm(self, step, x, layer, names):
        y = layer(x)
        layer.set_weights([np.asarray(self.steps.parameter(step["layer"], name), np.float32) for name in names])
        return y

    def layer_norm(self, step, x):
        layer = self.layers.LayerNormalization(epsilon=step["epsilon"], name=_layer_name(step["layer"]))
        return self.norm(step, x, layer, ("scale", "shift"))

    def batch_norm(self, step, x):
        layer = self.layers.BatchNormalization(epsilon=step["epsilon"], momentum=1 - step["momentum"],
                                               name=_layer_name(step["layer"]))
        return self.norm(step, x, layer, ("scale", "shift", "mean", "variance"))

    def centres(self, step, x):
        centre = np.asarray(self.steps.parameter(step["layer"], "centre"), np.float32)
        return self.ops.sum(self.ops.square(self.ops.expand_dims(x, 1) - centre), axis=2) * np.float32(-0.5)

    def gaussians(self, step, x):
        mean, factor, offset = (np.asarray(self.steps.parameter(step["layer"], name), np.float32)
                                for name in ("mean", "factor", "offset"))
        d = mean.shape[1]
        apart = self.ops.expand_dims(x, 0) - mean[:, None]
        if step["covariance"] in ("full", "tied"):
            moved = self.ops.matmul(apart, factor.reshape(-1, d, d).transpose(0, 2, 1))
        else:
            moved = apart * factor.reshape(len(mean), 1, -1)
        square = self.ops.sum(self.ops.square(moved), axis=2)
        return self.ops.transpose(square * np.float32(-0.5) + offset[:, None])

    def logsumexp(self, step, x):
        return self.ops.logsumexp(x, axis=1, keepdims=True)

    def function(self, step, x):
        return getattr(self.ops, step["name"])(x)

    def step(self, step, x):
        ops, op = self.ops, step["op"]
        rules = {
            "columns": lambda: ops.take(x[0], self.array(step, "array"), axis=1),
            "missing": lambda: ops.cast(ops.isnan(x[0]), "float32"),
            "unknown": lambda: ops.where(x[0] < 0, np.float32(np.nan), x[0]),
            "fill": lambda: ops.where(ops.isnan(x[0]), self.array(step, "array"), x[0]),
            "equals": lambda: ops.cast(ops.equal(x[0], self.array(step, "array")), "float32"),
            "unscale": lambda: (x[0] - self.array(step, "offset")) / self.array(step, "scale") + self.array(step, "shift"),
            "cast": lambda: x[0],  # everything is float32
            "concat": lambda: self.layers.Concatenate()(list(x)),
            "add": lambda: self.layers.Add()(list(x)),
            "subtract": lambda: x[0] - x[1],
            "slice": lambda: x[0][:, step["first"]:step["first"] + step["count"]],
            "product": lambda: ops.matmul(x[0], self.array(step, "array").T),
            "constant": lambda: x[0] * np.float32(step["scale"]) + np.float32(step["offset"]),
            "power": lambda: x[0] ** step["exponent"],
            "dropout": lambda: self.layers.Dropout(step["rate"])(x[0]),
            "argmax": lambda: ops.expand_dims(ops.argmax(x[0], axis=1), 1),
            "largest": lambda: ops.max(x[0], axis=1, keepdims=True),
            "softmax": lambda: self.layers.Softmax()(x[0]),
            "embedding": lambda: self.dense(step, x[0]),
        }
        return rules[op]() if op in rules else getattr(self, op)(step, x[0])

    def run(self):
        values, outputs, x = {}, {}, None
        for step in self.steps.list:
            if step["op"] == "input":
                x = values[step["out"]] = self.keras.Input((self.steps.columns,), name="x", dtype="float32")
            elif step["op"] == "output":
                outputs[step["name"]] = values[step["in"][0]]
            else:
                values[step["out"]] = self.step(step, [values[name] for name in step["in"]])
        return self.keras.Model(x, outputs, name="lockstep")


def write(steps, path, source="a model"):
    if not path.endswith(".keras"):
        raise Refused(f"{path}: Keras asks for a name that ends in .keras")
    _Builder(steps).run().save(path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(_ABOUT, steps.contents.to_text(keep=_CONSTANT))
    return [path]


# ---- reading ----

_NAMES = {"dense": ("weight", "bias"), "tied": ("weight", "bias"), "embedding": ("weight",), "layer_norm": ("scale", "shift"),
          "batch_norm": ("scale", "shift", "mean", "variance")}


def read(path, settings=None):
    try:
        with zipfile.ZipFile(path) as file:
            about = file.read(_ABOUT).decode() if _ABOUT in file.namelist() else None
    except (OSError, zipfile.BadZipFile) as error:
        raise Refused(f"{path} is not a .keras file: {error}") from error
    model = _keras().saving.load_model(path, compile=False)
    if about is None:
        from . import layers
        return layers.from_keras(path, model, settings)
    contents = Contents.from_text(about)
    tables = sum(name.startswith("scaling/features/vectors/") for name in contents.arrays)
    for folder in contents.members():
        prefix = "" if folder == "parameters" else f"member{folder.split('/')[1]}_"
        for layer, kind, _ in parameter_order(contents.settings, tables):
            for name, value in zip(_NAMES.get(kind, ()), () if kind in _CONSTANT else model.get_layer(prefix + layer).get_weights()):
                contents.arrays[f"{folder}/{layer}/{name}"] = value.T if name == "weight" else value
    return contents.without_transposes(path)
