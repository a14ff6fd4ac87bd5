"""Forecasts of a series: over time beside the truth, and their error by the step ahead beside forecasts without a model."""
import numpy as np

from report import numbers
from report.chart import Chart, short
from report.page import sentence

MOST_COLUMNS = 3
MOST_FORECASTS = 6  # drawn one behind the other
MOST_STEPS = 160  # of one-step forecasts


def one_series(rows):
    """The indices of forecasts of the series that has most of them, by time."""
    if rows.window.series is None:
        return np.argsort(rows.numbers, kind="stable"), None
    series = rows.window.series[rows.numbers - rows.window.first_row]
    values, counts = np.unique(series, return_counts=True)
    chosen = values[np.argmax(counts)]
    own = np.flatnonzero(series == chosen)
    return own[np.argsort(rows.numbers[own], kind="stable")], chosen


def apart(rows, order):
    """The last forecasts that do not overlap."""
    horizon, kept = rows.window.horizon, []
    for i in order[::-1]:
        if not kept or rows.numbers[i] + horizon <= rows.numbers[kept[-1]]:
            kept.append(i)
        if len(kept) >= max(MOST_FORECASTS, MOST_STEPS // horizon if horizon == 1 else 0):
            break
    return np.array(kept[::-1])


def steps_of(answer, rows, column):
    """(n, horizon): truth and middle of a column; and the ends of the claimed range, or None."""
    def pick(flat):
        return flat.reshape(len(flat), rows.window.horizon, -1)[:, :, column]

    ends = numbers.reach(answer)
    return pick(answer.truth), pick(numbers.central(answer)), ends and (pick(ends[0]), pick(ends[1]), ends[2])


def over_time(rows, answer, column):
    order, series = one_series(rows)
    drawn = apart(rows, order)
    window, first = rows.window, rows.window.first_row
    _, middle, ends = steps_of(answer, rows, column)
    begin, end = rows.numbers[drawn[0]], rows.numbers[drawn[-1]] + window.horizon
    before = max(first, begin - min(window.length, max(window.horizon, (end - begin) // 4)))
    if window.series is not None:
        same = np.flatnonzero(window.series == series) + first
        before = max(before, same[0])
    times = np.arange(before, end)
    chart = Chart("row of the file", rows.window.name(answer.columns[column]), whole=True)
    chart.line(times, window.targets[times - first, answer.columns[column]], 1, label="truth")
    steps = rows.numbers[drawn][:, None] + np.arange(window.horizon)
    if window.horizon == 1:
        if ends:
            chart.band(steps[:, 0], ends[0][drawn, 0], ends[1][drawn, 0], 0, ends[2])
        chart.line(steps[:, 0], middle[drawn, 0], 0, label="forecast")
    for place, i in enumerate(drawn if window.horizon > 1 else []):
        if ends:
            chart.band(steps[place], ends[0][i], ends[1][i], 0, ends[2] if place == 0 else None)
        chart.line(steps[place], middle[i], 0, label="forecast" if place == 0 else None)
        chart.mark(steps[place][0], middle[i][0], 0, "where one begins" if place == 0 else None)
    which = "" if series is None else f" of series {series}, which has most of them"
    return chart.figure(f"The last {len(drawn)} forecasts{which} that do not overlap, each of {window.horizon} steps.")


def baselines(rows, answer, column):
    """Forecasts (n, horizon) without a model, by name."""
    window, first = rows.window, rows.window.first_row
    values = window.targets[:, answer.columns[column]].astype(float)
    begins, ahead = (rows.numbers - first)[:, None], np.arange(window.horizon)
    found = {"persistence": np.repeat(values[begins - 1], window.horizon, axis=1)}
    if window.season > 0:
        found["seasonal naive"] = values[begins + ahead - window.season * (ahead // window.season + 1)]
    return found


def by_step(rows, answer, column):
    truth, middle, _ = steps_of(answer, rows, column)
    ahead = np.arange(1, rows.window.horizon + 1)

    def error(forecast):
        return np.sqrt(((truth - forecast) ** 2).mean(axis=0))

    chart = Chart("steps ahead", f"RMSE of {rows.window.name(answer.columns[column])}", zero=True, whole=True)
    chart.line(ahead, error(middle), 0, label="network")
    words = [f"network {short(np.sqrt(((truth - middle) ** 2).mean()))}"]
    for series, (name, forecast) in enumerate(baselines(rows, answer, column).items(), 1):
        chart.line(ahead, error(forecast), series, dashed=True, label=name)
        words.append(f"{name} {short(np.sqrt(((truth - forecast) ** 2).mean()))}")
    return chart.figure(f"Error by the step ahead. Over all steps: {', '.join(words)}.")


def panels(view, answer, figures):
    rows = view.rows
    columns = len(answer.columns)
    found = []
    if columns > MOST_COLUMNS:
        found.append(sentence(f"{columns} columns are forecast; the first {MOST_COLUMNS} are drawn."))
    for column in range(min(columns, MOST_COLUMNS)):
        found += [over_time(rows, answer, column), by_step(rows, answer, column)]
    return found + numbers.panels(view, answer, figures)


def class_baselines(figures):
    """A sentence on forecasts of classes without a model."""
    known = [f"{words} {figures[key]['accuracy']:.2%}" for key, words in (("persistence", "that of the last class"),
             ("seasonal_naive", "that of a season ago")) if key in figures]
    if not known:
        return []
    return [sentence(f"Accuracy of the forecasts: {figures['accuracy']:.2%}; without a model {', '.join(known)}.")]
