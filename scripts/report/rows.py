"""The rows that single predictions are shown of: features, truth and predictions.

These are the test rows; without test rows the validation rows, if they have arrays of their own or the series is cut in time;
otherwise the training rows. Of large data only a part is taken, evenly over the file (of a series: its end).
"""
import dataclasses
import pathlib
import tempfile

import h5py
import numpy as np

from report.page import sentence
from report.program import ProgramError


MOST_BYTES = 256 << 20  # of features in memory


class RowsError(Exception):
    """There are no such rows; the message, a sentence in HTML, says why."""


@dataclasses.dataclass
class Answer:
    """What one head says of the rows."""
    head: object
    truth: np.ndarray  # classes (n), −1 where there is none; or values (n, k), NaN where there is none
    values: dict  # arrays of the file of predictions: probability, prediction, std, quantile_0.1 …
    names: list | None  # of classes
    columns: tuple = ()  # of what a window forecasts, that the head answers


@dataclasses.dataclass
class Rows:
    split: str  # test, valid or train
    path: str  # of the array of features in the data file
    total: int | None  # rows that there are; None: more than were taken
    numbers: np.ndarray  # of the rows that were taken, in the file; of windows: rows of x where forecasts begin
    x: np.ndarray  # their features; of windows: the whole series as far as it was read
    answers: list
    feature_names: list | None
    has_categories: bool
    window: object = None  # Window, of a series

    def about(self):
        """A sentence on which rows these are."""
        words = {"test": "test rows", "valid": "validation rows", "train": "**training** rows, on which the network was fitted (the "
                 "file has no test or validation rows of their own, and nothing says which of these training kept aside)"}
        what = "forecasts" if self.window else "rows"
        kind = words[self.split].replace("rows", "windows", 1) if self.window else words[self.split]
        taken = len(self.numbers)
        how_many = f"all {taken:,}"
        if self.total is None:
            how_many = f"the last {taken:,} of a long series (`--rows N` sets from how many rows at its end)"
        elif taken < self.total:
            how_many = f"{taken:,} of {self.total:,}, evenly over the file (`--rows N` sets how many at most)"
        return sentence(f"Single {what} below are {kind} ({{}}): {how_many}.", self.path)


@dataclasses.dataclass
class Window:
    length: int
    horizon: int
    season: int
    first_row: int  # of the file: where the series that was read begins
    series: np.ndarray | None  # the number of the series of each row that was read
    targets: np.ndarray  # (rows read, k): what is forecast
    names: list | None  # of the k columns

    def name(self, column):
        return self.names[column] if self.names else f"column {column}"


def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def find_data(run):
    """The data file: as the settings name it from here, or from where the run was started."""
    named = run.setting("data", "file")
    if named is None:
        raise RowsError(sentence("The settings name no data file."))
    parts = pathlib.Path(str(run.setting("runs", otherwise="runs"))).parts
    start = run.path.resolve().parents[len(parts)] if len(run.path.resolve().parents) > len(parts) else run.path
    for place in (pathlib.Path(named), start / named):
        if place.is_file():
            return place
    raise RowsError(sentence("Its data file {} is gone, or has moved: there is nothing to predict. What the run noted itself is "
                             "below.", named))


def find_split(run, file):
    """Which rows: the split, and the paths of x and y."""
    data = run.setting("data", otherwise={})
    validation = data.get("validation", 0)
    group = validation if isinstance(validation, str) else None
    places = [("test", data.get("test_x", "test/x"), data.get("test_y", "test/y")),
              ("valid", f"{group}/x", f"{group}/y") if group else
              ("valid", data.get("valid_x", "valid/x"), data.get("valid_y", "valid/y")),
              ("train", data.get("x", "train/x"), data.get("y", "train/y"))]
    for split, x, y in places:
        if x in file:
            return split, x, y
    raise RowsError(sentence("Its data file has none of the arrays {}.", ", ".join(x for _, x, _ in places)))


def labels(y):
    """Class numbers; one-hot rows become numbers."""
    return np.argmax(y, axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y)).astype(int)


def first_targets(heads, widths):
    """The columns of y that each head answers: its own, or those after the head before."""
    columns, next_column = [], 0
    for head, width in zip(heads, widths):
        own = list(head.targets) if head.targets is not None else list(range(next_column, next_column + width))
        columns.append(own)
        next_column = own[-1] + 1
    return columns


def values_of(file, head):
    """The arrays of one head in a file of predictions, and the names of its classes."""
    group = file[head.name] if head.name is not None else file
    names = group.attrs.get("class_names")
    values = {name: array[:] for name, array in group.items() if isinstance(array, h5py.Dataset)}
    return values, None if names is None else [text(name) for name in names]


def main_array(values):
    """(n, k): what has a column for every target, or class."""
    for name in ("prediction", "probability", "score"):
        if name in values:
            return values[name]
    return next(array for name, array in values.items() if name.startswith("quantile_"))


def predict(run, data, x, *overrides):
    """The arrays of each head, and `time` and `series` of windows."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "predictions.h5")
        run.program.call("predict", run.model, data, "--x", x, "--out", out, *overrides)
        with h5py.File(out) as file:
            places = {name: file[name][:] for name in ("time", "series") if name in file}
            return [values_of(file, head) for head in run.heads], places


def copy_names(source, target):
    for name, value in source.attrs.items():
        if "names" in name:
            target.attrs[name] = value
    if "categories" in source:
        source.copy("categories", target)


def every_row(x, limit):
    """1: all rows are taken; n: every n-th one, so that there are not too many, nor too large ones."""
    row_bytes = max(1, int(np.prod(x.shape[1:])) * x.dtype.itemsize)
    return max(1, -(-len(x) // max(1, min(limit, MOST_BYTES // row_bytes))))


def read_rows(run, data, limit):
    with h5py.File(data) as file:
        if int(run.setting("data", "window", "length", otherwise=0)) > 0:
            return read_windows(run, data, file, limit)
        split, x_path, y_path = find_split(run, file)
        x = file[x_path]
        total = len(x)
        every = every_row(x, limit)
        features = x[::every]
        of_x = run.setting("data", "targets", otherwise="y") == "x"
        y = features.reshape(len(features), -1) if of_x else file[y_path][::every] if y_path in file else None
        feature_names = file.attrs.get("feature_names")
        with tempfile.TemporaryDirectory() as folder:
            place, path = data, x_path
            if every > 1:
                place, path = pathlib.Path(folder, "rows.h5"), "x"
                with h5py.File(place, "w") as copy:
                    copy["x"] = features
                    copy_names(file, copy)
            found, _ = predict(run, place, path)
        if run.heads and run.heads[0].is_cluster:
            y, of_x = np.zeros(len(features)), False
        if y is None or len(y) != len(features):
            raise RowsError(sentence("The file has no labels or targets for {}.", x_path))
        if of_x and (sum(main_array(values).shape[1] for values, _ in found) != y.shape[1] or np.isnan(y.astype(float)).any()):
            raise RowsError(sentence("The targets are features with categories or gaps, as the network sees them: the file does not "
                                     "hold them in this form."))
        return Rows(split, x_path, total, np.arange(0, total, every), features, answers_of(run.heads, found, y),
                    None if feature_names is None else [text(name) for name in feature_names], "categories" in file)


def answers_of(heads, found, y):
    """found: (values, class names) of each head; y: (n) or (n, k)."""
    widths = [1 if head.has_classes or head.is_cluster else main_array(values).shape[1]
              for head, (values, _) in zip(heads, found)]
    flat = y.reshape(len(y), -1)
    if len(heads) == 1 and heads[0].targets is None:
        truths = [labels(y) if heads[0].has_classes else flat.astype(float)]
    else:
        truths = [flat[:, columns[0]].astype(int) if head.has_classes else flat[:, columns].astype(float)
                  for head, columns in zip(heads, first_targets(heads, widths))]
    return [Answer(head, truth, values, names) for head, truth, (values, names) in zip(heads, truths, found)]


# ---- windows of a series ----

def series_ends(series, rows):
    """For each row the first and the last row + 1 of its series."""
    borders = np.flatnonzero(np.diff(series)) + 1 if series is not None else np.zeros(0, int)
    edges = np.r_[0, borders, rows]
    which = np.searchsorted(edges, np.arange(rows), side="right") - 1
    return edges[which], edges[which + 1]


def share_of(share, rows):
    return np.floor(share * rows + 0.5).astype(int)


def read_windows(run, data, file, limit):
    settings = run.setting("data", otherwise={})
    window = settings["window"]
    length, horizon = int(window["length"]), int(window["horizon"])
    split, x_path, _ = find_split(run, file)
    y_path = {"test": settings.get("test_y"), "valid": settings.get("valid_y")}.get(split) or settings.get("y", "train/y")
    beside = x_path.rpartition("/")[0]
    named = window.get("series", "none")
    series_path = f"{beside}/{named}" if beside and f"{beside}/{named}" in file else named
    x = file[x_path]
    series = file[series_path][:] if named != "none" and series_path in file else None
    begins, ends = series_ends(series, len(x))
    start = max(0, len(x) - limit - length - horizon)
    with tempfile.TemporaryDirectory() as folder:
        place, path = data, x_path
        if start > 0:
            place, path = pathlib.Path(folder, "rows.h5"), "train/x"
            with h5py.File(place, "w") as copy:
                copy[path] = x[start:]
                if series is not None:
                    copy[f"train/{named.rpartition('/')[2]}"] = series[start:]
                copy_names(file, copy)
        overrides = [] if series is None or start == 0 else [f"data.window.series={named.rpartition('/')[2]}"]
        found, places = predict(run, place, path, *overrides)
    times = places["time"] + start
    at = np.minimum(times, len(x) - 1)
    first, last = begins[at], ends[at]  # of the window's series
    inside = (times < last) & (times + horizon <= last) & (times - length >= first)  # the truth is in the file
    if split == "train":  # the file has one series for all: its end is the test, before that is validation
        begin_of_test = last - share_of(float(window.get("test", 0)), last - first)
        validation = settings.get("validation", 0)
        if float(window.get("test", 0)) > 0:
            split, inside = "test", inside & (times >= begin_of_test)
        elif not isinstance(validation, str) and float(validation) > 0:
            split, inside = "valid", inside & (times >= begin_of_test - share_of(float(validation), last - first))
    kept = np.flatnonzero(inside)
    if not kept.size:
        raise RowsError(sentence("None of the windows at the end of {} has its targets in the file.", x_path))
    targets, names = window_targets(file, window, x_path, y_path, start)
    truth = targets[times[kept][:, None] - start + np.arange(horizon)]  # (n, horizon, k)
    found = [({name: array[kept] for name, array in values.items()}, classes) for values, classes in found]
    return Rows(split, x_path, None if start else kept.size, times[kept], x[start:], window_answers(run.heads, found, truth),
                None, False, Window(length, horizon, int(window.get("season", 0)), start,
                                    None if series is None else series[start:], targets, names))


def window_targets(file, window, x_path, y_path, start):
    """(rows, k) from row `start` on, and the names of the columns."""
    asked = window.get("targets", "x")
    array = file[y_path if asked == "y" else x_path][start:]
    array = array.reshape(len(array), -1)
    if asked == "y":
        return array, None
    columns = list(range(array.shape[1])) if asked == "x" else [int(column) for column in asked]
    names = file.attrs.get("feature_names")
    return array[:, columns], None if names is None else [text(names[column]) for column in columns]


def window_answers(heads, found, truth):
    """truth: (n, horizon, k). Values go step by step, all columns of a step together; a class is that of the last step."""
    horizon, last = truth.shape[1], truth[:, -1]
    widths = [1 if head.has_classes else main_array(values).shape[1] // horizon for head, (values, _) in zip(heads, found)]
    answers = []
    for head, columns, (values, names) in zip(heads, first_targets(heads, widths), found):
        is_one_hot = len(heads) == 1 and head.targets is None
        if head.has_classes:
            own = labels(last) if is_one_hot else last[:, columns[0]].astype(int)
        else:
            own = truth[:, :, columns].reshape(len(truth), -1).astype(float)
        answers.append(Answer(head, own, values, names, tuple(columns)))
    return answers


def load(run, limit):
    """Rows, or a RowsError."""
    if run.model is None or not run.heads:
        raise RowsError(sentence("Without a model there are no predictions to show."))
    data = find_data(run)
    try:
        return read_rows(run, data, limit)
    except ProgramError as error:
        raise RowsError(sentence("`lockstep predict` did not work on its data: {}", error)) from error
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise RowsError(sentence("Its data file {} cannot be read: {}", data, error)) from error
