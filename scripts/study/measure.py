"""One run of lockstep: the command that starts it, the run itself, and the seconds that it left.

Every measurement becomes a file of its own, points/NAME.json, which appears whole. So a study that was interrupted goes
on where it was, and the tasks of a job array need not know of each other.
"""
import contextlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import h5py

from study import environment
from study.plan import as_override, fail

PEAK_SECONDS = 0.05  # of each part of `lockstep bench`

# What keeps another core busy: products of small matrices in its own cache, so that the clock falls as it does when all
# cores work, and nothing else is taken from the cores that are measured.
FILLER = """
import numpy
a = numpy.ones((96, 96), dtype="f4")
b = numpy.empty_like(a)
while True:
    numpy.matmul(a, a, out=b)
"""


class Launcher:
    """How ranks are started: by mpirun on this machine, or by srun inside an allocation."""

    def __init__(self, study, kind):
        self.study, self.kind = study, kind
        self.cores = sorted(os.sched_getaffinity(0))
        self.is_open_mpi = "Open" in environment.output(["mpirun", "--version"])
        if kind == "srun" and study.other_cores == "busy":
            fail("other_cores: busy is for studies on this machine; under SLURM leave it idle")

    def words(self, case):
        ranks = case.nodes * case.ranks
        if self.kind == "srun":
            return ["srun", f"--mpi={self.study.slurm['mpi']}", f"--nodes={case.nodes}", f"--ntasks={ranks}",
                    f"--ntasks-per-node={case.ranks}", f"--cpus-per-task={case.threads}", "--cpu-bind=cores"]
        # the launcher's own binding differs between libraries; the cores that it inherits do not
        own = self.cores[:case.cores]
        binding = ["--bind-to", "none"] if self.is_open_mpi else ["-bind-to", "none"]
        return ["taskset", "-c", ",".join(map(str, own)), "mpirun", *binding, "-n", str(ranks)]

    def grouping(self, case):
        """On one machine groups of ranks that share no memory stand for nodes."""
        return [f"parallel.ranks_per_node={case.ranks}"] if self.kind == "mpirun" and case.nodes > 1 else []

    def check(self, case):
        if self.kind == "mpirun" and case.cores > len(self.cores):
            fail(f"{case.study} {case.layout} needs {case.cores} cores, this machine has {len(self.cores)}; "
                 "take `submit`, or a smaller grid")

    @contextlib.contextmanager
    def neighbours(self, case):
        """The cores that the case leaves over are idle, or kept busy."""
        idle = self.cores[case.cores:] if self.study.other_cores == "busy" else []
        single = dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        fillers = [subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", FILLER], env=single)
                   for core in idle]
        if fillers:
            time.sleep(0.5)  # until they run
        try:
            yield
        finally:
            for filler in fillers:
                filler.kill()
                filler.wait()


def command(study, launcher, point):
    words = launcher.words(point.case) + [study.program, "train", study.config, f"name={point.name}",
                                          f"runs={study.out / 'runs'}"]
    if point.seed is None:
        words.append("--timing")
    return words + launcher.grouping(point.case) + list(point.overrides)


def run_environment():
    """Open MPI refuses root unless told twice; in a container root is who there is."""
    own = dict(os.environ)
    if os.geteuid() == 0:
        own |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return own


def read_columns(path):
    with h5py.File(path) as file:
        return {name: array[:].tolist() for name, array in file.items() if isinstance(array, h5py.Dataset)}


def read_run(run, point):
    """What the report needs of a run directory."""
    with open(run / "summary.json", encoding="utf-8") as file:
        found = {"summary": json.load(file)}
    if point.seed is None:
        return found | {"timing": read_columns(run / "timing.h5")}
    history = read_columns(run / "history.h5")
    return found | {"history": {name: history[name] for name in ("step", "rows", "train_loss", "valid_loss")}}


def point_path(study, point):
    return study.out / "points" / f"{point.name}.json"


def read_point(study, point):
    """The measurement of a point, or None when there is none, or one of something else."""
    try:
        record = json.loads(point_path(study, point).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if record.get("digest") == point.digest else None


def write_whole(path, text):
    """The file appears by renaming: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


def start(launcher, case, words):
    """Runs the words, the case's other cores idle or busy; ends the study where they fail."""
    with launcher.neighbours(case):
        done = subprocess.run(words, env=run_environment(), capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"scaling: {' '.join(words)}\nended with {done.returncode}:\n{done.stderr.strip()}")


def measure(study, launcher, point, facts):
    words = command(study, launcher, point)
    run = study.out / "runs" / point.name
    load, started, clock = os.getloadavg()[0], time.strftime("%Y-%m-%dT%H:%M:%S%z"), time.time()
    start(launcher, point.case, words)
    record = {"name": point.name, "digest": point.digest, "started": started, "clock": clock, "load": load,
              "command": " ".join(words), "environment": facts} | read_run(run, point)
    write_whole(point_path(study, point), json.dumps(record))
    shutil.rmtree(run)
    return record


def peak_cases(study, cases):
    """For each number of cores the case with the fewest ranks and rows, since `bench` is done sooner there."""
    found = {}
    for case in sorted(cases, key=lambda case: (case.nodes * case.ranks, study.batch(case), case.reduce != "shared")):
        found.setdefault(case.cores, case)
    return found.values()


def measure_peaks(study, launcher, cases):
    """What the cores can do at the most just now: `lockstep bench` with as many of them at work as the cases use. Each
    time is kept beside the points, with its hour."""
    for case in peak_cases(study, cases):
        clock = time.time()
        path = study.out / "points" / f"peak-{case.layout}-{clock:.3f}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        bench = path.with_suffix(f".bench-{os.getpid()}")
        words = launcher.words(case) + [study.program, "bench", study.config, f"--seconds={PEAK_SECONDS}",
                                        f"--json={bench}", *launcher.grouping(case)]
        start(launcher, case, words + [as_override(key, value) for key, value in study.overrides(case).items()])
        figures = json.loads(bench.read_text(encoding="utf-8"))
        bench.unlink()
        write_whole(path, json.dumps({"layout": case.layout, "cores": case.cores, "host": platform.node(), "clock": clock,
                                      "gflops_per_core": figures["peak_fp32_gflops_per_core"]}))


def measure_all(study, launcher, points):
    """What is not there yet, in order; the peak before each round and behind the last."""
    facts = environment.describe(study.program)
    todo = [point for point in points if read_point(study, point) is None]
    if len(todo) < len(points):
        print(f"{len(points) - len(todo)} of {len(points)} runs are there already", flush=True)
    for point in todo:
        launcher.check(point.case)
    began, round_now, cases = time.monotonic(), 0, {point.case for point in todo if point.seed is None}
    for number, point in enumerate(todo, 1):
        if point.repeat != round_now:
            measure_peaks(study, launcher, cases)
            round_now = point.repeat
        record = measure(study, launcher, point, facts)
        if point.seed is None:
            seconds = sorted(record["timing"]["seconds"][study.warmup_steps:])
            said = f"{seconds[len(seconds) // 2] * 1e3:9.3f} ms a step"
        else:
            said = f"validation loss {record['history']['valid_loss'][-1]:.4f}"
        left = (time.monotonic() - began) / number * (len(todo) - number)
        print(f"[{number}/{len(todo)}] {point.name:40} {said}  {left:5.0f} s left", flush=True)
    if round_now > 0:  # no trainings came last
        measure_peaks(study, launcher, cases)


def measure_network(study, launcher):
    """Latency and bandwidth, on the case with the most nodes; kept with the points."""
    path = study.out / "points" / "network.json"
    case = max(study.cases, key=lambda c: (c.nodes, c.ranks))
    if path.exists() or case.nodes < 2:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    words = launcher.words(case) + [study.program, "bench", "--network", "--json", str(path)]
    if launcher.kind == "mpirun":
        words.append(f"--ranks-per-node={case.ranks}")
    start(launcher, case, words)


def prepare(study):
    if not pathlib.Path(study.config).exists():
        fail(f"{study.path}: config: there is no {study.config}; paths are from where you stand")
    if shutil.which(study.program) is None:
        fail(f"there is no program {study.program}; --lockstep PROGRAM names it")
