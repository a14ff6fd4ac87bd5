"""Which number of clusters suits the rows: figures of several runs of `lockstep cluster` over k.

    lockstep sweep CONFIG cluster.k=2,3,4,5,6,7,8
    plot.py cluster-counts runs/blobs-sweep/*            the runs of the sweep

A panel for each figure that the runs have: the objective, whose bend ("elbow") marks a k that explains most; the silhouette, which
is largest where clusters are dense and apart; Davies-Bouldin, and for mixtures BIC and AIC, which are least at their choice. A point
is the best run with this k, by its objective. A ring marks the k that a figure recommends; the elbow is left to the eye.
"""
import numpy as np

from pictures import sources, style

# name in summary.json: title, and which value is best
FIGURES = {"train_loss": ("objective per row", None), "silhouette": ("silhouette", max), "davies_bouldin": ("Davies-Bouldin", min),
           "bic": ("BIC", min), "aic": ("AIC", min)}


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--figures", nargs="+", choices=FIGURES, metavar="NAME",
                        help=f"{', '.join(FIGURES)} (default: all that the runs have)")


def best_runs(runs):
    """The summary of the run with the least objective, for each k."""
    found = {}
    for run in runs:
        k = sources.settings(run).get("cluster", {}).get("k", 0)
        if not k:
            raise style.Unfit(f"{run} is no run of `lockstep cluster`: it has no cluster.k")
        summary = sources.summary(run)
        if k not in found or summary["train_loss"] < found[k]["train_loss"]:
            found[k] = summary
    if len(found) < 2:
        raise style.Unfit("runs with two or more numbers of clusters are needed: lockstep sweep CONFIG cluster.k=2,3,4")
    return dict(sorted(found.items()))


def draw(options):
    found = best_runs(options.runs)
    names = [name for name in options.figures or FIGURES if sum(summary.get(name) is not None for summary in found.values()) > 1]
    if not names:
        raise style.Unfit("the runs have none of these figures in common")
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    fig, panels = style.figure(rows, columns, height=2.2)
    counts = np.array(list(found))
    for axes, name in zip(panels.flat, names):
        title, best = FIGURES[name]
        values = np.array([summary.get(name) for summary in found.values()], dtype=float)  # one cluster has no silhouette
        axes.plot(counts, values, color=style.BLUE, marker="o", markersize=4)
        if best is not None:
            at = int(np.nanargmax(values) if best is max else np.nanargmin(values))
            axes.plot(counts[at], values[at], "o", markersize=11, markerfacecolor="none", markeredgecolor=style.ORANGE,
                      markeredgewidth=2)
        axes.set(title=title, xlabel="k", xlim=(counts[0] - 0.5, counts[-1] + 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    for axes in list(panels.flat)[len(names):]:
        axes.remove()
    return fig
