"""Paths of training over the contours of the loss of two weights.

    plot.py paths LANDSCAPE.h5 RUN [RUN ...] [LANDSCAPE.h5 RUN ...]

LANDSCAPE.h5 is a plane of `lockstep landscape` over two weights. The runs behind it are drawn in its panel, and each further
landscape begins a panel of its own. A path goes through the weights of the checkpoints of a run, so train with
`checkpoint={every: 1 steps, keep: 1000}`. It begins at a ring, the initial weights by the settings of the run, and ends at a cross.
A file without a run behind it shows contours alone. With --curves, a second row has the training loss of the runs.
"""
import pathlib

import h5py
import numpy as np
from matplotlib.ticker import MaxNLocator

from pictures import sources, style

SUFFIXES = (".png", ".svg")  # contours make large SVGs
LEVELS = 10


def arguments(parser):
    parser.add_argument("files", nargs="+", metavar="LANDSCAPE.h5 | RUN")
    parser.add_argument("--titles", nargs="+", metavar="TEXT", help="above each panel (default: the names of the files)")
    parser.add_argument("--labels", nargs="+", metavar="TEXT", help="in the legend, one for each run")
    parser.add_argument("--curves", action="store_true", help="the training loss over the steps, below each panel")
    parser.add_argument("--square", action="store_true", help="the same scale along both axes")
    sources.add_program(parser)


# ---- what is drawn ----

def panels_of(words):
    """[(landscape, [run, ...]), ...]"""
    panels = []
    for word in words:
        if pathlib.Path(word).is_file():
            panels.append((word, []))
        elif not panels:
            raise style.Unfit(f"{word} comes before any landscape file; begin with the file of `lockstep landscape`")
        else:
            panels[-1][1].append(word)
    return panels


def landscape(path):
    """Coordinates along both axes, the loss with a row for each y, and the names of the two weights."""
    with h5py.File(path) as file:
        for name in ("xcoordinates", "ycoordinates", "train_loss"):
            if name not in file:
                raise style.Unfit(f"{path} has no {name}: a plane of `lockstep landscape` is needed")
        x, y, loss = (file[name][:] for name in ("xcoordinates", "ycoordinates", "train_loss"))
        names = [file.attrs.get(f"{axis}direction", "") for axis in "xy"]
        kind = file.attrs.get("directions", "")
    if loss.shape != (len(y), len(x)):
        raise style.Unfit(f"{path}: train_loss is not (ycoordinates, xcoordinates)")
    if kind != "weights":
        raise style.Unfit(f"{path}: its axes are directions; paths need an axis for each of two weights")
    return x, y, loss, names


def weight(file, name):
    """The number that a model file or checkpoint holds as dense1.weight[0,2] or dense1.bias[0]."""
    array, _, place = name.rstrip("]").partition("[")
    return float(file["parameters/" + array.replace(".", "/")][tuple(int(i) for i in place.split(","))])


def initial_weights(program, run, names):
    """The two weights that a run began with: its settings, without an epoch, make them again."""
    with sources.scratch() as folder:
        program.run("train", sources.run_folder(run) / "config.yaml", "name=start", f"runs={folder}", "train.epochs=0")
        with h5py.File(folder / "start/model.h5") as file:
            return [weight(file, name) for name in names]


def path_of(program, run, names):
    """The two weights at the beginning and at each checkpoint: (points, 2)."""
    points = [initial_weights(program, run, names)]
    for path in sources.checkpoints(run):
        with h5py.File(path) as file:
            points.append([weight(file, name) for name in names])
    if len(points) < 2:
        raise style.Unfit(f"{run} has no checkpoints; train with 'checkpoint={{every: 1 steps, keep: 1000}}'")
    return np.array(points)


# ---- drawing ----

def levels_of(loss):
    """Contours that are close together near the minimum: a geometric series above it."""
    low, high = np.nanmin(loss), np.nanmax(loss[np.isfinite(loss)])
    return low + (high - low) * np.geomspace(1e-3, 1, LEVELS)


def draw_contours(axes, x, y, loss):
    levels = levels_of(loss)
    axes.contourf(x, y, loss, levels=np.r_[np.nanmin(loss), levels], cmap="Greys", norm="symlog", alpha=0.35)
    axes.contour(x, y, loss, levels=levels, colors="#888888", linewidths=0.6)




def draw_path(axes, points, colour, label):
    axes.plot(*points.T, color=colour, linewidth=1.1, marker="o", markersize=2.2, label=label)
    axes.plot(*points[0], marker="o", color="black", markerfacecolor="white", markersize=7, linestyle="none")
    axes.plot(*points[-1], marker="X", color=colour, markeredgecolor="black", markersize=8, linestyle="none")


def draw(options):
    program = sources.Program(options.lockstep)
    panels = panels_of(options.files)
    runs = [run for _, named in panels for run in named]
    if options.labels and len(options.labels) != len(runs):
        raise style.Unfit(f"--labels has {len(options.labels)} texts, for {len(runs)} runs")
    if options.titles and len(options.titles) != len(panels):
        raise style.Unfit(f"--titles has {len(options.titles)} texts, for {len(panels)} panels")
    labels = options.labels or [sources.run_folder(run).name for run in runs]
    colours = {label: style.COLOURS[i % len(style.COLOURS)] for i, label in enumerate(dict.fromkeys(labels))}
    fig, grid = style.figure(1 + options.curves, len(panels), height=3.0 if len(panels) < 3 else 2.5)
    label = iter(labels)
    for column, (file, named) in enumerate(panels):
        x, y, loss, names = landscape(file)
        above = grid[0][column]
        draw_contours(above, x, y, loss)
        for run in named:
            name = next(label)
            draw_path(above, path_of(program, run, names), colours[name], name)
            if options.curves:
                history = sources.history(run)
                grid[1][column].plot(history["step"], history["train_loss"], color=colours[name], label=name)
        above.set(xlabel=names[0], ylabel=names[1], xlim=(x[0], x[-1]), ylim=(y[0], y[-1]),
                  title=options.titles[column] if options.titles else pathlib.Path(file).stem)
        above.grid(False)
        above.xaxis.set_major_locator(MaxNLocator(5))
        if options.square:
            above.set_aspect("equal")
        if options.curves:
            below = grid[1][column]
            below.set(xlabel="step", yscale="log", title="")
            below.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    if options.curves:
        grid[1][0].set_ylabel("training loss")
        ends = np.array([below.get_ylim() for below in grid[1]])
        for below in grid[1]:
            below.set_ylim(ends[:, 0].min(), ends[:, 1].max())
    if len(runs) > len(panels):
        style.legend_below(fig)
    return fig
