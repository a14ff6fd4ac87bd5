"""Centres of clusters as images, with the number of rows that belong to each.

    plot.py centres RUN [--shape 8x8]

Each row of the data is an image with one value for each pixel. The picture shows what the model holds, in the units of the data:
the centres of k-means, or the means of a mixture; above each the number of the cluster and of its rows. The model needs `centres` or
`gaussians` as its only layer.
"""
import h5py
import numpy as np

from pictures import sources, style
from pictures.kinds import images


def arguments(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--shape", metavar="HxW", help="height and width of an image (default: a square)")
    parser.add_argument("--columns", type=int, default=10, metavar="N", help="images side by side (default: %(default)s)")
    sources.add_run_data(parser, "train")


def centres_of(path):
    with h5py.File(path) as file:
        held = file["parameters"]
        if len(held) != 1 or not list(held)[0].startswith(("centres", "gaussians")):
            raise style.Unfit(f"{path} has the layers {', '.join(held)}; this picture is for centres or gaussians alone")
        layer = next(iter(held.values()))
        found, scaling = layer["centre" if "centre" in layer else "mean"][:].astype(float), file["scaling/features"]
        if "scale" in scaling:
            found = (found - scaling["offset"][:]) / scaling["scale"][:] + scaling["shift"][:]
    return found


def draw(options):
    path = sources.model_file(options.run)
    found = centres_of(path)
    height, width = images.shape_of(options, found.shape[1])
    data, _, _ = sources.data_of(options.run, options)
    prefix = {"train": "", "valid": "valid_", "test": "test_"}[options.split]
    x_name = sources.settings(options.run)["data"].get(prefix + "x") or f"{options.split}/x"
    cluster = sources.Program(options.lockstep).predict(path, data=data, x=x_name)["cluster"].ravel().astype(int)
    counts = np.bincount(cluster, minlength=len(found))
    columns = min(options.columns, len(found))
    rows = -(-len(found) // columns)
    fig, grid = style.figure(rows, columns, height=0.95, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    for k, axes in enumerate(grid.flat):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if k < len(found):
            axes.imshow(found[k].reshape(height, width), cmap="gray_r", vmin=found.min(), vmax=found.max())
            axes.set_title(f"{k}: {counts[k]:,}", fontsize=8, loc="center", pad=2)
    return fig
