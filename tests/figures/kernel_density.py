#!/usr/bin/python3
"""Mean log-density of each row by the kernels of the other rows, or of those of other folds, by scikit-learn's
KernelDensity and GridSearchCV, for tests/mpi/kernels.c: writes tests/figures/kernel_density.h. The rows are made by the same arithmetic there."""
import pathlib

import numpy
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KernelDensity

ROWS, COLUMNS, FOLDS = 601, 3, 5
BANDWIDTHS = [0.05, 0.2, 0.5, 1, 3]

r, c = numpy.arange(ROWS)[:, None], numpy.arange(COLUMNS)
x = ((r * 7919 + c * c * 104729 + r * r * 31) % 10007 / numpy.float32(4001)).astype(numpy.float32).astype(float)
weights = 0.5 + numpy.arange(ROWS) % 4


def score(h, w):
    """Leave-one-out: weights of the others are divided by their sum, as sample_weight does."""
    total = 0
    for i in range(ROWS):
        others = numpy.arange(ROWS) != i
        density = KernelDensity(bandwidth=h, rtol=0, atol=0).fit(x[others], sample_weight=w[others])
        total += w[i] * density.score_samples(x[i:i + 1])[0]
    return total / w.sum()


def folds():
    """Row i is in fold i mod FOLDS; a score is the sum of the log-densities of the rows of a fold."""
    split = PredefinedSplit(numpy.arange(ROWS) % FOLDS)
    search = GridSearchCV(KernelDensity(rtol=0, atol=0), {"bandwidth": BANDWIDTHS}, cv=split).fit(x)
    return sum(search.cv_results_[f"split{f}_test_score"] for f in range(FOLDS)) / ROWS


def rule(name):
    return KernelDensity(bandwidth=name).fit(x).bandwidth_


lines = ["/* Written by kernel_density.py. */\n/* clang-format off */\n"]
lines.append("static const double kernel_bandwidths[] = {%s};\n" % ", ".join(map(repr, BANDWIDTHS)))
for name, w in (("plain", numpy.ones(ROWS)), ("weighted", weights)):
    lines.append("static const double kernel_scores_%s[] = {%s};\n" % (name, ", ".join(repr(float(score(h, w))) for h in BANDWIDTHS)))
lines.append("enum { KERNEL_FOLDS = %d };\n" % FOLDS)
lines.append("static const double kernel_scores_folds[] = {%s};\n" % ", ".join(repr(float(v)) for v in folds()))
lines.append("static const double kernel_scott = %r, kernel_silverman = %r; /* for deviation 1 */\n"
             % (float(rule("scott")), float(rule("silverman"))))
lines.append("static const double kernel_deviation = %r;\n" % float(numpy.sqrt(x.var(axis=0).mean())))
pathlib.Path(__file__).with_name("kernel_density.h").write_text("".join(lines))
