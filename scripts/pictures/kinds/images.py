"""Images that a network makes of images: input, answer and truth side by side.

    plot.py images RUN DATA.h5 [--shape 8x8]

    plot.py images AUTOENCODER [--noise 5]

DATA.h5 has the rows, as the test rows of the run: x and y are images with one value for each pixel. A column is a row of the data.
Of an autoencoder (data.targets: x) x is also the truth; with --noise the network sees x with normal noise of this deviation, in the
units of the file.
"""
import numpy as np

from pictures import sources, style


def arguments(parser):
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("data", nargs="?", metavar="DATA.h5", help="default: the data of the run")
    parser.add_argument("--split", default="test", help="rows to draw from (default: %(default)s)")
    parser.add_argument("--shape", metavar="HxW", help="height and width of an image (default: a square)")
    parser.add_argument("--rows", type=int, default=10, metavar="N", help="how many, from the first on (default: %(default)s)")
    parser.add_argument("--truth", default="truth", metavar="TEXT", help="what the last of three lines is called (default: %(default)s)")
    parser.add_argument("--input", default="input", metavar="TEXT", help="what the first line is called (default: %(default)s)")
    parser.add_argument("--noise", type=float, default=0.0, metavar="D", help="autoencoders: deviation of noise that is added to x")
    sources.add_program(parser)


def lines_of(options, data, of_x):
    """(name, images) of each line."""
    x, y = sources.split(data, options.split)
    program, model = sources.Program(options.lockstep), sources.model_file(options.run)
    if not of_x and y is None:
        raise style.Unfit(f"{data} has no {options.split}/y to compare with")
    if of_x and options.noise > 0:
        seen = x + options.noise * np.random.default_rng(1).normal(size=x.shape)
        answer = program.predict(model, rows=seen.astype(np.float32))
        return [(options.input, seen), ("network", answer["prediction"]), (options.truth, x)]
    answer = program.predict(model, data=data, x=f"{options.split}/x")
    made = answer["prediction"] if "prediction" in answer else answer["probability"]
    lines = [(options.input, x), ("network", made)]
    return lines if of_x else [*lines, (options.truth, y.reshape(len(y), -1))]


def shape_of(options, pixels):
    if options.shape:
        try:
            height, width = (int(side) for side in options.shape.split("x"))
        except ValueError:
            raise style.Unfit(f"--shape {options.shape}: HEIGHTxWIDTH is needed, like 28x28") from None
    else:
        height = width = round(pixels**0.5)
    if height * width != pixels:
        raise style.Unfit(f"rows of {pixels} values are not images of {height} x {width}; --shape says their shape")
    return height, width


def draw(options):
    settings = sources.settings(options.run)
    lines = lines_of(options, options.data or settings["data"]["file"], settings["data"].get("targets") == "x")
    count = min(options.rows, len(lines[0][1]))
    fig, grid = style.figure(len(lines), count, height=0.62, gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    for line, (name, images) in enumerate(lines):
        height, width = shape_of(options, images.shape[1])
        low, high = np.nanmin(images[:count]), np.nanmax(images[:count])
        if line == 1:
            low, high = (np.nanmin(lines[-1 if len(lines) == 3 else 0][1][:count]),
                         np.nanmax(lines[-1 if len(lines) == 3 else 0][1][:count]))
        for axes, image in zip(grid[line], images):
            axes.imshow(image.reshape(height, width), cmap="gray_r", vmin=low, vmax=high)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        grid[line, 0].set_ylabel(name, rotation=0, ha="right", va="center")
    return fig
