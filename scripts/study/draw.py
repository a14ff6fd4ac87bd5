"""The pictures of a report, each as SVG and PNG. Every repeat is drawn, not only its summary."""
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.ticker import (FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator,  # noqa: E402
                               PercentFormatter)

from study import laws  # noqa: E402
from study.results import PHASES  # noqa: E402
from study.words import percent, unit_of  # noqa: E402

# Colours that differ in lightness too (Okabe and Ito 2008).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
PHASE_COLOURS = dict(zip(PHASES, ["#cc79a7", "#56b4e9", "#0072b2", "#003f66", "#009e73", "#bbbbbb", "#d55e00", "#e69f00"]))
GREY = "#777777"

plt.rcParams.update({"svg.hashsalt": "lockstep", "font.size": 9, "axes.titlesize": 10, "axes.grid": True,
                     "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.spines.top": False,
                     "axes.spines.right": False, "legend.frameon": False, "axes.axisbelow": True})


def save(figure, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=150)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})  # same results, same file
    plt.close(figure)
    return folder / f"{name}.svg"


def legend_below(figure, handles):
    """In a strip of its own under all panels, where nothing that is drawn can hide it."""
    columns = min(len(handles), 5 if len(handles) != 6 else 3) if len(handles) > 4 else len(handles)
    rows = -(-len(handles) // columns)
    figure.legend(handles=handles, loc="lower center", ncols=columns, fontsize=8)
    figure.tight_layout(rect=(0, (0.12 + 0.18 * rows) / figure.get_figheight(), 1, 1))


def plain_ticks(axis, values):
    """A logarithmic axis with round numbers as they are, and some of them however narrow it is."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    narrow = max(values) < 4 * min(values)
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]) if narrow else LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def cores_axis(axes, cores):
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(cores))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda p, _: f"{p:g}"))
    axes.set_xlim(min(cores) / 1.25, max(cores) * 1.25)
    axes.set_xlabel("cores")


def beside(cores, place):
    """The place-th of several things at the same number of cores: to the right, to the left, further to the right …"""
    return np.asarray(cores) * 1.025 ** ((place + 1) // 2 * (1 if place % 2 else -1))


def reach(estimates, factor=1):
    """Values, and how far their intervals reach below and above, (2, n); no reach where there is no interval."""
    values = np.array([[e.value, e.low, e.high] for e in estimates]) * factor
    return values[:, 0], np.nan_to_num(np.abs(values[:, 1:] - values[:, :1]).T)


def draw_line(axes, cases, place, figure_of, factor=1, **style):
    """The fastest cases with their intervals; figure_of(case) is an Estimate."""
    values, ends = reach([figure_of(case) for case in cases], factor)
    return axes.errorbar(beside([case.cores for case in cases], place), values,
                         yerr=ends, color=COLOURS[place], markersize=4, capsize=3,
                         linewidth=1.4, zorder=3, **{"marker": "o"} | style)


def draw_repeats(axes, cases, value_of):
    """Every repeat of every layout; further out than the lines, so that neither hides the other."""
    reduces, seen = [], {}
    for case in cases:
        if case.reduce not in reduces:
            reduces.append(case.reduce)
        place = seen[case.cores] = seen.get(case.cores, 3) + 1
        colour = COLOURS[reduces.index(case.reduce)]
        axes.plot(np.full(len(case.runs), beside(case.cores, place)), value_of(case), ".", color=colour, alpha=0.6,
                  markersize=5, markeredgewidth=0)


def repeat_speedups(part, case):
    """Speed-ups of single repeats, against the base's median."""
    if part.scaling == "strong":
        return laws.strong_speedup(part.base.time.value, case.runs)
    return laws.weak_speedup(part.base.time.value, case.runs, case.cores)


def show(axes, values, from_zero=False):
    """Limits that hold these values. Intervals may leave the panel: with few repeats they are many times as long."""
    low, high = np.min(values), np.max(values)
    if axes.get_yscale() == "log":
        axes.set_ylim(low / 1.15, high * 1.15)
    else:
        margin = 0.08 * (high - low) or 0.05 * abs(high) or 0.05
        axes.set_ylim(0 if from_zero else low - margin, high + margin)


def draw_times(axes, part, cores):
    every = np.concatenate([case.runs for case in part.cases])
    unit, factor = unit_of(every.max())
    draw_repeats(axes, part.cases, lambda case: case.runs * factor)
    for place, best in enumerate(part.best.values()):
        draw_line(axes, list(best.values()), place, lambda case: case.time, factor)
    base = part.base.time.value
    ideal = base / cores if part.scaling == "strong" else np.full(len(cores), base)
    axes.plot(cores, ideal * factor, "--", color=GREY, linewidth=1)
    shown = np.concatenate([every, ideal]) * factor
    if part.scaling == "strong":
        plain_ticks(axes.yaxis, shown)
    show(axes, shown, from_zero=True)
    axes.set_title(f"{unit} per step", loc="left")


def draw_speedups(axes, part, cores):
    """Returns the handles of the laws, for the legend."""
    law, name = (laws.amdahl, "Amdahl") if part.scaling == "strong" else (laws.gustafson, "Gustafson")
    draw_repeats(axes, part.cases, lambda case: repeat_speedups(part, case))
    handles = []
    for place, (reduce, best) in enumerate(part.best.items()):
        draw_line(axes, list(best.values()), place, lambda case: case.speedup)
        fit = part.fits[reduce]
        if fit is not None and fit.serial is not None:
            handles += axes.plot(cores, law(fit.serial.value, cores), ":", color=COLOURS[place], linewidth=1.2,
                                 label=f"{name}, s = {fit.serial.value:.3g}")
    axes.plot(cores, cores, "--", color=GREY, linewidth=1)
    shown = np.concatenate([repeat_speedups(part, case) for case in part.cases] + [cores])
    plain_ticks(axes.yaxis, shown)
    show(axes, shown)
    axes.set_title("speed-up" + ("" if part.scaling == "strong" else ", in rows per second"), loc="left")
    return handles


def draw_efficiency(axes, part):
    for place, best in enumerate(part.best.values()):
        draw_line(axes, list(best.values()), place, lambda case: case.efficiency)
    axes.axhline(1, color=GREY, linestyle="--", linewidth=1)
    show(axes, np.concatenate([[0, 1]] + [repeat_speedups(part, case) / case.cores for case in part.cases]), from_zero=True)
    axes.set_title("efficiency", loc="left")


def draw_serial(axes, part):
    """Of cases that are faster than one core: otherwise no part of the work, however serial, explains the time."""
    drawn = []
    for place, best in enumerate(part.best.values()):
        cases = [case for case in best.values() if case.serial is not None and case.serial.value <= 1]
        if cases:
            draw_line(axes, cases, place, lambda case: case.serial, linestyle=":")
        drawn += cases
    axes.axhline(0, color=GREY, linestyle="--", linewidth=1)
    show(axes, np.concatenate([[0, 0.1]] + [laws.karp_flatt(repeat_speedups(part, case), case.cores) for case in drawn]))
    if not drawn:
        axes.text(0.5, 0.6, "none: the speed-up is below 1", transform=axes.transAxes, ha="center", color=GREY)
    axes.set_title("Karp–Flatt serial fraction", loc="left")


def scaling_figure(part):
    """Time, speed-up, efficiency and serial fraction over cores."""
    figure, panels = plt.subplots(2, 2, figsize=(9, 6.6))
    all_cores = sorted({case.cores for case in part.cases})
    cores = np.geomspace(min(all_cores), max(all_cores), 50)
    draw_times(panels[0, 0], part, cores)
    fitted = draw_speedups(panels[0, 1], part, cores)
    draw_efficiency(panels[1, 0], part)
    draw_serial(panels[1, 1], part)
    for axes in panels.flat:
        cores_axis(axes, all_cores)
    handles = [Line2D([], [], color=colour, marker="o", markersize=4, label=f"reduce: {reduce}")
               for reduce, colour in zip(part.best, COLOURS)]
    handles += [Line2D([], [], color=GREY, linestyle="", marker=".", label="a repeat of any layout"),
                Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="ideal"), *fitted]
    legend_below(figure, handles)
    return figure


def scaling(part, folder):
    return save(scaling_figure(part), folder, f"{part.name}-scaling")


def stack_phases(panels, part):
    """By the clock in the first panel, as core time against the base case in the second; the phases that there are."""
    base = sum(part.base.phases.values())
    unit, factor = unit_of(max(case.time.value for case in part.cases))
    places, left = np.arange(len(part.cases)), np.zeros((2, len(part.cases)))
    times = np.array([case.cores if part.scaling == "strong" else 1 for case in part.cases])
    for phase in PHASES:
        seconds = np.array([case.phases[phase] for case in part.cases])
        if not seconds.any():
            continue
        for row, widths in enumerate((seconds * factor, seconds * times / base)):
            panels[row].barh(places, widths, left=left[row], color=PHASE_COLOURS[phase], height=0.7, label=phase)
            left[row] += widths
    panels[0].set_title(f"{unit} per step", loc="left")
    panels[1].set_title(("core time" if part.scaling == "strong" else "time of a core") + ", base = 1", loc="left")
    panels[1].axvline(1, color="black", linestyle="--", linewidth=1)


def draw_peak_shares(axes, part):
    """With intervals, and in figures, since these are what is compared between papers."""
    for place, case in enumerate(part.cases):
        if case.peak_share is None:
            continue
        share = case.peak_share
        (value,), ends = reach([share])
        right = min(value + ends[1, 0], 1)
        axes.barh(place, value, color="#999999", height=0.7)
        axes.errorbar(value, place, xerr=[[ends[0, 0]], [right - value if right > value else 0]], color="black", capsize=2,
                      linewidth=1)
        axes.text(max(right, value) + 0.04, place, percent(value), va="center", fontsize=8)
    axes.set_xlim(0, 1.3)  # room for the figures
    axes.set_xticks([0, 0.5, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title("of the cores' peak", loc="left")


def phases_figure(part, peak_known):
    """Where the time of a step goes, and how much of the peak that is."""
    columns = 3 if peak_known else 2
    figure, panels = plt.subplots(1, columns, figsize=(10.5, 1.4 + 0.32 * len(part.cases)), sharey=True,
                                  width_ratios=[3, 3, 1.6][:columns])
    stack_phases(panels, part)
    if peak_known:
        draw_peak_shares(panels[2], part)
    panels[0].set_yticks(np.arange(len(part.cases)), [case.title for case in part.cases])
    panels[0].invert_yaxis()
    for axes in panels:
        axes.grid(axis="y", visible=False)
    for axes in panels[:2]:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    legend_below(figure, panels[0].get_legend_handles_labels()[0])
    return figure


def phases(part, folder, peak_known):
    return save(phases_figure(part, peak_known), folder, f"{part.name}-phases")


def steps_figure(part):
    """Every measured step of every repeat: the spread within runs and between them."""
    figure, axes = plt.subplots(figsize=(10.5, 1.1 + 0.4 * len(part.cases)), layout="constrained")
    colours = dict(zip(part.best, COLOURS))
    every = np.concatenate([seconds for case in part.cases for seconds in case.steps])
    unit, factor = unit_of(np.median(every))
    for place, case in enumerate(part.cases):
        for repeat, seconds in enumerate(case.steps):
            y = place + 0.7 * ((repeat + 0.5) / len(case.steps) - 0.5)
            axes.plot(seconds * factor, np.full(len(seconds), y), ".", color=colours[case.reduce], alpha=0.35,
                      markersize=4, markeredgewidth=0)
            axes.plot([np.median(seconds) * factor], [y], "|", color="black", markersize=5)
    axes.set_yticks(range(len(part.cases)), [case.title for case in part.cases])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    plain_ticks(axes.xaxis, every * factor)
    axes.set_xlim(every.min() * factor / 1.1, every.max() * factor * 1.2)  # room for the last label
    axes.set_title(f"{unit} of every measured step; a line of dots for each repeat, its median a bar", loc="left")
    return figure


def steps(part, folder):
    return save(steps_figure(part), folder, f"{part.name}-steps")


def draw_model(axes, predicted, values, factor, colour, label):
    """Solid as far as was measured, dotted beyond."""
    values, nodes = np.array(values) * factor, predicted.nodes
    last = max(i for i, n in enumerate(nodes) if n <= predicted.measured_nodes)
    axes.plot(nodes[last:], values[last:], ":", color=colour)
    return axes.plot(nodes[:last + 1], values[:last + 1], color=colour, label=label)[0]


def prediction(part, predicted, folder):
    """The model beside the measurements, and beyond them, where it is a prediction alone."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8))
    unit, factor = unit_of(max(predicted.plain))
    handles = [draw_model(panels[1], predicted, predicted.exchange, factor, COLOURS[3], "model: messages"),
               draw_model(panels[0], predicted, predicted.plain, factor, COLOURS[1], "model: step that waits for all of them"),
               draw_model(panels[0], predicted, predicted.hidden, factor, COLOURS[2], "model: step that hides them")]
    for axes, seconds_of in ((panels[0], lambda case: case.runs), (panels[1], lambda case: case.exposed * case.runs)):
        for case in part.cases:
            if case.reduce == "shared":
                dots, = axes.plot(np.full(len(case.runs), case.nodes), seconds_of(case) * factor, "o", color=COLOURS[0],
                                  markersize=4, alpha=0.6, markeredgewidth=0, label="measured, every repeat")
        cores_axis(axes, predicted.nodes)
        axes.set_xlabel("nodes")
        axes.set_ylim(0, None)
        axes.axvspan(predicted.measured_nodes * 1.1, axes.get_xlim()[1], color="#f2f2f2", zorder=0)
        axes.text(0.98, 1.01, "grey: prediction, not measured", transform=axes.transAxes, ha="right", va="bottom", fontsize=7,
                  color=GREY)
    panels[0].set_title(f"{unit} per step", loc="left")
    panels[1].set_title(f"{unit} per step for messages", loc="left")
    legend_below(figure, [dots, *handles])
    return save(figure, folder, f"{part.name}-prediction")


def draw_targets(axes, known, key, factor=1):
    """Means over the seeds with their intervals."""
    values, ends = reach([t[key] for t in known], factor)
    axes.errorbar([t["cores"] for t in known], values, yerr=ends, color=COLOURS[0], marker="o", markersize=4, capsize=3,
                  zorder=3)
    return list(values)


def targets(part, folder):
    """Weak scaling is worth what the target loss costs: rows to it, and time."""
    known = [t for t in part.targets if t["estimate"] is not None]
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8))
    cores = np.array([t["cores"] for t in known])
    rows, seconds = known[0]["estimate"].value, known[0]["time"].value
    hardware = np.array([rows / t["batch"] * t["step"].value for t in known])
    unit, factor = unit_of(max(t["time"].value for t in known))
    shown = [draw_targets(panels[0], known, "estimate"), draw_targets(panels[1], known, "time", factor)]
    for t in known:
        panels[0].plot(np.full(len(t["rows"]), beside(t["cores"], 1)), t["rows"], ".", color=COLOURS[0], alpha=0.5)
        shown[0] += list(t["rows"])
    panels[0].axhline(rows, color=COLOURS[1], linestyle=":", linewidth=1.8)
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    panels[1].plot(cores, hardware * factor, ":", color=COLOURS[1], linewidth=1.8, zorder=4)
    panels[1].plot(cores, seconds * cores[0] / cores * factor, "--", color=GREY, linewidth=1)
    shown[1] += list(hardware * factor)
    panels[0].set_title(f"rows to a validation loss of {part.plan['target_loss']:g}", loc="left")
    panels[1].set_title(f"{unit} of training steps to it", loc="left")
    for axes, values in zip(panels, shown):
        show(axes, values, from_zero=True)
        cores_axis(axes, cores)
    legend_below(figure, [Line2D([], [], color=COLOURS[0], marker="o", markersize=4, label="measured"),
                          Line2D([], [], color=COLOURS[0], linestyle="", marker=".", alpha=0.5, label="a seed"),
                          Line2D([], [], color=COLOURS[1], linestyle=":", linewidth=1.8, label="if the batch did not matter"),
                          Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="ideal")])
    return save(figure, folder, f"{part.name}-target")
