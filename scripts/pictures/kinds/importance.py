"""Permutation importance: how much worse a model gets when the values of one column are dealt to the rows anew.

    lockstep eval RUN --importance=20 --out importance.h5
    plot.py importance importance.h5
    plot.py importance importance.h5 --figure accuracy --most 10

A bar is the mean over the permutations, a dot one of them; columns are sorted, the most important one first. Positive is
worse. A column near 0 is not used by the model, or another column says the same.
"""
import h5py
import numpy as np

from pictures import style


def arguments(parser):
    parser.add_argument("file", metavar="FILE.h5", help="what `lockstep eval --importance --out FILE.h5` wrote")
    parser.add_argument("--figure", default="loss", metavar="NAME", help="loss, accuracy, rmse, HEAD_rmse … (default: %(default)s)")
    parser.add_argument("--most", type=int, default=20, metavar="N", help="at most N columns (default: %(default)s)")


def read(path, figure):
    """Names of the columns, and for each how much worse each permutation is: (columns, repeats)."""
    try:
        with h5py.File(path) as file:
            if file.attrs.get("format") not in ("lockstep importance 1", b"lockstep importance 1"):
                raise style.Unfit(f"{path} is no result of `lockstep eval --importance --out FILE.h5`")
            figures = [name for name, array in file.items() if isinstance(array, h5py.Dataset) and "base" in array.attrs]
            if figure not in figures:
                raise style.Unfit(f"--figure {figure}: {path} has {', '.join(figures)}")
            names = [name.decode() for name in file["column"][:]]
            worse = file[figure][:] - file[figure].attrs["base"]
            return names, -worse if figure.endswith("accuracy") else worse
    except OSError as error:
        raise style.Unfit(f"{path} cannot be read: {error}") from None


def draw(options):
    names, worse = read(options.file, options.figure)
    order = np.argsort(-worse.mean(axis=1), kind="stable")[:options.most]
    fig, panels = style.figure(height=0.8 + 0.27 * len(order))
    axes = panels[0][0]
    places = np.arange(len(order))
    axes.barh(places, worse[order].mean(axis=1), color=style.SKY, height=0.7, label=f"mean of {worse.shape[1]} permutations")
    for place, column in zip(places, order):
        axes.plot(worse[column], np.full(worse.shape[1], place), ".", color="black", alpha=0.5, markersize=4,
                  label="a permutation" if place == 0 else None)
    axes.axvline(0, color=style.GREY, linewidth=0.8)
    axes.set_yticks(places, [name if len(name) <= 24 else name[:23] + "…" for name in (names[column] for column in order)])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    change = "fall of the " if options.figure.endswith("accuracy") else "rise of the "
    axes.set(xlabel=change + options.figure.replace("_", " "), ylabel="column that is permuted",
             title="" if len(order) == len(names) else f"the first {len(order)} of {len(names)} columns")
    style.legend_below(fig)
    return fig
