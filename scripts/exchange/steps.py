"""The way from a row of x, as a dataset file has it, to predictions, as a list of steps that every format can express.

A step is a dict: "op", "out" (the name of its value), "in" (names of values), and what the op needs. Values have rows
and columns. Names in "array" and the like refer to Steps.arrays; the parameters of dense, layer_norm, batch_norm and
embedding are those of `layer` ("dense1", in an ensemble "member2.dense1").

    input                       x: (rows, columns), float64
    columns    array            the columns with these numbers
    missing                     1 where x is NaN, else 0
    unknown                     NaN where x is below 0: a category that the model does not know
    fill       array            x, but array where x is NaN; NaN in array leaves NaN
    equals     array            1 where x equals array, else 0
    affine     shift, scale, offset     (x - shift) scale + offset
    unscale    shift, scale, offset     (x - offset) / scale + shift
    cast       to               float32 or float64
    concat, add, subtract       of two values; concat of more
    slice      first, count     these columns
    extend     left, right      x, then the products of its columns left and right
    distances  array            the squared distances of a row from the rows of array
    product    array            the products of a row with the rows of array
    constant   scale, offset    x scale + offset, two numbers
    power      exponent         x multiplied by itself
    function   name             cos, exp, log, sqrt, square
    argmax                      the column of the largest value of a row, the first of equal ones, int64: (rows, 1)
    largest                     that value: (rows, 1)
    logsumexp                   log of the sum of exp, over a row: (rows, 1)
    dense, embedding, layer_norm, batch_norm, dropout, softmax, activation
    centres                     -1/2 of the squared distances of a row from the rows of `centre`
    gaussians  covariance       offset_k - 1/2 |U_k (x - mean_k)|^2, U_k from `factor` (docs/guide/model.md)
    output     name             x is a prediction
"""
import numpy as np

from . import Refused
from .contents import Contents

_ACTIVATIONS = ("identity sigmoid tanh relu leaky_relu elu selu gelu silu softplus mish hard_sigmoid hard_swish "
                "step").split()
_LAYERS = ("dense tied activation softmax layer_norm batch_norm dropout noise penalty sample centres gaussians residual "
           "branches").split()
_REGRESSIONS = "mse mae huber quantile".split()  # whose outputs are values of targets


class Steps:
    def __init__(self, contents, temperatures=None):
        self.contents, self.list, self.arrays, self.outputs = contents, [], {}, []
        self.columns = int(contents.attributes["scaling/features@columns"])
        self.temperatures = temperatures
        self._count = {}
        self.left_out = []  # what `lockstep predict` tells beside the outputs
        self.tied = {}  # the layer whose weights a tied one has
        _features(self)
        _network(self)

    def add(self, op, inputs, **what):
        self._count[op] = self._count.get(op, 0) + 1
        step = {"op": op, "out": f"{op}_{self._count[op]}", "in": list(inputs), **what}
        self.list.append(step)
        return step["out"]

    def array(self, name, values, dtype=None):
        """Keeps an array under a name of its own."""
        values = np.asarray(values, dtype)
        number = 1
        while f"{name}_{number}" in self.arrays:
            number += 1
        self.arrays[f"{name}_{number}"] = values
        return f"{name}_{number}"

    def parameter(self, layer, name):
        """The array of a layer, as lockstep has it."""
        if name == "weight" and layer in self.tied:
            return np.ascontiguousarray(np.transpose(self.parameter(self.tied[layer], name)))
        folder, _, layer = layer.rpartition(".")
        folder = f"members/{folder[len('member'):]}" if folder else "parameters"
        return self.contents.arrays[f"{folder}/{layer}/{name}"]

    def transposes(self):
        """The weights of tied layers, by their names in a file."""
        place = lambda folder: f"members/{folder[len('member'):]}" if folder else "parameters"
        return {f"{place(layer.rpartition('.')[0])}/{layer.rpartition('.')[2]}/weight": self.parameter(layer, "weight")
                for layer in self.tied}

    def has_parameter(self, layer, name):
        if name == "weight" and layer in self.tied:
            return True
        folder, _, plain = layer.rpartition(".")
        folder = f"members/{folder[len('member'):]}" if folder else "parameters"
        return f"{folder}/{plain}/{name}" in self.contents.arrays


# ---- features ----

def _scaler(contents, group, columns):
    """shift, scale, offset of the columns, or None."""
    if f"{group}/shift" not in contents.arrays:
        return None
    parts = [np.asarray(contents.arrays[f"{group}/{part}"], np.float64) for part in ("shift", "scale", "offset")]
    return parts if columns is None else [np.resize(part, columns) for part in parts]


def _scaled(steps, value, columns):
    """Columns of x, scaled and rounded to float32."""
    scaler = _scaler(steps.contents, "scaling/features", steps.columns)
    if scaler is not None:
        parts = dict(zip(("shift", "scale", "offset"), (part[columns] for part in scaler)))
        value = steps.add("affine", [value], **{k: steps.array(k, v) for k, v in parts.items()})
    return steps.add("cast", [value], to="float32")


def _runs(kinds):
    """[first, end) of neighbours that are alike."""
    first = 0
    for i in range(1, len(kinds) + 1):
        if i == len(kinds) or kinds[i] != kinds[first]:
            yield first, i
            first = i


def _features(steps):
    contents, columns = steps.contents, steps.columns
    arrays = contents.arrays
    x = steps.add("input", [])
    source = np.asarray(arrays.get("scaling/features/source", np.arange(columns)))
    category = np.asarray(arrays.get("scaling/features/category", np.full(len(source), np.nan)))
    kind = np.asarray(arrays.get("scaling/features/kind", np.where(np.isnan(category), 0, 1)))
    fill = arrays.get("scaling/features/fill")
    per_step = columns // int(contents.attributes.get("scaling/features@steps", 1))
    named = np.array([f"scaling/features/categories/{c % per_step}" in arrays for c in range(columns)])
    numbers = np.array([kind[i] == 0 and named[source[i]] for i in range(len(source))])  # categories as numbers
    table, parts, tables = 0, [], []
    for first, end in _runs([(int(kind[i]), bool(numbers[i])) if kind[i] != 3 else i for i in range(len(source))]):
        at, what = source[first:end], int(kind[first])
        value = x
        if first > 0 or end < len(source) or not np.array_equal(at, np.arange(columns)):
            value = steps.add("columns", [x], array=steps.array("columns", at, np.int64))
        if numbers[first]:
            value = steps.add("unknown", [value])
        if what == 2:
            value = steps.add("cast", [steps.add("missing", [value])], to="float32")
        elif fill is not None:
            value = steps.add("fill", [value], array=steps.array("fill", np.resize(fill, columns)[at], np.float64))
        if what == 0:
            value = _scaled(steps, value, at)
        elif what == 1:
            value = steps.add("equals", [value], array=steps.array("category", category[first:end], np.float64))
            value = steps.add("cast", [value], to="float32")
        elif what == 3:
            table += 1
            values = steps.array("category", arrays[f"scaling/features/vectors/{table}"], np.float64)
            value = steps.add("cast", [steps.add("equals", [value], array=values)], to="float32")
            tables.append((value, f"embedding{table}", len(steps.arrays[values])))
            continue
        parts.append(value)
    steps.inputs, steps.tables = _join(steps, parts) if parts else None, tables
    if "basis@name" in contents.attributes:
        steps.inputs = _basis(steps, steps.inputs)


def _join(steps, values):
    return values[0] if len(values) == 1 else steps.add("concat", values)


def _basis(steps, x):
    contents = steps.contents
    attribute = lambda key: contents.attributes[f"basis@{key}"]
    name = attribute("name")
    if name == "polynomial":
        return _polynomial(steps, x, contents.arrays["basis/parent"], contents.arrays["basis/factor"])
    centres = steps.array("centres", contents.arrays["basis/centres"], np.float32)
    if name == "pca":
        origin = contents.arrays["basis/origin"]
        ones = np.ones(len(origin), np.float32)
        x = steps.add("affine", [x], shift=steps.array("shift", origin, np.float32),
                      scale=steps.array("scale", ones), offset=steps.array("offset", 0 * ones))
        return steps.add("product", [x], array=centres)
    gamma, size = np.float32(attribute("gamma")), len(steps.arrays[centres])
    if name == "rbf":
        z = steps.add("distances", [x], array=centres)
        return steps.add("function", [steps.add("constant", [z], scale=float(-gamma), offset=0.0)], name="exp")
    z = steps.add("product", [x], array=centres)
    if name == "linear_kernel":
        return z
    if name == "polynomial_kernel":
        z = steps.add("constant", [z], scale=float(gamma), offset=float(np.float32(attribute("coef0"))))
        return steps.add("power", [z], exponent=int(attribute("degree")))
    if name != "fourier":
        raise Refused(f"data.basis: {name} is not known here")
    ones = np.ones(size, np.float32)
    z = steps.add("affine", [z], shift=steps.array("shift", 0 * ones), scale=steps.array("scale", ones),
                  offset=steps.array("offset", contents.arrays["basis/phases"], np.float32))
    z = steps.add("function", [z], name="cos")
    return steps.add("constant", [z], scale=float(np.float32(np.sqrt(2.0 / size))), offset=0.0)


def _polynomial(steps, x, parent, factor):
    """Functions whose parents are there are products of one step."""
    done = int(np.sum(np.asarray(parent) < 0))
    while done < len(parent):
        end = done
        while end < len(parent) and parent[end] < done:
            end += 1
        x = steps.add("extend", [x], left=steps.array("left", parent[done:end], np.int64),
                      right=steps.array("right", factor[done:end], np.int64))
        done = end
    return x


# ---- the network ----

class _Member:
    """Appends the layers of one network; numbers them as lockstep does."""

    def __init__(self, steps, prefix):
        self.steps, self.prefix, self.count = steps, prefix, {}

    def name(self, kind):
        self.count[kind] = self.count.get(kind, 0) + 1
        return f"{self.prefix}{kind}{self.count[kind]}"

    def run(self, layers, x):
        for item in layers:
            (kind, keys), = item.items() if isinstance(item, dict) else ((item, None),)
            if kind not in _LAYERS:
                raise Refused(f"the layer {kind} is not known here")
            x = getattr(self, kind)(x, keys)
        return x

    def dense(self, x, keys):
        keys = keys if isinstance(keys, dict) else {"units": keys}
        x = self.steps.add("dense", [x], layer=self.name("dense"), units=int(keys["units"]))
        return self.activation(x, keys.get("activation", "identity"))

    def tied(self, x, keys):
        """A dense layer with the transpose of the weights of another."""
        keys = keys if isinstance(keys, dict) else {"to": keys}
        layer = self.name("tied")
        self.steps.tied[layer] = self.prefix + keys["to"]
        x = self.steps.add("dense", [x], layer=layer, units=len(self.steps.parameter(layer, "weight")))
        return self.activation(x, keys.get("activation", "identity"))

    def activation(self, x, keys):
        name = keys["name"] if isinstance(keys, dict) else keys
        if name not in _ACTIVATIONS:
            raise Refused(f"the activation {name} is not known here")
        return x if name == "identity" else self.steps.add("activation", [x], name=name)

    def softmax(self, x, keys):
        return self.steps.add("softmax", [x])

    def layer_norm(self, x, keys):
        keys = keys or {}
        return self.steps.add("layer_norm", [x], layer=self.name("layer_norm"), epsilon=float(keys.get("epsilon", 1e-5)))

    def batch_norm(self, x, keys):
        keys = keys or {}
        return self.steps.add("batch_norm", [x], layer=self.name("batch_norm"),
                              epsilon=float(keys.get("epsilon", 1e-5)), momentum=float(keys.get("momentum", 0.1)))

    def dropout(self, x, keys):
        rate = float(keys["rate"] if isinstance(keys, dict) else keys)
        return self.steps.add("dropout", [x], rate=rate) if rate > 0 else x

    def centres(self, x, keys):
        return self.steps.add("centres", [x], layer=self.name("centres"))

    def gaussians(self, x, keys):
        covariance = keys.get("covariance", "full") if isinstance(keys, dict) else "full"
        return self.steps.add("gaussians", [x], layer=self.name("gaussians"), covariance=covariance)

    def noise(self, x, keys):
        return x  # of training alone

    def penalty(self, x, keys):
        return x

    def sample(self, x, keys):
        """The means, which come before as many logarithms of variances."""
        return self.steps.add("slice", [x], first=0, count=self.width(x) // 2)

    def width(self, value):
        """The columns of a value of the network."""
        step = next(step for step in self.steps.list if step["out"] == value)
        if step["op"] in ("dense", "slice"):
            return step["units" if step["op"] == "dense" else "count"]
        if step["op"] in ("input", "columns"):
            return self.steps.columns if step["op"] == "input" else len(self.steps.arrays[step["array"]])
        if step["op"] == "embedding":
            return np.shape(self.steps.parameter(step["layer"], "weight"))[0]
        if step["op"] in ("product", "distances"):
            return len(self.steps.arrays[step["array"]])
        widths = [self.width(x) for x in step["in"]]
        if step["op"] == "extend":
            return widths[0] + len(self.steps.arrays[step["left"]])
        return sum(widths) if step["op"] == "concat" else widths[0]

    def residual(self, x, keys):
        return self.steps.add("add", [x, self.run(keys, x)])

    def branches(self, x, keys):
        return _join(self.steps, [self.run(branch, x) for branch in keys])


def _network(steps):
    settings, folders = steps.contents.settings, steps.contents.members()
    logits = []
    for number, folder in enumerate(folders, 1):
        prefix = "" if number == 1 else f"member{number}."
        parts = [steps.inputs] if steps.inputs is not None else []
        for value, name, _ in steps.tables:
            parts.append(steps.add("embedding", [value], layer=prefix + name))
        logits.append(_Member(steps, prefix).run(settings["model"]["layers"], _join(steps, parts)))
    if len(folders) > 1:
        steps.left_out.append("epistemic_std, the spread of the members")
    if any(name.startswith("posterior/") for name in steps.contents.arrays):
        steps.left_out.append("aleatoric_std and epistemic_std of the Bayesian regression")
    _heads(steps, settings, logits, _width(steps, settings))


def _width(steps, settings):
    """Outputs of the network."""
    def width(layers, inputs):
        for item in layers:
            (kind, keys), = item.items() if isinstance(item, dict) else ((item, None),)
            if kind in ("dense", "centres", "gaussians"):
                inputs = int(keys["units"] if isinstance(keys, dict) else keys)
            elif kind == "tied":
                inputs = np.shape(steps.parameter(keys["to"] if isinstance(keys, dict) else keys, "weight"))[1]
            elif kind == "sample":
                inputs //= 2
            elif kind == "branches":
                inputs = sum(width(branch, inputs) for branch in keys)
        return inputs
    return width(settings["model"]["layers"], int(steps.contents.attributes["@inputs"]))


# ---- heads ----

def _heads(steps, settings, logits, outputs):
    losses = settings["loss"] if isinstance(settings["loss"], list) else [settings["loss"]]
    losses = [{"name": loss} if isinstance(loss, str) else loss for loss in losses]
    first, target = 0, 0
    is_double = steps.contents.attributes.get("scaling/targets@type") == "float64"
    for number, loss in enumerate(losses):
        count = loss.get("outputs", "auto")
        count = outputs - first if count == "auto" else int(count)
        name = loss.get("head", "auto")
        head = {"name": "" if len(losses) == 1 else (loss["name"] if name == "auto" else name), "loss": loss["name"],
                "levels": loss.get("quantiles", []), "first": first, "count": count, "target": target,
                "double": is_double}
        head["targets"] = _head_targets(head)
        z = logits
        if count < outputs:
            z = [steps.add("slice", [value], first=first, count=count) for value in logits]
        _head(steps, head, z)
        first += count
        target += head["targets"]


def _head_targets(head):
    """Columns of targets: classes have one."""
    if head["loss"] in ("cross_entropy", "hinge", "perceptron"):
        return 1
    if head["loss"] in ("distortion", "density"):
        return 0
    share = {"gaussian_nll": 2, "quantile": len(head["levels"])}.get(head["loss"], 1)
    return head["count"] // share


def _temperature(steps, head):
    given = steps.temperatures or {}
    return float(given.get(head["name"], given.get("", 1)) or 1)


def _output(steps, head, part, value):
    name = f"{head['name']}_{part}" if head["name"] else part
    steps.outputs.append({"name": name, "head": head["name"], "loss": head["loss"]})
    steps.add("output", [value], name=name)


def _mean(steps, values):
    total = values[0]
    for value in values[1:]:
        total = steps.add("add", [total, value])
    return steps.add("constant", [total], scale=1.0 / len(values), offset=0.0) if len(values) > 1 else total


def _probabilities(steps, head, z):
    """Probabilities at a temperature, of one network or as a mean over several."""
    kind = {"op": "softmax"} if head["loss"] == "cross_entropy" else {"op": "activation", "name": "sigmoid"}
    temperature = _temperature(steps, head)
    divide = lambda value: value if temperature == 1 else steps.add("constant", [value], scale=1 / temperature, offset=0.0)
    if len(z) == 1:
        return steps.add(kind["op"], [divide(z[0])], **{k: v for k, v in kind.items() if k != "op"})
    wide = [steps.add("cast", [value], to="float64") for value in z]
    p = _mean(steps, [steps.add(kind["op"], [value], **{k: v for k, v in kind.items() if k != "op"}) for value in wide])
    if temperature != 1:  # of the logits of the mean
        logit = steps.add("function", [p], name="log")
        if head["loss"] != "cross_entropy":
            rest = steps.add("constant", [p], scale=-1.0, offset=1.0)
            logit = steps.add("subtract", [logit, steps.add("function", [rest], name="log")])
        p = steps.add(kind["op"], [divide(logit)], **{k: v for k, v in kind.items() if k != "op"})
    return steps.add("cast", [p], to="float32")


def _unscaled(steps, head, value, width=False):
    """From units of scaled targets to their own; a width is scaled but not shifted."""
    value = steps.add("cast", [value], to="float64")
    scaler = _scaler(steps.contents, "scaling/targets", None)
    if scaler is not None:
        shift, scale, offset = (part[head["target"]:head["target"] + head["targets"]] for part in scaler)
        if width:
            shift, scale, offset = 0 * shift, np.abs(scale), 0 * offset
        parts = dict(shift=shift, scale=scale, offset=offset)
        value = steps.add("unscale", [value], **{k: steps.array(k, v) for k, v in parts.items()})
    return value if head["double"] else steps.add("cast", [value], to="float32")


def _gaussian(steps, head, z):
    """Mean and standard deviation, of a mixture those of its normal distribution."""
    k = head["targets"]
    wide = [steps.add("cast", [value], to="float64") for value in z]
    means = [steps.add("slice", [value], first=0, count=k) for value in wide]
    mean = _mean(steps, means)
    variances = []
    for value, own in zip(wide, means):
        variance = steps.add("function", [steps.add("slice", [value], first=k, count=k)], name="exp")
        if len(z) > 1:
            apart = steps.add("function", [steps.add("subtract", [own, mean])], name="square")
            variance = steps.add("add", [variance, apart])
        variances.append(variance)
    deviation = steps.add("function", [_mean(steps, variances)], name="sqrt")
    _output(steps, head, "prediction", _unscaled(steps, head, mean))
    _output(steps, head, "std", _unscaled(steps, head, deviation, width=True))


_MOST_RESPONSIBILITIES = 1000  # as lockstep predict


def _clusters(steps, head, z):
    """The cluster of a row, and its distance; or the log-density, and the components' shares in it."""
    _output(steps, head, "cluster", steps.add("argmax", [z]))
    if head["loss"] == "distortion":
        square = steps.add("constant", [steps.add("largest", [z])], scale=-2.0, offset=0.0)
        return _output(steps, head, "distance", steps.add("function", [square], name="sqrt"))
    _output(steps, head, "log_density", steps.add("logsumexp", [z]))
    if head["count"] <= _MOST_RESPONSIBILITIES:
        _output(steps, head, "responsibility", steps.add("softmax", [z]))
    return None


def _head(steps, head, z):
    loss = head["loss"]
    if loss in ("distortion", "density"):
        if len(z) > 1:
            raise Refused("an ensemble of clusterings cannot be expressed: write its members one by one")
        return _clusters(steps, head, z[0])
    if loss == "binary_cross_entropy" and steps.contents.settings["data"].get("targets") == "x":
        return _output(steps, head, "prediction", _unscaled(steps, head, _probabilities(steps, head, z)))
    if loss in ("cross_entropy", "binary_cross_entropy"):
        return _output(steps, head, "probability", _probabilities(steps, head, z))
    if loss in ("hinge", "perceptron"):
        return _output(steps, head, "score", _mean(steps, z))
    if loss == "poisson_nll":
        return _output(steps, head, "prediction", _mean(steps, [steps.add("function", [v], name="exp") for v in z]))
    if loss == "gaussian_nll":
        return _gaussian(steps, head, z)
    if loss not in _REGRESSIONS:
        raise Refused(f"the loss {loss} is not known here")
    z = _mean(steps, [steps.add("cast", [v], to="float64") for v in z]) if len(z) > 1 else z[0]
    if loss != "quantile":
        return _output(steps, head, "prediction", _unscaled(steps, head, z))
    for number, level in enumerate(head["levels"]):
        k = head["targets"]
        part = steps.add("slice", [z], first=number * k, count=k)
        _output(steps, head, f"quantile_{level:g}", _unscaled(steps, head, part))
    return None


def load(path, temperatures=None):
    return Steps(Contents.read(path), temperatures)
