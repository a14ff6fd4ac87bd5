"""Where the numbers of a picture come from: runs, files, and lockstep's commands. All errors are style.Unfit."""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import h5py
import numpy as np
import yaml

from pictures.style import Unfit

ROOT = pathlib.Path(__file__).resolve().parents[2]  # of a checkout, or share/lockstep of an installation


# ---- the program ----

def add_program(parser):
    parser.add_argument("--lockstep", metavar="PROGRAM",
                        help="the program (default: lockstep on PATH, or that of this checkout or installation)")


class Program:
    """Runs lockstep's commands."""

    def __init__(self, named=None):
        candidates = [named] if named else [shutil.which("lockstep"), ROOT / "build/release/lockstep",
                                            ROOT.parent.parent / "bin/lockstep"]
        self.path = next((str(path) for path in candidates if path and pathlib.Path(path).is_file()), None)
        if self.path is None:
            raise Unfit(f"{named or 'lockstep'} is not there; name the program with --lockstep")
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")

    def run(self, *words, folder=None):
        """What the command prints to stdout; its message in the error if it fails."""
        words = [str(word) for word in words]
        done = subprocess.run([self.path, *words], env=self.environment, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            raise Unfit(f"`lockstep {' '.join(words)}` failed:\n{done.stderr.strip()}")
        return done.stdout

    def predict(self, model, rows=None, data=None, x=None, options=()):
        """Predictions as a dictionary of arrays: of rows (n, columns of x), or of the array x of a data file."""
        with scratch() as folder:
            words = []
            if rows is not None:
                data = folder / "rows.h5"
                with h5py.File(data, "w") as file:
                    file["x"] = np.asarray(rows)
            elif x is not None:
                words = ["--x", x]
            self.run("predict", model, data, *words, *options, "--out", folder / "answer.h5")
            with h5py.File(folder / "answer.h5") as file:
                return {name: array[:] for name, array in file.items() if isinstance(array, h5py.Dataset)}


@contextlib.contextmanager
def scratch():
    """A folder for temporary files."""
    with tempfile.TemporaryDirectory(prefix="lockstep-plot-") as folder:
        yield pathlib.Path(folder)


# ---- runs ----

def run_folder(run):
    """The directory of a run: a path, or a name below runs/."""
    for path in (pathlib.Path(run), pathlib.Path("runs") / run):
        if path.is_dir():
            return path
    raise Unfit(f"{run} is no run directory, and there is no runs/{run}; `lockstep runs` lists the runs")


def history(run):
    """The columns of history.h5, a value for each epoch."""
    return arrays(run_folder(run) / "history.h5", "a run has it after its first epoch")


def summary(run):
    path = run_folder(run) / "summary.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Unfit(f"{path} cannot be read: {error}; a run has it when it has ended") from None


def settings(run):
    """The complete settings of a run as nested dictionaries."""
    path = run_folder(run) / "config.yaml"
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise Unfit(f"{path} cannot be read: {error}") from None


def model_file(model):
    """model.h5 of a run, or the path of a model or checkpoint as it is."""
    if pathlib.Path(model).is_file():
        return pathlib.Path(model)
    path = run_folder(model) / "model.h5"
    if not path.is_file():
        raise Unfit(f"{path} is not there: the run has not finished; a checkpoint of it can be named instead")
    return path


def checkpoints(run):
    """Checkpoints of a run in the order of their steps."""
    return sorted(path for path in run_folder(run).glob("checkpoint-*.h5") if "part" not in path.name)


# ---- files ----

def arrays(path, hint=""):
    """All arrays at the top of an HDF5 file."""
    try:
        with h5py.File(path) as file:
            return {name: array[:] for name, array in file.items() if isinstance(array, h5py.Dataset)}
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error}" + (f"; {hint}" if hint else "")) from None


def split(path, name):
    """x as (n, features) and y of a split of a dataset file, y None if the file has none."""
    try:
        with h5py.File(path) as file:
            if f"{name}/x" not in file:
                there = [split for split in ("train", "valid", "test") if f"{split}/x" in file]
                raise Unfit(f"{path} has no {name}/x; it has the splits: {', '.join(there) or 'none'}")
            x = file[f"{name}/x"][:]
            y = file[f"{name}/y"][:] if f"{name}/y" in file else None
            return x.reshape(len(x), -1), y
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error}") from None


def feature_names(path, count):
    """Names of the columns of x in a dataset or model file; x1, x2, … without names."""
    with h5py.File(path) as file:
        names = file.attrs.get("feature_names")
    if names is None or len(names) != count:
        return [f"x{i + 1}" for i in range(count)]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


# ---- a run on rows of a data file ----

def add_run_data(parser, split="test"):
    """The arguments that choose rows for a run's model."""
    parser.add_argument("--data", metavar="FILE.h5", help="data file (default: data.file of the run)")
    parser.add_argument("--split", default=split, choices=("train", "valid", "test"), help="its rows (default: %(default)s)")
    parser.add_argument("--samples", type=int, metavar="N", help="Monte-Carlo dropout with N samples, as lockstep predict")
    add_program(parser)


def predict_options(options):
    return ["--samples", options.samples] if options.samples else []


def data_of(run, options):
    """The path of the data file, and x (n, features) and y (n, k) of the chosen rows, y None if there is none."""
    chosen = settings(run)["data"]
    if (chosen.get("window") or {}).get("length"):
        raise Unfit(f"{run} forecasts a series; this picture needs rows that are independent of each other")
    path = options.data or chosen["file"]
    prefix = {"train": "", "valid": "valid_", "test": "test_"}[options.split]
    x_name, y_name = (chosen.get(prefix + key) or f"{options.split}/{key}" for key in ("x", "y"))
    try:
        with h5py.File(path) as file:
            if x_name not in file:
                there = [name for name in ("train", "valid", "test") if f"{name}/x" in file]
                raise Unfit(f"{path} has no {x_name}; --split may be: {', '.join(there) or 'none, no usual name is there'}")
            x = file[x_name][:]
            y = file[y_name][:] if y_name in file else None
    except OSError as error:
        raise Unfit(f"{path} cannot be read: {error}; name the data file with --data") from None
    return path, x.reshape(len(x), -1), None if y is None else y.reshape(len(y), -1)


def answers_of(run, options):
    """What a run says of the chosen rows (a dictionary of arrays), and their targets (n, k)."""
    path, _, y = data_of(run, options)
    prefix = {"train": "", "valid": "valid_", "test": "test_"}[options.split]
    x_name = settings(run)["data"].get(prefix + "x") or f"{options.split}/x"
    if y is None:
        raise Unfit(f"{path} has no targets for its {options.split} rows")
    return Program(options.lockstep).predict(model_file(run), data=path, x=x_name, options=predict_options(options)), y


def column(array, target, what):
    """One target of (n, k) values."""
    if not 0 <= target < array.shape[1]:
        raise Unfit(f"--target {target}: {what} has {array.shape[1]} targets, counted from 0")
    return array[:, target].astype(float)


def name_of(run):
    """A run as a legend names it."""
    path = pathlib.Path(run)
    return path.parent.name if path.suffix == ".h5" else path.name
