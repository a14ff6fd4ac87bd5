#!/usr/bin/env python3
"""Draws what lockstep connect found: the loss, and the accuracy or the error, along the curves between two networks.

    scripts/python.sh scripts/plot_connect.py connect.h5 [--log] [--out FILE.svg|FILE.png]

Without --out the picture lies beside the file, as connect.svg. --log draws losses on a logarithmic axis.
"""
import argparse
import pathlib
import sys

try:
    import h5py
    import matplotlib
except ImportError as error:
    sys.exit(f"plot_connect: {error}; scripts/python.sh finds a Python that has all modules")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
from matplotlib.lines import Line2D  # noqa: E402

# Name in the file, what the curve is called, its colour (Okabe and Ito 2008).
CURVES = [("straight", "straight line", "#d55e00"), ("aligned", "straight, aligned", "#cc79a7"),
          ("bend", "bend", "#0072b2"), ("bezier", "Bézier curve", "#009e73")]
METRICS = [("acc", "accuracy (%)"), ("rmse", "root mean squared error")]


def read_result(path):
    """The points t, and for each curve its values by name; the name of the rows beside the training rows."""
    try:
        with h5py.File(path) as file:
            found = {name: {key: file[name][key][:] for key in file[name] if isinstance(file[name][key], h5py.Dataset)}
                     for name, _, _ in CURVES if name in file}
            rows = file.attrs["test_split"]
            return file["t"][:], found, rows.decode() if isinstance(rows, bytes) else rows
    except (OSError, KeyError) as error:
        sys.exit(f"plot_connect: {path} is no result of lockstep connect: {error}")


def draw_panel(axes, t, found, value, label):
    for name, _, colour in CURVES:
        for rows, style in (("train", "-"), ("test", "--")):
            if name in found and f"{rows}_{value}" in found[name]:
                axes.plot(t, found[name][f"{rows}_{value}"], style, color=colour, linewidth=1.6)
    axes.set_xlabel("t, from A (0) to B (1)")
    axes.set_ylabel(label)
    axes.set_xlim(0, 1)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw(path, out, is_log):
    t, found, rows = read_result(path)
    metric = next((m for m in METRICS if any(f"train_{m[0]}" in values for values in found.values())), None)
    panels = [("loss", "loss")] + ([metric] if metric else [])
    figure, all_axes = plt.subplots(1, len(panels), figsize=(3.7 * len(panels), 3.6), squeeze=False)
    for axes, (value, label) in zip(all_axes[0], panels):
        draw_panel(axes, t, found, value, label)
    if is_log:
        all_axes[0][0].set_yscale("log")
    lines = [Line2D([], [], color=colour, linewidth=1.6, label=label) for name, label, colour in CURVES if name in found]
    lines.append(Line2D([], [], color="black", linewidth=1.6, label="training rows"))
    if rows:
        kind = {"test": "test rows", "valid": "validation rows"}.get(rows, rows)
        lines.append(Line2D([], [], color="black", linestyle="--", linewidth=1.6, label=kind))
    figure.legend(handles=lines, loc="upper center", ncol=3, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.86))
    metadata = {"Date": None} if pathlib.Path(out).suffix == ".svg" else None  # same curves, same file
    figure.savefig(out, dpi=150, metadata=metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default="connect.h5", help="what lockstep connect wrote")
    parser.add_argument("--log", action="store_true", help="losses on a logarithmic axis")
    parser.add_argument("--out", metavar="FILE", help="picture to write, .svg or .png")
    arguments = parser.parse_args()
    out = arguments.out or str(pathlib.Path(arguments.file).with_suffix(".svg"))
    if pathlib.Path(out).suffix not in (".svg", ".png"):
        sys.exit(f"plot_connect: --out {out}: a name in .svg or .png is needed")
    matplotlib.rcParams["svg.hashsalt"] = "lockstep"
    draw(arguments.file, out, arguments.log)
    print(out)


if __name__ == "__main__":
    main()
