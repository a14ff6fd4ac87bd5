"""Heads that answer with a class, or with yes or no: confusion, classes one by one, worst rows, calibration."""
import numpy as np

from report import images
from report.chart import Chart, matrix, short
from report.page import Html, escape, figure, sentence, table
from report.view import share

MOST_CELLS = 30  # classes of a confusion matrix; with more, pairs of classes are listed
MOST_LISTED = 20
WORST = 12


def names_of(answer, classes):
    return [str(name) for name in answer.names] if answer.names else [str(i) for i in range(classes)]


def losses_of(answer):
    """Of each row how wrong its answer is, what is said of the right one, and the class that was chosen: −log of the right
    class's probability, or the lead of the best other score."""
    rows, right = np.arange(len(answer.truth)), answer.truth
    if "probability" in answer.values:
        p = answer.values["probability"][rows, right].astype(float)
        return -np.log(np.maximum(p, 1e-45)), p, answer.values["class"]
    scores = answer.values["score"].astype(float)
    if scores.shape[1] == 1:
        lead = np.where(right == 1, scores[:, 0], -scores[:, 0])
        return -lead, lead, answer.values["class"]
    others = scores.copy()
    others[rows, right] = -np.inf
    lead = scores[rows, right] - others.max(axis=1)
    return -lead, lead, answer.values["class"]


def confusion(view, answer, counts, names):
    caption = f"Confusion matrix of the {view.split_words()}: shade is the share of a row, that is, of the rows of a class."
    if len(names) <= MOST_CELLS:
        return matrix(counts, names, "true class", "predicted class", caption)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    pairs = np.argsort(-wrong, axis=None, kind="stable")[:MOST_LISTED]
    rows = [[escape(names[i // len(names)]), escape(names[i % len(names)]), f"{wrong.flat[i]:,}"] for i in pairs if wrong.flat[i]]
    return figure(table(["true class", "predicted", "rows"], rows, words=True),
                  f"{len(names)} classes are too many for a matrix: the pairs that are most often confused, of the {view.split_words()}.")


def per_class(counts, names):
    right, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall = np.divide(right, true, out=np.full(len(names), np.nan), where=true > 0)
    precision = np.divide(right, predicted, out=np.full(len(names), np.nan), where=predicted > 0)
    order = np.argsort(np.nan_to_num(recall, nan=2.0), kind="stable")[:MOST_LISTED]
    rows = [[escape(names[c]), f"{true[c]:,}", share(recall[c]), share(precision[c])] for c in order]
    cut = f" ({MOST_LISTED} of {len(names)})" if len(names) > MOST_LISTED else ""
    about = (f"Classes, those found least often first{cut}: recall is the share found, precision the share that is right when the "
             "network says so.")
    return figure(table(["class", "rows", "recall", "precision"], rows), about)


def calibration(view, answer, figures):
    bins = figures.get("reliability")
    if not bins:
        if answer.head.loss in ("hinge", "perceptron"):
            return sentence("`hinge` and `perceptron` give scores, no probabilities: nothing to calibrate.")
        return sentence("`lockstep eval` gave no calibration.")
    confidence, accuracy, decisions = (np.array([b[key] for b in bins], dtype=float) for key in ("confidence", "accuracy", "decisions"))
    chart = Chart("confidence", "accuracy", square=True)
    chart.rule([0, 1], [0, 1], "well calibrated", extends=True)
    chart.spans(confidence, np.minimum(confidence, accuracy), np.maximum(confidence, accuracy), 1, "gap")
    chart.line(confidence, accuracy, 0)
    titles = [f"{d:.0f} decisions: confidence {c:.3f}, accuracy {a:.3f}" for c, a, d in zip(confidence, accuracy, decisions)]
    chart.points(confidence, accuracy, 0, radius=4, titles=titles, label="a bin of confidence", opacity=1)
    return chart.figure(f"Reliability of the {view.split_words()}: below the diagonal the network is too sure of itself. Calibration "
                        f"error (ECE) {figures['ece']:.4f}.")


def worst(view, answer, names):
    losses, said, chosen = losses_of(answer)
    order = np.argsort(-losses, kind="stable")[:WORST]
    what = "p" if "probability" in answer.values else "lead"
    if view.image:
        entries = [(view.picture(i), Html(f"row {view.rows.numbers[i]}: <strong>{escape(names[answer.truth[i]])}</strong>, taken for "
                                          f"{escape(names[chosen[i]])} ({what} = {short(said[i])})")) for i in order]
        shown = images.gallery(entries)
    else:
        shown = table(["row", "true class", "predicted", what], [
            [str(view.rows.numbers[i]), escape(names[answer.truth[i]]), escape(names[chosen[i]]), short(said[i])] for i in order])
    meaning = "p is the probability of the true class" if what == "p" else "the lead of the true class's score"
    wrong = int((chosen != answer.truth).sum())
    bold = "the true class is bold, " if view.image else ""
    return figure(shown, f"The {len(order)} rows with the largest loss: {bold}{meaning}. Of {len(chosen):,} rows {wrong:,} are wrong.")


def class_panels(view, answer, figures):
    counts = np.array(figures["confusion"]) if "confusion" in figures else None
    classes = len(counts) if counts is not None else 1 + max(int(answer.truth.max()), int(answer.values["class"].max()))
    names = [str(name) for name in figures.get("classes") or names_of(answer, classes)]
    panels = []
    if counts is None:
        panels.append(view.why_no_figures or sentence("`lockstep eval` gave no confusion matrix."))
    else:
        panels += [confusion(view, answer, counts, names), calibration(view, answer, figures), per_class(counts, names)]
    panels.append(worst(view, answer, names))
    return panels


def binary_panels(view, answer, figures):
    """Every column is a yes or no."""
    probability, truth = answer.values["probability"].astype(float), answer.truth
    panels = []
    if "confusion" in figures:
        panels += [confusion(view, answer, np.array(figures["confusion"]), ["no", "yes"]), calibration(view, answer, figures)]
    elif view.why_no_figures:
        panels.append(view.why_no_figures)
    said, yes = probability > 0.5, truth > 0.5
    names = answer.names or [str(i) for i in range(truth.shape[1])]
    rows = []
    for c in range(min(truth.shape[1], MOST_LISTED)):
        both = (said[:, c] & yes[:, c]).sum()
        rows.append([escape(names[c]), f"{yes[:, c].sum():,}", share((said[:, c] == yes[:, c]).mean()),
                     share(both / yes[:, c].sum() if yes[:, c].any() else None),
                     share(both / said[:, c].sum() if said[:, c].any() else None)])
    cut = f" (the first {MOST_LISTED} of {truth.shape[1]})" if truth.shape[1] > MOST_LISTED else ""
    about = f"Outputs one by one, of {len(truth):,} rows{cut}."
    panels.append(figure(table(["output", "yes", "accuracy", "recall", "precision"], rows), about))
    right = np.where(yes, probability, 1 - probability)
    order = np.argsort(right, axis=None, kind="stable")[:WORST]
    places = [np.unravel_index(i, right.shape) for i in order]
    entries = [[str(view.rows.numbers[r]), escape(names[c]), "yes" if yes[r, c] else "no", short(right[r, c])] for r, c in places]
    if view.image:
        shown = images.gallery([(view.picture(r), Html(f"row {number}, output {name}: <strong>{true}</strong> (p = {p})"))
                                for (r, _), (number, name, true, p) in zip(places, entries)])
    else:
        shown = table(["row", "output", "true answer", "its probability"], entries)
    panels.append(figure(shown, "The answers with the largest loss, and the probability that the network gave to the right one."))
    return panels
