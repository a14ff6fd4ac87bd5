"""Training and test error over the width, the depth or the rows of several runs.

    plot.py sizes RUN [RUN ...] --over width

`width` is the units of the first dense layer, `depth` the number of dense layers, `rows` the training rows, `parameters` the
parameters of the network. A point is the median of all runs with this size (other seeds), a bar goes from the best to the worst.
The error is RMSE for mse, else the loss.
"""
import numpy as np

from pictures import sources, style


def dense_layers(run):
    return [layer["dense"] for layer in sources.settings(run)["model"]["layers"] if "dense" in layer]


SIZES = {"width": (lambda run: dense_layers(run)[0]["units"], "units of the first layer"),
         "depth": (lambda run: len(dense_layers(run)), "dense layers"),
         "rows": (lambda run: sources.summary(run)["rows"], "training rows"),
         "parameters": (lambda run: sources.summary(run)["parameters"], "parameters")}


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--over", nargs="+", choices=SIZES, default=["parameters"], metavar="SIZE",
                        help=f"{', '.join(SIZES)}; several, with --groups, make panels (default: parameters)")
    parser.add_argument("--groups", nargs="+", metavar="PREFIX",
                        help="a panel for each: the runs whose names begin with this; default: all runs in one")
    parser.add_argument("--noise", type=float, metavar="SIGMA", help="a line at the deviation of noise, below which no test error gets")


# ---- errors ----

def errors(run):
    """Name of the figure, its value on the training rows and on the test rows."""
    summary = sources.summary(run)
    name = sources.settings(run)["loss"]
    name = name["name"] if isinstance(name, dict) else name
    if "test_loss" not in summary:
        raise style.Unfit(f"{run} had no test rows: import the data with --split train=0.8,test=0.2")
    if name == "mse" and "test_rmse" in summary:
        # the training loss is in squared units of scaled targets: the same factor takes both back
        unit = summary["test_rmse"] / np.sqrt(summary["test_loss"])
        return "RMSE", np.sqrt(summary["train_loss"]) * unit, summary["test_rmse"]
    return "loss", summary["train_loss"], summary["test_loss"]


def curves(runs, size):
    """The sizes, and for training and test rows the values at each, sorted."""
    points = {}
    for run in runs:
        name, *both = errors(run)
        points.setdefault(size(run), []).append(both)
    places = sorted(points)
    return name, places, [[sorted(pair[i] for pair in points[place]) for place in places] for i in (0, 1)]


def draw_curve(axes, places, values, colour, line, label):
    middle = [np.median(v) for v in values]
    axes.plot(places, middle, line, color=colour, marker="o", markersize=4, label=label)
    axes.vlines(places, [v[0] for v in values], [v[-1] for v in values], color=colour, linewidth=1.2, alpha=0.6)


def draw(options):
    groups = options.groups or [""]
    overs = options.over * len(groups) if len(options.over) == 1 else options.over
    if len(overs) != len(groups):
        raise style.Unfit(f"--over names {len(overs)} sizes for {len(groups)} groups of runs")
    fig, grid = style.figure(1, len(groups), height=2.9)
    for axes, group, over in zip(grid[0], groups, overs):
        runs = [run for run in options.runs if sources.run_folder(run).name.startswith(group)]
        if not runs:
            raise style.Unfit(f"no run begins with {group}")
        size, label = SIZES[over]
        name, places, (train, test) = curves(runs, size)
        draw_curve(axes, places, train, style.BLUE, "-", "training rows")
        draw_curve(axes, places, test, style.ORANGE, "--", "test rows")
        if options.noise:
            axes.axhline(options.noise, color=style.GREY, linestyle=":", label="noise")
        if over != "depth":
            axes.set_xscale("log")
        axes.set_xticks(places, [str(place) for place in places])
        axes.minorticks_off()
        axes.set(xlabel=label, ylabel=f"{name}" if axes is grid[0, 0] else "", ylim=(0, None))
    style.legend_below(fig)
    return fig
