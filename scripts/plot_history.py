#!/usr/bin/env python3
"""Draws a run's history: loss of training and validation per epoch, and beside it how good the model was on
the validation rows (accuracy, or RMSE for a regression).

    scripts/python.sh scripts/plot_history.py runs/NAME [--log] [--out FILE.svg|FILE.png]

Without --out the picture is runs/NAME/history.svg. Several runs are drawn into one picture, to compare them. If one of
them diverges, what lies far above the others is cut off, unless --all is given; --log draws losses on a logarithmic axis.
"""
import argparse
import pathlib
import sys

try:
    import h5py
    import numpy as np
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    from pictures import style
except ImportError as error:
    sys.exit(f"plot_history: {error}; scripts/python.sh finds a Python that has all modules")

# What is drawn on the right: the first of these columns that a run has.
QUALITIES = [("valid_accuracy", "accuracy on validation rows"), ("valid_rmse", "RMSE on validation rows")]
LOSSES = [("train_loss", "-", "training"), ("valid_loss", "--", "validation")]


def read_history(run):
    """The columns of history.h5 as a dictionary of arrays, one value per epoch."""
    path = pathlib.Path(run)
    if path.is_dir():
        path = path / "history.h5"
    try:
        with h5py.File(path) as file:
            return {name: array[:] for name, array in file.items() if isinstance(array, h5py.Dataset)}
    except OSError as error:
        sys.exit(f"plot_history: {path} cannot be read: {error}")


def has_values(history, name):
    return name in history and np.isfinite(history[name]).any()


def set_limits(axes, histories, names, options):
    """Linear axes leave out what one run shoots up to; logarithmic ones have room for everything."""
    curves = [np.concatenate([h[name] for name in names if has_values(h, name)] or [np.array([])])
              for h in histories.values()]
    all_values = np.concatenate(curves)
    finite = all_values[np.isfinite(all_values)]
    if options.log and len(finite) and finite.min() > 0:
        axes.set_yscale("log")
        low, high = finite.min(), finite.max()
        if high < 100 * low:
            axes.set_ylim(low / 1.1, high * 1.1)
            ticks = style.log_ticks(low / 1.1, high * 1.1)
            axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        return
    limits = style.limits_of(curves)
    if limits is not None and not options.all and finite.max() > limits[1]:
        axes.set_ylim(*limits)
        axes.set_title(axes.get_title(loc="left") + f", up to {finite.max():.3g}", fontsize=10)


def finish(axes, title):
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw(histories, options):
    quality = next((q for q in QUALITIES if any(has_values(h, q[0]) for h in histories.values())), None)
    fig, panels = style.figure(1, 2 if quality else 1, width=style.WIDTH + 1.2 if quality else 5.6)
    loss = panels[0][0]
    for number, history in enumerate(histories.values()):
        colour = style.COLOURS[number % 6]
        marker = dict(marker=style.MARKERS[number // 6 % 6], markersize=3) if number >= 6 else {}
        for name, line, _ in LOSSES:
            if has_values(history, name):
                loss.plot(history["epoch"], history[name], line, color=colour, **marker)
        if quality and has_values(history, quality[0]):
            panels[0][1].plot(history["epoch"], history[quality[0]], "--", color=colour, **marker)
    finish(loss, "loss")
    set_limits(loss, histories, [name for name, *_ in LOSSES], options)
    if quality:
        finish(panels[0][1], quality[1])
        if quality[0] != "valid_accuracy":
            set_limits(panels[0][1], histories, [quality[0]], options)
    one = len(histories) == 1
    handles = [Line2D([], [], color=style.BLUE if one else style.GREY, linestyle=line, label=label) for name, line, label
               in LOSSES if any(has_values(h, name) for h in histories.values())]
    if not one:
        handles += [Line2D([], [], color=style.COLOURS[i % 6], label=name, **(dict(marker=style.MARKERS[i // 6 % 6],
                    markersize=3) if i >= 6 else {})) for i, name in enumerate(histories)]
    style.legend_right(fig, handles)
    return fig


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run directory or a history.h5")
    parser.add_argument("--log", action="store_true", help="a logarithmic axis for losses and RMSE")
    parser.add_argument("--all", action="store_true", help="cut nothing off, however far one run is above the others")
    parser.add_argument("--out", metavar="FILE", help="picture to write, .svg or .png")
    options = parser.parse_args()
    out = options.out
    if out is None:
        first = pathlib.Path(options.runs[0])
        out = (first if first.is_dir() else first.parent) / "history.svg"
    elif pathlib.Path(out).suffix not in (".svg", ".png"):
        sys.exit(f"plot_history: --out {out}: a name in .svg or .png is needed")
    style.save(draw({run.rstrip("/").split("/")[-1]: read_history(run) for run in options.runs}, options), out)
    print(out)


if __name__ == "__main__":
    main()
