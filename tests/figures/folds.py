#!/usr/bin/python3
"""Rows of each class in each fold by scikit-learn's StratifiedKFold, for tests/layout/test_validation.c: writes
tests/figures/folds.h. The labels are made by the same arithmetic there, in the order of their first rows."""
import pathlib

import numpy
from sklearn.model_selection import StratifiedKFold

CASES = [(150, 3, 5), (100, 7, 3), (61, 4, 10), (23, 5, 2)]


def labels(rows, classes):
    """Class c = 0, 1, ... first, then more of the low ones than of the high ones."""
    return numpy.array([i if i < classes else i * i % 97 % classes * (i * 7 % 3 > 0) for i in range(rows)])


out = ["/* Written by folds.py. */\n/* clang-format off */\n"]
for rows, classes, folds in CASES:
    y = labels(rows, classes)
    counts = [
        numpy.bincount(y[test], minlength=classes)
        for _, test in StratifiedKFold(folds, shuffle=True, random_state=1).split(y, y)
    ]
    text = ", ".join(str(n) for fold in counts for n in fold)
    out.append(f"static const int folds_{rows}_{classes}_{folds}[] = {{{text}}};\n")
pathlib.Path(__file__).with_name("folds.h").write_text("".join(out))
