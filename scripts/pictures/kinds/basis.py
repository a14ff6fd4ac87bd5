"""Basis functions and kernels over one feature, and the curve that a model makes of them.

    plot.py basis RUN [RUN ...]

A column for each run, which has one feature and `data.basis`, and a single dense layer behind it. Above are the basis functions
phi_p over the feature; of many, 12 are drawn. Below is the model: the training rows, the curve y = sum of w_p phi_p(x) + b, and
how much each function adds to it.
"""
import h5py
import numpy as np

from pictures import sources, style

POINTS = 161
MOST_FUNCTIONS = 12


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--margin", type=float, default=0.15, metavar="SHARE",
                        help="how far beyond the training rows curves go, as a share of their range (default: %(default)s)")
    parser.add_argument("--terms", action="store_true", help="also draw what each function adds, w_p phi_p(x)")
    sources.add_program(parser)


def phi(model, x):
    """The basis functions of a model file at scaled inputs x (n, features): (n, functions), by the formulas of the guide."""
    basis = model["basis"]
    name, gamma = basis.attrs["name"], float(basis.attrs.get("gamma", 0))
    if name == "polynomial":
        columns = []
        for parent, factor in zip(basis["parent"][:], basis["factor"][:]):
            columns.append(x[:, factor] if parent < 0 else columns[parent] * x[:, factor])
        return np.stack(columns, axis=1)
    centres = basis["centres"][:].astype(float)
    if name == "pca":
        return (x - basis["origin"][:]) @ centres.T
    products = x @ centres.T
    if name == "fourier":
        return np.sqrt(2 / len(centres)) * np.cos(products + basis["phases"][:])
    if name == "rbf":
        squares = (x**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * products
        return np.exp(-gamma * squares)
    if name == "polynomial_kernel":
        return (gamma * products + float(basis.attrs["coef0"])) ** int(basis.attrs["degree"])
    return products


def scaled(group, x):
    if "shift" not in group:
        return x
    return (x - group["shift"][:]) * group["scale"][:] + group["offset"][:]


def parts(path, x):
    """Name of the basis, its functions at x (n, 1), and what each adds to the model in units of the target (n, functions)."""
    with h5py.File(path) as model:
        if "basis" not in model:
            raise style.Unfit(f"{path} has no basis functions: train with data.basis")
        if "dense2" in model["parameters"]:
            raise style.Unfit(f"{path} has several layers: the picture needs a single one behind the basis functions")
        functions = phi(model, scaled(model["scaling/features"], x))
        weights = model["parameters/dense1/weight"][:]
        targets = model["scaling/targets"]
        unit = targets["scale"][0] if "scale" in targets else 1.0
        basis = model["basis"]
        name = basis.attrs["name"]
        if name not in ("polynomial", "linear_kernel", "pca"):
            name += f", γ = {float(basis.attrs['gamma']):g}"
        return name, functions, functions * weights[0] / unit


def some(count):
    """Numbers of the functions that are drawn."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_FUNCTIONS)).astype(int))


def draw(options):
    program = sources.Program(options.lockstep)
    fig, grid = style.figure(2, len(options.runs), height=2.3, sharex="col")
    for column, run in enumerate(options.runs):
        above, below = grid[:, column]
        data = sources.settings(run)["data"]["file"]
        rows, targets = sources.split(data, "train")
        if rows.shape[1] != 1 or targets is None:
            raise style.Unfit(f"{data} has {rows.shape[1]} features: the picture needs one, and a target")
        margin = options.margin * np.ptp(rows)
        x = np.linspace(rows.min() - margin, rows.max() + margin, POINTS)
        name, functions, terms = parts(sources.model_file(run), x[:, None])
        for i, p in enumerate(some(functions.shape[1])):
            colour = style.COLOURS[i % len(style.COLOURS)]
            above.plot(x, functions[:, p], color=colour, linewidth=0.9)
            if options.terms:
                below.plot(x, terms[:, p], color=colour, linewidth=0.7, alpha=0.7)
        curve = program.predict(sources.model_file(run), rows=x[:, None])["prediction"][:, 0]
        below.plot(rows[:, 0], targets.reshape(len(rows), -1)[:, 0], ".", color=style.GREY, markersize=4, label="training rows")
        below.plot(x, curve, color="black", linewidth=1.8, label="model")
        below.set_ylim(style.limits_of([targets.ravel(), curve[(x >= rows.min()) & (x <= rows.max())]]))
        above.set_title(f"{functions.shape[1]} functions, {name}" if len(options.runs) < 3 else f"{name}\n{functions.shape[1]} functions")
        below.set_xlabel(sources.feature_names(data, 1)[0])
    grid[0, 0].set_ylabel("φ_p(x)")
    grid[1, 0].set_ylabel("y")
    style.legend_below(fig)
    return fig
