"""Principal components: how much of the variance they explain, the scores of two of them, and what they look like.

    plot.py components RUN                  left: the share of each component and of all up to it; right: the first two scores
    plot.py components RUN --images 8x8     the mean and the first components as images

RUN is a run of `lockstep components`. Scores have the colour and the mark of their class, where the data have classes; the
components have not seen them.
"""
import h5py
import numpy as np

from pictures import sources, style

MOST_BARS = 40
MOST_CLASSES = 10


def arguments(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--images", metavar="HxW", help="height and width of the images that rows are")
    parser.add_argument("--count", type=int, default=9, metavar="N", help="components drawn as images (default: %(default)s)")
    parser.add_argument("--pair", type=int, nargs=2, default=(1, 2), metavar="N", help="components whose scores are drawn (default: 1 2)")
    parser.add_argument("--points", type=int, default=1500, metavar="N", help="most rows that are drawn (default: %(default)s)")
    sources.add_run_data(parser, split="train")


def read(run):
    """Shares of the variance, the mean, and the components (n, features)."""
    path = sources.model_file(run)
    with h5py.File(path) as model:
        if "components" not in model:
            raise style.Unfit(f"{path} has no components; a run of `lockstep components` has them")
        vectors = model["parameters/dense1/weight"][:].astype(float)
        group = model["components"]
        return (group["explained_variance_ratio"][:], group["mean"][:],
                vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def draw_shares(axes, shares):
    shown = min(len(shares), MOST_BARS)
    number = np.arange(1, shown + 1)
    axes.bar(number, 100 * shares[:shown], color=style.SKY, label="each")
    axes.plot(number, 100 * np.cumsum(shares)[:shown], "o-", color=style.ORANGE, markersize=3.5, label="all up to it")
    axes.set(title="explained variance", xlabel="component", ylabel="share (%)", ylim=(0, 103))
    axes.set_xlim(0.3, shown + 0.7)
    axes.xaxis.set_major_locator(style.plt.MaxNLocator(integer=True))
    axes.legend(loc="center right")


def colour_of(number, count):
    return style.plt.get_cmap("turbo")((number + 0.5) / count)


def draw_scores(axes, options, shares):
    path, _, y = sources.data_of(options.run, options)
    prefix = {"train": "", "valid": "valid_", "test": "test_"}[options.split]
    name = sources.settings(options.run)["data"].get(prefix + "x") or f"{options.split}/x"
    scores = sources.Program(options.lockstep).predict(sources.model_file(options.run), data=path, x=name,
                                                       options=["--layer", "dense1"])["dense1"].astype(float)
    first, second = (number - 1 for number in options.pair)
    if not 0 <= min(first, second) <= max(first, second) < scores.shape[1]:
        raise style.Unfit(f"--pair {first + 1} {second + 1}: the run has {scores.shape[1]} components, counted from 1")
    some = np.unique(np.linspace(0, len(scores) - 1, min(len(scores), options.points)).astype(int))
    points = scores[some][:, [first, second]]
    classes = None if y is None or y.shape[1] != 1 or y.dtype.kind == "f" else y[some, 0].astype(int)
    if classes is None or classes.max() >= MOST_CLASSES:
        axes.plot(*points.T, "o", color=style.BLUE, markersize=3, markeredgewidth=0, alpha=0.5)
    else:
        for k in np.unique(classes):
            colour = colour_of(k, classes.max() + 1)
            axes.plot(*points[classes == k].T, style.MARKERS[k % len(style.MARKERS)], color=colour, markersize=3.2,
                      markeredgewidth=0, alpha=0.7)
        for k in np.unique(classes):  # colours alone do not tell ten classes apart
            axes.annotate(str(k), np.median(points[classes == k], axis=0), ha="center", va="center", weight="bold", size=10,
                          bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": colour_of(k, classes.max() + 1),
                                "alpha": 0.85})
    axes.set(title=f"scores of {len(points)} rows", xlabel=f"component {first + 1} ({100 * shares[first]:.1f} %)",
             ylabel=f"component {second + 1} ({100 * shares[second]:.1f} %)")


def draw_images(options, shares, mean, vectors):
    try:
        height, width = (int(side) for side in options.images.split("x"))
    except ValueError:
        raise style.Unfit(f"--images {options.images}: HEIGHTxWIDTH is needed, like 28x28") from None
    if height * width != len(mean):
        raise style.Unfit(f"rows of {len(mean)} values are not images of {height} x {width}")
    shown = min(options.count, len(vectors))
    columns = min(5, shown + 1)
    lines = -(-(shown + 1) // columns)
    fig, grid = style.figure(lines, columns, height=1.6)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.grid(False)
    grid.flat[0].imshow(mean.reshape(height, width), cmap="gray_r")
    grid.flat[0].set_title("mean")
    for number, axes in enumerate(list(grid.flat)[1:shown + 1]):
        most = np.abs(vectors[number]).max()
        axes.imshow(vectors[number].reshape(height, width), cmap=style.BOTH, vmin=-most, vmax=most)
        axes.set_title(f"{number + 1}: {100 * shares[number]:.1f} %")
    for axes in list(grid.flat)[shown + 1:]:
        axes.set_visible(False)
    return fig


def draw(options):
    shares, mean, vectors = read(options.run)
    if options.images:
        return draw_images(options, shares, mean, vectors)
    if len(shares) < 2:
        raise style.Unfit(f"{options.run} has one component; the picture of scores needs two")
    fig, grid = style.figure(1, 2, height=3.2)
    draw_shares(grid[0, 0], shares)
    draw_scores(grid[0, 1], options, shares)
    return fig
