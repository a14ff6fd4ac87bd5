"""Decision regions of a classifier of two features while it trains: a frame for each kept checkpoint.

    lockstep train CONFIG 'checkpoint={every: 10 epochs, keep: 100}'
    plot.py regions runs/spirals --out regions.gif       an animation
    plot.py regions runs/spirals --frames 6              the same as panels side by side

The colour is the class that `lockstep predict` chooses on a grid, paler where it is less sure; the line is the boundary.
The dots are rows of the data file in the colours of their classes. The network needs two features and classes
(cross_entropy); the run must have kept checkpoints, and the last frame is the newest one.
"""
import pathlib

import h5py
import matplotlib.colors
import numpy as np

from pictures import sources, style

SUFFIXES = (".png", ".gif", ".svg")
SIDE = 141        # of the grid
SHADES = 6
MOST_ROWS = 300
MOST_FRAMES = 40  # of an animation


def arguments(parser):
    parser.add_argument("run", metavar="RUN", help="run directory, or a name below runs/")
    parser.add_argument("--frames", type=int, metavar="N",
                        help="at most N checkpoints, evenly chosen (default: 6, of a .gif 40)")
    sources.add_run_data(parser, "train")


def chosen_checkpoints(run, most):
    found = sources.checkpoints(run)
    if len(found) < 2:
        raise style.Unfit(f"{run} has kept {len(found)} checkpoints, 2 or more are needed: train with "
                          "'checkpoint={every: 10 epochs, keep: 100}'")
    return [found[i] for i in sorted(set(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)))]


def epochs_of(path):
    with h5py.File(path) as file:
        return int(file.attrs["epoch"]), int(file.attrs["step"])


def draw_regions(axes, chance, box, x, y):
    """chance: (SIDE, SIDE, classes)."""
    classes = chance.shape[-1]
    colours = [matplotlib.colors.to_rgb(style.COLOURS[k % 6]) for k in range(classes)]
    best = chance.argmax(axis=-1)
    sure = (chance.max(axis=-1) - 1 / classes) / (1 - 1 / classes)
    sure = np.ceil(SHADES * sure) / SHADES  # few colours make small files
    image = 1 - (0.12 + 0.38 * sure[..., None]) * (1 - np.array(colours)[best])
    axes.imshow(image, origin="lower", extent=(box[0][0], box[1][0], box[0][1], box[1][1]), aspect="auto",
                interpolation="nearest")
    across, up = np.linspace(box[0], box[1], SIDE).T
    for k in range(classes if classes > 2 else 1):
        others = np.delete(chance, k, axis=-1).max(axis=-1)
        axes.contour(across, up, chance[..., k] - others, levels=[0], colors="black", linewidths=0.8)
    for k in range(classes):
        here = y == k
        axes.plot(x[here, 0], x[here, 1], style.MARKERS[k % 6], color=colours[k], markersize=3.5, markeredgecolor="white",
                  markeredgewidth=0.4)
    axes.grid(False)
    axes.set(xlim=(box[0][0], box[1][0]), ylim=(box[0][1], box[1][1]))


def draw(options):
    program = sources.Program(options.lockstep)
    path, x, y = sources.data_of(options.run, options)
    if x.shape[1] != 2 or y is None or y.shape[1] != 1:
        raise style.Unfit(f"{path} has {x.shape[1]} features"
                          f"{'' if y is not None else ' and no classes'}; this picture is for 2, and class numbers")
    is_animated = pathlib.Path(options.out).suffix == ".gif"
    found = chosen_checkpoints(options.run, options.frames or (MOST_FRAMES if is_animated else 6))
    low, high = x.min(axis=0).astype(float), x.max(axis=0).astype(float)
    box = (low - 0.12 * (high - low), high + 0.12 * (high - low))
    grid = np.stack(np.meshgrid(*np.linspace(box[0], box[1], SIDE).T), axis=-1).reshape(-1, 2)
    shown = np.linspace(0, len(x) - 1, min(len(x), MOST_ROWS)).astype(int)
    names = sources.feature_names(path, 2)

    def fill(axes, checkpoint):
        answers = program.predict(checkpoint, rows=grid)
        if "probability" not in answers or answers["probability"].shape[1] < 2:
            raise style.Unfit(f"{options.run} gives no probabilities of two or more classes (cross_entropy)")
        chance = answers["probability"].reshape(SIDE, SIDE, -1)
        draw_regions(axes, chance, box, x[shown], y[shown, 0])
        epoch, step = epochs_of(checkpoint)
        axes.set_title(f"epoch {epoch}, step {step}")

    def frames():
        for checkpoint in found:
            fig, panels = style.figure(height=4.4, width=5.2)
            fill(panels[0][0], checkpoint)
            panels[0][0].set(xlabel=names[0], ylabel=names[1])
            yield fig

    if is_animated:
        return frames()
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    fig, panels = style.figure(rows, columns, height=2.3, sharex=True, sharey=True)
    for axes, checkpoint in zip(panels.flat, found):
        fill(axes, checkpoint)
    for axes in list(panels.flat)[len(found):]:
        axes.remove()
    for row in panels:
        row[0].set_ylabel(names[1])
    for axes in panels[-1]:
        if axes.figure is not None:
            axes.set_xlabel(names[0])
    return fig
