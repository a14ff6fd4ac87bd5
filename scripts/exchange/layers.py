"""Networks of other programs as lockstep's layers.

A value of a foreign graph is either the input or the output of one layer that is applied to another value. Where two
values meet, their way back to a common value becomes a residual block (a sum with the common value itself) or branches
(values side by side)."""
import numpy as np

from . import Refused
from .contents import parameter_order, plain_contents


class Value:
    """layer: an item of model.layers; weights: arrays of the layer, by lockstep's names."""

    def __init__(self, parent=None, layer=None, weights=None, width=None):
        self.parent, self.layer, self.weights = parent, layer, weights or {}
        self.width = width if width is not None else parent.width

    def way_from(self, start):
        """The values between start and this one, or None if start is not on the way."""
        way, value = [], self
        while value is not start:
            if value is None:
                return None
            way.append(value)
            value = value.parent
        return way[::-1]


class Block:
    """Layers of a residual block or of branches, with the values that hold their weights."""

    def __init__(self, kind, ways):
        self.kind, self.ways = kind, ways


def dense(value, weight, bias):
    weight = np.asarray(weight, np.float32)
    if weight.ndim != 2 or (value.width is not None and weight.shape[1] != value.width):
        raise Refused(f"a product with an array of the shape {weight.shape} is no dense layer of {value.width} inputs")
    keys = {"units": int(weight.shape[0])}
    weights = {"weight": weight}
    if bias is None:
        keys["bias"] = False
    else:
        weights["bias"] = np.asarray(bias, np.float32).reshape(-1)
    if value.width is None:  # the input, of which the file does not say how wide it is
        value.width = int(weight.shape[1])
    return Value(value, {"dense": keys}, weights, int(weight.shape[0]))


def activation(value, name):
    return value if name in ("linear", "identity") else Value(value, {"activation": name})


def residual(a, b):
    for start, end in ((a, b), (b, a)):
        way = end.way_from(start)
        if way:
            return Value(start, Block("residual", [way]), width=start.width)
    raise Refused("a sum of two values that are not a value and layers applied to it is no residual block")


def branches(values):
    start = values[0]
    while start is not None and any(value.way_from(start) is None for value in values):
        start = start.parent
    ways = [value.way_from(start) for value in values] if start is not None else [[]]
    if not all(ways):
        raise Refused("values side by side need at least one layer each on their way from a common value")
    return Value(start, Block("branches", ways), width=sum(value.width for value in values))


def _layers(way, found):
    """The items of model.layers, with their weights in the order of the network."""
    items = []
    for value in way:
        if isinstance(value.layer, Block):
            lists = [_layers(inner, found) for inner in value.layer.ways]
            items.append({value.layer.kind: lists[0] if value.layer.kind == "residual" else lists})
        else:
            items.append(value.layer)
            if value.weights:
                found.append(value.weights)
    return items


_LOSSES = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}


def contents_of(path, start, end, settings):
    """A network that ends with softmax or sigmoid gets the loss whose predictions these are, without that layer, unless
    the settings name a loss."""
    way = end.way_from(start)
    if way is None:
        raise Refused(f"{path}: its output does not come from its input")
    settings = dict(settings or {})
    last = way[-1].layer if way else None
    function = None
    if isinstance(last, dict):
        function = "softmax" if "softmax" in last else last.get("activation")
    loss = settings.get("loss", _LOSSES.get(function, "mse"))
    name = loss["name"] if isinstance(loss, dict) else loss
    if isinstance(name, str) and name == _LOSSES.get(function):
        way = way[:-1]
    found = []
    layers = _layers(way, found)
    settings["loss"] = loss
    settings.setdefault("data", {"file": "none.h5"})
    settings["model"] = {**settings.get("model", {}), "layers": layers}
    settings.setdefault("name", "imported")
    parameters = {}
    order = parameter_order(settings)
    if not order or all(kind != "dense" for _, kind, _ in order):
        raise Refused(f"{path}: it has no dense layer")
    for (layer, _, _), weights in zip(order, found):
        parameters.update({f"{layer}/{key}": value for key, value in weights.items()})
    return plain_contents(settings, int(start.width), parameters)


# ---- ONNX ----

_PLAIN = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "Mish": "mish",
          "HardSwish": "hard_swish"}
_WITH = {"LeakyRelu": ("leaky_relu", {"alpha": 0.01}), "Elu": ("elu", {"alpha": 1.0}),
         "Selu": ("selu", {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
         "HardSigmoid": ("hard_sigmoid", {"alpha": 1 / 6, "beta": 0.5})}
_DEFAULTS = {"LeakyRelu": {"alpha": 0.01}, "Elu": {"alpha": 1.0}, "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
             "Selu": _WITH["Selu"][1]}


class _Onnx:
    def __init__(self, path, model):
        from onnx import helper, numpy_helper
        self.path, self.graph, self.helper = path, model.graph, helper
        self.arrays = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
        inputs = [i for i in model.graph.input if i.name not in self.arrays]
        if len(inputs) != 1 or len(model.graph.output) != 1:
            raise Refused(f"{path}: it has {len(inputs)} inputs and {len(model.graph.output)} outputs, and lockstep's "
                          "networks have one of each")
        dims = inputs[0].type.tensor_type.shape.dim
        if len(dims) not in (0, 2):
            raise Refused(f"{path}: its input {inputs[0].name} has {len(dims)} dimensions, and lockstep's networks have "
                          "rows and columns")
        width = dims[1].dim_value if len(dims) == 2 and dims[1].HasField("dim_value") else None
        self.start = Value(width=width or None)
        self.start.parent = None
        self.values = {inputs[0].name: self.start}

    def attributes(self, node):
        return {a.name: self.helper.get_attribute_value(a) for a in node.attribute}

    def where(self, node):
        return f"{self.path}: the node {node.name or node.output[0]} ({node.op_type})"

    def value(self, node, name):
        if name not in self.values:
            raise Refused(f"{self.where(node)} has an input, {name}, that is no value of the network")
        return self.values[name]

    def run(self):
        for node in self.graph.node:
            try:
                self.take(node)
            except Refused as error:
                text = str(error)
                raise Refused(text if text.startswith(self.path) else f"{self.where(node)}: {text}") from None
        return self.start, self.values[self.graph.output[0].name]

    def take(self, node):
        from onnx import numpy_helper
        kind, what, out = node.op_type, self.attributes(node), node.output[0]
        if kind == "Constant" and "value" in what:
            self.arrays[out] = numpy_helper.to_array(what["value"])
        elif kind == "Identity" and node.input[0] in self.arrays:
            self.arrays[out] = self.arrays[node.input[0]]
        elif kind == "Transpose" and node.input[0] in self.arrays:
            self.arrays[out] = self.arrays[node.input[0]].transpose(what.get("perm"))
        elif kind in _PLAIN:
            self.values[out] = activation(self.value(node, node.input[0]), _PLAIN[kind])
        elif kind in _WITH:
            name, wanted = _WITH[kind]
            has = {**_DEFAULTS[kind], **what}
            for key, value in wanted.items():
                if abs(has[key] - value) > 1e-6:
                    raise Refused(f"{self.where(node)} has {key} {has[key]:g}, and lockstep's {name} has {value:g}")
            self.values[out] = activation(self.value(node, node.input[0]), name)
        elif hasattr(self, "take_" + kind):
            self.values[out] = getattr(self, "take_" + kind)(node, what)
        else:
            raise Refused(f"{self.where(node)}: lockstep has no layer for the operator {kind}")

    def take_Gelu(self, node, what):
        if what.get("approximate", b"none") != b"none":
            raise Refused(f"{self.where(node)} is approximated by tanh, and lockstep's gelu is exact")
        return activation(self.value(node, node.input[0]), "gelu")

    def take_Gemm(self, node, what):
        if what.get("alpha", 1) != 1 or what.get("beta", 1) != 1 or what.get("transA", 0):
            raise Refused(f"{self.where(node)} has factors or a transposed input")
        weight = self.arrays.get(node.input[1])
        if weight is None:
            raise Refused(f"{self.where(node)} is a product of two values")
        bias = self.arrays.get(node.input[2]) if len(node.input) > 2 else None
        return dense(self.value(node, node.input[0]), weight if what.get("transB", 0) else weight.T, bias)

    def take_MatMul(self, node, what):
        if node.input[1] not in self.arrays:
            raise Refused(f"{self.where(node)} is a product of two values")
        return dense(self.value(node, node.input[0]), self.arrays[node.input[1]].T, None)

    def take_Add(self, node, what):
        known = [name for name in node.input if name in self.arrays]
        if not known:
            return residual(*(self.value(node, name) for name in node.input))
        value = self.value(node, next(name for name in node.input if name not in self.arrays))
        is_dense = isinstance(value.layer, dict) and "dense" in value.layer and "bias" not in value.weights
        if not is_dense or self.arrays[known[0]].size != value.width:
            raise Refused(f"{self.where(node)} adds a constant to what is no dense layer without a bias")
        return dense(value.parent, value.weights["weight"], self.arrays[known[0]])

    def take_Mul(self, node, what):
        for x, gate in (node.input, node.input[::-1]):
            value = self.values.get(gate)
            if value is not None and value.layer == {"activation": "sigmoid"} and value.parent is self.values.get(x):
                return activation(value.parent, "silu")
        raise Refused(f"{self.where(node)}: only x sigmoid(x), which is silu, can be expressed")

    def take_Concat(self, node, what):
        if what["axis"] not in (1, -1):
            raise Refused(f"{self.where(node)} joins along axis {what['axis']}")
        return branches([self.value(node, name) for name in node.input])

    def take_Softmax(self, node, what):
        if what.get("axis", -1) not in (1, -1):
            raise Refused(f"{self.where(node)} is along axis {what['axis']}")
        return Value(self.value(node, node.input[0]), {"softmax": {}})

    def take_Flatten(self, node, what):
        if what.get("axis", 1) != 1:
            raise Refused(f"{self.where(node)} is along axis {what['axis']}")
        return self.value(node, node.input[0])

    def take_Identity(self, node, what):
        return self.value(node, node.input[0])

    take_Dropout = take_Identity

    def take_BatchNormalization(self, node, what):
        names = ("scale", "shift", "mean", "variance")
        weights = {name: self.arrays[key].astype(np.float32) for name, key in zip(names, node.input[1:])}
        keys = {"epsilon": float(what.get("epsilon", 1e-5)), "momentum": round(1 - float(what.get("momentum", 0.9)), 6)}
        return Value(self.value(node, node.input[0]), {"batch_norm": keys}, weights)

    def take_LayerNormalization(self, node, what):
        if what.get("axis", -1) not in (1, -1):
            raise Refused(f"{self.where(node)} is along axis {what['axis']}")
        scale = self.arrays[node.input[1]].astype(np.float32)
        shift = self.arrays[node.input[2]] if len(node.input) > 2 and node.input[2] else 0 * scale
        return Value(self.value(node, node.input[0]), {"layer_norm": {"epsilon": float(what.get("epsilon", 1e-5))}},
                     {"scale": scale, "shift": np.asarray(shift, np.float32)})


def from_onnx(path, model, settings):
    start, end = _Onnx(path, model).run()
    return contents_of(path, start, end, settings)


# ---- Keras ----

_KERAS = {"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "elu": "elu", "selu": "selu", "gelu": "gelu",
          "silu": "silu", "swish": "silu", "softplus": "softplus", "mish": "mish", "hard_sigmoid": "hard_sigmoid",
          "hard_silu": "hard_swish", "hard_swish": "hard_swish", "linear": "identity"}


class _Keras:
    def __init__(self, path, model):
        self.path, self.model = path, getattr(model, "_functional", None) or model
        if len(self.model.inputs) != 1 or len(self.model.outputs) != 1:
            raise Refused(f"{path}: it has {len(self.model.inputs)} inputs and {len(self.model.outputs)} outputs, and "
                          "lockstep's networks have one of each")
        shape = self.model.inputs[0].shape
        if len(shape) != 2:
            raise Refused(f"{path}: its input has the shape {shape}, and lockstep's networks have rows and columns")
        self.start = Value(width=int(shape[1]))
        self.start.parent = None

    def run(self):
        values = {id(self.model.inputs[0]): self.start}
        nodes = [node for some in self.model._nodes_by_depth.values() for node in some]
        for operation in self.model.operations:
            if type(operation).__name__ == "InputLayer":
                continue
            uses = [node for node in operation._inbound_nodes if any(node is known for known in nodes)]
            if len(uses) != 1:
                raise Refused(f"{self.path}: the layer {operation.name} is used in several places")
            node = uses[0]
            inputs = [values[id(tensor)] for tensor in node.input_tensors]
            try:
                values[id(node.outputs[0])] = self.take(operation, inputs)
            except Refused as error:
                raise Refused(f"{self.path}: the layer {operation.name} ({type(operation).__name__}): {error}") from None
        return self.start, values[id(self.model.outputs[0])]

    def function(self, value, layer):
        name = getattr(layer.activation, "__name__", str(layer.activation))
        if name == "softmax":
            return Value(value, {"softmax": {}})
        if name not in _KERAS:
            raise Refused(f"lockstep has no activation {name}")
        return activation(value, _KERAS[name])

    def take(self, layer, inputs):
        kind = type(layer).__name__
        method = getattr(self, "take_" + kind, None)
        if method is None:
            raise Refused(f"lockstep has no layer for {kind}")
        return method(layer, inputs if kind in ("Add", "Concatenate") else inputs[0])

    def take_Dense(self, layer, value):
        weights = layer.get_weights()
        value = dense(value, weights[0].T, weights[1] if layer.use_bias else None)
        return self.function(value, layer)

    def take_Activation(self, layer, value):
        return self.function(value, layer)

    def take_ReLU(self, layer, value):
        if layer.max_value is not None or layer.negative_slope or layer.threshold:
            raise Refused("lockstep's relu has no limit, slope or threshold")
        return activation(value, "relu")

    def take_LeakyReLU(self, layer, value):
        if abs(layer.negative_slope - 0.01) > 1e-9:
            raise Refused(f"its slope is {layer.negative_slope:g}, and that of lockstep's leaky_relu 0.01")
        return activation(value, "leaky_relu")

    def take_ELU(self, layer, value):
        if layer.alpha != 1:
            raise Refused(f"its alpha is {layer.alpha:g}, and that of lockstep's elu 1")
        return activation(value, "elu")

    def take_Softmax(self, layer, value):
        return Value(value, {"softmax": {}})

    def take_Dropout(self, layer, value):
        return Value(value, {"dropout": {"rate": float(layer.rate)}}) if layer.rate > 0 else value

    def take_Flatten(self, layer, value):
        return value

    def take_Add(self, layer, inputs):
        if len(inputs) != 2:
            raise Refused(f"a sum of {len(inputs)} values is no residual block")
        return residual(*inputs)

    def take_Concatenate(self, layer, inputs):
        return branches(inputs)

    def parts(self, layer, names):
        """Weights by name; those that the layer does without are 1 or 0."""
        width = int(layer.moving_mean.shape[0]) if "mean" in names else int(layer.input.shape[1])
        has = {"scale": layer.scale, "shift": layer.center, "mean": True, "variance": True}
        weights = iter(layer.get_weights())
        return {name: next(weights) if has[name] else np.full(width, name == "scale", np.float32) for name in names}

    def take_BatchNormalization(self, layer, value):
        keys = {"epsilon": float(layer.epsilon), "momentum": round(1 - float(layer.momentum), 6)}
        return Value(value, {"batch_norm": keys}, self.parts(layer, ("scale", "shift", "mean", "variance")))

    def take_LayerNormalization(self, layer, value):
        return Value(value, {"layer_norm": {"epsilon": float(layer.epsilon)}}, self.parts(layer, ("scale", "shift")))


def from_keras(path, model, settings):
    start, end = _Keras(path, model).run()
    return contents_of(path, start, end, settings)
