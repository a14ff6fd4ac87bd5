"""The pictures of a report, each as SVG and PNG. Every repeat is drawn, not only its summary."""
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter  # noqa: E402

from study import laws  # noqa: E402
from study.results import PHASES  # noqa: E402

# Colours that differ in lightness too (Okabe and Ito 2008).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
PHASE_COLOURS = dict(zip(PHASES, ["#56b4e9", "#0072b2", "#003f66", "#009e73", "#bbbbbb", "#d55e00", "#e69f00"]))
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


def plain_ticks(axis):
    """Numbers as they are, on a logarithmic axis too."""
    for setter in (axis.set_major_formatter, axis.set_minor_formatter):
        setter(FuncFormatter(lambda value, _: f"{value:g}"))


def cores_axis(axes, cores):
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sorted(set(cores))))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda p, _: f"{p:g}"))
    axes.set_xlim(min(cores) / 1.25, max(cores) * 1.25)
    axes.set_xlabel("cores")


def draw_line(axes, cases, colour, label, figure_of):
    """The fastest cases with their intervals; figure_of(case) is an Estimate."""
    estimates = [figure_of(case) for case in cases]
    values = np.array([e.value for e in estimates])
    errors = [values - [e.low for e in estimates], np.array([e.high for e in estimates]) - values]
    axes.errorbar([case.cores for case in cases], values, yerr=np.maximum(errors, 0), color=colour, marker="o",
                  markersize=4, capsize=3, linewidth=1.4, label=label, zorder=3)


def draw_repeats(axes, cases, colour, value_of):
    """Every repeat of every layout, a little beside its place so that layouts do not hide each other."""
    seen = {}
    for case in cases:
        place = seen[case.cores] = seen.get(case.cores, 0) + 1
        x = case.cores * 1.03 ** (place if place % 2 else -place)
        axes.plot(np.full(len(case.runs), x), value_of(case, case.runs), ".", color=colour, alpha=0.4, markersize=4,
                  markeredgewidth=0)


def per_rate(part, case, runs):
    """Speed-ups of single repeats, against the base's median."""
    if part.scaling == "strong":
        return laws.strong_speedup(part.base.time.value, runs)
    return laws.weak_speedup(part.base.time.value, runs, case.cores)


def draw_times(axes, part, cores):
    for (reduce, best), colour in zip(part.best.items(), COLOURS):
        draw_repeats(axes, [c for c in part.cases if c.reduce == reduce], colour, lambda case, runs: runs * 1e3)
        cases = list(best.values())
        values = np.array([[c.time.value, c.time.low, c.time.high] for c in cases]) * 1e3
        axes.errorbar([c.cores for c in cases], values[:, 0], yerr=np.abs(values[:, 1:] - values[:, :1]).T,
                      color=colour, marker="o", markersize=4, capsize=3, linewidth=1.4, label=reduce, zorder=3)
    base = part.base.time.value * 1e3
    ideal = base / cores if part.scaling == "strong" else np.full(len(cores), base)
    axes.plot(cores, ideal, "--", color=GREY, linewidth=1, label="ideal")
    axes.set_yscale("log" if part.scaling == "strong" else "linear")
    if part.scaling == "strong":
        plain_ticks(axes.yaxis)
    else:
        axes.set_ylim(0, None)
    axes.set_title("ms per step", loc="left")


def draw_speedups(axes, part, cores):
    law, name = (laws.amdahl, "Amdahl") if part.scaling == "strong" else (laws.gustafson, "Gustafson")
    for (reduce, best), colour in zip(part.best.items(), COLOURS):
        draw_repeats(axes, [c for c in part.cases if c.reduce == reduce], colour,
                     lambda case, runs: per_rate(part, case, runs))
        draw_line(axes, list(best.values()), colour, reduce, lambda case: case.speedup)
        if part.fits[reduce] is not None:
            axes.plot(cores, law(part.fits[reduce].value, cores), ":", color=colour, linewidth=1.2,
                      label=f"{name}, s = {part.fits[reduce].value:.3g}")
    axes.plot(cores, cores, "--", color=GREY, linewidth=1, label="ideal")
    axes.set_yscale("log", base=2)
    plain_ticks(axes.yaxis)
    axes.set_title("speed-up against one core" + ("" if part.scaling == "strong" else ", in rows/s"), loc="left")


def draw_efficiency(axes, part):
    for (reduce, best), colour in zip(part.best.items(), COLOURS):
        draw_line(axes, list(best.values()), colour, f"efficiency, {reduce}", lambda case: case.efficiency)
        serial = [case for case in best.values() if case.serial is not None]
        if serial:
            axes.plot([c.cores for c in serial], [c.serial.value for c in serial], "s", color=colour, markersize=4,
                      markerfacecolor="none", linestyle=":", label=f"Karp–Flatt, {reduce}")
    axes.axhline(1, color=GREY, linestyle="--", linewidth=1)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_title("efficiency and serial fraction", loc="left")


def scaling(part, folder):
    """Time, speed-up, efficiency over cores."""
    figure, panels = plt.subplots(1, 3, figsize=(10.5, 3.6), layout="constrained")
    all_cores = sorted({case.cores for case in part.cases})
    cores = np.geomspace(min(all_cores), max(all_cores), 50)
    draw_times(panels[0], part, cores)
    draw_speedups(panels[1], part, cores)
    draw_efficiency(panels[2], part)
    for axes in panels:
        cores_axis(axes, all_cores)
        axes.legend(fontsize=7.5)
    return save(figure, folder, f"{part.name}-scaling")


def phases(part, folder, peak_known):
    """Where the time of a step goes: by the clock, and as core time against the base case."""
    columns = 3 if peak_known else 2
    height = 1.3 + 0.32 * len(part.cases)
    figure, panels = plt.subplots(1, columns, figsize=(10.5, height), sharey=True,
                                  gridspec_kw={"width_ratios": [3, 3, 1.6][:columns]})
    base = sum(part.base.phases.values())
    labels, places = [case.title for case in part.cases], np.arange(len(part.cases))
    times = [case.cores if part.scaling == "strong" else 1 for case in part.cases]
    left = np.zeros((2, len(part.cases)))
    for phase in PHASES:
        seconds = np.array([case.phases[phase] for case in part.cases])
        for row, widths in enumerate((seconds * 1e3, seconds * times / base)):
            panels[row].barh(places, widths, left=left[row], color=PHASE_COLOURS[phase], height=0.7, label=phase)
            left[row] += widths
    panels[0].set_title("ms per step", loc="left")
    whose = "" if part.scaling == "strong" else " and core"
    panels[1].set_title(f"core time per step{whose}, base case = 100 %", loc="left")
    panels[1].axvline(1, color=GREY, linestyle="--", linewidth=1)
    panels[1].xaxis.set_major_formatter(PercentFormatter(1))
    if peak_known:
        panels[2].barh(places, [case.peak_share for case in part.cases], color=COLOURS[0], height=0.7)
        panels[2].set_xlim(0, 1)
        panels[2].xaxis.set_major_formatter(PercentFormatter(1))
        panels[2].set_title("fraction of peak", loc="left")
    panels[0].set_yticks(places, labels)
    panels[0].invert_yaxis()
    for axes in panels:
        axes.grid(axis="y", visible=False)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=len(PHASES), fontsize=8)
    figure.tight_layout(rect=(0, 0.3 / height, 1, 1))
    return save(figure, folder, f"{part.name}-phases")


def steps(part, folder):
    """Every measured step of every repeat: the spread within runs and between them."""
    figure, axes = plt.subplots(figsize=(10.5, 1.1 + 0.4 * len(part.cases)), layout="constrained")
    colours = dict(zip(part.best, COLOURS))
    for place, case in enumerate(part.cases):
        for repeat, seconds in enumerate(case.steps):
            y = place + 0.6 * ((repeat + 0.5) / len(case.steps) - 0.5)
            colour = colours[case.reduce]
            axes.plot(seconds * 1e3, np.full(len(seconds), y), ".", color=colour, alpha=0.35, markersize=4,
                      markeredgewidth=0)
            axes.plot([np.median(seconds) * 1e3], [y], "|", color="black", markersize=5)
    axes.set_yticks(range(len(part.cases)), [case.title for case in part.cases])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xscale("log")
    plain_ticks(axes.xaxis)
    axes.set_title("ms of every measured step, a line of dots for each repeat, | its median", loc="left")
    return save(figure, folder, f"{part.name}-steps")


def prediction(part, predicted, folder):
    """The model beside the measurements, and beyond them, where it is a prediction alone."""
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
    cases = [case for case in part.cases if case.reduce == "shared"]
    inside = [n <= predicted.measured_nodes for n in predicted.nodes]
    first_beyond = inside.index(False)
    for axes, values in ((panels[0], predicted.step), (panels[1], predicted.exchange)):
        values = np.array(values) * 1e3
        axes.plot(predicted.nodes[:first_beyond], values[:first_beyond], color=COLOURS[1], label="model")
        axes.plot(predicted.nodes[first_beyond - 1:], values[first_beyond - 1:], ":", color=COLOURS[1],
                  label="prediction, not measured")
        axes.axvspan(predicted.measured_nodes * 1.1, predicted.nodes[-1] * 1.25, color="#f2f2f2", zorder=0)
        cores_axis(axes, predicted.nodes)
        axes.set_xlabel("nodes")
    panels[0].plot([c.nodes for c in cases], [c.time.value * 1e3 for c in cases], "o", color=COLOURS[0], markersize=4,
                   label="measured")
    panels[1].plot([c.nodes for c in cases], [c.exposed.value * c.time.value * 1e3 for c in cases], "o",
                   color=COLOURS[0], markersize=4, label="measured")
    panels[0].set_ylim(0, None)
    panels[0].set_title("ms per step", loc="left")
    panels[1].set_title("ms of exposed communication per step", loc="left")
    panels[0].legend(fontsize=8)
    return save(figure, folder, f"{part.name}-prediction")


def targets(part, folder):
    """Weak scaling is worth what the target loss costs: rows to it, and time."""
    known = [t for t in part.targets if t["estimate"] is not None]
    figure, panels = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
    cores = np.array([t["cores"] for t in known])
    for t in known:
        panels[0].plot(np.full(len(t["rows"]), t["cores"]), t["rows"], ".", color=COLOURS[0], alpha=0.4)
    for axes, key, factor in ((panels[0], "estimate", 1), (panels[1], "time", 1)):
        values = np.array([[t[key].value, t[key].low, t[key].high] for t in known]) * factor
        axes.errorbar(cores, values[:, 0], yerr=np.abs(values[:, 1:] - values[:, :1]).T, color=COLOURS[0], marker="o",
                      markersize=4, capsize=3, label="measured")
        axes.set_ylim(0, 1.15 * values.max())
        cores_axis(axes, cores)
    rows, seconds = known[0]["estimate"].value, known[0]["time"].value
    panels[0].axhline(rows, color=GREY, linestyle="--", linewidth=1, label="if the batch did not matter")
    hardware = [rows / t["batch"] * t["step"].value for t in known]
    panels[1].plot(cores, hardware, ":", color=COLOURS[1], label="if the batch did not matter")
    panels[1].plot(cores, seconds * cores[0] / cores, "--", color=GREY, linewidth=1, label="ideal")
    panels[0].set_title(f"rows to a validation loss of {part.plan['target_loss']:g}", loc="left")
    panels[1].set_title("seconds of training steps to it", loc="left")
    for axes in panels:
        axes.legend(fontsize=8, loc="lower left")
    return save(figure, folder, f"{part.name}-target")


