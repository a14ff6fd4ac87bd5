"""PyTorch: NAME.pt, a state_dict, and NAME.py, a module of plain PyTorch that reads it:

    import NAME
    network = NAME.load()              # in evaluation mode; rows of x as float64 to a dict of predictions
    predictions = network(x)

Layers have the names that lockstep gives them, and weights the shapes: `network.dense1.weight`. Constants of scaling and
encoding are buffers. The state_dict also carries the settings and names of the model ("_extra_state"), so that
scripts/import_model.py makes a model of the file again, with the weights that it then has.
"""
import os
import re

import numpy as np

from . import Refused
from .contents import Contents, parameter_order, plain_contents

_ACTIVATIONS = {
    "sigmoid": "torch.sigmoid({x})", "tanh": "torch.tanh({x})", "relu": "F.relu({x})",
    "leaky_relu": "F.leaky_relu({x}, 0.01)", "elu": "F.elu({x})", "selu": "F.selu({x})", "gelu": "F.gelu({x})",
    "silu": "F.silu({x})", "softplus": "F.softplus({x}, threshold=40)", "mish": "F.mish({x})",
    "hard_sigmoid": "F.hardsigmoid({x})", "hard_swish": "F.hardswish({x})", "step": "({x} > 0).to({x}.dtype)",
}

_LINES = {
    "columns": "{x}[:, self.{array}]",
    "missing": "torch.isnan({x}).to({x}.dtype)",
    "unknown": "torch.where({x} < 0, torch.full_like({x}, float('nan')), {x})",
    "fill": "torch.where(torch.isnan({x}), self.{array}.expand_as({x}), {x})",
    "equals": "({x} == self.{array}).to({x}.dtype)",
    "affine": "({x} - self.{shift}) * self.{scale} + self.{offset}",
    "unscale": "({x} - self.{offset}) / self.{scale} + self.{shift}",
    "cast": "{x}.to(torch.{to})",
    "concat": "torch.cat([{all}], dim=1)",
    "add": "{x} + {y}", "subtract": "{x} - {y}",
    "slice": "{x}[:, {first}:{end}]",
    "extend": "torch.cat([{x}, {x}[:, self.{left}] * {x}[:, self.{right}]], dim=1)",
    "distances": "(({x}[:, None] - self.{array}) ** 2).sum(dim=2)",
    "product": "{x} @ self.{array}.T",
    "constant": "{x} * {scale!r} + {offset!r}",
    "power": "{x} ** {exponent}",
    "function": "torch.{name}({x})",
    "softmax": "torch.softmax({x}, dim=1)",
    "dense": "self.{layer}({x})", "embedding": "self.{layer}({x})", "layer_norm": "self.{layer}({x})",
    "batch_norm": "self.{layer}({x})", "dropout": "self.{out}({x})",
    "centres": "self.{layer}({x})", "gaussians": "self.{layer}({x})",
    "argmax": "{x}.argmax(dim=1, keepdim=True)", "largest": "{x}.max(dim=1, keepdim=True).values",
    "logsumexp": "{x}.logsumexp(dim=1, keepdim=True)",
}

# Modules that PyTorch does not have, for networks that use them.
_MODULES = {"centres": '''

class Centres(nn.Module):
    """-1/2 of the squared distances of a row from the centres."""

    def __init__(self, units, inputs):
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(units, inputs))

    def forward(self, x):
        return -0.5 * ((x[:, None] - self.centre) ** 2).sum(dim=2)
''', "gaussians": '''

class Gaussians(nn.Module):
    """log w_k + log N(x; m_k, C_k) = offset_k - 1/2 |U_k (x - m_k)|^2, with C_k^-1 = U_k' U_k."""

    def __init__(self, units, inputs, factors, shape):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(units, inputs))
        self.factor = nn.Parameter(torch.zeros(factors))
        self.offset = nn.Parameter(torch.zeros(units))
        self.shape = shape

    def forward(self, x):
        apart, factor = x[None] - self.mean[:, None], self.factor.reshape(self.shape)
        moved = apart @ factor.transpose(1, 2) if self.shape[1] > 1 else apart * factor
        return (self.offset[:, None] - 0.5 * (moved ** 2).sum(dim=2)).T
'''}

_HEAD = '''"""The network of {source}, written by lockstep's scripts/export_model.py. Needs PyTorch alone."""
import pathlib

import torch
from torch import nn
from torch.nn import functional as F
{modules}

class Network(nn.Module):
    """Rows of x (rows, {columns}) as float64 to a dict of predictions: {outputs}."""

    def __init__(self):
        super().__init__()
        self.about = ""
{init}

    def get_extra_state(self):
        return self.about

    def set_extra_state(self, state):
        self.about = state

    def forward(self, x):
{forward}
        return {{{result}}}


def load(path=pathlib.Path(__file__).with_suffix(".pt")):
    """The network with the weights of a state_dict, in evaluation mode."""
    network = Network()
    network.load_state_dict(torch.load(path))
    return network.eval()


if __name__ == "__main__":
    import sys

    import numpy as np
    rows = np.loadtxt(sys.argv[1], delimiter=",", ndmin=2)
    for name, value in load()(torch.from_numpy(rows)).items():
        print(name, value.detach().numpy())
'''

# lockstep's name of an array, and PyTorch's
_NAMES = {"dense": {"weight": "weight", "bias": "bias"}, "embedding": {"weight": "weight"},
          "tied": {"weight": "weight", "bias": "bias"},
          "layer_norm": {"scale": "weight", "shift": "bias"},
          "centres": {"centre": "centre"}, "gaussians": {"mean": "mean", "factor": "factor", "offset": "offset"},
          "batch_norm": {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}}


def _identifier(layer):
    return layer.replace(".", "_")


def _module(steps, step):
    get = lambda name: steps.parameter(step["layer"], name)
    if step["op"] in ("dense", "embedding"):
        out, inputs = get("weight").shape
        return f"nn.Linear({inputs}, {out}, bias={steps.has_parameter(step['layer'], 'bias')})"
    if step["op"] == "centres":
        return f"Centres{get('centre').shape}"
    if step["op"] == "gaussians":
        (units, d), factors = get("mean").shape, get("factor").shape
        shape = {"full": (units, d, d), "tied": (1, d, d), "diagonal": (units, 1, d), "spherical": (units, 1, 1)}
        return f"Gaussians({units}, {d}, {factors}, {shape[step['covariance']]})"
    width = len(get("scale"))
    if step["op"] == "layer_norm":
        return f"nn.LayerNorm({width}, eps={step['epsilon']!r})"
    return f"nn.BatchNorm1d({width}, eps={step['epsilon']!r}, momentum={step['momentum']!r})"


def _source(steps, source):
    init, forward, result = [], [], []
    for name, value in steps.arrays.items():
        init.append(f'self.register_buffer("{name}", torch.zeros({value.shape}, dtype=torch.{value.dtype}))')
    for step in steps.list:
        op, values = step["op"], step["in"]
        if op in _NAMES:
            init.append(f"self.{_identifier(step['layer'])} = {_module(steps, step)}")
        if op == "dropout":
            init.append(f"self.{step['out']} = nn.Dropout({step['rate']!r})")
        if op == "output":
            result.append(f'"{step["name"]}": {values[0]}')
        elif op == "input":
            forward.append(f"{step['out']} = x.to(torch.float64)")
        else:
            fields = {**step, "x": values[0], "y": values[-1], "all": ", ".join(values)}
            fields["layer"] = _identifier(step.get("layer", ""))
            fields["end"] = step.get("first", 0) + step.get("count", 0)
            line = _ACTIVATIONS[step["name"]] if op == "activation" else _LINES[op]
            forward.append(f"{step['out']} = {line.format(**fields)}")
    indent = "\n".join
    modules = "".join(text for op, text in _MODULES.items() if any(step["op"] == op for step in steps.list))
    return _HEAD.format(modules=modules, source=os.path.basename(source), columns=steps.columns,
                        outputs=", ".join(output["name"] for output in steps.outputs),
                        init=indent(" " * 8 + line for line in init), forward=indent(" " * 8 + line for line in forward),
                        result=", ".join(result))


def _state(steps):
    import torch
    state = {name: torch.from_numpy(np.array(value)) for name, value in steps.arrays.items()}
    for step in steps.list:
        for ours, theirs in _NAMES.get(step["op"], {}).items():
            if steps.has_parameter(step["layer"], ours):
                key = f"{_identifier(step['layer'])}.{theirs}"
                state[key] = torch.from_numpy(np.array(steps.parameter(step["layer"], ours), np.float32))
        if step["op"] == "batch_norm":
            state[f"{_identifier(step['layer'])}.num_batches_tracked"] = torch.tensor(0)
    state["_extra_state"] = steps.contents.to_text()
    return state


def write(steps, path, source="a model"):
    import torch
    base = re.sub(r"\.(pt|pth|py)$", "", path)
    if not os.path.basename(base).isidentifier():
        raise Refused(f"{path}: Python imports the module by this name: use letters, digits and _ alone")
    torch.save(_state(steps), base + ".pt")
    with open(base + ".py", "w", encoding="utf-8") as file:
        file.write(_source(steps, source))
    return [base + ".pt", base + ".py"]


# ---- reading ----

def read(path, settings=None):
    import torch
    state = torch.load(path, map_location="cpu")
    if not isinstance(state, dict):
        raise Refused(f"{path} holds {type(state).__name__}, not a state_dict")
    about = state.get("_extra_state")
    if isinstance(about, str) and about:
        return _read_own(path, state, Contents.from_text(about))
    if settings is None:
        raise Refused(f"{path}: a state_dict does not say what becomes of its weights: give the network as lockstep's "
                      "settings, with --settings FILE.yaml")
    return _read_foreign(path, state, settings)


def _array(path, state, key):
    if key not in state:
        raise Refused(f"{path} has no {key}")
    return state[key].detach().to("cpu").numpy().astype(np.float32)


def _read_own(path, state, contents):
    for folder in contents.members():
        prefix = "" if folder == "parameters" else f"member{folder.split('/')[1]}_"
        tables = sum(name.startswith("scaling/features/vectors/") for name in contents.arrays)
        for layer, kind, keys in parameter_order(contents.settings, tables):
            for ours, theirs in _NAMES[kind].items():
                if ours == "bias" and keys.get("bias", True) is False:
                    continue
                contents.arrays[f"{folder}/{layer}/{ours}"] = _array(path, state, f"{prefix}{layer}.{theirs}")
    return contents.without_transposes(path)


def _groups(state):
    """The tensors by module, in the order of the state_dict."""
    groups = {}
    for key, value in state.items():
        if hasattr(value, "detach") and not key.endswith("num_batches_tracked"):
            module, _, name = key.rpartition(".")
            groups.setdefault(module, {})[name] = value.detach().to("cpu").numpy()
    return groups


def _read_foreign(path, state, settings):
    groups, parameters, inputs = _groups(state), {}, None
    layers = parameter_order(settings)
    if any(kind == "tied" for _, kind, _ in layers):
        raise Refused(f"{path}: weights of other programs become dense layers: the settings have a tied one")
    if len(groups) != len(layers):
        raise Refused(f"{path} has {len(groups)} modules with weights ({', '.join(groups)}), but the settings have "
                      f"{len(layers)} layers with weights ({', '.join(name for name, _, _ in layers)})")
    for (module, tensors), (layer, kind, keys) in zip(groups.items(), layers):
        names = dict(_NAMES[kind])
        if kind == "dense" and keys.get("bias", True) is False:
            names.pop("bias")
        if sorted(tensors) != sorted(names.values()):
            raise Refused(f"{path}: the module {module} has {', '.join(tensors)}, but {layer} of the settings needs "
                          f"{', '.join(names.values())}")
        for ours, theirs in names.items():
            value = tensors[theirs]
            if kind not in _MODULES and value.ndim != (2 if kind == "dense" and ours == "weight" else 1):
                raise Refused(f"{path}: {module}.{theirs} has the shape {value.shape}, which no {kind} has")
            parameters[f"{layer}/{ours}"] = value
        if kind == "dense" and len(tensors["weight"]) != int(keys["units"]):
            raise Refused(f"{path}: {module} has {len(tensors['weight'])} outputs, but {layer} of the settings has "
                          f"{keys['units']}")
        if inputs is None:
            first = tensors.get("weight", tensors.get("centre", tensors.get("mean")))
            if kind in _MODULES:
                inputs = first.shape[1]
                continue
            inputs = first.shape[1] if kind == "dense" else first.shape[0]
    return plain_contents(settings, int(inputs), parameters)
