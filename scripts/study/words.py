"""What limits the scaling, said in words: where the core time goes that p cores spend more than one."""
from study.results import PHASES

# Why a phase takes more core time on more cores, and what to do.
KERNELS = ("the same arithmetic runs slower when more cores work: they share caches, memory bandwidth and the clock's "
           "budget")
CAUSES = {
    "read": "rows that are larger than memory come from the file; a larger `data.memory_limit` keeps more of them",
    "gather": "picking rows is bound by memory, which the cores share",
    "forward": KERNELS,
    "backward": KERNELS,
    "fold": KERNELS,
    "wait": "threads wait for each other where all meet, three times a step: uneven shares, a core that something else "
            "keeps busy, or steps too short for this number of threads; a larger batch puts more work between the meetings",
    "exchange": "messages between nodes, about twice the parameters in each step; a larger batch makes them rarer, and "
                "on one node `reduce: shared` needs none",
    "update": "the sum over ranks and the update read and write whole parameter vectors: bound by memory and by what "
              "the cores must fetch from each other's caches; a larger batch makes it rare",
}


ENOUGH_REPEATS = 5


def unit_of(seconds):
    """The unit that suits a time, and how many of it are a second."""
    return next((unit, factor) for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6))
                if abs(seconds) * factor >= 1 or unit == "µs")


def milli(seconds):
    """A time in the unit that suits it."""
    unit, factor = unit_of(seconds)
    return f"{seconds * factor:.4g} {unit}"


def percent(share):
    """Two digits at least of what is below 10 %."""
    return f"{share:.1%}" if share >= 0.01 or share == 0 else f"{100 * share:.2g}%"


def size(count):
    """Bytes in the unit that suits them."""
    unit, factor = next((unit, factor) for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1))
                        if count >= factor or unit == "B")
    return f"{count / factor:.4g} {unit}"


def growth(share):
    """How much more core time: in percent, or as a factor when that is large."""
    return f"{share:+.1%}" if share < 1 else f"{1 + share:.3g} times the"


def interval(estimate, written):
    """Behind a figure: the ends of its interval, each as `written` has it; nothing for a single run."""
    return f" [{written(estimate.low)}, {written(estimate.high)}]" if estimate.is_known else ""


def with_interval(estimate, digits=3):
    def written(value):
        return f"{value:.{digits}g}"
    return written(estimate.value) + interval(estimate, written)


def time_with_interval(estimate):
    unit, factor = unit_of(estimate.value)
    return f"{estimate.value * factor:.4g}{interval(estimate, lambda end: f'{end * factor:.4g}')} {unit}"


def extra_core_time(part, case):
    """By phase: core time of a step beyond the base case's, as a share of the base's whole step. In a weak study a
    step of p cores has p times the rows, so a core's own time is compared."""
    whole = sum(part.base.phases.values())
    times = case.cores if part.scaling == "strong" else 1
    return {p: (times * case.phases[p] - part.base.phases[p]) / whole for p in PHASES}


def largest(part):
    """The fastest case on the most cores."""
    cores = max(case.cores for case in part.cases)
    return min((case for case in part.cases if case.cores == cores), key=lambda c: c.time.value)


def of_peak(case):
    """Behind a rate."""
    cores = "a core's peak" if case.cores == 1 else f"the peak of {case.cores} cores"
    return f", {percent(case.peak_share.value)} of {cores}" if case.peak_share else ""


def describe_repeats(part):
    fewest = min(len(case.runs) for case in part.cases)
    if fewest == 1:
        yield ("**A case was run only once**, so nothing says how far its time would vary: there is no interval. Take "
               f"{ENOUGH_REPEATS} repeats or more.")
    elif fewest < ENOUGH_REPEATS:
        yield (f"**Only {fewest} repeats**: intervals from so few runs are wide, and one disturbed run can move every "
               f"figure. Take {ENOUGH_REPEATS} repeats or more before you rely on them.")


def describe_spread(part):
    """Repeats of one case do the same work: where their times are far apart, something else was at work."""
    worst = max(part.cases, key=lambda case: case.runs.max() / case.runs.min())
    spread = worst.runs.max() / worst.runs.min()
    if spread > 1.25:
        wide = sum(case.runs.max() > 1.25 * case.runs.min() for case in part.cases)
        yield (f"**The machine was not quiet**: in {wide} of {len(part.cases)} cases repeats of the same work are more "
               f"than a quarter apart, the most in {worst.title}, by a factor of {spread:.3g}. What is said below "
               "holds as far as the intervals go.")


def describe_loss(part, case):
    extra = extra_core_time(part, case)
    total = sum(extra.values())
    if case.efficiency.high >= 1:
        yield (f"The interval of the efficiency reaches 1 ({with_interval(case.efficiency)}): what is lost cannot be "
               "told from the spread of the repeats.")

    def written(share):
        return f"{share:+.1%}" if total < 1 else f"{share:+.2g}"
    parts = ", ".join(f"{p} {written(extra[p])}" for p in sorted(PHASES, key=lambda p: -extra[p])
                      if abs(extra[p]) >= 0.002)
    unit = "core time" if part.scaling == "strong" else "time of a core"
    yield (f"A step on {case.cores} cores takes {growth(total)} {unit} {'of' if total >= 1 else 'against'} the base case; by phase, in "
           f"{'shares of the base step' if total < 1 else 'base steps'}: {parts or 'nothing above 0.2 %'}.")
    reasons = [p for p in sorted(PHASES, key=lambda p: -extra[p]) if extra[p] >= max(0.005, 0.2 * total)]
    if total > 0.005 and reasons:
        causes = {}
        for p in reasons:
            causes.setdefault(CAUSES[p], []).append(f"**{p}**")
        yield "What limits it: " + "; ".join(f"{' and '.join(names)}: {cause}" for cause, names in causes.items()) + "."
    elif total <= 0.005:
        yield "Nothing limits it on these cores: they do the work of a step in no more core time than one."


def describe_trend(part):
    """What Karp-Flatt says, where there are several numbers of cores."""
    best = fastest_line(part)
    serial = [case.serial.value for case in best if case.serial is not None]
    if len(serial) >= 2 and serial[-1] > 1.25 * serial[0] and serial[-1] - serial[0] > 0.002:
        yield (f"The Karp–Flatt fraction grows from {serial[0]:.3g} to {serial[-1]:.3g}: not a serial part limits, "
               "but overhead that grows with the cores.")
    elif len(serial) >= 2 and 0 <= serial[-1] <= 1:
        yield (f"The Karp–Flatt fraction stays near {serial[-1]:.3g}: as a serial part of that size would have it.")


def fastest_line(part):
    """The fastest case on each number of cores, whatever the reduce."""
    best = {}
    for case in sorted(part.cases, key=lambda c: (c.cores, c.time.value)):
        best.setdefault(case.cores, case)
    return list(best.values())


def overlap(one, other):
    """Behind a comparison: whether the intervals leave it open."""
    if not (one.is_known and other.is_known):
        return "; single runs, so this may be chance"
    return "; their intervals overlap" if one.low <= other.high and other.low <= one.high else ""


def describe_reduce(part):
    cases = [best[max(best)] for best in part.best.values()]
    for other in cases[1:]:
        if other.cores != cases[0].cores:
            continue
        yield (f"On {other.cores} cores `reduce: {other.reduce}` takes {milli(other.time.value)} a step "
               f"({other.layout}), `{cases[0].reduce}` {milli(cases[0].time.value)} ({cases[0].layout}): "
               f"{other.time.value / cases[0].time.value:.3g} times as long{overlap(other.time, cases[0].time)}.")


def describe_layouts(part):
    """Whether ranks or threads are better, on the most cores."""
    top = largest(part)
    for case in part.cases:
        if case.cores == top.cores and case.reduce == top.reduce and case is not top:
            yield (f"{case.layout} takes {case.time.value / top.time.value:.3g} times as long as {top.layout}"
                   f"{overlap(case.time, top.time)}.")


def faster(factor):
    return f"{factor:.3g} times as fast" if factor >= 1 else f"{1 / factor:.3g} times as slow"


def describe_targets(part):
    known = [t for t in part.targets if t["estimate"] is not None]
    if len(known) < 2:
        return
    first, last = known[0], known[-1]
    rows = last["estimate"].value / first["estimate"].value
    yield (f"From {first['cores']} to {last['cores']} cores the batch grows from {first['batch']} to {last['batch']} "
           f"rows, and the target loss of {part.plan['target_loss']} takes {rows:.3g} times the rows: the time to it "
           f"goes from {milli(first['time'].value)} to {milli(last['time'].value)}, "
           f"{faster(first['time'].value / last['time'].value)}. Rows per second alone are "
           f"{faster((last['batch'] / last['step'].value) / (first['batch'] / first['step'].value))}.")


def limits(part):
    """The paragraphs on one study."""
    top, base = largest(part), part.base
    paragraphs = [f"Base case: {base.title} on one core, **{time_with_interval(base.time)} a step** of {base.batch} "
                  f"rows, {base.rate:,.0f} rows/s{of_peak(base)}.", *describe_repeats(part), *describe_spread(part)]
    if top.cores > 1:
        paragraphs.append(
            f"The fastest on {top.cores} cores is {top.title}: {time_with_interval(top.time)} a step of {top.batch} "
            f"rows, {top.rate:,.0f} rows/s{of_peak(top)}; speed-up {with_interval(top.speedup)} of {top.cores}, efficiency "
            f"{with_interval(top.efficiency)}.")
        paragraphs += list(describe_loss(part, top)) + list(describe_trend(part))
    paragraphs += list(describe_layouts(part)) + list(describe_reduce(part)) + list(describe_targets(part))
    return paragraphs
