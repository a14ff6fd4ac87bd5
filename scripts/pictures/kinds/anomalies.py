"""Scores of anomalies: the histogram of normal and anomalous rows with the threshold, and ROC curves.

    plot.py anomalies scores.h5                   a file of `lockstep anomalies --out`
    plot.py anomalies autoencoder.h5 mixture.h5   models side by side

The histogram shows how far apart the two kinds of rows are; without known labels (`--labels`) it shows all rows alike. The
dashed line is the threshold, and rows right of it count as anomalies. The ROC curve shows, for every possible threshold,
the share of anomalous rows above it over the share of normal rows above it; the dot is the threshold that was used, and the
area under the curve is the ROC-AUC that the command prints. The horizontal axis of the histogram is logarithmic if all
scores are positive.
"""
import csv
import pathlib

import h5py
import numpy as np

from pictures import sources, style

BINS = 40


def arguments(parser):
    parser.add_argument("files", nargs="+", metavar="FILE", help="files of `lockstep anomalies --out`, .h5 or .csv")


def read(path):
    """score, anomaly (n) and label (n) or None, threshold."""
    path = pathlib.Path(path)
    try:
        if path.suffix == ".csv":
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file))
            table = {name: np.array([float(row[name]) for row in rows]) for name in (rows[0] if rows else ())}
            threshold = None
        else:
            table = sources.arrays(path)
            with h5py.File(path) as file:
                threshold = file.attrs.get("threshold")
    except (OSError, ValueError) as error:
        raise style.Unfit(f"{path} cannot be read: {error}") from None
    if "score" not in table or "anomaly" not in table:
        raise style.Unfit(f"{path} has no scores; it is no file of `lockstep anomalies --out`")
    score, anomaly = table["score"], table["anomaly"] > 0
    if threshold is None:  # a table does not hold it: half way between the rows on both sides
        below, above = score[~anomaly], score[anomaly & np.isfinite(score)]
        threshold = np.mean([below.max(), above.min()]) if len(below) and len(above) else None
    label = table["label"] > 0 if "label" in table else None
    return score, anomaly, label, threshold


def roc(score, label):
    """Shares of normal and of anomalous rows with at least each score, from the largest on, and the area."""
    score = np.where(np.isnan(score), np.inf, score)
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0, True)  # of the rows with one score
    hits, alarms = np.cumsum(label[order])[last], np.cumsum(~label[order])[last]
    across, up = np.append(0, alarms / max(alarms[-1], 1)), np.append(0, hits / max(hits[-1], 1))
    return across, up, np.trapz(up, across)


def draw_scores(axes, score, label, threshold):
    finite = score[np.isfinite(score)]
    if len(finite) == 0:
        raise style.Unfit("no score is a finite number")
    is_positive = finite.min() > 0
    bins = (np.geomspace if is_positive else np.linspace)(finite.min(), max(finite.max(), finite.min() * 1.001), BINS + 1)
    kinds = [("rows", np.isfinite(score), style.SKY)] if label is None else [
        ("normal", ~label & np.isfinite(score), style.SKY), ("anomalous", label & np.isfinite(score), style.ORANGE)]
    for name, chosen, colour in kinds:
        axes.hist(score[chosen], bins=bins, color=colour, alpha=0.75, label=name, edgecolor="white", linewidth=0.3)
    if threshold is not None:
        axes.axvline(threshold, color="black", linestyle="--", linewidth=1.2, label="threshold")
    if is_positive and bins[-1] > 10 * bins[0]:
        axes.set_xscale("log")
    axes.set(xlabel="score", ylabel="rows")


def draw(options):
    files = [(pathlib.Path(name).stem, *read(name)) for name in options.files]
    has_labels = all(label is not None and label.any() and not label.all() for _, _, _, label, _ in files)
    columns = len(files) + has_labels
    if columns > 4:
        raise style.Unfit("at most three files fit side by side")
    fig, panels = style.figure(1, columns, height=2.7)
    for i, (name, score, _, label, threshold) in enumerate(files):
        draw_scores(panels[0, i], score, label, threshold)
        panels[0, i].set_title(name)
    for i, (name, score, anomaly, label, _) in enumerate(files if has_labels else ()):
        across, up, area = roc(score, label)
        axes, colour = panels[0, -1], [style.BLUE, style.PINK, style.GREEN][i]
        axes.plot(across, up, style.LINES[i], color=colour, label=f"{name}: AUC {area:.3f}")
        axes.plot((anomaly & ~label).sum() / (~label).sum(), (anomaly & label).sum() / label.sum(), style.MARKERS[i],
                  color=colour)
    if has_labels:
        panels[0, -1].plot([0, 1], [0, 1], ":", color=style.GREY, linewidth=1)
        panels[0, -1].set(title="ROC", xlabel="normal rows above", ylabel="anomalous rows above")
    style.legend_below(fig)
    return fig
