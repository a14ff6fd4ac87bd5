"""Curves of several models of one feature, with the rows that they learnt from and the truth.

    plot.py fits RUN [RUN ...]              a panel for each run
    plot.py fits RUN [RUN ...] --together   all curves over the rows of the first run

Dots are training rows. With --truth, the test rows are drawn as a line: if they were generated without noise, that is the true
function.
"""
import numpy as np

from pictures import sources, style

POINTS = 200
MOST_ROWS = 200
FORMS = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1))]


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--together", action="store_true", help="one panel for all runs")
    parser.add_argument("--truth", action="store_true", help="also draw the test rows, as a line")
    parser.add_argument("--titles", nargs="+", metavar="TEXT", help="for the panels or the legend (default: names of the runs)")
    parser.add_argument("--beyond", type=float, default=0.1, metavar="SHARE",
                        help="how far curves go beyond the rows, as a share of their range (default: %(default)s)")
    sources.add_program(parser)


def rows_of(run, split):
    data = sources.settings(run)["data"]["file"]
    x, y = sources.split(data, split)
    if x.shape[1] != 1 or y is None:
        raise style.Unfit(f"{data}: {split}/x has {x.shape[1]} columns; this picture is for one feature and a target")
    return x[:, 0].astype(float), y.reshape(len(y), -1)[:, 0].astype(float), sources.feature_names(data, 1)[0]


def draw(options):
    program = sources.Program(options.lockstep)
    titles = options.titles or [sources.name_of(run) for run in options.runs]
    if len(titles) != len(options.runs):
        raise style.Unfit(f"--titles has {len(titles)} texts, for {len(options.runs)} runs")
    rows = [rows_of(run, "train") for run in options.runs]
    truths = [rows_of(run, "test") if options.truth else None for run in options.runs]
    all_x = np.concatenate([x for x, *_ in rows + [truth for truth in truths if truth]])
    margin = options.beyond * np.ptp(all_x)
    grid = np.linspace(all_x.min() - margin, all_x.max() + margin, POINTS)
    panels = 1 if options.together else len(options.runs)
    fig, axes = style.figure(1, panels, height=3.2 if panels == 1 else 2.5, sharex=True, sharey=True)
    for i, run in enumerate(options.runs):
        here = axes[0][0 if options.together else i]
        x, y, name = rows[i]
        if i == 0 or not options.together:
            shown = np.linspace(0, len(x) - 1, min(len(x), MOST_ROWS)).astype(int)
            here.plot(x[shown], y[shown], ".", color=style.GREY, markersize=4, label="training rows")
            if truths[i]:
                order = np.argsort(truths[i][0])
                here.plot(truths[i][0][order], truths[i][1][order], color="black", linewidth=1, label="truth")
            here.set_xlabel(name)
        curve = program.predict(sources.model_file(run), rows=grid[:, None])["prediction"][:, 0]
        colour, form = (style.COLOURS[i % 6], FORMS[i % 6]) if options.together else (style.BLUE, "-")
        here.plot(grid, curve, color=colour, linestyle=form, linewidth=2, label=titles[i] if options.together else "model")
        if not options.together:
            here.set_title(titles[i])
    targets = np.concatenate([y for _, y, _ in rows])
    span = np.ptp(targets)
    axes[0][0].set(ylabel="y", ylim=(targets.min() - 0.15 * span, targets.max() + 0.15 * span))
    style.legend_below(fig)
    return fig
