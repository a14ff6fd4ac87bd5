"""A label for each step of a sequence: what was observed, the true labels, and those of the network.

    plot.py sequences RUN [DATA.h5] [--rows 4]

The run has `binary_cross_entropy` with one output for each step, and one feature for each step. A panel is a row of the data:
points are the observations, the bars below are the steps with label 1, of the truth and of the network; crosses are wrong steps.
"""
import numpy as np

from pictures import sources, style


def arguments(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("data", nargs="?", metavar="DATA.h5", help="default: the data of the run")
    parser.add_argument("--split", default="test", help="rows to draw from (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=3, metavar="N", help="how many, from the first on (default: %(default)s)")
    sources.add_program(parser)


def bars(axes, labels, low, colour, name):
    """Steps with label 1 as bars of one height."""
    steps = np.flatnonzero(labels)
    axes.bar(steps, 0.4, width=1.0, bottom=low, color=colour, label=name)


def draw(options):
    data = options.data or sources.settings(options.run)["data"]["file"]
    x, y = sources.split(data, options.split)
    answer = sources.Program(options.lockstep).predict(sources.model_file(options.run), data=data, x=f"{options.split}/x")
    if "probability" not in answer or y is None or y.shape != x.shape:
        raise style.Unfit(f"{options.run}: a run with binary_cross_entropy and as many labels as features is needed")
    said = answer["probability"] > 0.5
    count = min(options.rows, len(x))
    fig, grid = style.figure(count, 1, height=1.45, sharex=True)
    for axes, row, truth, guess in zip(grid[:, 0], x, y, said):
        low = np.floor(row.min()) - 1.2
        axes.plot(row, "o", color=style.GREY, markersize=4, label="observed")
        bars(axes, truth, low + 0.5, "black", "truth: label 1")
        bars(axes, guess, low, style.SKY, "network: label 1")
        wrong = np.flatnonzero(guess != truth.astype(bool))
        axes.plot(wrong, np.full(len(wrong), low + 0.2), "x", color=style.ORANGE, markersize=7, markeredgewidth=2, label="wrong")
        axes.set(ylabel="x", ylim=(low - 0.1, None))
    grid[-1, 0].set_xlabel("step")
    style.legend_below(fig)
    return fig
