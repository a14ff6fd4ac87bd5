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
    columns = min(columns, max(len(labels), 1))
    strip = (0.07 + 0.2 * -(-len(labels) // columns)) / fig.get_figheight()
    fig.get_layout_engine().set(rect=(0, strip, 1, 1 - strip))
    return fig.legend(handles, labels, loc="lower center", ncols=columns)


def legend_right(fig, handles):
    """In a strip of its own right of all panels, as wide as its texts need."""
    legend = fig.legend(handles=handles, loc="upper right")
    strip = (legend.get_window_extent(fig.canvas.get_renderer()).width / fig.dpi + 0.1) / fig.get_figwidth()
    fig.get_layout_engine().set(rect=(0, 0, 1 - strip, 1))
    return legend


def limits_of(curves, reach=3.0):
    """Limits (low, high) that show several curves although one of them may shoot up: values further above the smallest of
    all than `reach` times the span of the middle curve lie outside. Of two curves the flatter one is the middle. With one
    curve nothing lies outside. None without finite values."""
    finite = [np.asarray(curve)[np.isfinite(curve)] for curve in curves]
    finite = [curve for curve in finite if len(curve)]
    if not finite:
        return None
    low, tops = min(curve.min() for curve in finite), sorted(curve.max() for curve in finite)
    middle = tops[(len(tops) - 1) // 2]
    high = min(tops[-1], low + reach * (middle - low)) if middle > low else tops[-1]
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def log_ticks(low, high):
    """Round numbers for a logarithmic axis: 1, 2, 5 of each decade, or only powers of ten if these are many."""
    decades = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 1)
    ticks = [digit * 10.0 ** power for power in decades for digit in (1, 2, 5) if low <= digit * 10.0 ** power <= high]
    return ticks if len(ticks) <= 9 else [tick for tick in ticks if f"{tick:e}".startswith("1.0")]


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
