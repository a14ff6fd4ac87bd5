#!/usr/bin/env python3
"""Draws what lockstep landscape wrote: the loss over a plane, with contours, with the model, the least loss and the
trajectory of the training; or the loss and the accuracy along a line.

    scripts/python.sh scripts/plot_landscape.py landscape.h5 [--figure test_loss] [--3d] [--out FILE.svg|FILE.png]

Colours are logarithmic if the largest loss is many times the least one. Without --out the picture lies beside the
file, as landscape.svg.
"""
import argparse
import pathlib
import sys

try:
    import h5py
    import matplotlib
    import numpy as np
except ImportError as error:
    sys.exit(f"plot_landscape: {error}; scripts/python.sh finds a Python that has all modules")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
from matplotlib import colors, patheffects, ticker  # noqa: E402

# What a figure is called, by the end of its name.
WORDS = {"loss": "loss", "acc": "accuracy (%)", "rmse": "root of the mean square error"}
SPLITS = {"train": "training", "test": "test"}
BLUE, ORANGE = "#0072b2", "#d55e00"  # Okabe and Ito 2008
STEEP = 20  # the largest value over the least from which on a scale is logarithmic


def label_of(name):
    split, what = name.split("_")
    return f"{SPLITS[split]} {WORDS[what]}"


class Landscape:
    def __init__(self, path):
        try:
            with h5py.File(path) as file:
                self.facts = dict(file.attrs)
                self.arrays = {name: file[name][:] for name in file if isinstance(file[name], h5py.Dataset)}
            self.x = self.arrays["xcoordinates"]
            self.y = self.arrays.get("ycoordinates")
            self.figures = [name for name in self.arrays if name.split("_")[-1] in WORDS and "_" in name]
            if self.facts["done"] < self.facts["points"]:
                print(f"{path}: only {self.facts['done']} of {self.facts['points']} points are there; "
                      "lockstep landscape --resume computes the others", file=sys.stderr)
        except (OSError, KeyError) as error:
            sys.exit(f"plot_landscape: {path} is no result of lockstep landscape: {error}")

    def text(self, name):
        value = self.facts.get(name, "")
        return value.decode() if isinstance(value, bytes) else str(value)

    def figure(self, name):
        if name not in self.figures:
            sys.exit(f"plot_landscape: there is no {name}; there are {', '.join(sorted(self.figures))}")
        return np.ma.masked_invalid(self.arrays[name])


def is_steep(values):
    return values.count() > 0 and values.min() > 0 and values.max() > STEEP * values.min()


def levels_of(values, n):
    if is_steep(values):
        return np.geomspace(values.min(), values.max(), n)
    low, high = values.min(), values.max()
    return np.linspace(low, high if high > low else low + 1, n)


def scale_of(values):
    levels = levels_of(values, 2)
    return (colors.LogNorm if is_steep(values) else colors.Normalize)(levels[0], levels[-1])


def mark(axes, landscape, values, name):
    if name.endswith("loss"):
        j, i = np.unravel_index(np.ma.argmin(values), values.shape)
        axes.plot(landscape.x[i], landscape.y[j], "*", color=ORANGE, markersize=11, markeredgecolor="white",
                  label=f"least on the grid: {values.min():.4g}")
    if "proj_xcoord" in landscape.arrays:
        axes.plot(landscape.arrays["proj_xcoord"], landscape.arrays["proj_ycoord"], "o-", color="white", linewidth=1.2,
                  markersize=3.5, markeredgecolor="black", markeredgewidth=0.5, label="training",
                  path_effects=[patheffects.withStroke(linewidth=2.4, foreground="black")])
    axes.plot(landscape.facts["xorigin"], landscape.facts["yorigin"], "o", color="white", markeredgecolor="black",
              markersize=6, label="initial weights" if landscape.text("model") == "initial weights" else "model")


def draw_plane(landscape, name):
    values = landscape.figure(name)
    figure, axes = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    axes.set_rasterization_zorder(0)  # colours are an image inside of an SVG, which stays small
    filled = axes.contourf(landscape.x, landscape.y, values, levels_of(values, 31), cmap="viridis",
                           norm=scale_of(values), antialiased=False, zorder=-1)
    axes.contour(landscape.x, landscape.y, values, levels_of(values, 11), colors="white", linewidths=0.5, alpha=0.6)
    bar = figure.colorbar(filled, ax=axes, label=label_of(name))
    ticks = levels_of(values, 6)
    bar.set_ticks(ticks, labels=[f"{tick:.3g}" for tick in ticks])
    bar.ax.yaxis.set_minor_locator(ticker.NullLocator())
    mark(axes, landscape, values, name)
    axes.set_facecolor("#bbbbbb")  # where the loss is not finite, or not there yet
    axes.set_xlim(landscape.x[0], landscape.x[-1])
    axes.set_ylim(landscape.y[0], landscape.y[-1])
    axes.locator_params(nbins=6)
    axes.set_xlabel(landscape.text("xdirection"))
    axes.set_ylabel(landscape.text("ydirection"))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=3, frameon=False, fontsize=9, columnspacing=1.2)
    return figure


def draw_surface(landscape, name):
    values = landscape.figure(name)
    steep = is_steep(values)
    height = np.ma.log10(values) if steep else values
    figure = plt.figure(figsize=(5.6, 5))
    axes = figure.add_axes((0, 0.02, 0.92, 0.86), projection="3d")
    x, y = np.meshgrid(landscape.x, landscape.y)
    axes.plot_surface(x, y, height.filled(np.nan), cmap="viridis", linewidth=0, rcount=101, ccount=101)
    axes.set_title(f"x: {landscape.text('xdirection')}\ny: {landscape.text('ydirection')}", fontsize=9)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.locator_params(nbins=5)
    axes.set_zlabel(f"log10 of {label_of(name)}" if steep else label_of(name))
    return figure


def draw_line(landscape, names):
    figure, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
    lines, right = [], None
    for name in names:
        values, is_accuracy = landscape.figure(name), name.endswith("acc")
        if is_accuracy and right is None:
            right = axes.twinx()
            right.set_ylabel("accuracy (%)", color=ORANGE)
            right.set_ylim(0, 102)
        lines += (right if is_accuracy else axes).plot(
            landscape.x, values, color=ORANGE if is_accuracy else BLUE,
            linestyle="--" if name.startswith("test") else "-", label=label_of(name))
    losses = np.ma.concatenate([landscape.figure(name) for name in names if not name.endswith("acc")] or [[]])
    if len(losses) > 0 and is_steep(losses):
        axes.set_yscale("log")
    axes.axvline(landscape.facts["xorigin"], color="#777777", linewidth=0.8, linestyle=":")
    axes.set_xlabel(landscape.text("xdirection"))
    axes.set_ylabel("loss" if all(name.endswith(("loss", "acc")) for name in names) else label_of(names[0]), color=BLUE)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines["top"].set_visible(False)
    axes.legend(handles=lines, loc="lower center", bbox_to_anchor=(0.5, 1), ncol=2, frameon=False, fontsize=9)
    return figure


def line_figures(landscape):
    return [name for name in ("train_loss", "test_loss", "train_acc", "test_acc") if name in landscape.figures]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default="landscape.h5", help="what lockstep landscape wrote")
    parser.add_argument("--figure", metavar="NAME", help="what to draw: train_loss (default), train_acc, test_loss, …")
    parser.add_argument("--3d", dest="surface", action="store_true", help="a surface instead of contours")
    parser.add_argument("--out", metavar="FILE", help="picture to write, .svg or .png")
    arguments = parser.parse_args()
    out = arguments.out or str(pathlib.Path(arguments.file).with_suffix(".svg"))
    if pathlib.Path(out).suffix not in (".svg", ".png"):
        sys.exit(f"plot_landscape: --out {out}: a name in .svg or .png is needed")
    matplotlib.rcParams["svg.hashsalt"] = "lockstep"
    landscape = Landscape(arguments.file)
    if landscape.y is None:
        figure = draw_line(landscape, [arguments.figure] if arguments.figure else line_figures(landscape))
    else:
        figure = (draw_surface if arguments.surface else draw_plane)(landscape, arguments.figure or "train_loss")
    metadata = {"Date": None} if pathlib.Path(out).suffix == ".svg" else None  # same landscape, same file
    figure.savefig(out, dpi=125, metadata=metadata)
    print(out)


if __name__ == "__main__":
    main()
