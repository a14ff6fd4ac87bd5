"""Clusters of two features, of one or several models side by side: regions, rows, centres and ellipses.

    plot.py clusters RUN [RUN ...]

The colour of a place is the cluster that `lockstep predict` gives it, paler where a mixture is less sure; the colour and the sign
of a dot are those of a row. A cross is a centre of k-means or the mean of a component; the ellipses of a component are one and two
standard deviations away from it. The models need two features, and `centres` or `gaussians` as their only layer.
"""
import h5py
import matplotlib.colors
import numpy as np
import yaml

from pictures import sources, style

SIDE = 161
MOST_ROWS = 500


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--titles", nargs="+", metavar="TEXT", help="above the panels (default: names of the runs)")
    sources.add_run_data(parser, "train")


# ---- the parameters of a model, in the units of the data ----

def parameters(run):
    """Means (k, 2), and for a mixture the covariances (k, 2, 2), else None."""
    path = sources.model_file(run)
    with h5py.File(path) as file:
        held = file["parameters"]
        kinds = [name for name in held if name.startswith(("centres", "gaussians"))]
        if len(held) != 1 or not kinds:
            raise style.Unfit(f"{path} has the layers {', '.join(held)}; this picture is for centres or gaussians alone")
        layer = held[kinds[0]]
        means = layer["centre" if "centre" in layer else "mean"][:].astype(float)
        covariances = None
        if "centre" not in layer:
            kind = yaml.safe_load(file.attrs["settings"])["model"]["layers"][-1]["gaussians"].get("covariance", "full")
            covariances = covariances_of(kind, layer["factor"][:].astype(float), *means.shape)
        scaling = file["scaling/features"]
        if "scale" not in scaling:
            return means, covariances
        scale, shift, offset = (scaling[name][:] for name in ("scale", "shift", "offset"))
    unscaled = None if covariances is None else covariances / np.outer(scale, scale)
    return (means - offset) / scale + shift, unscaled


def covariances_of(kind, factor, k, d):
    """C of each component from the factor U of its inverse, C^-1 = U' U."""
    if kind == "full":
        factors = factor.reshape(k, d, d)
    elif kind == "tied":
        factors = np.broadcast_to(factor, (k, d, d))
    else:
        factors = factor.reshape(k, -1)[:, :, None] * np.eye(d)
    return np.linalg.inv(np.swapaxes(factors, 1, 2) @ factors)


# ---- drawing ----

def draw_components(axes, means, covariances):
    angle = np.linspace(0, 2 * np.pi, 73)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    for i, mean in enumerate(means):
        axes.plot(*mean, "x", color="black", markersize=8, markeredgewidth=2)
        for deviations in (1, 2) if covariances is not None else ():
            edge = mean[:, None] + deviations * np.linalg.cholesky(covariances[i]) @ circle
            axes.plot(*edge, color="black", linewidth=1.1, linestyle="-" if deviations == 1 else "--")


def draw_regions(axes, answers, box):
    cluster = answers["cluster"].reshape(SIDE, SIDE).astype(int)
    sure = np.ones((SIDE, SIDE))
    if "responsibility" in answers and answers["responsibility"].shape[1] > 1:
        k = answers["responsibility"].shape[1]
        sure = np.ceil(6 * (answers["responsibility"].max(axis=1) - 1 / k) / (1 - 1 / k)).reshape(SIDE, SIDE) / 6
    colours = np.array([matplotlib.colors.to_rgb(colour) for colour in style.COLOURS])[cluster % len(style.COLOURS)]
    image = 1 - (0.06 + 0.26 * sure[..., None]) * (1 - colours)
    axes.imshow(image, origin="lower", extent=(box[0][0], box[1][0], box[0][1], box[1][1]), aspect="auto",
                interpolation="nearest")


def draw_panel(axes, program, run, x):
    low, high = x.min(axis=0), x.max(axis=0)
    box = (low - 0.12 * (high - low), high + 0.12 * (high - low))
    grid = np.stack(np.meshgrid(*np.linspace(box[0], box[1], SIDE).T), axis=-1).reshape(-1, 2)
    means, covariances = parameters(run)
    draw_regions(axes, program.predict(sources.model_file(run), rows=grid), box)
    shown = x[np.linspace(0, len(x) - 1, min(len(x), MOST_ROWS)).astype(int)]
    cluster = program.predict(sources.model_file(run), rows=shown)["cluster"].ravel().astype(int)
    for k in range(len(means)):
        axes.plot(*shown[cluster == k].T, style.MARKERS[(k + k // 6) % 6], color=style.COLOURS[k % 6], markersize=3,
                  markeredgecolor="white", markeredgewidth=0.3)
    draw_components(axes, means, covariances)
    axes.grid(False)
    axes.set(xlim=(box[0][0], box[1][0]), ylim=(box[0][1], box[1][1]))


def draw(options):
    program = sources.Program(options.lockstep)
    titles = options.titles or [sources.name_of(run) for run in options.runs]
    if len(titles) != len(options.runs):
        raise style.Unfit(f"--titles has {len(titles)} texts, for {len(options.runs)} runs")
    fig, panels = style.figure(1, len(options.runs), height=2.9 if len(options.runs) < 3 else 2.3, sharey=True)
    for axes, run, title in zip(panels[0], options.runs, titles):
        path, x, _ = sources.data_of(run, options)
        if x.shape[1] != 2:
            raise style.Unfit(f"{path} has {x.shape[1]} features; this picture is for 2")
        draw_panel(axes, program, run, x.astype(float))
        names = sources.feature_names(path, 2)
        axes.set(title=title, xlabel=names[0])
        panels[0][0].set_ylabel(names[1])
    return fig
