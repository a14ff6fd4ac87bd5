#!/usr/bin/env python3
"""Writes kmeans.h: centres, sizes of clusters and inertia that scikit-learn's Lloyd iteration ends with from given rows,
and centres of its mini-batches after one pass over the rows in their order.

The rows are whole numbers by a formula, which test_kmeans.c has too. Run it by hand: /usr/bin/python3 tests/figures/kmeans.py
"""
import os

import numpy as np
import sklearn
from sklearn.cluster import KMeans, MiniBatchKMeans

ROWS, COLUMNS, CASES, BATCH = 600, 4, (3, 6, 11), 100


def rows():
    r, c = np.arange(ROWS)[:, None], np.arange(COLUMNS)[None, :]
    return ((r * 7919 + c * 104729) % 1000 + 800 * ((r % 5) * (c + 2) % 7)).astype(float)


def written(centres):
    return "     {" + ",\n      ".join("{" + ", ".join(f"{v:.12g}" for v in centre) + "}" for centre in centres) + "}"


def main():
    x = rows()
    lines = [f"/* Written by kmeans.py with scikit-learn {sklearn.__version__}. */", "#ifndef FIGURES_KMEANS_H",
             "#define FIGURES_KMEANS_H", "",
             f"enum {{ KMEANS_ROWS = {ROWS}, KMEANS_COLUMNS = {COLUMNS}, KMEANS_CASES = {len(CASES)}, "
             f"KMEANS_MOST = {max(CASES)}, KMEANS_BATCH = {BATCH} }};", "",
             "static const struct {", "  int k;", "  double inertia; /* per row */",
             "  double centres[KMEANS_MOST][KMEANS_COLUMNS];", "  double batched[KMEANS_MOST][KMEANS_COLUMNS];",
             "} kmeans_figures[KMEANS_CASES] = {"]
    for k in CASES:
        fit = KMeans(k, init=x[:k], n_init=1, algorithm="lloyd", tol=0, max_iter=1000).fit(x)
        lines.append(f"    {{{k}, {fit.inertia_ / ROWS:.12g},")
        batched = MiniBatchKMeans(k, init=x[:k], n_init=1, reassignment_ratio=0)
        for first in range(0, ROWS, BATCH):
            batched.partial_fit(x[first:first + BATCH])
        lines += [written(fit.cluster_centers_) + ",", written(batched.cluster_centers_) + "},"]
    lines += ["};", "", "#endif", ""]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "kmeans.h"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines))


main()
