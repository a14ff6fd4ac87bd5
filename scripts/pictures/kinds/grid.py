"""A figure of many runs in a table of colours: settings down, datasets across.

    plot.py grid RUN [RUN ...]

A run belongs to the row and the column that its name says: MODEL-DATA, divided at the first hyphen. The figure is the accuracy on
the test rows, or --figure, any number of summary.json. The best of each column is in a frame.
"""
import numpy as np
from matplotlib.patches import Rectangle

from pictures import sources, style


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run whose name is MODEL-DATA")
    parser.add_argument("--figure", default="test_accuracy", metavar="KEY", help="a key of summary.json (default: %(default)s)")
    parser.add_argument("--smaller", action="store_true", help="smaller is better")


def bests(values, is_smaller):
    """Row and column of the best value of each column, of several equal ones all."""
    found = []
    for j, column in enumerate(values.T):
        best = np.nanmin(column) if is_smaller else np.nanmax(column)
        found += [(int(i), j) for i in np.flatnonzero(column == best)]
    return found


def draw(options):
    found = {}
    for run in options.runs:
        name = sources.run_folder(run).name
        model, hyphen, data = name.partition("-")
        if not hyphen:
            raise style.Unfit(f"the name of run {name} is not of the form MODEL-DATA")
        summary = sources.summary(run)
        if options.figure not in summary:
            raise style.Unfit(f"{run} has no {options.figure}; it has {', '.join(summary)}")
        found[model, data] = float(summary[options.figure])
    models, sets = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1))
    values = np.array([[found.get((model, data), np.nan) for data in sets] for model in models])
    fig, grid = style.figure(height=0.5 * len(models) + 0.8)
    axes = grid[0, 0]
    image = axes.imshow(values, cmap="cividis_r" if options.smaller else "cividis", aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = image.norm(value) < 0.5
            axes.text(j, i, f"{value:.3f}", ha="center", va="center", color="white" if dark != options.smaller else "black")
    for i, j in bests(values, options.smaller):
        axes.add_patch(Rectangle((j - 0.47, i - 0.45), 0.94, 0.9, fill=False, edgecolor=style.ORANGE, linewidth=2.5))
    axes.set_xticks(range(len(sets)), sets)
    axes.set_yticks(range(len(models)), models)
    axes.grid(False)
    axes.tick_params(length=0)
    fig.colorbar(image, ax=axes, label=options.figure.replace("_", " "), pad=0.02)
    return fig
