"""How pictures look and how they are saved: colours, sizes, legends, small files."""
import io
import pathlib

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)

# Colours that differ in lightness too (Okabe and Ito 2008), for things that are compared.
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"
COLOURS = [BLUE, ORANGE, GREEN, PINK, YELLOW, SKY]
GREY = "#777777"
MARKERS = ["o", "s", "^", "D", "v", "P"]
LINES = ["-", "--", "-.", ":"]
HEAT = "viridis"   # numbers from low to high
BOTH = "PuOr"      # numbers on both sides of a middle

WIDTH = 7.2        # inches: 691 pixels of an SVG, so a picture is legible at 700
FRAME_SECONDS = 0.35

plt.rcParams.update({
    "svg.hashsalt": "lockstep", "svg.fonttype": "none",  # same figures, same file; texts stay texts
    "font.size": 10, "axes.titlesize": 10, "axes.labelsize": 10, "legend.fontsize": 9,
    "xtick.labelsize": 9, "ytick.labelsize": 9, "axes.titlelocation": "left",
    "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS), "image.cmap": HEAT,
    "path.simplify_threshold": 0.3, "figure.constrained_layout.use": True})


class Unfit(Exception):
    """A run, a file or an argument does not fit the picture. The text says which, why, and what to do."""


def figure(rows=1, columns=1, height=3.2, width=WIDTH, **more):
    """A figure and a rows x columns array of its axes; height in inches is that of one row."""
    return plt.subplots(rows, columns, figsize=(width, 0.3 + height * rows), squeeze=False, **more)


def legend_beside(axes, **more):
    """Right of the axes, where no curve can lie."""
    return axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, **more)


def legend_below(fig, handles=None, labels=None, columns=4):
    """In a strip of its own under all panels; without handles, those of all panels, each label once."""
    if handles is None:
        found = {}
        for axes in fig.axes:
            for handle, label in zip(*axes.get_legend_handles_labels()):
                found.setdefault(label, handle)
        handles, labels = list(found.values()), list(found)
    return fig.legend(handles, labels, loc="outside lower center", ncols=min(columns, max(len(labels), 1)))


def limits_of(curves, spread=4.0):
    """Limits (low, high) that show all ordinary values of several curves: points that lie further from the median of all
    than `spread` times the range of the middle half of some curve's values are left out, but never the smallest value."""
    finite = [np.asarray(curve)[np.isfinite(curve)] for curve in curves]
    finite = [curve for curve in finite if len(curve)]
    if not finite:
        return None
    low = min(curve.min() for curve in finite)
    ends = sorted(np.median(curve) + spread * max(np.subtract(*np.percentile(curve, [75, 25])), 1e-12) for curve in finite)
    high = min(max(curve.max() for curve in finite), max(ends[len(ends) // 2], low))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


# ---- files ----

def save(drawn, out):
    """Writes a figure to .svg or .png, or several as an animated .gif; of several figures, .svg and .png get the last."""
    out = pathlib.Path(out)
    figures = [drawn] if isinstance(drawn, matplotlib.figure.Figure) else drawn
    if out.suffix == ".gif":
        save_frames(figures, out)
        return
    for last in figures:
        pass
    if out.suffix == ".svg":
        last.savefig(out, metadata={"Date": None})
    else:
        indexed(last, 150).save(out, optimize=True)
    plt.close("all")


def indexed(fig, dpi, colours=128):
    """The figure as an image with a palette: a third of the bytes of one with full colours."""
    from PIL import Image
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi)
    buffer.seek(0)
    return Image.open(buffer).convert("RGB").quantize(colours, dither=Image.Dither.NONE)


def save_frames(figures, out):
    """Frames one after the other, the last one for longer; starts again at its end."""
    frames = []
    for fig in figures:
        frames.append(indexed(fig, 100, 64))
        plt.close(fig)
    seconds = [FRAME_SECONDS] * (len(frames) - 1) + [8 * FRAME_SECONDS]
    frames[0].save(out, save_all=True, append_images=frames[1:], duration=[1000 * s for s in seconds], loop=0, optimize=True)
