#!/usr/bin/env python3
"""Scaling studies: time per step on a grid of nodes x ranks x threads, strong and weak, with a report.

    scripts/scaling.py run STUDY.yaml       measure what is missing on this machine with mpirun, then collect and plot
    scripts/scaling.py submit STUDY.yaml    the same measurements as job arrays of SLURM
    scripts/scaling.py collect STUDY.yaml   study.h5 and steps.csv from the measurements that there are
    scripts/scaling.py plot STUDY.yaml      report.md, report.html and figures/ from study.h5

Results lie in studies/NAME. docs/guide/scaling-studies.md explains the file and the report.
"""
import argparse
import importlib.util
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
try:
    from study import measure, results, slurm
    from study.plan import Study
    if importlib.util.find_spec("matplotlib") is None:  # imported by `plot` alone, since that takes a second
        raise ImportError("matplotlib is missing", name="matplotlib")
except ImportError as missing:
    if missing.name and missing.name.startswith("study"):
        raise
    python = pathlib.Path(__file__).resolve().with_name("python.sh")  # finds a Python that has all modules
    os.execv(python, [str(python), *sys.argv])


def run(study, arguments):
    launcher = measure.Launcher(study, arguments.launcher)
    measure.prepare(study)
    points = study.points()
    if arguments.nodes in (None, max(case.nodes for case in study.cases)):
        measure.measure_network(study, launcher)
    if arguments.nodes is None and arguments.repeat is None:
        measure.measure_all(study, launcher, points)
        results.collect(study)
        plot(study, arguments)
        return
    # one task of a job array: its round, and its share of the trainings
    own = [point for number, point in enumerate(points) if
           arguments.nodes in (None, point.case.nodes) and
           arguments.repeat in (None, point.repeat or 1 + number % study.repeats)]
    measure.measure_all(study, launcher, own)


def submit(study, arguments):
    measure.prepare(study)
    slurm.submit(study, arguments.dry_run)


def collect(study, _):
    print(results.collect(study))


def plot(study, _):
    from study import report
    print(report.write(study.out / "study.h5"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for function, text in ((run, "measure, collect and plot"), (submit, "hand the measurements to SLURM"),
                           (collect, "gather the measurements"), (plot, "write the report")):
        command = commands.add_parser(function.__name__, help=text)
        command.set_defaults(function=function)
        command.add_argument("study", metavar="STUDY.yaml")
        command.add_argument("--out", metavar="DIR", help="where results lie; studies/NAME by default")
        command.add_argument("--lockstep", metavar="PROGRAM", help="build/release/lockstep, or that on PATH, by default")
        if function is run:
            command.add_argument("--launcher", choices=("mpirun", "srun"), default="mpirun")
            command.add_argument("--nodes", type=int, metavar="N", help="only the cases on N nodes")
            command.add_argument("--repeat", type=int, metavar="R", help="only this round")
        if function is submit:
            command.add_argument("--dry-run", action="store_true", help="write the batch scripts, submit nothing")
    arguments = parser.parse_args()
    arguments.function(Study(arguments.study, arguments.lockstep, arguments.out), arguments)


if __name__ == "__main__":
    main()
