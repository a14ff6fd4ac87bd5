"""study.h5 and its CSV: every repeat, every step, every phase, and the environment of each.

    /@study                      the study's file as it stands
    /@settings                   JSON: what the report must know of the plan
    /@environments               JSON: list of tables, each machine and program once
    /points/study, layout, reduce, started, command          (points) texts
    /points/nodes, ranks, threads, cores, repeat, batch, shards, environment    (points) integers
    /points/load, flops_per_row, parameters                  (points)
    /points/peak_gflops_per_core, fraction_of_peak           (points): the peak by `lockstep bench` just before and just
                                                             after, the larger; the share of it that the median step
                                                             reached, over all its cores; NaN where there is no peak
    /points/rows, seconds, seconds_PHASE, seconds_exposed    (points, steps), the warm-up included; NaN beyond the
                                                             end of shorter runs
    /peaks/layout, host                                      (measurements of the peak) texts
    /peaks/cores, clock, gflops_per_core                     (measurements of the peak): clock in seconds since 1970
    /targets/study                                           (trainings) texts
    /targets/cores, batch, seed                              (trainings)
    /targets/rows, valid_loss                                (trainings, epochs): rows trained so far, and the loss
"""
import csv
import json
import os

import h5py
import numpy as np

from study.measure import read_point
from study.plan import fail

PHASES = ["read", "gather", "forward", "backward", "fold", "wait", "exchange", "update"]
STEP_COLUMNS = ["rows", "seconds"] + [f"seconds_{phase}" for phase in PHASES] + ["seconds_exposed"]
TEXTS = ["study", "layout", "reduce", "started", "command"]


def plan_facts(study):
    """What the report must know that the measurements do not say."""
    return {"name": study.name, "config": study.config, "settings": study.settings, "repeats": study.repeats,
            "warmup_steps": study.warmup_steps, "steps": study.steps, "seed": study.seed,
            "other_cores": study.other_cores, "cores_per_node": study.cores_per_node, "left_out": study.left_out,
            "reduces": study.reduces, "studies": study.parts}


def read_peaks(study):
    """Every measurement of the peak, in the order of time."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (study.out / "points").glob("peak-*.json")]
    return sorted(records, key=lambda record: record["clock"])


def peak_around(peaks, case, record):
    """GFLOP/s of a core: of the measurements before and after on the same number of cores of the same host the larger one, since
    what else may be going on only lowers it."""
    near = [p for p in peaks if p["cores"] == case.cores and p["host"] == record["environment"]["host"]]
    before = [p["gflops_per_core"] for p in near if p["clock"] <= record["clock"]][-1:]
    after = [p["gflops_per_core"] for p in near if p["clock"] > record["clock"]][:1]
    return max(before + after, default=float("nan"))


def measured_steps(rows, warmup, batch):
    """Which steps of a run count: not the warm-up, and not the short last step of an epoch."""
    rows = np.asarray(rows)
    return (np.arange(len(rows)) >= warmup) & (rows == batch)


def fraction_of_peak(study, row):
    """FLOP/s in the run's median step over the peak of all its cores."""
    keep = measured_steps(row["rows"], study.warmup_steps, row["batch"])
    flops = row["batch"] * row["flops_per_row"] / np.median(np.array(row["seconds"])[keep])
    return flops / (row["cores"] * row["peak_gflops_per_core"] * 1e9)


def point_row(study, point, record, environments, peaks):
    case, facts = point.case, record["environment"]
    if facts not in environments:
        environments.append(facts)
    row = {"study": case.study, "layout": case.layout, "reduce": case.reduce, "started": record["started"],
           "command": record["command"], "nodes": case.nodes, "ranks": case.ranks, "threads": case.threads,
           "cores": case.cores, "repeat": point.repeat, "batch": study.batch(case),
           "shards": record["summary"]["shards"], "environment": environments.index(facts), "load": record["load"],
           "flops_per_row": record["summary"]["flops_per_row"], "parameters": record["summary"]["parameters"],
           "peak_gflops_per_core": peak_around(peaks, case, record)}
    row |= {name: record["timing"][name] for name in STEP_COLUMNS}
    return row | {"fraction_of_peak": fraction_of_peak(study, row)}


def target_row(study, point, record):
    history = record["history"]
    return {"study": point.case.study, "cores": point.case.cores, "batch": study.batch(point.case),
            "seed": point.seed, "rows": np.cumsum(history["rows"]).tolist(), "valid_loss": history["valid_loss"]}


def pad(rows):
    """Studies may have different numbers of steps: shorter runs end with steps of no rows."""
    most = max(len(row["rows"]) for row in rows)
    for row in rows:
        missing = most - len(row["rows"])
        for name in STEP_COLUMNS:
            row[name] = row[name] + [0 if name == "rows" else float("nan")] * missing


def write_table(group, rows):
    for name in rows[0] if rows else []:
        values = [row[name] for row in rows]
        if isinstance(values[0], str):
            group.create_dataset(name, data=values, dtype=h5py.string_dtype())
        else:
            group.create_dataset(name, data=np.array(values))


def write_csv(path, rows):
    """A line for each step of each point."""
    fixed = [name for name in rows[0] if name not in STEP_COLUMNS]
    with open(path, "w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(fixed + ["step"] + STEP_COLUMNS)
        for row in rows:
            for step, values in enumerate(zip(*(row[name] for name in STEP_COLUMNS)), 1):
                lines.writerow([row[name] for name in fixed] + [step, *values])


def collect(study):
    """From the points that there are; says how many are missing."""
    points, environments, rows, targets, peaks = study.points(), [], [], [], read_peaks(study)
    for point in points:
        record = read_point(study, point)
        if record is None:
            continue
        if point.seed is None:
            rows.append(point_row(study, point, record, environments, peaks))
        else:
            targets.append(target_row(study, point, record))
    if not rows:
        fail(f"{study.out}/points holds no measurement of this study; `scaling.py run {study.path}` makes them")
    missing = len(points) - len(rows) - len(targets)
    if missing:
        print(f"{missing} of {len(points)} runs are missing: the report is of what is there")
    facts = plan_facts(study) | {"missing": missing}
    network = study.out / "points" / "network.json"
    if network.exists():
        facts["network"] = json.loads(network.read_text(encoding="utf-8"))
    write_csv(study.out / "steps.csv", rows)
    pad(rows)
    path, temporary = study.out / "study.h5", study.out / f"study.h5.tmp-{os.getpid()}"
    with h5py.File(temporary, "w") as file:
        file.attrs["study"] = study.text
        file.attrs["settings"] = json.dumps(facts)
        file.attrs["environments"] = json.dumps(environments)
        write_table(file.create_group("points"), rows)
        write_table(file.create_group("targets"), targets)
        write_table(file.create_group("peaks"), peaks)
    temporary.rename(path)
    return path


class Results:
    """study.h5, read back: columns as arrays, and the facts about the study."""

    def __init__(self, path):
        try:
            with h5py.File(path) as file:
                self.facts = json.loads(file.attrs["settings"])
                self.environments = json.loads(file.attrs["environments"])
                self.points, self.targets, self.peaks = (self.read_table(file[name])
                                                         for name in ("points", "targets", "peaks"))
        except OSError as error:
            fail(f"{path} cannot be read: {error}; `scaling.py collect` makes it")

    @staticmethod
    def read_table(group):
        return {name: array.asstr()[:] if h5py.check_string_dtype(array.dtype) else array[:]
                for name, array in group.items()}
