#include "quality/agreement.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* What the figures are made of. Counts are doubles: their squares may exceed 64 bits. */
typedef struct {
  int64_t classes, clusters;
  const int64_t *table;
  double *of_class, *of_cluster; /* (classes), (clusters): rows */
  double rows, unit, self;
} counts_t;

/* In a cell of the table. */
static double rows_of(const counts_t *counts, int64_t cell) {
  return counts->unit * (double)counts->table[cell];
}

static void add_up(counts_t *counts) {
  for (int64_t c = 0; c < counts->classes; c++)
    for (int64_t k = 0; k < counts->clusters; k++) {
      const double n = rows_of(counts, c * counts->clusters + k);
      counts->of_class[c] += n;
      counts->of_cluster[k] += n;
      counts->rows += n;
    }
}

static double sum_of_squares(int64_t n, const double *counts) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += counts[i] * counts[i];
  return sum;
}

/* By ordered pairs of different rows: together in both, only in the clusters, only in the classes, apart in
 * both. ARI = 2 (together apart - clusters classes) / ((together + classes) (classes + apart) + (together +
 * clusters) (clusters + apart)). */
static double adjusted_rand(const counts_t *counts) {
  const int64_t cells = counts->classes * counts->clusters;
  double squares = 0;
  for (int64_t i = 0; i < cells; i++) squares += rows_of(counts, i) * rows_of(counts, i);
  const double together = squares - counts->self;
  const double in_clusters = sum_of_squares(counts->clusters, counts->of_cluster) - squares;
  const double in_classes = sum_of_squares(counts->classes, counts->of_class) - squares;
  const double apart = counts->rows * counts->rows - in_clusters - in_classes - squares;
  if (in_clusters <= 0 && in_classes <= 0) return 1;
  return 2 * (together * apart - in_clusters * in_classes) /
         ((together + in_classes) * (in_classes + apart) + (together + in_clusters) * (in_clusters + apart));
}

/* H = - sum of p log p */
static double entropy(int64_t n, const double *counts, double rows) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    if (counts[i] > 0) sum -= counts[i] / rows * log(counts[i] / rows);
  return sum;
}

/* I = sum of p_ck log(p_ck / (p_c p_k)). One group on both sides is no information and perfect agreement. */
static double mutual_information(const counts_t *counts) {
  double sum = 0;
  for (int64_t c = 0; c < counts->classes; c++)
    for (int64_t k = 0; k < counts->clusters; k++) {
      const double n = rows_of(counts, c * counts->clusters + k);
      if (n > 0)
        sum += n / counts->rows * log(n * counts->rows / (counts->of_class[c] * counts->of_cluster[k]));
    }
  const double mean = (entropy(counts->classes, counts->of_class, counts->rows) +
                       entropy(counts->clusters, counts->of_cluster, counts->rows)) /
                      2;
  if (mean <= 0) return 1;
  return sum <= DBL_EPSILON ? 0 : sum / mean;
}

static double purity(const counts_t *counts) {
  int64_t right = 0;
  for (int64_t k = 0; k < counts->clusters; k++) {
    int64_t most = 0;
    for (int64_t c = 0; c < counts->classes; c++) {
      const int64_t n = counts->table[c * counts->clusters + k];
      if (n > most) most = n;
    }
    right += most;
  }
  return counts->unit * (double)right / counts->rows;
}

ls_status agreement_find(int64_t classes, int64_t clusters, const int64_t *table,
                         const agreement_units_t *units, agreement_t *out, ls_error *error) {
  double *sums = calloc((size_t)(classes + clusters), sizeof *sums);
  if (sums == NULL) return error_set(error, LS_NO_MEMORY, "no memory to compare clusters with labels");
  counts_t counts = {.classes = classes,
                     .clusters = clusters,
                     .table = table,
                     .unit = units != NULL ? units->unit : 1,
                     .of_class = sums,
                     .of_cluster = sums + classes};
  add_up(&counts);
  counts.self = units != NULL ? units->self : counts.rows;
  *out = (agreement_t){.adjusted_rand = adjusted_rand(&counts),
                       .mutual_information = mutual_information(&counts),
                       .purity = purity(&counts)};
  free(sums);
  return LS_OK;
}
