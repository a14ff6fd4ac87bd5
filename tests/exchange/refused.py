"""What export cannot express is refused by its name, and what is left out is named.
    refused.py LOCKSTEP SCRIPTS CASES      CASES: where cases.py has left its models
"""
import copy
import os
import subprocess
import sys
import tempfile

import yaml

LOCKSTEP, SCRIPTS, CASES = sys.argv[1:]
CASES = os.path.abspath(CASES)
sys.path.insert(0, SCRIPTS)
os.environ["LOCKSTEP"] = LOCKSTEP
from exchange import Refused  # noqa: E402
from exchange.contents import Contents  # noqa: E402
from exchange.steps import Steps  # noqa: E402


def expect_refused(what, name, part, change):
    contents = copy.deepcopy(Contents.read(f"{CASES}/{name}/model.h5"))
    settings = contents.settings
    change(contents, settings)
    contents.attributes["@settings"] = yaml.safe_dump(settings, sort_keys=False)
    try:
        Steps(contents)
    except Refused as error:
        assert part in str(error), f"{what}: {error}"
        return
    sys.exit(f"{what}: is not refused")


def rename(group, key, to):
    def change(contents, settings):
        (settings[group] if group else settings)[key] = to
    return change


def second_member(contents, settings):
    for key in [key for key in contents.arrays if key.startswith("parameters/")]:
        contents.arrays["members/2/" + key[len("parameters/"):]] = contents.arrays[key]
    contents.attributes["@members"] = 2


def unknown_basis(contents, settings):
    contents.attributes["basis@name"] = "wavelets"


expect_refused("clusterings", "k-means", "an ensemble of clusterings cannot be expressed", second_member)
expect_refused("densities", "mixture", "an ensemble of clusterings cannot be expressed", second_member)
expect_refused("a layer", "loss-mse", "the layer recurrent is not known here", rename("model", "layers", [{"recurrent": 3}]))
expect_refused("the name of a method", "loss-mse", "the layer width is not known here", rename("model", "layers", [{"width": 3}]))
expect_refused("an activation", "loss-mse", "the activation sine is not known here",
               rename("model", "layers", [{"dense": {"units": 12, "activation": "sine"}}, {"dense": 3}]))
expect_refused("a loss", "loss-mse", "the loss focal is not known here", rename(None, "loss", "focal"))
expect_refused("a basis", "basis-rbf", "data.basis: wavelets is not known here", unknown_basis)


def export(*words):
    return subprocess.run([sys.executable, f"{SCRIPTS}/export_model.py", *words], capture_output=True, text=True)


with tempfile.TemporaryDirectory() as place:
    out = f"{place}/net.npz"
    done = export(f"{CASES}/ensemble-mse/model.h5", "--format", "npz", "--out", out)
    assert done.returncode == 0 and "not part of it: epistemic_std" in done.stderr, done.stderr
    done = export(f"{CASES}/loss-mse/model.h5", "--format", "npz", "--out", out)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    done = export(f"{CASES}/data.h5", "--format", "npz", "--out", out)
    assert done.returncode == 1 and "is not a lockstep model" in done.stderr, done.stderr
    done = export(f"{CASES}/loss-mse/model.h5", "--format", "npz", "--out", out, "--temperature", "2")
    assert done.returncode == 1 and "no head gives probabilities" in done.stderr, done.stderr
print("what cannot be expressed is refused")
