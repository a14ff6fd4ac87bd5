"""How training went: losses and metrics by epoch, learning rate, gradient norm, speed and phases. Several runs share a chart."""
import h5py
import numpy as np

from report.chart import SERIES, Chart, is_wide, short
from report.page import Html, escape, figure, sentence, table
from report.run import PHASES

QUALITIES = (("valid_accuracy", "accuracy on validation rows", np.nanargmax), ("valid_rmse", "RMSE on validation rows", np.nanargmin),
             ("valid_r2", "R² on validation rows", np.nanargmax))


def said(words):
    """A caption; the name of a run begins as it is written."""
    text = "; ".join(words) + "."
    return text if ": " in text else text[:1].upper() + text[1:]


def label(runs, run, words):
    return f"{run.name}, {words}" if len(runs) > 1 else words


def best_of(run, name, choose=np.nanargmin, head=None):
    values = run.column(name, head)
    if values is None:
        return None
    with np.errstate(invalid="ignore"):
        return int(choose(np.where(np.isfinite(values), values, np.nan)))


def losses(runs, head=None):
    chart = Chart("epoch", "loss" if head is None else f"loss of {head}", log_y=None, whole=True)
    words = []
    for series, run in enumerate(runs):
        epochs = run.column("epoch")
        train, valid = run.column("train_loss", head), run.column("valid_loss", head)
        if epochs is None:
            continue
        if train is not None:
            chart.line(epochs, train, series, label=label(runs, run, "training"))
        if valid is not None:
            chart.line(epochs, valid, series, dashed=True, label=label(runs, run, "validation"))
        best = best_of(run, "valid_loss" if valid is not None else "train_loss", head=head)
        if best is not None:
            values = valid if valid is not None else train
            chart.mark(epochs[best], values[best], series, label(runs, run, f"best: epoch {epochs[best]:.0f}"))
            words.append(f"{run.name}: " * (len(runs) > 1) + f"lowest {'validation' if valid is not None else 'training'} loss "
                         f"{short(values[best])} in epoch {epochs[best]:.0f}")
        kept = run.model_epoch()
        if head is None and kept is not None and kept != best:
            values = valid if valid is not None else train
            chart.mark(epochs[kept], values[kept], series, label(runs, run, f"model.h5: epoch {epochs[kept]:.0f}"), square=True)
    if chart.is_empty():
        return []
    kinds = {tuple(asked.loss for asked in run.heads if head in (None, asked.name)) for run in runs if run.column("epoch") is not None}
    if len(kinds) > 1:
        words.append("these runs have different losses, so only the shapes of the curves compare")
    return [chart.figure(said(words))]


def quality(runs, head=None):
    """The first of the metrics that a run has."""
    for name, words, choose in QUALITIES:
        with_it = [(series, run) for series, run in enumerate(runs) if run.column(name, head) is not None]
        if not with_it:
            continue
        chart = Chart("epoch", words if head is None else f"{words}, {head}", whole=True)
        words_of_runs = []
        for series, run in with_it:
            epochs, values = run.column("epoch"), run.column(name, head)
            best = best_of(run, name, choose, head)
            chart.line(epochs, values, series, dashed=True, label=label(runs, run, "validation"))
            chart.mark(epochs[best], values[best], series, label(runs, run, f"best: epoch {epochs[best]:.0f}"))
            words_of_runs.append(f"{run.name}: " * (len(runs) > 1) + f"best {short(values[best])} in epoch {epochs[best]:.0f}")
        for key, name_of, dash in (("persistence", "persistence", True), ("seasonal_naive", "seasonal naive", True)):
            values = with_it[0][1].column(name.replace("valid_", f"valid_{key}_"), head)
            if values is not None and len(runs) == 1:
                chart.line(runs[0].column("epoch"), values, 2 if key == "persistence" else 3, dash, label=name_of)
        return [chart.figure(said(words_of_runs))]
    return []


def figure_of_steps(runs, name, words, caption, log, only_logged=False):
    """By step where steps were logged, else by the last step of each epoch."""
    chart = Chart("step", words, log_y=log, zero=log is False, whole=True)
    for series, run in enumerate(runs):
        steps = run.steps()
        if only_logged and not steps:
            continue
        xs, ys = (steps["step"], steps[name]) if steps else (run.column("step"), run.column(name))
        if xs is not None and ys is not None and np.isfinite(ys).any():
            chart.line(xs, ys, series, label=label(runs, run, "logged steps" if steps else "last step of each epoch"))
    return [] if chart.is_empty() else [chart.figure(caption)]


def step_losses(runs):
    return figure_of_steps(runs, "loss", "loss of a step", "Loss of single batches, as often as `train.log_every` says.", None,
                           only_logged=True)


def rates(runs):
    """A schedule looks as usual on a linear axis; runs with very different rates need a logarithmic one."""
    highest = [np.nanmax(run.column("learning_rate")) for run in runs if run.column("learning_rate") is not None]
    highest += [np.nanmax(run.steps()["learning_rate"]) for run in runs if run.steps()]
    return figure_of_steps(runs, "learning_rate", "learning rate", "The learning rate, as the schedule sets it.",
                           is_wide(np.array(highest)))


def speed(runs):
    chart = Chart("epoch", "rows per second", zero=True, whole=True)
    for series, run in enumerate(runs):
        rows, seconds, epochs = run.column("rows"), run.column("seconds"), run.column("epoch")
        if rows is not None and seconds is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                chart.line(epochs, np.where(seconds > 0, rows / seconds, np.nan), series, label=label(runs, run, "training steps"))
    return [] if chart.is_empty() else [chart.figure("Training rows by the time of the steps, without validation and saving.")]


def phase_shares(columns):
    """Phases and their shares of the time, those that there are."""
    whole = np.nansum(columns["seconds"])
    found = [(phase, float(np.nansum(columns[f"seconds_{phase}"]) / whole)) for phase in PHASES
             if f"seconds_{phase}" in columns and whole > 0]
    return [(phase, share) for phase, share in found if share > 0]


def phases(runs):
    """A bar for each run, its parts named below."""
    rows, used = [], []
    for run in runs:
        columns = run.timing or run.history
        shares = phase_shares(columns) if "seconds" in columns else []
        if not shares:
            continue
        used += [phase for phase, _ in shares if phase not in used]
        parts = "".join(f'<span class="part p{PHASES.index(phase)}" style="width:{100 * share:.3f}%" title="{phase} {share:.1%}"></span>'
                        for phase, share in shares)
        said = ", ".join(f"{phase} {share:.1%}" for phase, share in shares)
        name = f"<div>{escape(run.name)}</div>" if len(runs) > 1 else ""
        rows.append(f'{name}<div class="bar" role="img" aria-label="{said}">{parts}</div><p class="note">{said}</p>')
    if not rows:
        return []
    legend = "".join(f'<li><span class="swatch p{PHASES.index(phase)}"></span>{phase}</li>' for phase in PHASES if phase in used)
    return [Html(f'<figure><div class="axis">where the time of steps goes</div>{"".join(rows)}<ul class="legend">{legend}</ul>'
                 "<figcaption>Shares of the time of all steps: mean over threads.</figcaption></figure>")]


def step_times(runs):
    """With train --timing: how long steps took."""
    found = []
    for run in runs:
        seconds = run.timing.get("seconds")
        if seconds is None or len(seconds) < 2:
            continue
        milli = 1000 * seconds
        low, middle, high = np.percentile(milli, [25, 50, 75])
        far = min(np.percentile(milli, 99), 4 * middle)  # a few slow steps do not flatten the others
        counts, edges = np.histogram(milli[milli <= far], bins=25)
        chart = Chart("ms of a step", label(runs, run, "steps"))
        chart.bars(edges, counts, 0, titles=[f"{short(a)} to {short(b)} ms: {n} steps" for a, b, n in zip(edges, edges[1:], counts)])
        found.append(chart.figure(f"Median {short(middle)} ms, middle half {short(low)} to {short(high)} ms. Of {len(milli):,} steps the "
                                  f"slowest {(milli > far).sum():,} are not drawn; the slowest took {short(milli.max())} ms."))
    return found


def members(run):
    """Of an ensemble the curves of its members, which are runs of their own."""
    n = int(run.setting("train", "members", otherwise=1))
    if n < 2:
        return []
    chart, lacking, best = Chart("epoch", "loss of the members", log_y=None, whole=True), [], []
    for member in range(1, n + 1):
        path = run.path.parent / f"{run.path.resolve().name}-member-{member}" / "history.h5"
        try:
            with h5py.File(path) as file:
                columns = {name: file[name][:] for name in ("epoch", "train_loss", "valid_loss")}
        except (OSError, KeyError):
            lacking.append(str(member))
            continue
        name = "valid_loss" if np.isfinite(columns["valid_loss"]).any() else "train_loss"
        series = (member - 1) % SERIES
        chart.line(columns["epoch"], columns[name], series, dashed=name == "valid_loss", label=f"member {member}")
        if np.isfinite(columns[name]).any():
            best.append(np.nanmin(columns[name]))
    found = []
    if not chart.is_empty():
        found.append(chart.figure(f"{'Validation' if name == 'valid_loss' else 'Training'} losses of {n} networks: at their best "
                                  f"{short(min(best))} to {short(max(best))}."))
    if lacking:
        found.append(sentence(f"Of the members {', '.join(lacking)} there is no history beside the run."))
    return found


def heads_table(runs):
    found = []
    for run in runs:
        heads = run.summary.get("heads")
        if not isinstance(heads, list) or not heads:
            continue
        keys = [key for key in ("weight", "train_loss", "valid_loss", "test_loss", "test_accuracy", "test_rmse", "test_mae", "test_r2")
                if any(key in head for head in heads)]
        rows = [[escape(head.get("head", "")), escape(head.get("loss", ""))] + [short(head.get(key)) for key in keys] for head in heads]
        title = f"Heads of {run.name}" if len(runs) > 1 else "Heads"
        found.append(figure(table(["head", "loss", *keys], rows),
                            escape(f"{title}: losses without their weights, and metrics of the test rows.")))
    return found


def panels(runs):
    found = losses(runs) + quality(runs)
    for head in dict.fromkeys(name for run in runs for name in run.head_histories):
        found += losses(runs, head) + quality(runs, head)
    found += step_losses(runs)
    found += rates(runs)
    found += figure_of_steps(runs, "gradient_norm", "gradient norm", "Norm of the mean gradient, before clipping.", None)
    found += speed(runs) + phases(runs) + step_times(runs)
    for run in runs:
        found += members(run)
    for run in runs:
        train = run.column("train_loss")
        if train is not None and not np.isfinite(train).all():
            found.append(sentence("Losses of {} were not finite in some epochs: their curves have gaps there.", run.name))
    return found + heads_table(runs) or [sentence("No epoch, step or head has left figures to draw.")]


STYLE = """
.bar { display: flex; height: 1.3rem; border-radius: 4px; overflow: hidden; background: var(--shade); }
.part { display: block; height: 100%; }
.swatch { display: inline-block; width: 0.9rem; height: 0.7rem; margin-right: 0.3rem; border-radius: 2px; }
.p0 { background: #cc79a7; } .p1 { background: #56b4e9; } .p2 { background: #0072b2; } .p3 { background: #00548c; }
.p4 { background: #009e73; } .p5 { background: #999999; } .p6 { background: #d55e00; } .p7 { background: #e69f00; }
"""
