#!/usr/bin/env python3
"""Draws the curve of a learning-rate range test: the loss of each step and its running mean over the rate, with the
rates of the steepest fall, of the smallest loss and of divergence.

    scripts/python.sh scripts/plot_lr_find.py lr-find.h5 [--out FILE.svg|FILE.png]

Without --out the picture lies beside the file, as lr-find.svg.
"""
import argparse
import pathlib
import sys

try:
    import h5py
    import matplotlib
    import numpy as np
except ImportError as error:
    sys.exit(f"plot_lr_find: {error}; scripts/python.sh finds a Python that has all modules")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)

# Attribute, what the line is called, its colour (Okabe and Ito 2008).
MARKS = [("steepest", "steepest fall", "#009e73"), ("smallest", "smallest loss", "#0072b2"),
         ("divergence", "divergence", "#d55e00")]


def read_curve(path):
    try:
        with h5py.File(path) as file:
            arrays = [file[name][:] for name in ("learning_rate", "loss", "smooth")]
            return *arrays, {name: file.attrs[name] for name, _, _ in MARKS if name in file.attrs}
    except (OSError, KeyError) as error:
        sys.exit(f"plot_lr_find: {path} is no result of lockstep lr-find: {error}")


def draw(path, out):
    rates, loss, smooth, marks = read_curve(path)
    figure, axes = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
    axes.semilogx(rates, loss, color="#bbbbbb", linewidth=0.8, label="loss of a step")
    axes.semilogx(rates, smooth, color="black", label="mean around it")
    for name, label, colour in MARKS:
        if name in marks:
            axes.axvline(marks[name], color=colour, linestyle="--", label=f"{label}: {marks[name]:.2g}")
    finite = smooth[np.isfinite(smooth)]  # a loss that explodes would flatten all that comes before it
    span = finite[0] - finite.min() or abs(finite[0]) or 1
    axes.set_ylim(finite.min() - 0.1 * span, finite[0] + 0.5 * span)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    metadata = {"Date": None} if pathlib.Path(out).suffix == ".svg" else None  # same curve, same file
    figure.savefig(out, dpi=150, metadata=metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default="lr-find.h5", help="what lockstep lr-find wrote")
    parser.add_argument("--out", metavar="FILE", help="picture to write, .svg or .png")
    arguments = parser.parse_args()
    out = arguments.out or str(pathlib.Path(arguments.file).with_suffix(".svg"))
    if pathlib.Path(out).suffix not in (".svg", ".png"):
        sys.exit(f"plot_lr_find: --out {out}: a name in .svg or .png is needed")
    matplotlib.rcParams["svg.hashsalt"] = "lockstep"
    draw(arguments.file, out)
    print(out)


if __name__ == "__main__":
    main()
