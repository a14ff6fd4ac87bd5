"""Reliability of a classifier: how often decisions are right, over how sure the model was of them.

    plot.py reliability runs/digits
    plot.py reliability runs/digits --temperature 1.7     the same model beside it, with its logits divided by 1.7

Decisions are sorted by confidence, the probability of the chosen class, into 15 bins of equal width, as `lockstep eval`
does. A dot below the diagonal: the model is too sure of itself. The title has the expected calibration error, the mean
distance from the diagonal (Guo et al. 2017). The lower panel shows how many decisions each bin holds; bars are the 95 %
intervals of Wilson (1927).
"""
import numpy as np

from pictures import sources, style
from pictures.intervals import wilson

BINS = 15


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run directories, or names below runs/")
    parser.add_argument("--temperature", type=float, metavar="T", help="draws each run once more with its logits divided by T")
    sources.add_run_data(parser)


def decisions(answers, y, run):
    """Confidence of each decision, and whether it is right."""
    chance = answers.get("probability")
    if chance is None:
        raise style.Unfit(f"{run} gives no probabilities (cross_entropy or binary_cross_entropy)")
    if chance.shape[1] > 1 and y.shape[1] == 1:
        return chance.max(axis=1), answers["class"].ravel() == y[:, 0]
    if chance.shape[1] > 1 and y.shape == chance.shape and (y.sum(axis=1) == 1).all() and "class" in answers:
        return chance.max(axis=1), answers["class"].ravel() == y.argmax(axis=1)
    if y.shape != chance.shape:
        raise style.Unfit(f"{run}: the targets do not fit the probabilities ({y.shape} and {chance.shape})")
    return np.maximum(chance, 1 - chance).ravel(), ((chance > 0.5) == (y > 0.5)).ravel()


def table(confidence, right):
    """Bin by bin, of those that are not empty: centre, mean confidence, accuracy, decisions; and the calibration error."""
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    there = counts > 0
    sure = np.bincount(place, confidence, BINS)[there] / counts[there]
    accuracy = np.bincount(place, right, BINS)[there] / counts[there]
    error = (counts[there] / len(confidence) * np.abs(accuracy - sure)).sum()
    return np.arange(BINS)[there], sure, accuracy, counts[there], error


def draw(options):
    program = sources.Program(options.lockstep)
    fig, panels = style.figure(2, 1, height=2.4, width=5.6, sharex=True, height_ratios=[3, 1])
    upper, lower = panels[:, 0]
    cases = []
    for run in options.runs:
        answers, y = sources.answers_of(run, options)
        cases.append((sources.name_of(run), *decisions(answers, y, run)))
        if options.temperature:
            path, x, _ = sources.data_of(run, options)
            answers = program.predict(sources.model_file(run), rows=x,
                                      options=["--temperature", options.temperature, *sources.predict_options(options)])
            cases.append((f"{sources.name_of(run)}, T = {options.temperature:g}", *decisions(answers, y, run)))
    least = 1.0
    for i, (name, confidence, right) in enumerate(cases):
        bins, sure, accuracy, counts, error = table(confidence, right)
        colour, least = style.COLOURS[i % 6], min(least, confidence.min())
        upper.errorbar(sure, accuracy, yerr=wilson(accuracy, counts), fmt=style.MARKERS[i % 6] + "-", color=colour, capsize=2,
                       markersize=5, linewidth=1.2, label=f"{name}: ECE {error:.3f}")
        width = 0.9 / BINS / len(cases)
        lower.bar((bins + 0.05) / BINS + width * (i + 0.5), counts, width=width, color=colour)
    upper.plot([0, 1], [0, 1], "--", color=style.GREY, label="as sure as right")
    upper.set(ylabel="accuracy", ylim=(-0.02, 1.02), xlim=(max(0, np.floor(least * BINS) / BINS - 0.01), 1.01))
    lower.set(xlabel="confidence of the decision", ylabel="decisions")
    style.legend_below(fig, columns=2)
    return fig
