#!/usr/bin/env python3
"""Writes a page about one run of lockstep, or about several side by side: curves, confusion, residuals, forecasts, weights,
settings, data. The page is one HTML file that needs neither network nor other files.

    scripts/python.sh scripts/report.py runs/NAME [runs/OTHER …] [--out FILE.html]

Without --out the page is RUN/report.html, or report.html here for several runs. docs/guide/reading-results.md explains it.
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
try:
    from report import contents, page
    from report.program import Program, find_program
except ImportError as error:
    sys.exit(f"report: {error}; scripts/python.sh finds a Python that has all modules")

FILES = ("config.yaml", "log.jsonl", "history.h5", "model.h5", "summary.json")  # a run directory has one of these at least


def fail(message):
    print(f"report: {message}", file=sys.stderr)
    sys.exit(2)


def find_run(word):
    """The directory of a run; NAME is short for runs/NAME."""
    for place in (pathlib.Path(word), pathlib.Path("runs", word)):
        if any((place / name).exists() for name in FILES):
            return place
    return fail(f"{word} is not the directory of a run, nor is runs/{word}; `lockstep runs` lists the runs")


def image_shape(text):
    """HEIGHTxWIDTH or HEIGHTxWIDTHx3."""
    try:
        numbers = [int(number) for number in text.split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or min(numbers) < 1 or (len(numbers) == 3 and numbers[2] not in (1, 3)):
        raise argparse.ArgumentTypeError(f"'{text}' is neither HEIGHTxWIDTH nor HEIGHTxWIDTHx3")
    return (*numbers, 1)[:3]


def count(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run directory, or the name of one in runs/")
    parser.add_argument("--out", metavar="FILE", help="the page; RUN/report.html, or report.html for several runs")
    parser.add_argument("--rows", type=count, default=20000, metavar="N", help="predict at most N rows (20000)")
    parser.add_argument("--image", type=image_shape, metavar="HxW", help="rows are pictures of this shape, HxW or HxWx3")
    parser.add_argument("--lockstep", metavar="PROGRAM", help="the program; by default the one that these scripts belong to, or that "
                                                              "on PATH")
    arguments = parser.parse_args()
    runs = [find_run(word) for word in arguments.runs]
    out = pathlib.Path(arguments.out or (runs[0] / "report.html" if len(runs) == 1 else "report.html"))
    if not out.parent.is_dir():
        fail(f"--out {out}: there is no directory {out.parent}")
    try:
        page.write(out, contents.make(runs, Program(find_program(arguments.lockstep)), arguments))
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}")
    print(out)


if __name__ == "__main__":
    main()
