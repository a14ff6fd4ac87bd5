"""The same measurements as job arrays of SLURM: one array for each number of nodes, one task for each round.

A task holds its nodes alone, and starts the round's cases on them in random order with srun. Tasks leave files of
their own; `collect` and `plot` come when they are done.
"""
import os
import pathlib
import shlex
import subprocess
import sys

SCRIPT = """#!/usr/bin/env bash
# Scaling study {name}, {nodes} node(s): a task for each of its {repeats} rounds.
#SBATCH --job-name={name}-{nodes}
#SBATCH --array=1-{repeats}
#SBATCH --nodes={nodes}
#SBATCH --exclusive
#SBATCH --time={time}
#SBATCH --output={out}/slurm-%A-%a.txt
{options}
set -euo pipefail
{setup}
cd {here}
exec {command} --nodes {nodes} --repeat "$SLURM_ARRAY_TASK_ID"
"""


def script(study, nodes):
    """The batch script for all cases on `nodes` nodes."""
    here = pathlib.Path(__file__).resolve().parents[1]
    words = [str(here / "python.sh"), str(here / "scaling.py"), "run", str(study.path.resolve()), "--launcher", "srun",
             "--lockstep", study.program, "--out", str(study.out)]
    options = "\n".join(f"#SBATCH {option}" for option in study.slurm["options"])
    return SCRIPT.format(name=study.name, nodes=nodes, repeats=study.repeats, time=study.slurm["time"],
                         out=study.out.resolve(), options=options, setup=study.slurm["setup"],
                         here=shlex.quote(os.getcwd()), command=shlex.join(words))


def write_scripts(study):
    study.out.mkdir(parents=True, exist_ok=True)
    paths = []
    for nodes in sorted({case.nodes for case in study.cases}):
        paths.append(study.out / f"nodes-{nodes}.sbatch")
        paths[-1].write_text(script(study, nodes), encoding="utf-8")
        paths[-1].chmod(0o755)
    return paths


def submit(study, dry_run):
    for path in write_scripts(study):
        if dry_run:
            print(path)
            continue
        done = subprocess.run(["sbatch", str(path)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"scaling: sbatch {path}: {done.stderr.strip()}")
        print(done.stdout.strip())
    print("when all tasks have ended: scaling.py collect, then scaling.py plot")
