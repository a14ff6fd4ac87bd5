"""The two-dimensional code of each row, with a colour and a mark for each class.

    plot.py codes RUN --layer dense3            test rows of the run's data
    plot.py codes ONE TWO --layer dense3 sample1    runs side by side, each with its layer

Classes are those of y in the data, which an autoencoder has not seen. A layer of more than two values is drawn by the first two of
its principal components.
"""
import numpy as np

from pictures import sources, style


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--layer", nargs="+", required=True, metavar="NAME", help="the layer of each run, as `lockstep info --graph` names it")
    parser.add_argument("--split", default="test", help="rows to draw (default: %(default)s)")
    parser.add_argument("--titles", nargs="+", metavar="TEXT", help="a title for each run (default: its name)")
    sources.add_program(parser)


def code_of(options, run, layer, data):
    found = sources.Program(options.lockstep).predict(sources.model_file(run), data=data, x=f"{options.split}/x",
                                                      options=["--layer", layer])[layer].astype(float)
    if found.shape[1] == 1:
        raise style.Unfit(f"the layer {layer} has one value, and a point needs two")
    if found.shape[1] == 2:
        return found, "code"
    middle = found - found.mean(axis=0)
    return middle @ np.linalg.svd(middle, full_matrices=False)[2][:2].T, "component"


def colour_of(number, classes):
    return style.plt.get_cmap("turbo")((number + 0.5) / classes)


def draw(options):
    layers = options.layer * len(options.runs) if len(options.layer) == 1 else options.layer
    titles = options.titles or options.runs
    if len(layers) != len(options.runs) or len(titles) != len(options.runs):
        raise style.Unfit(f"--layer and --titles: one for each of the {len(options.runs)} runs")
    fig, grid = style.figure(1, len(options.runs), height=3.6)
    for axes, run, layer, title in zip(grid[0], options.runs, layers, titles):
        data = sources.settings(run)["data"]["file"]
        code, word = code_of(options, run, layer, data)
        y = sources.split(data, options.split)[1]
        classes = np.zeros(len(code), int) if y is None or y.ndim > 1 else y.astype(int)
        for k in np.unique(classes):
            points = code[classes == k]
            colour = colour_of(k, classes.max() + 1)
            axes.plot(*points.T, style.MARKERS[k % len(style.MARKERS)], color=colour, markersize=3.5, markeredgewidth=0, alpha=0.75,
                      label=str(k))
            if classes.max() > 0:  # colours alone do not tell ten classes apart
                axes.annotate(str(k), np.median(points, axis=0), ha="center", va="center", weight="bold", size=11,
                              bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": colour, "alpha": 0.85})
        axes.set(title=title, xlabel=f"{word} 1", ylabel=f"{word} 2")
    return fig
