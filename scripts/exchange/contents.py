"""Everything that a model file holds (docs/formats.md), apart from checksums: settings, parameters, scaling, names.

Arrays and attributes have the names that they have in the file: "parameters/dense1/weight", "scaling/features@name".
"""
import base64
import io
import json
import os
import shutil
import subprocess
import tempfile

import h5py
import numpy as np
import yaml

from . import Refused

FORMAT = "lockstep exchange 1"
# Of the file, not of the network: lockstep computes them anew, or they belong to the run.
_LEFT_OUT = ("parameters_checksum", "libraries", "cpu", "format")
_FOLDERS = ("manifest", "data", "optimizer", "history", "parts", "epoch_loss")


class Contents:
    """arrays: name to NumPy array (texts as a list of str); attributes: "group@key" to str, int, float or list."""

    def __init__(self, arrays=None, attributes=None):
        self.arrays, self.attributes = arrays or {}, attributes or {}

    @property
    def settings(self):
        return yaml.safe_load(self.attributes["@settings"])

    def members(self):
        """The folders of the networks: one, or one for each member of an ensemble."""
        count = int(self.attributes.get("@members", 1))
        return ["parameters"] + [f"members/{m}" for m in range(2, count + 1)]

    def parameters(self):
        """Names within the file and values of all parameters, in the order of the network."""
        return {name: value for name, value in self.arrays.items() if is_parameter(name)}

    # ---- lockstep's files ----

    @classmethod
    def read(cls, path):
        """A model, a checkpoint, or a run directory."""
        path = os.path.join(path, "model.h5") if os.path.isdir(path) else path
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise Refused(f"{path}: {error}") from error
        with file:
            if not str(file.attrs.get("format", "")).startswith(("lockstep model", "lockstep checkpoint")):
                raise Refused(f"{path} is not a lockstep model or checkpoint")
            found = cls()
            found._take_attributes("", file)
            file.visititems(lambda name, item: found._take(name, item))
        return found

    def _take_attributes(self, group, item):
        for key, value in item.attrs.items():
            if group == "" and key in _LEFT_OUT:
                continue
            if isinstance(value, bytes):
                value = value.decode()
            elif isinstance(value, np.ndarray):
                value = [v.decode() if isinstance(v, bytes) else v for v in value.tolist()]
            elif isinstance(value, np.generic):
                value = value.item()
            self.attributes[f"{group}@{key}"] = value

    def _take(self, name, item):
        if name.split("/")[0] in _FOLDERS:
            return
        self._take_attributes(name, item)
        if isinstance(item, h5py.Dataset):
            value = item[()]
            self.arrays[name] = [v.decode() for v in value.tolist()] if value.dtype.kind == "S" else value

    def write_weights(self, path):
        """The file that `lockstep adopt` reads."""
        with h5py.File(path, "w") as file:
            for name, value in self.arrays.items():
                texts = isinstance(value, list)
                file.create_dataset(name, data=np.array([v.encode() for v in value]) if texts else value)
            for name, value in self.attributes.items():
                group, key = name.rsplit("@", 1)
                target = file.require_group(group) if group and group not in file else file[group or "/"]
                if isinstance(value, str):
                    target.attrs.create(key, value, dtype=h5py.string_dtype("utf-8"))
                elif isinstance(value, list):
                    target.attrs.create(key, value, dtype=h5py.string_dtype("utf-8"))
                else:
                    target.attrs.create(key, value, dtype="i8" if isinstance(value, int) else "f8")
            file.attrs.create("format", "lockstep weights 1", dtype=h5py.string_dtype("utf-8"))

    def write_model(self, path, program=None):
        """A model file: weights for `lockstep adopt`, which checks them and adds checksum, manifest and seal."""
        program = program or os.environ.get("LOCKSTEP") or shutil.which("lockstep")
        if program is None:
            raise Refused("the program lockstep is not in PATH: set LOCKSTEP to its path, or give --lockstep")
        with tempfile.TemporaryDirectory() as place:
            weights = os.path.join(place, "weights.h5")
            self.write_weights(weights)
            done = subprocess.run([program, "adopt", weights, "--out", path], capture_output=True, text=True)
        if done.returncode != 0:
            raise Refused(done.stderr.strip().replace(f"{place}/", ""))
        return done.stdout.strip()

    def without_transposes(self, path):
        """Files of other programs hold the weights of a tied layer as a matrix of its own; lockstep's do not."""
        for folder in self.members():
            for layer, kind, keys in parameter_order(self.settings):
                weight = self.arrays.pop(f"{folder}/{layer}/weight", None) if kind == "tied" else None
                if weight is not None and not np.array_equal(np.transpose(weight), self.arrays[f"{folder}/{keys['to']}/weight"]):
                    raise Refused(f"{path}: the weights of {layer} are no longer the transpose of those of {keys['to']}, as the "
                                  "settings say")
        return self

    # ---- as one text, for files that hold parameters in their own way ----

    def to_text(self, keep=()):
        """Everything but parameters, in letters; those of layers whose name begins with a word of `keep` stay."""
        kept = lambda name: not is_parameter(name) or name.split("/")[-2].startswith(tuple(keep))
        rest = Contents({k: v for k, v in self.arrays.items() if kept(k)}, self.attributes)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **rest.to_arrays())
        return base64.b64encode(buffer.getvalue()).decode()

    @classmethod
    def from_text(cls, text):
        with np.load(io.BytesIO(base64.b64decode(text))) as file:
            return cls.from_arrays(dict(file))

    def to_arrays(self):
        """NumPy arrays without objects: arrays under their names, and "lockstep.json" as bytes of UTF-8."""
        texts = {k: v for k, v in self.arrays.items() if isinstance(v, list)}
        arrays = {k: v for k, v in self.arrays.items() if not isinstance(v, list)}
        described = {"format": FORMAT, "attributes": self.attributes, "texts": texts}
        arrays["lockstep.json"] = np.frombuffer(json.dumps(described, indent=1).encode(), np.uint8)
        return arrays

    @classmethod
    def from_arrays(cls, arrays):
        arrays = dict(arrays)
        described = json.loads(bytes(arrays.pop("lockstep.json")))
        if described["format"] != FORMAT:
            raise Refused(f"its format is {described['format']}, not {FORMAT}")
        arrays.update(described["texts"])
        return cls(arrays, described["attributes"])


def is_parameter(name):
    return name.startswith(("parameters/", "members/"))


def parameter_order(settings, tables=0):
    """Names of the layers that have parameters, in the order of the network: ("dense1", "dense", settings)."""
    found, counts = [], {}

    def visit(layers):
        for item in layers:
            (kind, keys), = item.items() if isinstance(item, dict) else ((item, None),)
            if kind == "residual":
                visit(keys)
            elif kind == "branches":
                for branch in keys:
                    visit(branch)
            elif kind in ("dense", "tied", "layer_norm", "batch_norm", "centres", "gaussians"):
                counts[kind] = counts.get(kind, 0) + 1
                keys = keys if isinstance(keys, dict) else {"to" if kind == "tied" else "units": keys} if keys is not None else {}
                found.append((f"{kind}{counts[kind]}", kind, keys))

    for t in range(tables):
        found.append((f"embedding{t + 1}", "embedding", {}))
    visit(settings["model"]["layers"])
    return found


def plain_contents(settings, inputs, parameters):
    """A network without scaling and encoding: `settings` is a dict, `parameters` "dense1/weight" to array."""
    attributes = {"@settings": yaml.safe_dump(settings, sort_keys=False, default_flow_style=None), "@inputs": inputs,
                  "@step": 0, "@epoch": 0, "@shards": 1, "scaling/features@name": "none",
                  "scaling/features@columns": inputs, "scaling/targets@name": "none"}
    return Contents({f"parameters/{k}": np.ascontiguousarray(v, np.float32) for k, v in parameters.items()}, attributes)
