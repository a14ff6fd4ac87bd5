"""Figures of clusterings by scikit-learn, for tests/quality/test_quality.c: the adjusted Rand index, normalised mutual
information and purity of tables, the silhouette of rows, the Davies-Bouldin index, BIC and AIC of mixtures.

quality.py > quality.h
"""
import numpy as np
from sklearn import metrics, mixture

random = np.random.default_rng(11)


def array(name, values, kind="double"):
    values = np.asarray(values)
    flat = ", ".join(repr(float(v)) if kind != "int64_t" else str(int(v)) for v in values.ravel())
    print(f"static const {kind} {name}[] = {{{flat}}};")


def agreement(name, table):
    """The table of counts, classes by clusters, and the three figures."""
    table = np.asarray(table)
    truth = np.repeat(np.arange(table.size) // table.shape[1], table.ravel())
    found = np.repeat(np.arange(table.size) % table.shape[1], table.ravel())
    array(f"{name}_table", table, "int64_t")
    array(f"{name}_agreement", [metrics.adjusted_rand_score(truth, found),
                                metrics.normalized_mutual_info_score(truth, found),
                                table.max(axis=0).sum() / table.sum()])


print("/* Made by quality.py with scikit-learn. Agreement: adjusted Rand index, mutual information, purity. */")
print("#include <stdint.h>")
agreement("mixed", [[40, 3, 0, 7], [2, 30, 9, 0], [0, 1, 0, 58]])
agreement("random", random.integers(20, 40, size=(5, 6)))
agreement("large", random.integers(0, 1000, size=(3, 4)) * 100)
agreement("split", [[10, 12, 0], [0, 0, 31]])
agreement("one_cluster", [[20], [30]])

rows, columns = 45, 3
x = (random.normal(size=(rows, columns)) + 2.5 * random.integers(0, 3, size=(rows, 1))).astype(np.float32)
cluster = np.argmin(np.abs(x.mean(axis=1)[:, None] - [0, 2, 5]), axis=1)
cluster[7] = 3  # alone in its cluster
print(f"enum {{ QUALITY_ROWS = {rows}, QUALITY_COLUMNS = {columns}, QUALITY_CLUSTERS = 5 }}; /* one is empty */")
array("quality_x", x, "float")
array("quality_cluster", cluster, "int64_t")
array("quality_silhouettes", metrics.silhouette_samples(x.astype(float), cluster))
array("quality_davies_bouldin", [metrics.davies_bouldin_score(x.astype(float), cluster)])

names = {"full": "full", "tied": "tied", "diag": "diagonal", "spherical": "spherical"}
for theirs, ours in names.items():
    model = mixture.GaussianMixture(3, covariance_type=theirs, random_state=0).fit(x.astype(float))
    print(f"/* {ours}: mean log-density, BIC, AIC of 3 components */")
    array(f"criteria_{ours}", [model.score(x.astype(float)), model.bic(x.astype(float)), model.aic(x.astype(float))])
