"""Heads that need no targets: how rows are shared among clusters, and how far from them or how probable they are."""
import numpy as np

from report.chart import Chart, short
from report.page import figure, sentence, table

MOST_CLUSTERS = 20
EXTREME = 8


def value_of(answer):
    """What the loss of a row follows from: a name, words, and the values (n)."""
    if answer.head.loss == "distortion":
        return "distance", "distance to the centre", answer.values["distance"].reshape(-1).astype(float)
    return "log-density", "log-density", answer.values["log_density"].reshape(-1).astype(float)


def sizes(answer):
    """The largest clusters: rows, and the median of their values."""
    name, _, values = value_of(answer)
    found, counts = np.unique(answer.values["cluster"], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_CLUSTERS]
    rows = [[str(found[i]), f"{counts[i]:,}", f"{counts[i] / len(values):.1%}",
             short(np.median(values[answer.values["cluster"] == found[i]]))] for i in order]
    rest = f" of the largest {MOST_CLUSTERS} of {len(found):,} clusters with rows" if len(found) > MOST_CLUSTERS else ""
    return figure(table(["cluster", "rows", "share", f"median {name}"], rows), f"How rows are shared among clusters{rest}.")


def spread(answer):
    _, words, values = value_of(answer)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return []
    counts, edges = np.histogram(finite, bins=min(30, max(5, int(np.sqrt(len(finite))))))
    bars = Chart(words, "rows")
    bars.bars(edges, counts, 0, titles=[f"{short(a)} to {short(b)}: {n} rows" for a, b, n in zip(edges, edges[1:], counts)])
    return [bars.figure(f"The {words} of rows: median {short(np.median(finite))}.")]


def unusual(view, answer):
    name, _, values = value_of(answer)
    badness = values if answer.head.loss == "distortion" else -values
    order = np.argsort(-np.nan_to_num(badness, nan=np.inf), kind="stable")[:EXTREME]
    rows = [[str(view.rows.numbers[i]), str(answer.values["cluster"][i]), short(values[i])] for i in order]
    return figure(table(["row", "cluster", name], rows), "The most unusual rows: the largest losses.")


def panels(view, answer, figures):
    found = [sizes(answer), *spread(answer), unusual(view, answer)]
    if "loss" in figures:
        found.append(sentence(f"Mean loss of the {view.split_words()}: {{}}.", short(figures["loss"])))
    return found
