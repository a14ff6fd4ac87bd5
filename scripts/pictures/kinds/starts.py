"""What the start decides: the training loss of runs that differ only in their seed.

    plot.py starts RUN [RUN ...]

On the left is the loss of each run over its epochs, on the right the losses at the end, from the smallest to the largest. Runs
that end within --near of the best one are blue, the others orange.
"""
import numpy as np

from pictures import sources, style


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--near", type=float, default=0.05, metavar="LOSS",
                        help="how far above the smallest loss a run may end to be as good (default: %(default)s)")
    parser.add_argument("--log", action="store_true", help="a logarithmic axis of losses")


def draw(options):
    histories = [sources.history(run) for run in options.runs]
    ends = np.array([history["train_loss"][-1] for history in histories])
    good = ends <= np.nanmin(ends) + options.near
    fig, grid = style.figure(1, 2, height=2.9, sharey=True, width_ratios=[1.6, 1])
    over, sorted_ends = grid[0]
    for is_good, colour, name in ((True, style.BLUE, "as good as the best"), (False, style.ORANGE, "worse")):
        chosen = [history for history, same in zip(histories, good) if same == is_good]
        for i, history in enumerate(chosen):
            over.plot(history["epoch"], history["train_loss"], color=colour, linewidth=1, linestyle="-" if is_good else "--",
                      label=f"{name} ({len(chosen)} of {len(ends)})" if i == 0 else None)
    order = np.argsort(ends)
    for is_good, colour, marker in ((True, style.BLUE, "o"), (False, style.ORANGE, "s")):
        place = np.flatnonzero(good[order] == is_good)
        sorted_ends.plot(place + 1, ends[order][place], marker, color=colour, markersize=5)
    over.set(xlabel="epoch", ylabel="training loss")
    sorted_ends.set(xlabel="runs, sorted by their end")
    if options.log:
        over.set_yscale("log")
    else:
        over.set_ylim(0, None)
    style.legend_below(fig)
    return fig
