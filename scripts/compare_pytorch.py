#!/usr/bin/env python3
"""Training speed beside the plain PyTorch loop, in one sitting: rows per second, medians of interleaved runs.

    /usr/bin/python3 scripts/compare_pytorch.py [--lockstep build/release/lockstep] [--rounds 3] [--network 13-64]

Needs data/fashion-mnist.h5 (scripts/quickstart.sh makes it; the rows for the network of a table are made up), h5py,
and torch with an optimised BLAS (Debian: python3-torch, libopenblas0-pthread). Both train with Adam on all cores:
PyTorch with one process and as many threads as cores, lockstep once with a rank a core and once with a thread a core.
Leave the machine alone meanwhile.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

# threads that spin while they wait rob each other of the cores: PyTorch is up to five times slower without this
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import h5py  # noqa: E402
import numpy  # noqa: E402
import torch  # noqa: E402

NETWORKS = [
    ("784-256-128-10", [256, 128, 10], 128),
    ("784-512-512-10", [512, 512, 10], 1024),
    ("784-1024-1024-1024-10", [1024, 1024, 1024, 10], 2048),
    ("13-64-64-1", [64, 64, 1], 256),
]
TABLE_ROWS = 200_000


def made_up_table(path):
    """Rows of 13 random features and a target that depends on them, for the network of a table: speed alone is asked."""
    generator = numpy.random.default_rng(1)
    x = generator.standard_normal((TABLE_ROWS, 13), dtype="f4")
    with h5py.File(path, "w") as file:
        file["train/x"] = x
        file["train/y"] = numpy.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]


def read_rows(path):
    """The training rows as PyTorch takes them: bytes scaled, labels as whole numbers."""
    with h5py.File(path) as file:
        x, y = file["train/x"][:], file["train/y"][:]
    scale = 255 if x.dtype == "u1" else 1
    return (torch.tensor(x.reshape(len(x), -1).astype("f4") / scale),
            torch.tensor(y.astype("f4" if y.ndim == 2 else "i8")))


def pytorch_rate(x, y, widths, batch):
    """Rows per second of the second epoch of the usual loop."""
    sizes = [x.shape[1]] + widths
    layers = []
    for i, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        layers += [torch.nn.Linear(inputs, outputs)] + ([torch.nn.ReLU()] if i < len(widths) - 1 else [])
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = torch.nn.MSELoss() if y.dim() == 2 else torch.nn.CrossEntropyLoss()
    for _ in range(2):
        order = torch.randperm(len(x))
        began = time.perf_counter()
        for i in range(0, len(x), batch):
            rows = order[i:i + batch]
            optimizer.zero_grad()
            loss_function(model(x[rows]), y[rows]).backward()
            optimizer.step()
        seconds = time.perf_counter() - began
    return len(x) / seconds


def lockstep_rate(program, data, loss, widths, batch, ranks, threads, runs):
    layers = [f"{{dense: {{units: {w}, activation: relu}}}}" for w in widths[:-1]] + [f"{{dense: {widths[-1]}}}"]
    environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    environment.pop("OMP_WAIT_POLICY")
    subprocess.run(
        ["mpirun", "--bind-to", "none", "-n", str(ranks), program, "train", "configs/fashion-mnist.yaml",
         f"runs={runs}", "name=speed", f"data.file={data}", "data.validation=0",
         f"loss={loss}", f"model.layers=[{', '.join(layers)}]",
         f"train.global_batch_size={batch}", "train.epochs=2", f"parallel.threads={threads}",
         "checkpoint.every=never"],
        check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(runs, "speed", "summary.json"), encoding="utf-8") as file:
        return json.load(file)["rows_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--lockstep", default="build/release/lockstep")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--network", default="", help="only networks whose name has this in it, such as 13-64")
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    print(f"{'network':24} {'batch':>6} {'PyTorch':>10} {f'{cores} ranks':>10} {f'{cores} threads':>10} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as runs:
        table = os.path.join(runs, "table.h5")
        made_up_table(table)
        for name, widths, batch in NETWORKS:
            if arguments.network not in name:
                continue
            is_table = name.startswith("13-")
            data, loss = (table, "mse") if is_table else ("data/fashion-mnist.h5", "cross_entropy")
            x, y = read_rows(data)
            rates = [[], [], []]
            for _ in range(arguments.rounds):
                rates[0].append(pytorch_rate(x, y, widths, batch))
                for place, (ranks, threads) in ((1, (cores, 1)), (2, (1, cores))):
                    rates[place].append(
                        lockstep_rate(arguments.lockstep, data, loss, widths, batch, ranks, threads, runs))
            torch_rate, by_rank, by_thread = (statistics.median(r) for r in rates)
            print(f"{name:24} {batch:6} {torch_rate:10.0f} {by_rank:10.0f} {by_thread:10.0f} "
                  f"{max(by_rank, by_thread) / torch_rate:6.2f}", flush=True)


if __name__ == "__main__":
    main()
