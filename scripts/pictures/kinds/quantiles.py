"""Predicted quantiles, and whether as many targets lie below each as its level says.

    plot.py quantiles runs/diabetes-quantiles

For a model with `loss: quantile`. On the left the quantiles: over the feature if there is only one, otherwise row by row,
sorted by the middle quantile, with the true values as dots. On the right, for each level, the share of rows whose true
value lies below its quantile, with the 95 % interval of Wilson (1927); on the diagonal the levels are right.
"""
import numpy as np

from pictures import sources, style
from pictures.intervals import wilson

MOST_ROWS = 300


def arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run directory, or a name below runs/")
    parser.add_argument("--target", type=int, default=0, metavar="K", help="the target, from 0")
    sources.add_run_data(parser)


def draw(options):
    answers, y = sources.answers_of(options.run, options)
    names = sorted((name for name in answers if name.startswith("quantile_")), key=lambda name: float(name.split("_")[1]))
    if not names:
        raise style.Unfit(f"{options.run} predicts no quantiles; `loss: {{name: quantile, quantiles: [0.1, 0.5, 0.9]}}` does")
    levels = np.array([float(name.split("_")[1]) for name in names])
    values = np.array([sources.column(answers[name], options.target, options.run) for name in names])
    true = sources.column(y, options.target, "the data file")
    path, x, _ = sources.data_of(options.run, options)
    one = x.shape[1] == 1
    middle = np.abs(levels - 0.5).argmin()
    order = np.argsort(x[:, 0] if one else values[middle], kind="stable")
    place = x[order, 0] if one else np.arange(len(order))

    fig, panels = style.figure(1, 2, height=3.0, width_ratios=[1.7, 1])
    left, right = panels[0]
    for k in range(len(levels) // 2):
        left.fill_between(place, values[k][order], values[-1 - k][order], color=style.BLUE, alpha=0.2, linewidth=0,
                          label=f"from {levels[k]:g} to {levels[-1 - k]:g}")
    left.plot(place, values[middle][order], color=style.BLUE, label=f"quantile {levels[middle]:g}")
    shown = np.linspace(0, len(order) - 1, min(len(order), MOST_ROWS)).astype(int)
    left.plot(place[shown], true[order][shown], ".", color="black", markersize=3.5, alpha=0.6, label=f"{options.split} rows")
    left.set(xlabel=sources.feature_names(path, 1)[0] if one else f"{options.split} rows, sorted by the middle quantile",
             ylabel="target")

    below = (true[None, :] <= values).mean(axis=1)
    right.errorbar(levels, below, yerr=wilson(below, len(true)), fmt="o", color=style.BLUE, capsize=3, label="share below")
    right.plot([0, 1], [0, 1], "--", color=style.GREY, label="as claimed")
    right.set(xlabel="level of the quantile", ylabel="share of rows below it", xlim=(0, 1), ylim=(0, 1))
    style.legend_below(fig, columns=5)
    return fig
