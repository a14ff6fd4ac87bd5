"""What the report says, in its order: results of each study first, then how they came about, then where.

The rules are those of Hoefler and Belli, "Scientific Benchmarking of Parallel Computing Systems" (SC'15): the base case
in absolute figures, medians with intervals and all repeats shown, no means of ratios, the environment and what was not
controlled.
"""
import numpy as np

from study import draw, words
from study.analysis import analyse
from study.document import Document
from study.plan import RULES
from study.prediction import predict
from study.results import PHASES, Results
from study.words import time_with_interval, with_interval

BASE_CLOCK = {
    "idle": "The cores that a run left over were idle. A core beside idle cores runs at a higher clock and has caches "
            "and memory to itself, so the one-core base is flattered, and efficiencies are lower bounds as far as that "
            "goes; `other_cores: busy` takes the clock out of the comparison.",
    "busy": "The cores that a run left over were kept busy with products of small matrices in their own caches, so "
            "that the clock is that of a machine at work in all runs. Memory was not shared with other work.",
}


def percent_with_interval(estimate):
    return words.percent(estimate.value) + words.interval(estimate, words.percent)


def rows_with_interval(estimate):
    return f"{estimate.value:,.0f}" + words.interval(estimate, lambda end: f"{end:,.0f}")


def serial_cell(case):
    """A fraction lies in [0, 1]; a loss against one core is none."""
    if case.serial is None:
        return ""
    return with_interval(case.serial, 2) if case.serial.value <= 1 else "none: S < 1"


def case_rows(part, peak_known):
    for case in part.cases:
        row = [case.layout, case.reduce, case.cores, f"{case.batch:,}", time_with_interval(case.time),
               f"{words.milli(case.runs.min())} – {words.milli(case.runs.max())}", f"{case.rate:,.0f}",
               with_interval(case.speedup), with_interval(case.efficiency),
               serial_cell(case), words.percent(case.exposed)]
        yield row + ([percent_with_interval(case.peak_share) if case.peak_share else "unknown"] if peak_known else [])


def case_table(document, part, peak_known):
    header = ["nodes x ranks x threads", "reduce", "cores", "batch", "time per step", "repeats", "rows/s", "speed-up",
              "efficiency", "Karp–Flatt", "exposed communication"]
    document.table(header + (["of peak"] if peak_known else []), list(case_rows(part, peak_known)))


def phase_table(document, part):
    """By the clock; what no case has is left out."""
    there = [p for p in PHASES if any(case.phases[p] > 0 for case in part.cases)]
    unit, factor = words.unit_of(max(case.time.value for case in part.cases))
    document.table(["nodes x ranks x threads", "reduce", *there, f"step, {unit}"],
                   [[case.layout, case.reduce, *(f"{case.phases[p] * factor:.3g}" for p in there),
                     f"{case.time.value * factor:.4g}"] for case in part.cases])


def fit_lines(part):
    law = ("Amdahl's law, S = 1 / (s + (1 − s) / p)," if part.scaling == "strong"
           else "Gustafson's law, S = p − s (p − 1),")
    for reduce, fit in part.fits.items():
        if fit is None:
            continue
        if fit.serial is None:
            yield f"{law} does not fit `reduce: {reduce}`: {fit.why_not}."
            continue
        several = len([p for p in part.best[reduce] if p > 1]) > 1
        bounded = part.scaling == "strong" and fit.serial.value > 0
        limit = f"; its limit is a speed-up of {1 / fit.serial.value:.3g}" if bounded else ""
        note = "" if several else "; through one point, so it is that point said otherwise, not a test of the law"
        yield f"{law} for `reduce: {reduce}`: s = {with_interval(fit.serial)}{limit}{note}."


def study_text(part):
    network = f"{part.parameters:,} parameters, {part.flops_per_row:,.0f} operations a row in training"
    if part.scaling == "strong":
        return (f"Strong scaling: the same step of {part.base.batch:,} rows in {part.base.shards} shards on all "
                f"layouts; {network}.")
    rate = part.plan["learning_rate"]
    return (f"Weak scaling: {part.plan['rows_per_core']} rows a core in shards of {part.plan['rows_per_shard']}; "
            f"{network}. Learning rate: {rate['value']:g} on one core, on k cores {RULES[rate['rule']]} "
            f"(rule: {rate['rule']}).")


def target_table(document, part):
    rows = []
    for t in part.targets:
        row = [t["cores"], f"{t['batch']:,}", len(t["rows"])]
        if t["estimate"] is None:
            rows.append(row + ["by some reached within the first epoch, or not at all", "", ""])
        else:
            rows.append(row + [rows_with_interval(t["estimate"]), time_with_interval(t["step"]),
                               time_with_interval(t["time"])])
    document.heading(3, f"{part.name}: time to a target loss")
    document.text(f"Rows until the validation loss has come down to {part.plan['target_loss']:g}, on the line between "
                  "the ends of epochs; one training for each seed. The layout changes nothing in that, only the batch "
                  "does. The time is these rows by the time per step of the fastest layout with this number of cores.")
    document.table(["cores", "batch", "seeds", "rows to the target", "time per step", "time to the target"], rows)


def network_rows(network):
    """What was measured of the network, in figures that people know."""
    for key, name in (("in_node", "two ranks of a node"), ("between_nodes", "two ranks of different nodes"),
                      ("exchange", "an exchange as training makes it, by what a node sends")):
        if key in network:
            level = network[key]
            off = max(abs(1 - (level["alpha"] + level["beta"] * n) / t) for n, t in zip(level["bytes"], level["seconds"]))
            yield [name, words.milli(level["seconds"][0]), f"{1e-9 * level['bytes'][-1] / level['seconds'][-1]:.3g} GB/s",
                   words.milli(level["alpha"]), f"{1e-9 / level['beta']:.3g} GB/s", f"{off:.0%}"]


def prediction_rows(part, predicted):
    for n, sent, exchange, hidden, plain in zip(predicted.nodes, predicted.sent, predicted.exchange, predicted.hidden,
                                                predicted.plain):
        case = min((c for c in part.cases if c.nodes == n and c.reduce == "shared"), key=lambda c: c.time.value,
                   default=None)
        row = [n, words.size(sent) if n > 1 else "", words.milli(exchange), f"{words.milli(hidden)} – {words.milli(plain)}"]
        if case is None:
            yield row + ["prediction", "prediction", ""]
        else:
            yield row + [words.milli(case.exposed * case.time.value), time_with_interval(case.time),
                         f"{hidden / case.time.value:.2f} – {plain / case.time.value:.2f}" if n > 1 else ""]


def prediction_section(document, part, predicted, network, folder, root):
    document.heading(3, f"{part.name}: predicted against measured")
    document.text("What `lockstep bench --network` found, and how far a line α + β n through all sizes is off:")
    document.table(["messages between", "the smallest", "the largest", "α", "1 / β", "off by up to"],
                   list(network_rows(network)))
    document.text("From the times of messages between two nodes, t(n), and the time of one node follows what an exchange takes, "
                  "X(N) = (N − 1) (t(k V / N) + t(V / N)), with V the bytes of the parameters and k the partial sums of a "
                  "node. A step takes its own time and X at the most, and the larger of the two where the work of the step "
                  f"hides as much as it can. **Beyond {predicted.measured_nodes} nodes this is a prediction**, without "
                  "waiting for the slowest node and without other traffic.")
    document.table(["nodes", "a node sends", "exchange, model", "step, model", "exposed, measured", "step, measured", "model / measured"],
                   list(prediction_rows(part, predicted)))
    document.figure(draw.prediction(part, predicted, folder), root,
                    f"{part.name}: the model of the exchange beside the measurements, and beyond them.")


def study_section(document, part, folder, root, facts):
    peak_known = any(case.peak_share for case in part.cases)
    document.heading(2, f"{part.name}: {part.scaling} scaling")
    document.text(study_text(part), *words.limits(part))
    case_table(document, part, peak_known)
    document.items(list(fit_lines(part)) or ["Only one number of cores: nothing to fit."])
    document.figure(draw.scaling(part, folder), root,
                    f"{part.name}: lines join the fastest layouts, bars are 95 % intervals, small dots are single repeats of "
                    "all layouts. A bar that leaves the panel is longer than the panel shows.")
    document.figure(draw.phases(part, folder, peak_known), root,
                    f"{part.name}: phases of a step, which add up to the time per step.")
    phase_table(document, part)
    document.figure(draw.steps(part, folder), root, f"{part.name}: every measured step.")
    predicted = predict(part, facts.get("network"))
    if predicted is not None:
        prediction_section(document, part, predicted, facts["network"], folder, root)
    if part.targets:
        target_table(document, part)
        if sum(t["estimate"] is not None for t in part.targets) > 1:
            document.figure(draw.targets(part, folder), root,
                            f"{part.name}: what the larger batch costs in rows, and what is left of the speed-up.")
    elif part.scaling == "weak":
        document.text("**No target loss was given, so this says how fast rows go by, not how fast anything is "
                      "learned**: with the batch grows the number of rows that a loss takes. `target_loss` in the "
                      "study's file adds it.")


def peak_lines(results):
    """Of what peak shares are given, and how steady it was."""
    if not results.peaks:
        return
    cores, rates = results.peaks["cores"], results.peaks["gflops_per_core"]
    found = []
    for p in np.unique(cores):
        own = rates[cores == p]
        found.append(f"{p} at work {np.median(own):.4g} GFLOP/s a core ({own.min():.4g} – {own.max():.4g}, "
                     f"{len(own)} times)")
    yield ("Peak: sums and products in registers in single precision, by `lockstep bench`, before each round and after "
           f"the last: {', '.join(found)}. *Of peak* holds a run's median step against the larger of the peaks just "
           "before and just after it, with as many cores at work.")


def method_section(document, facts, results):
    document.heading(2, "How it was measured")
    count = len(results.points["cores"])
    steps = ", ".join(f"{plan['steps']} ({name})" for name, plan in facts["studies"].items())
    items = [
        f"{facts['repeats']} repeats of every case, each a process of its own; round by round, every round in an order "
        f"of its own (seed {facts['seed']}); {count} runs in all.",
        f"Of each run the first {facts['warmup_steps']} steps are left out as warm-up, and {steps} are kept, but "
        "for the last one of an epoch where it has fewer rows. A step is from gathering rows to the end of the update, "
        "waiting included; set-up, validation and files are not in it.",
        "A run counts as one number, the median of its steps; a case is the geometric mean of its runs. Intervals are "
        "those of Student's t at 95 %, for the logarithms of the runs. Speed-ups and efficiencies are ratios of such means, "
        "with intervals from the distributions of both.",
        "Speed-up and efficiency are against the fastest one-core case, which is printed in absolute figures.",
        "Phases are means over all threads, all runs, and the middle half of the steps of a run (between the quartiles of "
        "their times), as shares of the time per step: they add up to it. Core time is that times the cores.",
        "Exposed communication: the share of the steps in which messages between nodes (or `MPI_Allreduce`) held up a "
        "rank.",
        *peak_lines(results),
        BASE_CLOCK[facts["other_cores"]],
        "Not controlled: other users of the machine, its temperature, and where the system places the threads of a run "
        "within the cores given to it.",
    ]
    if facts["left_out"]:
        items.append(f"Left out, having more threads than the {facts['cores_per_node']} cores of a node: "
                     f"{', '.join(facts['left_out'])}.")
    if (results.points["nodes"] > 1).any() and any("ranks_per_node" in c for c in results.points["command"]):
        items.append("**Nodes are groups of ranks on one machine** here (`parallel.ranks_per_node`): their messages go "
                     "through memory and say nothing of a network.")
    if facts["missing"]:
        items.append(f"**{facts['missing']} runs are missing**: the study was not finished.")
    if results.points["load"].max() > 0.5 + results.points["cores"].max():
        items.append(f"The load average reached {results.points['load'].max():.1f} before a run: the machine was not "
                     "quiet.")
    document.items(items)


def environment_section(document, results):
    document.heading(2, "Where it was measured")
    if len(results.environments) > 1:
        document.text(f"**{len(results.environments)} different machines or programs**: figures from different ones "
                      "cannot be compared. study.h5 says which run had which.")
    for facts in results.environments:
        document.table(["", ""], [[key, f"`{value}`"] for key, value in facts.items()], words=True)
    document.text("The command of the first run:", f"`{results.points['command'][0]}`")


def write(path):
    """report.md, report.html and figures/ beside study.h5."""
    results, root = Results(path), path.parent
    facts = results.facts
    document = Document(f"Scaling study {facts['name']}")
    began = min(results.points["started"])
    document.text(f"`{facts['config']}`, measured from {began} on {results.environments[0]['host']}, "
                  f"{results.environments[0].get('Model name', 'unknown CPU')}.")
    for part in analyse(results):
        study_section(document, part, root / "figures", root, facts)
    method_section(document, facts, results)
    environment_section(document, results)
    document.write(root)
    return root / "report.html"
