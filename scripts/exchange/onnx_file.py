"""ONNX: a graph from rows of x (float64) to predictions, weights under lockstep's names, and the metadata `lockstep`,
which holds everything else of the model file."""
import numpy as np

from . import Refused
from .contents import Contents, is_parameter

OPSET = 20
_ACTIVATIONS = {"sigmoid": ("Sigmoid", {}), "tanh": ("Tanh", {}), "relu": ("Relu", {}),
                "leaky_relu": ("LeakyRelu", {"alpha": 0.01}), "elu": ("Elu", {"alpha": 1.0}), "selu": ("Selu", {}),
                "gelu": ("Gelu", {}), "softplus": ("Softplus", {}), "mish": ("Mish", {}),
                "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}), "hard_swish": ("HardSwish", {})}
_FUNCTIONS = {"cos": "Cos", "exp": "Exp", "log": "Log", "sqrt": "Sqrt"}
_TYPES = {"float32": 1, "int64": 7, "float64": 11}


class _Builder:
    def __init__(self, steps):
        from onnx import helper, numpy_helper
        self.helper, self.numpy_helper = helper, numpy_helper
        self.steps, self.nodes, self.initializers, self.types, self.known = steps, [], [], {}, {}

    def node(self, kind, inputs, out, **attributes):
        self.nodes.append(self.helper.make_node(kind, inputs, [out], name=out, **attributes))
        return out

    def constant(self, name, value):
        if name not in self.known:
            self.initializers.append(self.numpy_helper.from_array(np.ascontiguousarray(value), name))
            self.known[name] = True
        return name

    def array(self, step, key):
        return self.constant("steps/" + step[key], self.steps.arrays[step[key]])

    def number(self, step, key, value):
        """A single number in the type of the step's input."""
        kind = self.types[step["in"][0]]
        return self.constant(f"{step['out']}/{key}", np.asarray(value, kind))

    def parameter(self, step, name):
        folder, _, layer = step["layer"].rpartition(".")
        folder = f"members/{folder[len('member'):]}" if folder else "parameters"
        return self.constant(f"{folder}/{layer}/{name}",
                             np.asarray(self.steps.parameter(step["layer"], name), np.float32))

    # ---- one function per step; they return the name of the value ----

    def columns(self, step, x, out):
        return self.node("Gather", [x, self.array(step, "array")], out, axis=1)

    def missing(self, step, x, out):
        return self.node("Cast", [self.node("IsNaN", [x], out + "/is")], out, to=_TYPES["float64"])

    def unknown(self, step, x, out):
        low = self.node("Less", [x, self.number(step, "zero", 0)], out + "/low")
        return self.node("Where", [low, self.number(step, "nan", np.nan), x], out)

    def fill(self, step, x, out):
        return self.node("Where", [self.node("IsNaN", [x], out + "/is"), self.array(step, "array"), x], out)

    def equals(self, step, x, out):
        return self.node("Cast", [self.node("Equal", [x, self.array(step, "array")], out + "/is")], out,
                         to=_TYPES["float64"])

    def affine(self, step, x, out):
        y = self.node("Sub", [x, self.array(step, "shift")], out + "/shifted")
        y = self.node("Mul", [y, self.array(step, "scale")], out + "/scaled")
        return self.node("Add", [y, self.array(step, "offset")], out)

    def unscale(self, step, x, out):
        y = self.node("Sub", [x, self.array(step, "offset")], out + "/moved")
        y = self.node("Div", [y, self.array(step, "scale")], out + "/stretched")
        return self.node("Add", [y, self.array(step, "shift")], out)

    def cast(self, step, x, out):
        self.node("Cast", [x], out, to=_TYPES[step["to"]])
        self.types[out] = np.dtype(step["to"])
        return out

    def concat(self, step, *inputs):
        return self.node("Concat", list(inputs[:-1]), inputs[-1], axis=1)

    def add(self, step, x, y, out):
        return self.node("Add", [x, y], out)

    def subtract(self, step, x, y, out):
        return self.node("Sub", [x, y], out)

    def slice(self, step, x, out):
        ends = [self.constant(f"{out}/{key}", np.array([value], np.int64)) for key, value in
                (("first", step["first"]), ("end", step["first"] + step["count"]), ("axis", 1))]
        return self.node("Slice", [x, *ends], out)

    def extend(self, step, x, out):
        left = self.node("Gather", [x, self.array(step, "left")], out + "/left", axis=1)
        right = self.node("Gather", [x, self.array(step, "right")], out + "/right", axis=1)
        return self.node("Concat", [x, self.node("Mul", [left, right], out + "/products")], out, axis=1)

    def distances(self, step, x, out):
        axis = self.constant(out + "/axis", np.array([1], np.int64))
        last = self.constant(out + "/last", np.array([2], np.int64))
        apart = self.node("Sub", [self.node("Unsqueeze", [x, axis], out + "/wide"), self.array(step, "array")],
                          out + "/apart")
        return self.node("ReduceSum", [self.node("Mul", [apart, apart], out + "/squares"), last], out, keepdims=0)

    def product(self, step, x, out):
        return self.node("Gemm", [x, self.array(step, "array")], out, transB=1)

    def constant_step(self, step, x, out):
        y = self.node("Mul", [x, self.number(step, "scale", step["scale"])], out + "/scaled")
        return self.node("Add", [y, self.number(step, "offset", step["offset"])], out)

    def power(self, step, x, out):
        if step["exponent"] == 1:
            return self.node("Identity", [x], out)
        y = x
        for k in range(2, step["exponent"] + 1):
            y = self.node("Mul", [y, x], out if k == step["exponent"] else f"{out}/{k}")
        return y

    def function(self, step, x, out):
        if step["name"] == "square":
            return self.node("Mul", [x, x], out)
        return self.node(_FUNCTIONS[step["name"]], [x], out)

    def dropout(self, step, x, out):
        return self.node("Identity", [x], out)

    def softmax(self, step, x, out):
        return self.node("Softmax", [x], out, axis=1)

    def activation(self, step, x, out):
        if step["name"] == "silu":
            return self.node("Mul", [x, self.node("Sigmoid", [x], out + "/gate")], out)
        if step["name"] == "step":
            above = self.node("Greater", [x, self.number(step, "zero", 0)], out + "/above")
            return self.node("Cast", [above], out, to=_TYPES["float32"])
        kind, attributes = _ACTIVATIONS[step["name"]]
        return self.node(kind, [x], out, **attributes)

    def dense(self, step, x, out):
        inputs = [x, self.parameter(step, "weight")]
        if self.steps.has_parameter(step["layer"], "bias"):
            inputs.append(self.parameter(step, "bias"))
        return self.node("Gemm", inputs, out, transB=1)

    embedding = dense

    def centres(self, step, x, out):
        last = self.constant(out + "/last", np.array([2], np.int64))
        wide = self.node("Unsqueeze", [x, self.constant(out + "/axis", np.array([1], np.int64))], out + "/wide")
        apart = self.node("Sub", [wide, self.parameter(step, "centre")], out + "/apart")
        square = self.node("ReduceSum", [self.node("Mul", [apart, apart], out + "/squares"), last], out + "/square", keepdims=0)
        return self.node("Mul", [square, self.number(step, "half", -0.5)], out)

    def gaussians(self, step, x, out):
        axes = {i: self.constant(f"{out}/axis{i}", np.array([i], np.int64)) for i in (0, 1, 2)}
        mean, factor, offset = (self.parameter(step, name) for name in ("mean", "factor", "offset"))
        units, d = self.steps.parameter(step["layer"], "mean").shape
        apart = self.node("Sub", [self.node("Unsqueeze", [x, axes[0]], out + "/rows"),
                                  self.node("Unsqueeze", [mean, axes[1]], out + "/means")], out + "/apart")
        shape = {"full": [units, d, d], "tied": [1, d, d], "diagonal": [units, 1, d], "spherical": [units, 1, 1]}
        shape = self.constant(out + "/shape", np.array(shape[step["covariance"]], np.int64))
        factor = self.node("Reshape", [factor, shape], out + "/factors")
        if step["covariance"] in ("full", "tied"):
            factor = self.node("Transpose", [factor], out + "/transposed", perm=[0, 2, 1])
            moved = self.node("MatMul", [apart, factor], out + "/moved")
        else:
            moved = self.node("Mul", [apart, factor], out + "/moved")
        square = self.node("ReduceSum", [self.node("Mul", [moved, moved], out + "/squares"), axes[2]], out + "/square",
                           keepdims=0)
        z = self.node("Sub", [self.node("Unsqueeze", [offset, axes[1]], out + "/offsets"),
                              self.node("Mul", [square, self.number(step, "half", 0.5)], out + "/halves")], out + "/z")
        return self.node("Transpose", [z], out, perm=[1, 0])

    def argmax(self, step, x, out):
        self.types[out] = np.dtype("int64")
        return self.node("ArgMax", [x], out, axis=1, keepdims=1)

    def largest(self, step, x, out):
        return self.node("ReduceMax", [x, self.constant(out + "/axis", np.array([1], np.int64))], out, keepdims=1)

    def logsumexp(self, step, x, out):
        axis = self.constant(out + "/axis", np.array([1], np.int64))
        most = self.node("ReduceMax", [x, axis], out + "/most", keepdims=1)
        terms = self.node("Exp", [self.node("Sub", [x, most], out + "/less")], out + "/terms")
        sums = self.node("Log", [self.node("ReduceSum", [terms, axis], out + "/sum", keepdims=1)], out + "/log")
        return self.node("Add", [most, sums], out)

    def layer_norm(self, step, x, out):
        return self.node("LayerNormalization", [x, self.parameter(step, "scale"), self.parameter(step, "shift")], out,
                         axis=-1, epsilon=step["epsilon"])

    def batch_norm(self, step, x, out):
        names = [self.parameter(step, name) for name in ("scale", "shift", "mean", "variance")]
        return self.node("BatchNormalization", [x, *names], out, epsilon=step["epsilon"],
                         momentum=1 - step["momentum"])

    def run(self):
        helper, outputs = self.helper, []
        x = helper.make_tensor_value_info("x", _TYPES["float64"], ["rows", self.steps.columns])
        for step in self.steps.list:
            if step["op"] == "input":
                self.node("Identity", ["x"], step["out"])
                self.types[step["out"]] = np.dtype("float64")
            elif step["op"] == "output":
                kind = _TYPES[str(self.types[step["in"][0]])]
                self.node("Identity", step["in"], step["name"])
                outputs.append(helper.make_tensor_value_info(step["name"], kind, ["rows", None]))
            else:
                self.types[step["out"]] = self.types[step["in"][0]]
                method = "constant_step" if step["op"] == "constant" else step["op"]
                getattr(self, method)(step, *step["in"], step["out"])
        return helper.make_graph(self.nodes, "lockstep", [x], outputs, self.initializers)


def write(steps, path, source="a model"):
    import onnx
    from onnx import helper
    graph = _Builder(steps).run()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="lockstep",
                              ir_version=9)
    about = {"lockstep": steps.contents.to_text(), **names(steps)}
    for key, value in about.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return [path]


def names(steps):
    """Names of columns, categories and classes, as JSON, for readers who do not know lockstep."""
    import json
    contents = steps.contents
    found = {}
    if "@feature_names" in contents.attributes:
        found["feature_names"] = contents.attributes["@feature_names"]
    for key, value in contents.attributes.items():
        if key.endswith("@class_names"):
            found["class_names" if key == "@class_names" else key.replace("heads/", "")] = value
    for key, value in contents.arrays.items():
        if key.startswith("scaling/features/categories/"):
            found["categories_" + key.rsplit("/", 1)[1]] = value
    return {key: json.dumps(value) for key, value in found.items()}


# ---- reading ----

def read(path, settings=None):
    import onnx
    from onnx import numpy_helper
    try:
        model = onnx.load(path)
    except Exception as error:
        raise Refused(f"{path} is not an ONNX file: {error}") from error
    about = {entry.key: entry.value for entry in model.metadata_props}
    weights = {w.name: w for w in model.graph.initializer}
    if "lockstep" not in about:
        from . import layers
        return layers.from_onnx(path, model, settings)
    contents = Contents.from_text(about["lockstep"])
    for name, value in weights.items():
        if is_parameter(name):
            contents.arrays[name] = numpy_helper.to_array(value).astype(np.float32)
    return contents.without_transposes(path)
