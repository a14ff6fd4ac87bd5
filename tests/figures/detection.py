#!/usr/bin/python3
"""Figures of scores beside known labels by scikit-learn, and quantiles by NumPy, for tests/anomaly and
tests/mpi/quantile.c: writes tests/figures/detection.h. The scores are made by the same arithmetic there."""
import pathlib

import numpy
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

LEVELS = [0, 0.01, 0.25, 0.5, 0.77, 0.99, 1]


def rows(n, kinds):
    """Scores with many ties if there are few kinds; every fifth row is anomalous, and some of them have more."""
    i = numpy.arange(n)
    anomalous = i % 5 == 3
    score = (i * 7919 % kinds - kinds / 3) / 8 + numpy.where(anomalous & (i % 3 > 0), kinds / 24, 0)
    return score, anomalous


out = ["/* Written by detection.py. */\n/* clang-format off */\n"]
out.append("static const struct {\n  int rows, kinds;\n  double threshold, auc, average_precision, recall, precision;\n"
           "  double quantiles[%d];\n} detections[] = {\n" % len(LEVELS))
for n, kinds in [(1000, 100000), (1000, 12), (77, 3), (10, 1), (1237, 500)]:
    score, anomalous = rows(n, kinds)
    threshold = numpy.quantile(score, 0.77)
    above = score > threshold
    figures = [
        threshold,
        roc_auc_score(anomalous, score),
        average_precision_score(anomalous, score),
        recall_score(anomalous, above),
        precision_score(anomalous, above, zero_division=0),
    ]
    quantiles = ", ".join(repr(float(numpy.quantile(score, q))) for q in LEVELS)
    out.append(f"  {{{n}, {kinds}, {', '.join(repr(float(f)) for f in figures)}, {{{quantiles}}}}},\n")
out.append("};\nstatic const double detection_levels[] = {%s};\n" % ", ".join(str(q) for q in LEVELS))
pathlib.Path(__file__).with_name("detection.h").write_text("".join(out))
