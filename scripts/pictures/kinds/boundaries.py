"""Regions and boundaries of several classifiers of two features, side by side.

    plot.py boundaries RUN [RUN ...]

The colour is the class that `lockstep predict` chooses on a grid, paler where the model is less sure; the line is the boundary, the
dots are training rows, and a cross marks the origin. The models need two features and the loss cross_entropy.
"""
import numpy as np

from pictures import sources, style
from pictures.kinds import regions


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--titles", nargs="+", metavar="TEXT", help="above the panels (default: names of the runs)")
    sources.add_run_data(parser, "train")


def draw(options):
    program = sources.Program(options.lockstep)
    titles = options.titles or [sources.name_of(run) for run in options.runs]
    if len(titles) != len(options.runs):
        raise style.Unfit(f"--titles has {len(titles)} texts, for {len(options.runs)} runs")
    fig, panels = style.figure(1, len(options.runs), height=2.9 if len(options.runs) < 3 else 2.3, sharey=True)
    for axes, run, title in zip(panels[0], options.runs, titles):
        path, x, y = sources.data_of(run, options)
        if x.shape[1] != 2 or y is None or y.shape[1] != 1:
            raise style.Unfit(f"{path}: this picture is for 2 features and class numbers")
        ends = np.vstack([x, np.zeros((1, 2))]).astype(float)
        low, high = ends.min(axis=0), ends.max(axis=0)
        box = (low - 0.12 * (high - low), high + 0.12 * (high - low))
        grid = np.stack(np.meshgrid(*np.linspace(box[0], box[1], regions.SIDE).T), axis=-1).reshape(-1, 2)
        answers = program.predict(sources.model_file(run), rows=grid)
        if "probability" not in answers or answers["probability"].shape[1] < 2:
            raise style.Unfit(f"{run} gives no probabilities of two or more classes (cross_entropy)")
        shown = np.linspace(0, len(x) - 1, min(len(x), regions.MOST_ROWS)).astype(int)
        regions.draw_regions(axes, answers["probability"].reshape(regions.SIDE, regions.SIDE, -1), box, x[shown], y[shown, 0])
        axes.plot(0, 0, "+", color="black", markersize=11, markeredgewidth=2)
        names = sources.feature_names(path, 2)
        axes.set(title=title, xlabel=names[0])
        panels[0][0].set_ylabel(names[1])
    return fig
