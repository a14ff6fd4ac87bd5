"""Exports models in one format and compares: predictions with those of lockstep, to 1e-6 of the largest in an array, or
where lockstep's own rounding to float32 is more than that, to twice this rounding (the same network in float64 tells).
After an import every parameter, and everything else of the file, must be the same.
    compare.py LOCKSTEP SCRIPTS FORMAT PLACE…       FORMAT: npz, onnx, pytorch or keras
A place holds model.h5, x.npy, and predictions.h5. Ends with 77 when a package is missing.
"""
import importlib
import importlib.util
import os
import sys

import h5py
import numpy as np

LOCKSTEP, SCRIPTS, FORMAT, *PLACES = sys.argv[1:]
sys.path.insert(0, SCRIPTS)
os.environ["LOCKSTEP"] = LOCKSTEP
MODULES = {"npz": [], "onnx": ["onnx", "onnxruntime"], "pytorch": ["torch"], "keras": ["keras"]}
for needed in MODULES[FORMAT]:
    if importlib.util.find_spec(needed) is None:
        print(f"the format {FORMAT} is not compared: this Python has no {needed}")
        sys.exit(77)

from exchange.contents import Contents  # noqa: E402
from exchange.evaluate import evaluate  # noqa: E402
from exchange.steps import Steps  # noqa: E402

TOLERANCE = 1e-6
ROUNDING = 1e-5  # that of float32 is less; more is another network, also in float64


def run_npz(path, x):
    with np.load(path) as file:
        assert "steps.json" in file.files
    return evaluate(STEPS, x)


def run_onnx(path, x):
    import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return dict(zip((o.name for o in session.get_outputs()), session.run(None, {"x": x.astype(np.float64)})))


def run_pytorch(path, x):
    import torch
    directory, name = os.path.split(path)
    sys.path.insert(0, directory)
    sys.modules.pop(name[:-3], None)
    network = importlib.import_module(name[:-3]).load()
    sys.path.remove(directory)
    with torch.no_grad():
        return {key: value.numpy() for key, value in network(torch.from_numpy(x.astype(np.float64))).items()}


def run_keras(path, x):
    import keras
    outputs = keras.saving.load_model(path, compile=False)(x.astype(np.float32))
    return {key: np.asarray(keras.ops.convert_to_numpy(value)) for key, value in outputs.items()}


def of_kernels(place, name):
    with h5py.File(f"{place}/parts.h5") as file:
        parts = next(iter(file.values()))[...].astype(np.float64)
    if name == "cluster":
        return parts.argmax(axis=1)[:, None]
    shares = np.exp(parts - parts.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def expected(place, name, head):
    """The array of predictions.h5 with the name of an output. Of a kernel density, `predict` writes the log-density alone; its
    responsibilities follow from the parts of the kernels, which `predict --layer` has written."""
    with h5py.File(f"{place}/predictions.h5") as file:
        if name in ("cluster", "responsibility") and "log_density" in file and name not in file:
            return of_kernels(place, name)
        group, part = (file[head], name[len(head) + 1:]) if head else (file, name)
        if part == "std" and part not in group:
            part = "aleatoric_std"
        return group[part][...].reshape(len(group[part]), -1)


def rows_of(place, steps):
    x = np.load(f"{place}/x.npy")
    length = int(steps.contents.attributes.get("scaling/features@steps", 1))
    if length > 1:
        with h5py.File(f"{place}/predictions.h5") as file:
            x = np.stack([x[t - length:t].reshape(-1) for t in file["time"][...]])
    return x.reshape(len(x), -1)


def same_contents(place, a, b):
    for name in sorted(set(a.arrays) | set(b.arrays)):
        assert name in a.arrays and name in b.arrays, f"{place}: only one file has {name}"
        x, y = a.arrays[name], b.arrays[name]
        same = x == y if isinstance(x, list) else x.tobytes() == np.asarray(y).tobytes() and x.dtype == y.dtype
        assert same, f"{place}: {name} has changed on the way"
    texts = [{k: v for k, v in contents.attributes.items() if k != "@init_from_checksum"} for contents in (a, b)]
    assert texts[0] == texts[1], f"{place}: attributes have changed on the way"


def same_model(place, contents, back):
    """The model file that `lockstep adopt` makes of what has come back."""
    path = f"{place}/back.h5"
    back.write_model(path)
    same_contents(place, contents, Contents.read(path))
    with h5py.File(f"{place}/model.h5") as a, h5py.File(path) as b:
        assert a.attrs["parameters_checksum"] == b.attrs["parameters_checksum"], f"{place}: another checksum"
    os.remove(path)


worst, runner = 0.0, {"npz": run_npz, "onnx": run_onnx, "pytorch": run_pytorch, "keras": run_keras}[FORMAT]
module = importlib.import_module("exchange." + {"pytorch": "torch_file"}.get(FORMAT, FORMAT + "_file"))
failed = 0
for number, place in enumerate(PLACES):
    place = os.path.abspath(place)
    contents = Contents.read(f"{place}/model.h5")
    temperatures = None
    if os.path.exists(f"{place}/temperature"):
        with open(f"{place}/temperature", encoding="utf-8") as text:
            temperatures = {"": float(text.read())}
    STEPS = Steps(contents, temperatures)
    path = f"{place}/network_{number}." + {"pytorch": "pt"}.get(FORMAT, FORMAT)
    written = module.write(STEPS, path)
    found = runner(path, rows_of(place, STEPS))
    for output in STEPS.outputs:
        wanted, got = expected(place, output["name"], output["head"]), found[output["name"]]
        assert got.shape == wanted.shape, f"{place}: {output['name']} has the shape {got.shape}, not {wanted.shape}"
        off = float(np.max(np.abs(got.astype(np.float64) - wanted)) / max(np.max(np.abs(wanted)), 1e-30))
        worst = max(worst, off)
        if off <= TOLERANCE:
            continue
        exact = evaluate(STEPS, rows_of(place, STEPS), exact=True)[output["name"]]
        rounding = float(np.max(np.abs(exact - wanted)) / max(np.max(np.abs(wanted)), 1e-30))
        failed += not off <= 2 * rounding or not rounding <= ROUNDING
        print(f"{place}: {output['name']} is off by {off:.1e}, and rounding by {rounding:.1e}")
    back = module.read(path)
    same_contents(place, contents, back)
    if FORMAT == "npz":  # a model file has the same contents, whatever the format that they come from
        same_model(place, contents, back)
    for name in written:
        os.remove(name)
print(f"{FORMAT}: {len(PLACES)} models, off by at most {worst:.1e}; all come back with the same bits")
sys.exit(failed > 0)
