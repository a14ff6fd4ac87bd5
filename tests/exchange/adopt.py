"""`lockstep adopt` on files that another program wrote wrong: each is refused with the name of what is wrong, and nothing
is written.
    adopt.py LOCKSTEP SCRIPTS MODEL
"""
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np

LOCKSTEP, SCRIPTS, MODEL = sys.argv[1:]
sys.path.insert(0, SCRIPTS)
from exchange.contents import Contents  # noqa: E402

contents = Contents.read(MODEL)


def adopt(path="weights.h5", out="out.h5"):
    return subprocess.run([LOCKSTEP, "adopt", path, "--out", out], capture_output=True, text=True)


def expect(what, change, code, part):
    contents.write_weights("weights.h5")
    with h5py.File("weights.h5", "r+") as file:
        change(file)
    done = adopt()
    assert done.returncode == code and part in done.stderr, f"{what}: {done.returncode}: {done.stderr}"
    assert os.path.exists("out.h5") == (code == 0), what


def remove(name):
    return lambda file: file.pop(name)


def replace(name, value):
    def change(file):
        del file[name]
        file[name] = value
    return change


def attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


def components(method="exact", n=2, inputs=None):
    """The group `components`, which goes with any network."""
    def change(file):
        group = file.create_group("components")
        group["explained_variance"], group["explained_variance_ratio"] = np.arange(n, 0.0, -1), np.full(n, 0.25)
        group["singular_values"], group["mean"] = np.ones(2), np.zeros(inputs or int(contents.attributes["@inputs"]))
        group.attrs["method"], group.attrs["rows"], group.attrs["total_variance"] = method, 60, 4.0
    return change


weight = contents.arrays["parameters/dense1/weight"]
bad = weight.copy()
bad[0, 0] = np.nan
with tempfile.TemporaryDirectory() as place:
    os.chdir(place)
    expect("no bias", remove("parameters/dense1/bias"), 3, "parameters/dense1/bias")
    expect("another shape", replace("parameters/dense1/weight", weight[:-1]), 3, "parameters/dense1/weight")
    expect("a gap", replace("parameters/dense1/weight", bad), 3, "not all finite")
    expect("no settings", lambda file: file.attrs.__delitem__("settings"), 3, "settings")
    expect("settings that are none", attribute("settings", "model: 7"), 3, "weights.h5")
    expect("another number of inputs", attribute("inputs", 3), 3, "inputs")
    expect("a model's format", attribute("format", "lockstep model 1"), 3, "not a lockstep weights 1")
    expect("no format", lambda file: file.attrs.__delitem__("format"), 3, "is not a lockstep model or checkpoint")
    expect("components by another method", components("guessed"), 3, "the method is neither exact nor randomized")
    expect("another number of components", components(n=3), 3, "components/singular_values is no list of 3 numbers")
    expect("components of other features", components(inputs=1), 3, "components/mean")
    expect("components", components(), 0, "")
    with h5py.File("out.h5") as file:
        assert file["components/explained_variance"][...].tolist() == [2, 1] and file["components"].attrs["rows"] == 60
    os.remove("out.h5")
    with open("weights.h5", "r+b") as file:
        file.truncate(3000)
    assert adopt().returncode == 3 and not os.path.exists("out.h5")
    contents.write_weights("weights.h5")
    assert adopt(out="weights.h5").returncode == 2  # would overwrite what it reads
    expect("nothing", lambda file: None, 0, "")
    with h5py.File("out.h5") as a, h5py.File(MODEL) as b:
        assert a.attrs["parameters_checksum"] == b.attrs["parameters_checksum"]
    os.chdir("/")
print("adopt: 15 files")
