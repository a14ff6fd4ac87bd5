"""Activation functions f(x), and their derivatives f'(x) dashed.

    plot.py activations                         all of them, a panel each
    plot.py activations relu gelu silu          some of them

The formulas are those of docs/guide/model.md. A test compares them with what `lockstep predict` computes, and with the
program's list of activations. The derivative is the factor by which backward multiplies a delta; at a kink it is the one
from the left. `step` has none.
"""
import math

import numpy as np
from matplotlib.ticker import MaxNLocator

from pictures import style

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_erf = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normal(x):
    """The normal distribution function."""
    return 0.5 * (1 + _erf(x / np.sqrt(2)))


def density(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def softplus(x):
    return np.logaddexp(0, x)


def mish_slope(x):
    t = np.tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


# Name: f and f'.
FUNCTIONS = {
    "identity": (lambda x: x, np.ones_like),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1.0, 0)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), lambda x: np.where(x > 0, 1, np.exp(x))),
    "selu": (lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
             lambda x: SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(x))),
    "gelu": (lambda x: x * normal(x), lambda x: normal(x) + x * density(x)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "softplus": (softplus, sigmoid),
    "mish": (lambda x: x * np.tanh(softplus(x)), mish_slope),
    "hard_sigmoid": (lambda x: np.clip(x / 6 + 0.5, 0, 1), lambda x: np.where((x > -3) & (x <= 3), 1 / 6, 0)),
    "hard_swish": (lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
                   lambda x: np.where(x > 3, 1, np.where(x > -3, x / 3 + 0.5, 0))),
    "step": (lambda x: np.where(x > 0, 1.0, 0), None),
}


def arguments(parser):
    parser.add_argument("names", nargs="*", metavar="NAME", help="activations to draw (default: all)")
    parser.add_argument("--range", type=float, default=4, metavar="R", help="x from -R to R (default: %(default)s)")


def jumps_cut(y, limit=0.2):
    """NaN where a value jumps, so no line is drawn there."""
    y = np.array(y, dtype=float)
    y[1:][np.abs(np.diff(y)) > limit] = np.nan
    return y


def draw(options):
    names = options.names or list(FUNCTIONS)
    unknown = [name for name in names if name not in FUNCTIONS]
    if unknown:
        raise style.Unfit(f"there is no activation {unknown[0]}; lockstep has {', '.join(FUNCTIONS)}")
    if not options.range > 0:
        raise style.Unfit(f"--range {options.range:g} is not above 0")
    columns = min(len(names), 5)
    rows = -(-len(names) // columns)
    fig, grid = style.figure(rows, columns, height=1.65 if rows > 1 else 2.4, sharex=True, sharey=rows > 1)
    x = np.linspace(-options.range, options.range, 401)
    for axes, name in zip(grid.flat, names):
        f, slope = FUNCTIONS[name]
        axes.axhline(0, color=style.GREY, linewidth=0.6)
        axes.axvline(0, color=style.GREY, linewidth=0.6)
        axes.plot(x, jumps_cut(f(x), 0.5), color=style.BLUE, label="f(x)")
        if slope is not None:
            axes.plot(x, jumps_cut(slope(x), 0.1), "--", color=style.ORANGE, label="f'(x)")
        axes.set_title(name)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    for axes in list(grid.flat)[len(names):]:
        axes.remove()
    if rows > 1:
        grid[0][0].set_ylim(-1.9, 3.2)
    for j in range(columns):  # the lowest panel of a column carries the label
        lowest = grid[rows - 1 if (rows - 1) * columns + j < len(names) else rows - 2][j]
        lowest.set_xlabel("x")
        lowest.tick_params(labelbottom=True)
    for row in grid:
        row[0].set_ylabel("f(x), f'(x)")
    style.legend_below(fig)
    return fig
