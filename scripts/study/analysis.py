"""From results to what the report shows: for each part of a study its cases, the base case, fits, times to a target."""
import dataclasses

import numpy as np

from study import laws
from study.results import PHASES, measured_steps
from study.stats import Estimate, combine


@dataclasses.dataclass
class CaseFigures:
    """One case, all its repeats."""
    layout: str
    reduce: str
    cores: int
    nodes: int
    batch: int
    shards: int
    steps: list  # (repeats) arrays: seconds of the measured steps
    runs: np.ndarray  # (repeats): median step of each
    time: Estimate  # seconds per step: mean over the runs
    phases: dict  # seconds of each phase, which add up to the time
    exposed: float  # share of the time in which messages held the ranks up, median over the runs
    speedup: Estimate = None
    efficiency: Estimate = None
    serial: Estimate = None  # Karp-Flatt; None on one core
    peak_share: Estimate = None  # of the peak of its cores; None where a run has no peak beside it

    @property
    def rate(self):
        return self.batch / self.time.value

    @property
    def title(self):
        return f"{self.layout} {self.reduce}"


@dataclasses.dataclass
class Fit:
    """Amdahl's law in a strong study, Gustafson's in a weak one."""
    serial: Estimate = None  # s, in [0, 1]
    why_not: str = None  # in place of it


@dataclasses.dataclass
class Part:
    """One of the studies: strong or weak."""
    name: str
    scaling: str
    plan: dict
    parameters: int
    flops_per_row: float
    cases: list
    base: CaseFigures = None
    best: dict = None  # reduce: the fastest case on each number of cores, by cores
    fits: dict = None  # reduce: Fit, where there are several numbers of cores
    targets: list = None  # weak with a target: dicts of cores, batch, rows (per seed), their
    # median (estimate), the fastest step and the time that follows


def middle_half(seconds):
    """Which steps lie between the quartiles: without the rare step that something else delayed."""
    low, high = np.percentile(seconds, [25, 75])
    return (seconds >= low) & (seconds <= high)


def phase_shares(points, i, keep):
    """The share of each phase in the middle half of a run's steps. Phases fill a step, so the shares add up to 1."""
    middle = middle_half(points["seconds"][i][keep])
    seconds = np.array([points[f"seconds_{p}"][i][keep][middle].sum() for p in PHASES])
    return seconds / seconds.sum()


def exposed_share(points, i, keep):
    middle = middle_half(points["seconds"][i][keep])
    return points["seconds_exposed"][i][keep][middle].sum() / points["seconds"][i][keep][middle].sum()


def case_figures(points, chosen, warmup, generator):
    first = chosen[0]
    batch = int(points["batch"][first])
    keep = [measured_steps(points["rows"][i], warmup, batch) for i in chosen]
    steps = [points["seconds"][i][k] for i, k in zip(chosen, keep)]
    runs = np.array([np.median(s) for s in steps])
    time = Estimate.of_runs(runs, generator)
    part_of = np.mean([phase_shares(points, i, k) for i, k in zip(chosen, keep)], axis=0)
    phases = {p: float(share * time.value) for p, share in zip(PHASES, part_of)}
    exposed = float(np.median([exposed_share(points, i, k) for i, k in zip(chosen, keep)]))
    shares = points["fraction_of_peak"][chosen]
    return CaseFigures(str(points["layout"][first]), str(points["reduce"][first]), int(points["cores"][first]),
                       int(points["nodes"][first]), batch, int(points["shards"][first]), steps, runs,
                       time, phases, exposed,
                       peak_share=Estimate.of_runs(shares, generator) if np.isfinite(shares).all() else None)


def compare_with_base(part):
    """Ratios are made of means; none is a mean of ratios."""
    base = part.base.time
    for case in part.cases:
        cores = case.cores
        case.speedup = combine(lambda b, t, p=cores: laws.strong_speedup(b, t) if part.scaling == "strong" else
                               laws.weak_speedup(b, t, p), base, case.time)
        if case is part.base:
            case.speedup = Estimate.exact(1)
        case.efficiency = combine(lambda s, p=cores: s / p, case.speedup)
        if cores > 1:
            case.serial = combine(lambda s, p=cores: laws.karp_flatt(s, p), case.speedup)


def fastest(cases):
    """By cores, in their order."""
    best = {}
    for case in sorted(cases, key=lambda c: (c.cores, c.time.value)):
        best.setdefault(case.cores, case)
    return best


def fit(part, best):
    """The law over the fastest cases with more than one core; None when there are none. The interval of s ends where
    the law does, at 0 and 1."""
    cores = [p for p in best if p > 1]
    if not cores:
        return None
    speedups = [best[p].speedup for p in cores]
    why_not = laws.no_law(cores, [s.value for s in speedups])
    if why_not:
        return Fit(why_not=why_not)
    if part.scaling == "strong":
        s = combine(lambda base, *times: laws.fit_amdahl(cores, np.array(times), base), part.base.time,
                    *(best[p].time for p in cores))
    else:
        s = combine(lambda *values: laws.fit_gustafson(cores, np.array(values)), *speedups)
    return Fit(Estimate(s.value, np.clip(s.samples, 0, 1) if s.is_known else None))


def target_figures(results, part, generator):
    """Rows to the target for each batch, over seeds, and with the step's time the seconds that they take."""
    table, found = results.targets, []
    best = fastest(part.cases)
    for cores in sorted(set(table["cores"][table["study"] == part.name])) if "study" in table else []:
        chosen = np.flatnonzero((table["study"] == part.name) & (table["cores"] == cores))
        rows = np.array([laws.rows_to_target(table["rows"][i], table["valid_loss"][i], part.plan["target_loss"])
                         for i in chosen])
        figures = {"cores": int(cores), "batch": int(table["batch"][chosen[0]]), "rows": rows, "estimate": None}
        if np.isfinite(rows).all() and cores in best:
            figures["estimate"], figures["step"] = Estimate.of_runs(rows, generator), best[cores].time
            figures["time"] = combine(lambda n, t, b=figures["batch"]: n / b * t, figures["estimate"],
                                      figures["step"])
        found.append(figures)
    return found


def analyse(results):
    """A Part for each study of the file."""
    points, facts, parts = results.points, results.facts, []
    generator = np.random.default_rng(1)  # the same report each time
    for name, plan in facts["studies"].items():
        chosen = np.flatnonzero(points["study"] == name)
        if len(chosen) == 0:
            continue
        groups = {}
        for i in chosen:
            groups.setdefault((points["layout"][i], points["reduce"][i]), []).append(i)
        cases = [case_figures(points, indices, facts["warmup_steps"], generator) for indices in groups.values()]
        cases.sort(key=lambda c: (c.cores, c.layout, facts["reduces"].index(c.reduce)))
        part = Part(name, plan["scaling"], plan, int(points["parameters"][chosen[0]]),
                    float(points["flops_per_row"][chosen[0]]), cases)
        ones = [case for case in cases if case.cores == 1]
        if not ones:
            continue  # an interrupted study, before its first one-core run: nothing to compare with
        part.base = min(ones, key=lambda c: c.time.value)
        compare_with_base(part)
        part.best = {reduce: fastest(c for c in cases if c.reduce == reduce)
                     for reduce in facts["reduces"] if any(c.reduce == reduce for c in cases)}
        part.fits = {reduce: fit(part, best) for reduce, best in part.best.items()}
        part.targets = target_figures(results, part, generator)
        parts.append(part)
    return parts
