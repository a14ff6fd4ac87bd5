"""Densities of two features: contours of each model over the rows of its data file.

    plot.py density runs/moons                              one density
    plot.py density runs/narrow runs/right runs/wide        several side by side
    plot.py density runs/moons --sample drawn.h5            rows that `lockstep sample` has drawn, in another panel

`lockstep predict` computes the log-density on a grid. The lines are at densities that fall by equal factors, so that low
densities are seen too: at one half, one quarter, ... of the largest. The models must describe two features, with the loss
`density`: kernel densities and Gaussian mixtures.
"""
import h5py
import numpy as np

from pictures import sources, style

SIDE = 101
SUFFIXES = (".png", ".svg")
MOST_ROWS = 300
HALVINGS = 8


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directories, or names below runs/")
    parser.add_argument("--sample", metavar="FILE.h5", help="rows of `lockstep sample`, in a panel of their own")
    sources.add_run_data(parser, "train")


def log_densities(program, run, grid):
    answers = program.predict(sources.model_file(run), rows=grid)
    if "log_density" not in answers:
        raise style.Unfit(f"{run} predicts no density; this picture is for kernel densities and Gaussian mixtures")
    return answers["log_density"].reshape(SIDE, SIDE).astype(float)


def thin(rows):
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(int)]


def draw_rows(axes, rows, box, **more):
    axes.plot(rows[:, 0], rows[:, 1], ".", markersize=3, markeredgewidth=0, **more)
    axes.set(xlim=box[:, 0], ylim=box[:, 1])


def draw(options):
    program = sources.Program(options.lockstep)
    path, x, _ = sources.data_of(options.runs[0], options)
    if x.shape[1] != 2:
        raise style.Unfit(f"{path} has {x.shape[1]} features; contours are drawn over 2")
    low, high = x.min(axis=0).astype(float), x.max(axis=0).astype(float)
    box = np.array([low - 0.2 * (high - low), high + 0.2 * (high - low)])
    across, up = np.linspace(box[0], box[1], SIDE).T
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    drawn = None
    if options.sample:
        drawn = sources.arrays(options.sample).get("x")
        if drawn is None or drawn.ndim != 2 or drawn.shape[1] != 2:
            raise style.Unfit(f"{options.sample} holds no array x of rows with 2 features")
    columns = len(options.runs) + (drawn is not None)
    fig, panels = style.figure(1, columns, height=min(3.6, 7.0 / columns), sharex=True, sharey=True)
    names = sources.feature_names(path, 2)
    for axes, run in zip(panels[0], options.runs):
        logs = log_densities(program, run, grid)
        levels = logs.max() - np.log(2) * np.arange(HALVINGS, 0, -1)
        draw_rows(axes, thin(x), box, color=style.GREY, alpha=0.5)
        axes.contour(across, up, logs, levels=levels, cmap=style.HEAT, linewidths=1.1)
        axes.set(title=sources.name_of(run), xlabel=names[0])
    if drawn is not None:
        draw_rows(panels[0, -1], thin(drawn), box, color=style.ORANGE, alpha=0.6)
        panels[0, -1].set(title="rows drawn", xlabel=names[0])
    panels[0, 0].set_ylabel(names[1])
    return fig
