"""Rows that `lockstep sample` has drawn, as images in a grid.

    plot.py samples FILE.h5 [--shape 8x8] [--columns 10]
"""
import numpy as np

from pictures import sources, style
from pictures.kinds.images import shape_of


def arguments(parser):
    parser.add_argument("file", metavar="FILE.h5", help="a file of `lockstep sample --out`")
    parser.add_argument("--shape", metavar="HxW", help="height and width of an image (default: a square)")
    parser.add_argument("--rows", type=int, default=30, metavar="N", help="how many, from the first on (default: %(default)s)")
    parser.add_argument("--columns", type=int, default=10, metavar="N", help="images beside each other (default: %(default)s)")


def draw(options):
    found = sources.arrays(options.file)
    if "x" not in found:
        raise style.Unfit(f"{options.file} has no x; it is no file of `lockstep sample --out`")
    x = found["x"][:options.rows]
    height, width = shape_of(options, x.shape[1])
    lines = -(-len(x) // options.columns)
    fig, grid = style.figure(lines, options.columns, height=0.66, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    low, high = np.percentile(x, [1, 99])
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image in zip(grid.flat, x):
        axes.imshow(image.reshape(height, width), cmap="gray_r", vmin=low, vmax=high)
    return fig
