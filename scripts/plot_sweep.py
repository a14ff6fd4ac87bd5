#!/usr/bin/env python3
"""Draws a sweep: the figure that combinations are compared by, over each key that was varied. A point is a trial, a
larger one with a bar the mean of all trials with this value, or of a combination if values were drawn, and its 95 %
interval. Trials that were stopped early or have failed are left out.

    scripts/python.sh scripts/plot_sweep.py runs/NAME-sweep/sweep.h5 [--out FILE.svg|FILE.png]

Without --out the picture lies beside the file, as sweep.svg.
"""
import argparse
import pathlib
import sys

try:
    import h5py
    import matplotlib
    import numpy as np
except ImportError as error:
    sys.exit(f"plot_sweep: {error}; scripts/python.sh finds a Python that has all modules")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)

matplotlib.rcParams["svg.hashsalt"] = "lockstep"  # same sweep, same file
DONE = 2  # trials/status
MEAN, TRIAL = "#0072b2", "#999999"  # Okabe and Ito 2008
# Quantiles 0.975 of Student's t with 1, 2, ... degrees of freedom; above that the normal distribution's is close.
STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
           2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


def read_sweep(path):
    """What the figure is called; of each trial that is done the value of each key, the figure, and the combination."""
    try:
        with h5py.File(path) as file:
            done = file["trials/status"][:] == DONE
            of_trial = file["trials/combination"][:][done] - 1
            keys = [key.decode() for key in file["axes"][:]]
            values = {key: [text.decode() for text in file[f"combinations/{key}"][:]] for key in keys}
            varied = {key: [texts[c] for c in of_trial] for key, texts in values.items()}
            return file.attrs["metric"], varied, file["trials/metric"][:][done], of_trial
    except (OSError, KeyError) as error:
        sys.exit(f"plot_sweep: {path} is no result of lockstep sweep: {error}")


def places(texts):
    """Where values are drawn: numbers at their place, on a logarithmic axis if they span more than a factor of 30;
    words, or a mixture, side by side. Returns a place for each text, whether the axis is logarithmic, and labels."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        words = list(dict.fromkeys(texts))
        return [float(words.index(text)) for text in texts], False, words
    return numbers, min(numbers) > 0 and max(numbers) > 30 * min(numbers), None


def interval(values):
    """Half the width of the 95 % interval of a mean."""
    n = len(values)
    if n < 2:
        return 0.0
    t = STUDENT[n - 2] if n - 2 < len(STUDENT) else 1.96 + 2.4 / (n - 1)
    return t * np.std(values, ddof=1) / np.sqrt(n)


def draw_key(axes, key, texts, metric, of_trial):
    at, logarithmic, words = places(texts)
    at = np.array(at)
    axes.plot(at, metric, "o", color=TRIAL, markersize=3.5, alpha=0.6, label="trial")
    if logarithmic:
        axes.set_xscale("log")
    # Of a grid, each value has as many trials. Drawn values differ: then each combination has a mean of its own.
    values, counts = np.unique(at, return_counts=True)
    combinations = np.unique(of_trial)
    is_grid = len(set(counts)) == 1 and (len(values) < len(combinations) or len(values) <= 12)
    groups = [at == value for value in values] if is_grid else [of_trial == c for c in combinations]
    if len(groups) < len(at):
        axes.errorbar([at[group][0] for group in groups], [metric[group].mean() for group in groups],
                      yerr=[interval(metric[group]) for group in groups], fmt="o-" if is_grid and words is None else "o",
                      color=MEAN, capsize=3, linewidth=1.2, markersize=5,
                      label="mean, 95 % interval" if is_grid else "mean of a combination, 95 % interval")
    if words is not None:
        shown = [word if len(word) <= 24 else word[:23] + "…" for word in words]
        axes.set_xticks(range(len(words)), shown, rotation=20 if max(map(len, shown)) > 10 else 0)
        axes.margins(x=0.15)
    axes.set_xlabel(key)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def draw(path, out):
    name, varied, metric, of_trial = read_sweep(path)
    if not len(metric):
        sys.exit(f"plot_sweep: no trial of {path} is done")
    n = len(varied)
    columns = min(n, 3)
    rows = -(-n // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(1 + 3.2 * columns, 0.6 + 2.7 * rows), sharey=True,
                                layout="constrained", squeeze=False)
    for axes, (key, texts) in zip(grid.flat, varied.items()):
        draw_key(axes, key, texts, metric, of_trial)
    for axes in list(grid.flat)[n:]:
        axes.remove()
    for row in grid:
        row[0].set_ylabel(name.replace("_", " "))
    # intervals of few trials are wide, and would flatten all points; above is room for the legend
    low, high = np.nanmin(metric), np.nanmax(metric)
    span = high - low or abs(high) or 1
    grid[0][0].set_ylim(low - 0.25 * span, high + 0.5 * span)
    grid[0][0].legend(frameon=False, fontsize=9)
    metadata = {"Date": None} if pathlib.Path(out).suffix == ".svg" else None
    figure.savefig(out, dpi=150, metadata=metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="what lockstep sweep wrote")
    parser.add_argument("--out", metavar="FILE", help="picture to write, .svg or .png")
    options = parser.parse_args()
    out = options.out or str(pathlib.Path(options.file).with_suffix(".svg"))
    if pathlib.Path(out).suffix not in (".svg", ".png"):
        sys.exit(f"plot_sweep: --out {out}: a name in .svg or .png is needed")
    draw(options.file, out)
    print(out)


if __name__ == "__main__":
    main()
