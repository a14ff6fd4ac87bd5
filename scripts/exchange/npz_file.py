"""NumPy: all arrays of a model file under their names, `lockstep.json` with its attributes, and `steps.json`, which
says how a row becomes predictions (steps.py); the arrays of steps are named steps/NAME. Needs NumPy alone."""
import json

import numpy as np

from .contents import Contents


def write(steps, path, source="a model"):
    arrays = steps.contents.to_arrays()
    arrays.update(steps.transposes())
    arrays.update({f"steps/{name}": value for name, value in steps.arrays.items()})
    described = {"columns": steps.columns, "outputs": steps.outputs, "steps": steps.list}
    arrays["steps.json"] = np.frombuffer(json.dumps(described, indent=1).encode(), np.uint8)
    with open(path, "wb") as file:
        np.savez(file, **arrays)
    return [path]


def read(path, settings=None):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if not name.startswith("steps")}
    return Contents.from_arrays(arrays).without_transposes(path)
