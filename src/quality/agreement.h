/* How well clusters agree with known classes: figures of the table that counts the rows of each class in each
 * cluster. The numbers of clusters mean nothing, so no figure depends on them. Pure; thread-safe. */
#ifndef QUALITY_AGREEMENT_H
#define QUALITY_AGREEMENT_H

#include "base/error.h"

#include <stdint.h>

typedef struct {
  /* Adjusted Rand index (Hubert and Arabie 1985, equation 5): of the pairs of rows, how many are together in
   * both or apart in both, scaled so that random clusters have 0 on average. 1: the same groups. */
  double adjusted_rand;
  /* Normalised mutual information, I / ((H(classes) + H(clusters)) / 2), from 0 to 1 (Strehl and Ghosh 2002;
   * the arithmetic mean as in scikit-learn). */
  double mutual_information;
  /* Share of the rows that are of the most frequent class of their cluster. More clusters make it larger. */
  double purity;
} agreement_t;

/* What a table counts if rows have weights: numbers of `unit`. Of all pairs of rows, `self` are those of a
 * row with itself: the sum of the weights if w means w equal rows, otherwise that of their squares. */
typedef struct {
  double unit, self;
} agreement_units_t;

/* table (classes, clusters) has at least one row. units NULL: the table counts rows. LS_NO_MEMORY. */
ls_status agreement_find(int64_t classes, int64_t clusters, const int64_t *table,
                         const agreement_units_t *units, agreement_t *out, ls_error *error);

#endif
