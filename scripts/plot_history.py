#!/usr/bin/env python3
"""Draws a run's history: loss of training and validation per epoch, and beside it how good the model was on
the validation rows (accuracy, or RMSE for a regression).

    scripts/python.sh scripts/plot_history.py runs/NAME [--out FILE.svg|FILE.png]

Without --out the picture is runs/NAME/history.svg. Several runs are drawn into one picture, to compare them.
"""
import argparse
import pathlib
import sys

try:
    import h5py
    import matplotlib
    import numpy as np
except ImportError as error:
    sys.exit(f"plot_history: {error}; scripts/python.sh finds a Python that has all modules")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
from matplotlib.ticker import MaxNLocator  # noqa: E402

# Colours that differ in lightness too, one for each run (Okabe and Ito 2008).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]

# What is drawn on the right: the first of these columns that a run has.
QUALITIES = [("valid_accuracy", "accuracy on validation rows"), ("valid_rmse", "RMSE on validation rows")]


def read_history(run):
    """The columns of history.h5 as a dictionary of arrays, one value per epoch."""
    path = pathlib.Path(run)
    if path.is_dir():
        path = path / "history.h5"
    try:
        with h5py.File(path) as file:
            return {name: array[:] for name, array in file.items() if isinstance(array, h5py.Dataset)}
    except OSError as error:
        sys.exit(f"plot_history: {path} cannot be read: {error}")


def has_values(history, name):
    return name in history and np.isfinite(history[name]).any()


def draw_loss(axes, history, colour, label):
    axes.plot(history["epoch"], history["train_loss"], color=colour, label=f"{label}training")
    if has_values(history, "valid_loss"):
        axes.plot(history["epoch"], history["valid_loss"], color=colour, linestyle="--",
                  label=f"{label}validation")


def finish(axes, title):
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw(histories, out):
    quality = next((q for q in QUALITIES if any(has_values(h, q[0]) for h in histories.values())), None)
    figure, all_axes = plt.subplots(1, 2 if quality else 1, figsize=(8.4 if quality else 4.4, 3.2),
                                    squeeze=False, layout="constrained")
    for number, (name, history) in enumerate(histories.items()):
        colour = COLOURS[number % len(COLOURS)]
        label = f"{name}, " if len(histories) > 1 else ""
        draw_loss(all_axes[0, 0], history, colour, label)
        if quality and has_values(history, quality[0]):
            all_axes[0, 1].plot(history["epoch"], history[quality[0]], color=colour, linestyle="--", label=name)
    finish(all_axes[0, 0], "loss")
    all_axes[0, 0].legend(frameon=False, fontsize=9)
    if quality:
        finish(all_axes[0, 1], quality[1])
        if len(histories) > 1:
            all_axes[0, 1].legend(frameon=False, fontsize=9)
    metadata = {"Date": None} if pathlib.Path(out).suffix == ".svg" else None  # same run, same file
    figure.savefig(out, dpi=150, metadata=metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run directory or a history.h5")
    parser.add_argument("--out", metavar="FILE", help="picture to write, .svg or .png")
    arguments = parser.parse_args()
    out = arguments.out
    if out is None:
        first = pathlib.Path(arguments.runs[0])
        out = (first if first.is_dir() else first.parent) / "history.svg"
    elif pathlib.Path(out).suffix not in (".svg", ".png"):
        sys.exit(f"plot_history: --out {out}: a name in .svg or .png is needed")
    matplotlib.rcParams["svg.hashsalt"] = "lockstep"
    draw({run.rstrip("/").split("/")[-1]: read_history(run) for run in arguments.runs}, out)
    print(out)


if __name__ == "__main__":
    main()
