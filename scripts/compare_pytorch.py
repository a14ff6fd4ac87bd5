#!/usr/bin/env python3
"""Training speed beside PyTorch's, in one sitting: rows per second, medians of interleaved rounds.

    scripts/python.sh scripts/compare_pytorch.py --newest build/pytorch --json speed.json
    scripts/python.sh scripts/compare_pytorch.py --rounds 5 --network small medium

Measures every PyTorch that it finds: that of the Python which runs it, of python3 on PATH, of /usr/bin/python3 (Debian:
python3-torch, with libopenblas0-pthread), of each --python, and with --newest DIR the newest one on PyPI. For the
latter it makes a virtual environment in DIR, once: wheels for Linux do not load without CUDA's libraries, so some 2 GB
are fetched and 4 GB kept. To have a newer one later, remove DIR.

Networks: small 784-256-128-10, batch 128; medium 784-512-512-10, batch 1024; large 784-1024-1024-1024-10, batch 2048,
all on Fashion-MNIST with relu, cross entropy and Adam; and, when asked for, table 13-64-64-1, batch 256, squared error
on made-up rows. Both programs train on all cores, in fp32 and in bf16 (lockstep's train.precision, PyTorch's autocast).
Of each the best is taken: of lockstep a rank a core or a thread a core, of PyTorch three ways in which its threads may
wait (OMP_WAIT_POLICY not set, active, passive), chosen for each network by the medians over rounds. PyTorch runs the
plain loop with fused Adam, where it has it; its warm-up is not counted, that of lockstep is. Ratios are those of one
round, lockstep to PyTorch: the median and, in brackets, the least and the greatest.

Needs a built lockstep, mpirun, data/fashion-mnist.h5 (scripts/quickstart.sh makes both), h5py and NumPy. Leave the
machine alone meanwhile: three rounds take a quarter of an hour for one PyTorch.
"""
import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# widths, batch, epochs of lockstep: a few seconds each
NETWORKS = {
    "small": ([784, 256, 128, 10], 128, 8),
    "medium": ([784, 512, 512, 10], 1024, 4),
    "large": ([784, 1024, 1024, 1024, 10], 2048, 2),
    "table": ([13, 64, 64, 1], 256, 20),
}
TABLE_ROWS = 200_000
PRECISIONS = ("fp32", "bf16")
# How threads of GNU's OpenMP wait for the next loop: by default they spin for a while and then sleep.
WAITS = {
    "default": {},
    "active": {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "infinite"},
    "passive": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"},
}
# what a user may have set for other programs
NOT_HANDED_ON = re.compile(r"(OMP|GOMP|KMP|MKL|OPENBLAS|GOTO|ONEDNN|DNNL|ATEN)_")
# what torch imports on a CPU; its other requirements are CUDA's, and fetched only when it does not load without
PURE_REQUIREMENTS = ["numpy", "filelock", "typing-extensions", "sympy", "networkx", "jinja2", "fsspec"]
# requirements that are large, or for a GPU, and that a CPU never loads
NOT_LOADED = re.compile("triton|cuda-bindings|nvidia-cusolver|nvidia-nvtx|setuptools")


def stop(message):
    print(f"compare_pytorch: {message}", file=sys.stderr)
    sys.exit(1)


def tell(message):
    print(f"compare_pytorch: {message}", file=sys.stderr, flush=True)


def clean_environment(**more):
    kept = {name: value for name, value in os.environ.items() if not NOT_HANDED_ON.match(name)}
    return {**kept, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **more}


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


# ---- in a process of its own, with the Python that has torch ----

def make_model(torch, widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def make_adam(torch, model):
    """Fused Adam, or the plain one and the reason."""
    try:
        return torch.optim.Adam(model.parameters(), lr=1e-3, fused=True), None
    except (RuntimeError, TypeError, ValueError) as error:
        return torch.optim.Adam(model.parameters(), lr=1e-3), last_line(str(error))


def batches(torch, x, y, size):
    """Batches without end, in a new order for every epoch."""
    while True:
        order = torch.randperm(len(x))
        for i in range(0, len(x), size):
            rows = order[i:i + size]
            yield x[rows], y[rows]


def rate_of_steps(step, seconds):
    """Rows per second of steps that take so long together; step trains a batch and returns its rows."""
    rows, began = 0, time.perf_counter()
    while True:
        rows += step()
        passed = time.perf_counter() - began
        if passed >= seconds:
            return rows / passed


def pytorch_rate(torch, x, y, task, precision):
    """Rows per second of the usual loop, behind a warm-up; and why Adam is not the fused one."""
    model = make_model(torch, task["widths"])
    adam, not_fused = make_adam(torch, model)
    loss_function = torch.nn.MSELoss() if y.dim() == 2 else torch.nn.CrossEntropyLoss()
    source = batches(torch, x, y, task["batch"])

    def step():
        inputs, targets = next(source)
        adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16" else contextlib.nullcontext():
            loss = loss_function(model(inputs), targets)
        loss.backward()
        adam.step()
        return len(inputs)

    rate_of_steps(step, task["seconds"] / 4)
    return rate_of_steps(step, task["seconds"]), not_fused


def work(task):
    """What a process with PyTorch does: trains in each precision; prints the rates and what went wrong as JSON."""
    import numpy
    import torch
    torch.set_num_threads(task["threads"])
    x, y = (torch.from_numpy(numpy.load(task[name])) for name in ("x", "y"))
    rates, errors, not_fused = {}, {}, None
    for precision in task["precisions"]:
        try:
            rates[precision], not_fused = pytorch_rate(torch, x, y, task, precision)
        except (RuntimeError, TypeError, ValueError) as error:
            errors[precision] = last_line(str(error))
    print(json.dumps({"rates": rates, "errors": errors, "not_fused": not_fused}))


# ---- finding and installing PyTorch ----

ABOUT = """
import json, torch
blas = [w for w in torch.__config__.show().replace(",", " ").split() if w.startswith("BLAS_INFO=")]
capability = getattr(getattr(torch.backends, "cpu", None), "get_cpu_capability", lambda: "unknown")()
print(json.dumps({"version": torch.__version__, "file": torch.__file__, "vectors": capability,
                  "blas": blas[0][10:] if blas else "unknown"}))
"""


def ask_about(python):
    """What a Python says of its torch: its description, or None and the reason."""
    try:
        done = subprocess.run([python, "-c", ABOUT], env=clean_environment(), capture_output=True, text=True, check=False)
    except OSError as error:
        return None, error.strerror
    if done.returncode != 0:
        return None, last_line(done.stderr)
    return {**json.loads(last_line(done.stdout)), "python": python}, None


def pip(python, *words):
    done = subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *words],
                          env=clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        stop(f"pip install {' '.join(words)}: {done.stderr.strip()}")


def cuda_requirements(python):
    """What its torch requires beside pure Python and beside what a CPU never loads."""
    done = subprocess.run([python, "-c", "from importlib.metadata import requires; print(*requires('torch'), sep='\\n')"],
                          env=clean_environment(), check=True, capture_output=True, text=True)
    wanted = []
    for requirement in done.stdout.splitlines():
        is_pure = re.match(r"[\w.-]+", requirement).group() in PURE_REQUIREMENTS
        if not is_pure and not NOT_LOADED.match(requirement) and "extra ==" not in requirement:
            wanted.append(re.sub(r"\b(cusolver|nvtx),|,(cusolver|nvtx)\b", "", requirement))
    return wanted


def make_environment(folder):
    pythons = [sys.executable, *filter(None, map(shutil.which, ("python3", "/usr/bin/python3")))]
    for python in pythons:
        made = subprocess.run([python, "-m", "venv", "--clear", folder], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            return
    stop(f"no Python here makes a virtual environment (Debian: python3-venv): {last_line(made.stdout + made.stderr)}")


def install_newest(folder):
    """The Python of a virtual environment with the newest torch; made when it is not there."""
    python = os.path.join(os.path.abspath(folder), "bin", "python")
    if ask_about(python)[0]:
        return python
    tell(f"installing the newest PyTorch in {folder}")
    if not os.path.isdir(folder) or not os.listdir(folder):
        make_environment(folder)
    elif not os.path.exists(os.path.join(folder, "pyvenv.cfg")):
        stop(f"--newest {folder}: the folder holds something else")
    pip(python, "--no-deps", "torch")
    pip(python, *PURE_REQUIREMENTS)
    if not ask_about(python)[0]:
        tell("it does not load without CUDA's libraries: fetching them, too")
        pip(python, *cuda_requirements(python))
    about, reason = ask_about(python)
    if not about:
        stop(f"the PyTorch in {folder} does not load: {reason}")
    return python


def find_pytorch(pythons, newest):
    """Descriptions of all different installations."""
    found = {}
    for python in pythons:
        about, reason = ask_about(python)
        if not about:
            stop(f"--python {python}: {reason}")
        found.setdefault(about["file"], about)
    for python in ([install_newest(newest)] if newest else []) + [sys.executable, "python3", "/usr/bin/python3"]:
        about, reason = ask_about(python)
        if about:
            found.setdefault(about["file"], about)
        elif "No module named 'torch'" not in reason:
            tell(f"{python} has no PyTorch that works: {reason}")
    if not found:
        stop("no PyTorch found. Let --newest DIR install the newest one in DIR, name a Python that has it with --python, "
             "or install Debian's python3-torch")
    return list(found.values())


# ---- data ----

def make_table(path):
    """13 random features and a target that depends on them: speed alone is asked."""
    import h5py
    import numpy
    generator = numpy.random.default_rng(1)
    x = generator.standard_normal((TABLE_ROWS, 13), dtype="f4")
    with h5py.File(path, "w") as file:
        file["train/x"] = x
        file["train/y"] = numpy.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]


def write_arrays(path, place, name):
    """The training rows as PyTorch takes them, in files of NumPy: features scaled, labels as whole numbers."""
    import h5py
    import numpy
    with h5py.File(path) as file:
        x, y = file["train/x"][:], file["train/y"][:]
    scale = 255 if x.dtype == "u1" else 1
    arrays = {"x": x.reshape(len(x), -1).astype("f4") / numpy.float32(scale), "y": y.astype("f4" if y.ndim == 2 else "i8")}
    files = {}
    for key, values in arrays.items():
        files[key] = os.path.join(place, f"{name}-{key}.npy")
        numpy.save(files[key], values)
    return files


# ---- measuring ----

class Pytorch:
    """One installation: a way of waiting is a configuration."""

    configurations = tuple(WAITS)

    def __init__(self, about, cores, seconds):
        self.about, self.cores, self.seconds = about, cores, seconds
        self.name = f"PyTorch {about['version']}"
        self.refused = {}
        self.not_fused = None

    def measure(self, network, data, configuration):
        """Rows per second by precision."""
        widths, batch, _ = NETWORKS[network]
        task = {"widths": widths, "batch": batch, "threads": self.cores, "seconds": self.seconds, **data["arrays"],
                "precisions": [p for p in PRECISIONS if p not in self.refused]}
        done = subprocess.run([self.about["python"], os.path.abspath(__file__), "--worker", json.dumps(task)],
                              env=clean_environment(OMP_NUM_THREADS=str(self.cores), **WAITS[configuration]),
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            stop(f"{self.name}: {done.stderr.strip()}")
        answer = json.loads(last_line(done.stdout))
        for precision, reason in answer["errors"].items():
            self.refused[precision] = reason
            print(f"{self.name} does not train in {precision}: {reason}", flush=True)
        if answer["not_fused"] and not self.not_fused:
            self.not_fused = answer["not_fused"]
            print(f"{self.name} has no fused Adam for CPUs, so it runs with the plain one: {self.not_fused}", flush=True)
        return answer["rates"]


class Lockstep:
    """The program: a layout is a configuration."""

    name = "lockstep"

    def __init__(self, program, cores, place):
        self.program, self.place = program, place
        self.layouts = {f"{cores} ranks": (cores, 1), f"{cores} threads": (1, cores)} if cores > 1 else {"1 core": (1, 1)}
        self.configurations = tuple(self.layouts)
        self.refused = {}

    def command(self, network, data, configuration, precision):
        widths, batch, epochs = NETWORKS[network]
        ranks, threads = self.layouts[configuration]
        layers = [f"{{dense: {{units: {w}, activation: relu}}}}" for w in widths[1:-1]] + [f"{{dense: {widths[-1]}}}"]
        return ["mpirun", "--bind-to", "none", "-n", str(ranks), self.program, "train", f"{ROOT}/configs/fashion-mnist.yaml",
                f"runs={self.place}", "name=speed", f"data.file={data['file']}", "data.validation=0",
                f"loss={data['loss']}", f"model.layers=[{', '.join(layers)}]", f"train.global_batch_size={batch}",
                f"train.epochs={epochs}", f"train.precision={precision}", f"parallel.threads={threads}",
                "checkpoint.every=never"]

    def measure(self, network, data, configuration):
        """Rows per second by precision."""
        rates = {}
        for precision in (p for p in PRECISIONS if p not in self.refused):
            command = self.command(network, data, configuration, precision)
            done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
            if done.returncode == 0:
                with open(os.path.join(self.place, "speed", "summary.json"), encoding="utf-8") as file:
                    rates[precision] = json.load(file)["rows_per_second"]
            elif precision == "fp32":
                stop(f"{' '.join(command)}: {done.stderr.strip()}")
            else:
                self.refuse(precision, done.stderr)
        return rates

    def refuse(self, precision, text):
        reasons = [line for line in text.splitlines() if line.startswith("lockstep")]
        self.refused[precision] = reasons[0].removeprefix("lockstep: ") if reasons else last_line(text)
        print(f"lockstep does not train in {precision}: {self.refused[precision]}", flush=True)


def measure_network(programs, network, data, rounds):
    """rates[program][precision][configuration]: a list with an element for each round."""
    rates = {p.name: {precision: {c: [] for c in p.configurations} for precision in PRECISIONS} for p in programs}
    turns = [(program, configuration) for program in programs for configuration in program.configurations]
    for number in range(rounds):
        tell(f"{network}, round {number + 1} of {rounds}")
        # back and forth, so that a drift of the machine favours neither program
        for program, configuration in turns if number % 2 == 0 else turns[::-1]:
            for precision, rate in program.measure(network, data, configuration).items():
                rates[program.name][precision][configuration].append(rate)
    return rates


# ---- the report ----

def best_configuration(rates):
    """The configuration with the greatest median, or None when nothing was measured."""
    measured = {name: values for name, values in rates.items() if values}
    return max(measured, key=lambda name: statistics.median(measured[name])) if measured else None


def summarise(network, rates):
    """A row for each precision and program; a PyTorch's with lockstep's ratios to it, one for each round."""
    rows = []
    for precision in PRECISIONS:
        ours = rates["lockstep"][precision]
        our_best = best_configuration(ours)
        for program, by_precision in rates.items():
            theirs = by_precision[precision]
            best = best_configuration(theirs)
            row = {"network": network, "batch": NETWORKS[network][1], "precision": precision, "program": program,
                   "best": best, "rows_per_second": statistics.median(theirs[best]) if best else None, "rounds": theirs}
            if program != "lockstep" and best and our_best:
                row["ratios"] = [a / b for a, b in zip(ours[our_best], theirs[best])]
            rows.append(row)
    return rows


def in_words(row):
    if not row["best"]:
        return "does not train in it"
    how = row["best"] if row["program"] == "lockstep" else f"waits: {row['best']}"
    text = f"{row['rows_per_second']:>12,.0f}  {how:16}"
    if "ratios" in row:
        ratios = row["ratios"]
        text += f"  {statistics.median(ratios):6.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
    return text.rstrip()


def print_rows(rows, width):
    name = "-".join(str(w) for w in NETWORKS[rows[0]["network"]][0])
    for i, row in enumerate(rows):
        network, batch = (name, row["batch"]) if i == 0 else ("", "")
        first = i == 0 or rows[i - 1]["precision"] != row["precision"]
        print(f"{network:22} {batch:>6}  {row['precision'] if first else '':9}  {row['program']:{width}} {in_words(row)}")
    sys.stdout.flush()


def describe_machine(program, cores):
    """The CPU, the cores in use and the line of `lockstep --version` about instructions, where it has one."""
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        names = re.findall(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
        cpu = names[0] if names else cpu
    version = subprocess.run([program, "--version"], env=clean_environment(), capture_output=True, text=True, check=False)
    if version.returncode != 0:
        stop(f"{program} --version: {version.stderr.strip()}")
    lines = version.stdout.splitlines()
    return {"cpu": cpu, "cores": cores, "isa": next((line for line in lines if line.startswith("isa ")), None),
            "lockstep": lines}


def print_machine(machine, installations):
    print(f"CPU {machine['cpu']}, {machine['cores']} cores in use")
    print(f"lockstep: {machine['isa'] or 'says nothing of instructions'}")
    for about in installations:
        print(f"PyTorch {about['version']} of {about['python']}: BLAS {about['blas']}, vectors {about['vectors']}")
    print(flush=True)


# ---- the command ----

def physical_cores():
    """Cores that this process may use; hardware threads of one core count once."""
    allowed, cores = os.sched_getaffinity(0), set()
    for cpu in allowed:
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", encoding="utf-8") as file:
                cores.add(file.read())
        except OSError:
            cores.add(cpu)
    return len(cores)


def positive(kind):
    def convert(text):
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value
    return convert


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lockstep", default=f"{ROOT}/build/release/lockstep", help="the program (build/release/lockstep)")
    parser.add_argument("--data", default=f"{ROOT}/data/fashion-mnist.h5", help="rows (data/fashion-mnist.h5)")
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=["small", "medium", "large"],
                        help="which networks (small medium large)")
    parser.add_argument("--rounds", type=positive(int), default=3, help="of each network (3)")
    parser.add_argument("--seconds", type=positive(float), default=4, help="of PyTorch in each measurement (4)")
    parser.add_argument("--cores", type=positive(int), default=physical_cores(), help="ranks or threads (all cores)")
    parser.add_argument("--newest", metavar="DIR", help="measure the newest PyTorch of PyPI, too; it lies in DIR")
    parser.add_argument("--python", action="append", default=[], metavar="PYTHON",
                        help="measure the PyTorch of this Python, too")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args()


def check_needs(arguments):
    """Ends with what is missing, before anything takes long."""
    from importlib.util import find_spec
    lacking = [name for name in ("h5py", "numpy") if find_spec(name) is None]
    if lacking:
        stop(f"{sys.executable} has no {' and no '.join(lacking)}: start it with scripts/python.sh")
    if not os.access(arguments.lockstep, os.X_OK):
        stop(f"no program {arguments.lockstep}: scripts/quickstart.sh builds it, --lockstep names another")
    if set(arguments.network) != {"table"} and not os.path.exists(arguments.data):
        stop(f"no {arguments.data}: scripts/quickstart.sh makes it, --data names another")


def prepare_data(network, arguments, place):
    is_table = network == "table"
    file = os.path.join(place, "table.h5") if is_table else os.path.abspath(arguments.data)
    if is_table:
        make_table(file)
    return {"file": file, "loss": "mse" if is_table else "cross_entropy",
            "arrays": write_arrays(file, place, "table" if is_table else "pictures")}


def main():
    arguments = parse_arguments()
    if arguments.worker:
        work(arguments.worker)
        return
    check_needs(arguments)
    program = os.path.abspath(arguments.lockstep)
    machine = describe_machine(program, arguments.cores)
    installations = find_pytorch(arguments.python, arguments.newest)
    print_machine(machine, installations)
    results = []
    with tempfile.TemporaryDirectory() as place:
        programs = [Lockstep(program, arguments.cores, place)]
        programs += [Pytorch(about, arguments.cores, arguments.seconds) for about in installations]
        width = max(len(p.name) for p in programs)
        for network in arguments.network:
            data = prepare_data(network, arguments, place)
            rows = summarise(network, measure_network(programs, network, data, arguments.rounds))
            if not results:
                print(f"{'network':22} {'batch':>6}  {'precision':9}  {'program':{width}} {'rows/s':>12}  {'how':16}  "
                      "lockstep / PyTorch")
            print_rows(rows, width)
            results += rows
        refused = {p.name: p.refused for p in programs if p.refused}
        not_fused = {p.name: p.not_fused for p in programs[1:] if p.not_fused}
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine, "pytorch": installations, "rounds": arguments.rounds, "refused": refused,
                       "not_fused": not_fused, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
