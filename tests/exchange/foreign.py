"""Networks that other programs made: what lockstep can express becomes a model with the same predictions, and what it
cannot is refused with its name. Weights that another program has changed come back.
    foreign.py LOCKSTEP SCRIPTS FORMAT MODEL      FORMAT: onnx, pytorch or keras; MODEL: one of lockstep's own
"""
import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import yaml

LOCKSTEP, SCRIPTS, FORMAT, MODEL = sys.argv[1:]
MODEL = os.path.abspath(MODEL)
sys.path.insert(0, SCRIPTS)
NEEDED = {"onnx": ["onnx", "onnxruntime"], "pytorch": ["torch"], "keras": ["keras"]}[FORMAT]
for needed in NEEDED:
    if importlib.util.find_spec(needed) is None:
        print(f"networks of {FORMAT} are not read: this Python has no {needed}")
        sys.exit(77)
import export_model  # noqa: E402
import import_model  # noqa: E402

os.environ["LOCKSTEP"] = LOCKSTEP
random = np.random.default_rng(3)
x = random.normal(size=(40, 6)).astype(np.float32)
count = 0


def run(*words):
    return subprocess.run(words, capture_output=True, text=True)


def script(module, *words):
    """A script as a process of its own would run it; the libraries are loaded only once."""
    sys.argv = [module.__file__, *words]
    try:
        module.main()
    except SystemExit as end:
        return subprocess.CompletedProcess(words, 1, "", str(end.code))
    return subprocess.CompletedProcess(words, 0, "", "")


def read(path, *words):
    return script(import_model, path, "--out", "model.h5", *words)


def expect_same(what, path, wanted, array, *words):
    """wanted: the other program's outputs for x; array: lockstep's name of them."""
    global count
    done = read(path, *words)
    assert done.returncode == 0, f"{what}: {done.stderr}"
    with h5py.File("x.h5", "w") as file:
        file["x"] = x
    done = run(LOCKSTEP, "predict", "model.h5", "x.h5", "--out", "p.h5")
    assert done.returncode == 0, f"{what}: {done.stderr}"
    with h5py.File("p.h5") as file:
        found = file[array][...].reshape(len(x), -1)
    off = np.max(np.abs(found - wanted)) / np.max(np.abs(wanted))
    assert off < 2e-6, f"{what}: off by {off:.1e}"
    assert run(LOCKSTEP, "info", "model.h5").returncode == 0
    count += 1


def expect_refused(what, path, part, *words):
    global count
    done = read(path, *words)
    assert done.returncode == 1 and part in done.stderr and "Traceback" not in done.stderr, f"{what}: {done.stderr}"
    count += 1


def weights(out, inputs):
    return (random.normal(size=(out, inputs)) / np.sqrt(inputs)).astype(np.float32)


def vector(n, low=0.0):
    return (low + random.random(n)).astype(np.float32)


# ---- ONNX ----

def onnx_file(nodes, arrays, out="y", inputs=(("x", ["rows", 6]),)):
    """nodes: (operator, inputs, output, attributes)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    made = [helper.make_node(kind, ins, [to], name=f"node_{to}", **more) for kind, ins, to, more in nodes]
    graph = helper.make_graph(made, "g", [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in inputs],
                              [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(v, k) for k, v in arrays.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), "net.onnx")


def check_onnx():
    import onnxruntime
    arrays = {"a": weights(8, 6), "b": weights(6, 8).T.copy(), "c": vector(8), "d": weights(8, 8).T.copy(), "e": vector(8),
              "f": vector(8, 0.5), "g": vector(8), "h": vector(8), "i": vector(8, 0.5), "k": weights(3, 16), "l": vector(3)}
    good = [("Gemm", ["x", "a", "c"], "1", {"transB": 1}), ("Sigmoid", ["1"], "2", {}), ("Mul", ["1", "2"], "3", {}),
            ("MatMul", ["3", "d"], "4", {}), ("Add", ["4", "e"], "5", {}), ("Relu", ["5"], "6", {}),
            ("Add", ["3", "6"], "7", {}),
            ("BatchNormalization", ["7", "f", "g", "h", "i"], "8", {"epsilon": 1e-3}),
            ("LayerNormalization", ["7", "f", "g"], "9", {"epsilon": 1e-3}), ("Gelu", ["9"], "10", {}),
            ("Concat", ["8", "10"], "11", {"axis": 1}), ("Dropout", ["11"], "12", {}),
            ("Gemm", ["12", "k", "l"], "13", {"transB": 1})]

    def wanted():
        return onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]

    onnx_file(good + [("Identity", ["13"], "y", {})], arrays)
    expect_same("a regression", "net.onnx", wanted(), "prediction")
    onnx_file(good + [("Softmax", ["13"], "y", {"axis": 1})], arrays)
    expect_same("a softmax", "net.onnx", wanted(), "probability")
    onnx_file(good + [("Sigmoid", ["13"], "y", {})], arrays)
    expect_same("a sigmoid", "net.onnx", wanted(), "probability")
    for kind, more, part in (("Conv", {}, "no layer for the operator Conv"), ("Sin", {}, "no layer for the operator Sin"),
                             ("LeakyRelu", {"alpha": 0.2}, "has alpha 0.2, and lockstep's leaky_relu has 0.01"),
                             ("Gelu", {"approximate": "tanh"}, "is approximated by tanh"),
                             ("HardSigmoid", {}, "has alpha 0.2")):
        onnx_file([("Gemm", ["x", "a", "c"], "1", {"transB": 1}), (kind, ["1"], "y", more)], arrays)
        expect_refused(kind, "net.onnx", part)
        expect_refused(kind, "net.onnx", "node_y")
    onnx_file([("Gemm", ["x", "a", "c"], "1", {"transB": 1}), ("Relu", ["1"], "2", {}), ("Tanh", ["1"], "3", {}),
               ("Add", ["2", "3"], "y", {})], arrays)
    expect_refused("a sum of branches", "net.onnx", "no residual block")
    onnx_file([("Relu", ["x"], "y", {})], arrays)
    expect_refused("no dense layer", "net.onnx", "no dense layer")
    onnx_file([("Add", ["x", "z"], "y", {})], arrays, inputs=(("x", ["rows", 6]), ("z", ["rows", 6])))
    expect_refused("two inputs", "net.onnx", "2 inputs and 1 outputs")
    onnx_file([("Gemm", ["x", "a", "c"], "y", {"transB": 1})], arrays, inputs=(("x", ["rows", 2, 3]),))
    expect_refused("an image", "net.onnx", "3 dimensions")
    with open("net.onnx", "wb") as file:
        file.write(b"no graph at all")
    expect_refused("no ONNX", "net.onnx", "is not an ONNX file")


# ---- Keras ----

def check_keras():
    os.environ.setdefault("KERAS_BACKEND", "jax" if importlib.util.find_spec("jax") else "torch")
    import keras
    layers = keras.layers

    def save(model):
        for layer in model.layers:
            layer.set_weights([(0.3 + random.random(w.shape)).astype(np.float32) for w in layer.get_weights()])
        model.save("net.keras")
        if len(model.inputs[0].shape) > 2:
            return None
        return np.asarray(keras.ops.convert_to_numpy(model(x)))

    start = keras.Input((6,))
    a = layers.Dense(8, activation="silu")(start)
    b = layers.Dense(8, use_bias=False)(layers.LayerNormalization()(a))
    a = layers.Add()([a, b])
    sides = [layers.Dense(3, activation="tanh")(a), layers.BatchNormalization(scale=False)(layers.Dense(2)(a))]
    a = layers.Dropout(0.2)(layers.Concatenate()(sides))
    out = layers.Dense(4)(layers.LeakyReLU(negative_slope=0.01)(a))
    expect_same("a functional model", "net.keras", save(keras.Model(start, out)), "prediction")
    some = [layers.Dense(5, activation=name) for name in
            ("relu", "elu", "selu", "gelu", "softplus", "mish", "hard_sigmoid", "hard_silu", "sigmoid")]
    wanted = save(keras.Sequential([keras.Input((6,)), *some, layers.Dense(3, activation="softmax")]))
    expect_same("a sequence", "net.keras", wanted, "probability")
    with open("net.yaml", "w", encoding="utf-8") as file:
        file.write("loss: hinge\n")
    wanted = save(keras.Sequential([keras.Input((6,)), layers.Dense(3)]))
    expect_same("a loss of its own", "net.keras", wanted, "score", "--settings", "net.yaml")
    for layer, part in ((layers.Dense(3, activation="relu6"), "no activation relu6"),
                        (layers.LeakyReLU(negative_slope=0.3), "its slope is 0.3"),
                        (layers.UnitNormalization(), "no layer for UnitNormalization"),
                        (layers.ReLU(max_value=6), "no limit")):
        save(keras.Sequential([keras.Input((6,)), layers.Dense(4), layer, layers.Dense(3)]))
        expect_refused(layer.name, "net.keras", part)
        expect_refused(layer.name, "net.keras", f"the layer {layer.name}")
    save(keras.Sequential([keras.Input((6, 2)), layers.Flatten(), layers.Dense(3)]))
    expect_refused("an image", "net.keras", "rows and columns")
    with open("net.keras", "wb") as file:
        file.write(b"no archive")
    expect_refused("no archive", "net.keras", "is not a .keras file")


# ---- PyTorch ----

def check_pytorch():
    import torch
    from torch import nn
    torch.manual_seed(1)
    network = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.BatchNorm1d(8), nn.Linear(8, 8, bias=False), nn.LayerNorm(8),
                            nn.SiLU(), nn.Linear(8, 3))
    network.train()
    network(3 * torch.randn(50, 6))  # moves the running statistics
    network.eval()
    torch.save(network.state_dict(), "net.pt")
    settings = {"data": {"file": "none.h5"}, "loss": "mse", "model": {"layers": [
        {"dense": 8}, {"activation": "gelu"}, {"batch_norm": {}}, {"dense": {"units": 8, "bias": False}}, {"layer_norm": {}},
        {"activation": "silu"}, {"dense": 3}]}}

    def write(change=None):
        made = yaml.safe_load(yaml.safe_dump(settings))
        if change:
            change(made["model"]["layers"])
        with open("net.yaml", "w", encoding="utf-8") as file:
            yaml.safe_dump(made, file)

    write()
    wanted = network(torch.from_numpy(x)).detach().numpy()
    expect_same("a sequence", "net.pt", wanted, "prediction", "--settings", "net.yaml")
    expect_refused("no settings", "net.pt", "does not say what becomes of its weights")
    for what, change, part in (
            ("a width", lambda l: l[0].update(dense=9), "0 has 8 outputs, but dense1 of the settings has 9"),
            ("a bias", lambda l: l[3].update(dense=8), "the module 3 has weight, but dense2"),
            ("a kind", lambda l: l.__setitem__(2, {"layer_norm": {}}), "but layer_norm1 of the settings needs weight, bias"),
            ("a layer", lambda l: l.pop(), "5 modules with weights (0, 2, 3, 4, 6), but the settings have 4")):
        write(change)
        expect_refused(what, "net.pt", part, "--settings", "net.yaml")
    torch.save([1, 2], "list.pt")
    expect_refused("a list", "list.pt", "not a state_dict")


def check_changed_weights():
    """What another program has trained comes back; the rest is the model's."""
    from exchange.contents import Contents
    global count
    before = Contents.read(MODEL)
    out = {"onnx": "own.onnx", "pytorch": "own.pt", "keras": "own.keras"}[FORMAT]
    done = script(export_model, MODEL, "--format", FORMAT, "--out", out)
    assert done.returncode == 0, done.stderr
    new = None
    if FORMAT == "pytorch":
        import torch
        state = torch.load(out)
        state["dense1.weight"] += 1
        new = state["dense1.weight"].numpy().copy()
        torch.save(state, out)
    elif FORMAT == "onnx":
        import onnx
        from onnx import numpy_helper
        model = onnx.load(out)
        weight = next(w for w in model.graph.initializer if w.name == "parameters/dense1/weight")
        new = numpy_helper.to_array(weight) + 1
        weight.CopyFrom(numpy_helper.from_array(new, weight.name))
        onnx.save(model, out)
    if new is None:
        return
    done = read(out)
    assert done.returncode == 0, done.stderr
    after = Contents.read("model.h5")
    assert np.array_equal(after.arrays["parameters/dense1/weight"], new)
    assert np.array_equal(after.arrays["parameters/dense2/weight"], before.arrays["parameters/dense2/weight"])
    with h5py.File("model.h5") as a, h5py.File(MODEL) as b:
        assert a.attrs["parameters_checksum"] != b.attrs["parameters_checksum"]
    count += 1


with tempfile.TemporaryDirectory() as place:
    os.chdir(place)
    {"onnx": check_onnx, "keras": check_keras, "pytorch": check_pytorch}[FORMAT]()
    check_changed_weights()
    os.chdir("/")
print(f"{FORMAT}: {count} networks of another program")
