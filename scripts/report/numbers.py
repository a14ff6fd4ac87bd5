"""Heads that answer with numbers: predicted against true, residuals, intervals, levels."""
import numpy as np

from report.chart import Chart, short
from report.page import figure, sentence, table

MOST_TARGETS = 4
MOST_DOTS = 1000
WORST = 8


def level_of(name):
    return float(name.removeprefix("quantile_"))


def central(answer):
    """(n, k): the predictions, or the quantile nearest to 1/2."""
    if "prediction" in answer.values:
        return answer.values["prediction"].astype(float)
    levels = [name for name in answer.values if name.startswith("quantile_")]
    return answer.values[min(levels, key=lambda name: abs(level_of(name) - 0.5))].astype(float)


def reach(answer):
    """Lower and upper ends (n, k) of what predictions claim, and words for it; or None."""
    levels = sorted((name for name in answer.values if name.startswith("quantile_")), key=level_of)
    if len(levels) > 1:
        low, high = levels[0], levels[-1]
        return (answer.values[low].astype(float), answer.values[high].astype(float),
                f"quantiles {short(level_of(low))} to {short(level_of(high))}")
    middle = central(answer)
    for name, words in (("std", "± 2 standard deviations"), ("aleatoric_std", "± 2 standard deviations of the noise"),
                        ("epistemic_std", "± 2 standard deviations between networks")):
        if name in answer.values:
            std = answer.values[name].astype(float)
            return middle - 2 * std, middle + 2 * std, words
    return None


def some(n):
    return np.arange(n) if n <= MOST_DOTS else np.arange(MOST_DOTS) * n // MOST_DOTS


def against_truth(answer, target, title):
    predicted, true = central(answer)[:, target], answer.truth[:, target]
    ends, shown = reach(answer), some(len(true))
    chart = Chart("true", f"{title}predicted", square=True)
    low, high = np.nanmin(true), np.nanmax(true)
    chart.rule([low, high], [low, high], "predicted = true", extends=True)
    if ends:
        chart.spans(true[shown], ends[0][shown, target], ends[1][shown, target], 0, ends[2])
    chart.points(true[shown], predicted[shown], 0, label="a row")
    fewer = f" {MOST_DOTS:,} of {len(true):,} rows are drawn." if len(true) > MOST_DOTS else ""
    return chart.figure(f"Predicted against true.{fewer}")


def residuals(answer, target, title):
    predicted = central(answer)[:, target]
    rest = answer.truth[:, target] - predicted
    finite = rest[np.isfinite(rest)]
    counts, edges = np.histogram(finite, bins=min(30, max(5, int(np.sqrt(len(finite))))))
    bars = Chart("true − predicted", f"{title}rows")
    bars.bars(edges, counts, 0, titles=[f"{short(a)} to {short(b)}: {n} rows" for a, b, n in zip(edges, edges[1:], counts)])
    scatter, shown = Chart("predicted", f"{title}residual"), some(len(rest))
    scatter.rule([predicted.min(), predicted.max()], [0, 0])
    scatter.points(predicted[shown], rest[shown], 0)
    return [bars.figure(f"Residuals: mean {short(finite.mean())}, RMSE {short(np.sqrt((finite ** 2).mean()))}, "
                        f"MAE {short(np.abs(finite).mean())}."),
            scatter.figure("Residuals (true − predicted) over predictions: a bend or a funnel shows what the network has not learnt.")]


def claims(view, figures):
    """Whether intervals hold what they claim."""
    for key, words in (("coverage", "inside the interval"), ("quantiles", "below the level")):
        if figures.get(key):
            claimed, seen = (np.array([entry[name] for entry in figures[key]]) for name in ("nominal", "observed"))
            chart = Chart("claimed share", f"share of targets {words}", square=True)
            chart.rule([0, 1], [0, 1], "as claimed", extends=True)
            chart.line(claimed, seen, 0)
            chart.points(claimed, seen, 0, radius=4, opacity=1, label="seen")
            return [chart.figure(f"Are the intervals right? Share of the targets {words}, of the {view.split_words()}: below the diagonal "
                                 "the model is too sure of itself.")]
    return []


def curve(view, answer, target, title):
    """With one feature: the function that the network has learnt."""
    if view.rows.window or np.prod(view.rows.x.shape[1:]) != 1:
        return []
    x = view.rows.x.reshape(-1).astype(float)
    order = np.argsort(x, kind="stable")
    order = order[some(len(order))]
    ends = reach(answer)
    chart = Chart((view.rows.feature_names or ["x"])[0], f"{title}y")
    if ends:
        chart.band(x[order], ends[0][order, target], ends[1][order, target], 0, ends[2])
    chart.points(x[order], answer.truth[order, target], 1, label="a row")
    chart.line(x[order], central(answer)[order, target], 0, label="predicted")
    return [chart.figure("The function that the network has learnt, and the rows.")]


def worst(view, answer):
    rest = np.abs(answer.truth - central(answer))
    order = np.argsort(-np.nan_to_num(rest), axis=None, kind="stable")[:WORST]
    ends, rows = reach(answer), []
    for i in order:
        r, c = np.unravel_index(i, rest.shape)
        row = [str(view.rows.numbers[r])] + ([str(c)] if rest.shape[1] > 1 else [])
        row += [short(answer.truth[r, c]), short(central(answer)[r, c])]
        rows.append(row + ([f"{short(ends[0][r, c])} to {short(ends[1][r, c])}"] if ends else []))
    header = ["row"] + (["output"] if rest.shape[1] > 1 else []) + ["true", "predicted"]
    header += [f"range ({ends[2]})"] if ends else []
    return figure(table(header, rows), f"The {len(rows)} predictions that are furthest from the truth.")


def chosen(view, answer):
    """Which outputs are drawn: (number, name); of forecasts the last step of each column."""
    outputs, window = answer.truth.shape[1], view.rows.window
    if window:
        columns = outputs // window.horizon
        ahead = f"{window.horizon} step{'s' * (window.horizon > 1)} ahead"
        return [(outputs - columns + c, f"{window.name(answer.columns[c])}, {ahead}: ") for c in range(min(columns, MOST_TARGETS))]
    return [(i, f"target {i}: " if outputs > 1 else "") for i in range(min(outputs, MOST_TARGETS))]


def panels(view, answer, figures):
    drawn, outputs, found = chosen(view, answer), answer.truth.shape[1], []
    if outputs > len(drawn) and not view.rows.window:
        found.append(sentence(f"The head answers with {outputs} numbers; the first {len(drawn)} are drawn."))
    for target, title in drawn:
        found += curve(view, answer, target, title)
        found += [against_truth(answer, target, title), *residuals(answer, target, title)]
    found += claims(view, figures)
    if reach(answer) is None:
        found.append(sentence("The model predicts no uncertainty: `gaussian_nll`, `quantile`, an ensemble (`train.members`) or "
                              "`solve.method=bayesian` would."))
    elif not figures.get("coverage") and not figures.get("quantiles"):
        found.append(sentence("The spread between networks is not the whole uncertainty, so there is no share of targets that should lie "
                              "inside it: with `gaussian_nll` there is."))
    return [*found, worst(view, answer)]
