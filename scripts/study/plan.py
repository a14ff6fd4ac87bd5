"""STUDY.yaml: its keys, the cases of its grid, and the order in which they are measured.

A case is one of the file's studies on one layout (nodes x ranks a node x threads a rank) with one way to reduce
gradients. Each case is measured `repeats` times; a point is one of these measurements. Points are taken round by round:
every round has each case once, in an order of its own, so that a slow hour of the machine falls on all cases alike.
"""
import dataclasses
import difflib
import hashlib
import itertools
import json
import os
import pathlib
import random
import sys

import yaml

RULES = {  # schedule.scaling: how the learning rate follows the batch when k cores have k times the rows
    "linear": "k times that of one core (Goyal et al. 2017)",
    "sqrt": "the root of k times that of one core (Krizhevsky 2014)",
    "none": "that of one core",
}

STUDY_KEYS = {
    "name": None, "config": None, "settings": {}, "repeats": 5, "warmup_steps": 3, "steps": 20, "seed": 1,
    "other_cores": "idle", "cores_per_node": None, "grid": None, "studies": None, "slurm": {},
}
GRID_KEYS = {"nodes": [1], "ranks": None, "threads": [1], "reduce": ["shared"]}
STRONG_KEYS = {"scaling": None, "settings": {}, "steps": None, "global_batch_size": None}
WEAK_KEYS = {"scaling": None, "settings": {}, "steps": None, "rows_per_core": None, "rows_per_shard": 32,
             "learning_rate": None, "target_loss": None, "epochs": 5, "seeds": [1, 2, 3]}
SLURM_KEYS = {"options": [], "setup": "", "mpi": "pmix", "time": "01:00:00"}
OPTIONAL = {"cores_per_node", "target_loss", "name"}  # may be left out, and then have no default


def fail(message):
    """Ends with exit code 2: the file or the command line is wrong."""
    print(f"scaling: {message}", file=sys.stderr)
    sys.exit(2)


@dataclasses.dataclass(frozen=True)
class Case:
    study: str
    nodes: int
    ranks: int  # a node
    threads: int  # a rank
    reduce: str

    @property
    def cores(self):
        return self.nodes * self.ranks * self.threads

    @property
    def layout(self):
        return f"{self.nodes}x{self.ranks}x{self.threads}"


@dataclasses.dataclass(frozen=True)
class Point:
    """A run: a measurement of a case, or (seed given) a training towards the target loss."""
    case: Case
    repeat: int
    seed: int | None
    overrides: tuple  # section.key=value

    @property
    def name(self):
        what = f"{self.case.reduce}-{self.repeat}" if self.seed is None else f"target-{self.seed}"
        return f"{self.case.study}-{self.case.layout}-{what}"

    @property
    def digest(self):
        """Changes with everything that is asked for: a measurement of something else is not taken for this one."""
        asked = json.dumps([dataclasses.asdict(self.case), self.repeat, self.seed, self.overrides])
        return hashlib.sha256(asked.encode()).hexdigest()[:16]


def read_keys(given, known, where, optional=OPTIONAL):
    """A table of the file with defaults filled in; unknown and missing keys are errors."""
    if not isinstance(given, dict):
        fail(f"{where}: a table of keys is expected")
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            fail(f"{where}: unknown key '{key}'" + (f"; the nearest is '{near[0]}'" if near else ""))
    values = {key: given.get(key, default) for key, default in known.items()}
    for key, value in values.items():
        if value is None and key not in optional:
            fail(f"{where}: the key '{key}' is missing")
    return values


def read_number(values, key, where, least=1, kind=int):
    value = values[key]
    if not isinstance(value, (int, kind)) or isinstance(value, bool) or value < least:
        fail(f"{where}: {key} is {value!r}; {'a whole number' if kind is int else 'a number'} of at least {least} "
             "is needed")
    return value


def read_list(values, key, where):
    """Distinct whole numbers from 1, in order."""
    value = values[key] if isinstance(values[key], list) else [values[key]]
    if not value or any(not isinstance(v, int) or isinstance(v, bool) or v < 1 for v in value):
        fail(f"{where}: {key} is {values[key]!r}; a list of whole numbers from 1 is needed")
    return sorted(set(value))


def as_override(key, value):
    """section.key=value, the value in YAML's flow style on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10 ** 6).strip()
    return f"{key}={text.removesuffix('...').strip()}"


class Study:
    """The file, checked; everything is settled once it is made."""

    def __init__(self, path, program=None, out=None):
        self.path = pathlib.Path(path)
        try:
            self.text = self.path.read_text(encoding="utf-8")
            given = yaml.safe_load(self.text)
        except (OSError, yaml.YAMLError) as error:
            fail(f"{path} cannot be read: {error}")
        values = read_keys(given, STUDY_KEYS, str(path))
        self.name = values["name"] or self.path.stem
        self.out = pathlib.Path(out or f"studies/{self.name}")
        self.config, self.settings, self.other_cores = values["config"], values["settings"], values["other_cores"]
        if self.other_cores not in ("idle", "busy"):
            fail(f"{path}: other_cores is '{self.other_cores}'; idle or busy is needed")
        self.repeats, self.steps = (read_number(values, key, str(path)) for key in ("repeats", "steps"))
        self.warmup_steps = read_number(values, "warmup_steps", str(path), 0)
        self.seed = read_number(values, "seed", str(path), 0)
        self.cores_per_node = values["cores_per_node"] or len(os.sched_getaffinity(0))
        self.program = program or self.find_program()
        self.slurm = read_keys(values["slurm"], SLURM_KEYS, f"{path}: slurm")
        self.parts = {name: self.read_part(name, part) for name, part in values["studies"].items()}
        self.read_grid(read_keys(values["grid"], GRID_KEYS, f"{path}: grid"))

    @staticmethod
    def find_program():
        root = pathlib.Path(__file__).resolve().parents[2]
        places = root / "build/release/lockstep", root.parent.parent / "bin/lockstep"  # of a checkout, of an installation
        return next((str(place) for place in places if place.exists()), "lockstep")

    def read_part(self, name, part):
        where = f"{self.path}: studies: {name}"
        kind = part.get("scaling") if isinstance(part, dict) else None
        if kind not in ("strong", "weak"):
            fail(f"{where}: scaling is {kind!r}; strong or weak is needed")
        values = read_keys(part, STRONG_KEYS if kind == "strong" else WEAK_KEYS, where, OPTIONAL | {"steps"})
        values["steps"] = read_number(values, "steps", where) if values["steps"] is not None else self.steps
        if kind == "strong":
            read_number(values, "global_batch_size", where)
            return values
        for key in ("rows_per_core", "rows_per_shard", "epochs"):
            read_number(values, key, where)
        values["seeds"] = read_list(values, "seeds", where)
        if values["rows_per_core"] % values["rows_per_shard"] != 0:
            fail(f"{where}: rows_per_core must be a multiple of rows_per_shard, so that shards stay equal")
        rate = read_keys(values["learning_rate"], {"rule": None, "value": None}, f"{where}: learning_rate")
        if rate["rule"] not in RULES:
            fail(f"{where}: learning_rate: rule is '{rate['rule']}'; one of {', '.join(RULES)} is needed")
        read_number(rate, "value", f"{where}: learning_rate", 0, float)
        return values

    def read_grid(self, grid):
        """Layouts with more ranks x threads than a node has cores measure a crowd, not scaling: left out."""
        where = f"{self.path}: grid"
        axes = [read_list(grid, key, where) for key in ("nodes", "ranks", "threads")]
        self.reduces = grid["reduce"] if isinstance(grid["reduce"], list) else [grid["reduce"]]
        layouts = list(itertools.product(*axes))
        self.left_out = [f"{n}x{r}x{t}" for n, r, t in layouts if r * t > self.cores_per_node]
        layouts = [layout for layout in layouts if layout[1] * layout[2] <= self.cores_per_node]
        if (1, 1, 1) not in layouts:
            fail(f"{where}: 1 node, 1 rank and 1 thread must be in it: speed-ups are against one core")
        self.cases = [Case(part, *layout, reduce)
                      for part in self.parts for layout in layouts for reduce in self.reduces]

    # ---- what is run ----

    def batch(self, case):
        part = self.parts[case.study]
        return part["global_batch_size"] if part["scaling"] == "strong" else part["rows_per_core"] * case.cores

    def overrides(self, case):
        part = self.parts[case.study]
        settings = {**self.settings, **part["settings"], "train.global_batch_size": self.batch(case),
                    "parallel.threads": case.threads, "parallel.reduce": case.reduce}
        if part["scaling"] == "weak":
            rate = part["learning_rate"]
            settings["parallel.shards"] = self.batch(case) // part["rows_per_shard"]
            settings |= {"optimizer.learning_rate": rate["value"], "schedule.scaling": rate["rule"],
                         "schedule.base_batch_size": part["rows_per_core"]}
        return settings

    def measurement(self, case, repeat):
        steps = self.warmup_steps + self.parts[case.study]["steps"]
        settings = {**self.overrides(case), "train.steps": steps, "train.epochs": steps, "data.validation": 0,
                    "checkpoint.every": "never"}
        return Point(case, repeat, None, tuple(as_override(k, v) for k, v in settings.items()))

    def training(self, case, seed):
        """Towards the target loss, with validation after every epoch. The layout does not matter, the batch does."""
        settings = {**self.overrides(case), "train.epochs": self.parts[case.study]["epochs"], "train.seed": seed,
                    "checkpoint.every": "never"}
        return Point(case, 0, seed, tuple(as_override(k, v) for k, v in settings.items()))

    def points(self):
        """Every point, in the order of measurement."""
        order, points = random.Random(self.seed), []
        for repeat in range(1, self.repeats + 1):
            cases = list(self.cases)
            order.shuffle(cases)
            points += [self.measurement(case, repeat) for case in cases]
        return points + self.trainings()

    def trainings(self):
        """For each batch of the weak studies with a target: on the first layout with its number of cores."""
        points = []
        for name, part in self.parts.items():
            if part["scaling"] == "strong" or part["target_loss"] is None:
                continue
            first = {}
            for case in sorted(self.cases, key=lambda case: case.reduce != "shared"):
                if case.study == name:
                    first.setdefault(case.cores, case)
            points += [self.training(case, seed) for case in first.values() for seed in part["seeds"]]
        return points
