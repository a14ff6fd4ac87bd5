/* Private to the room: walk.c looks at all rows twice, sample.c at the pairs of some rows, labels.c compares
 * clusters with labels. */
#ifndef QUALITY_QUALITY_IMPL_H
#define QUALITY_QUALITY_IMPL_H

#include "base/arena.h"
#include "features/row_weights.h"
#include "quality/quality.h"

/* What the passes over the rows have found. */
typedef struct {
  int64_t columns, clusters;    /* of what the last layer sees; its outputs */
  int32_t *cluster;             /* (own rows) */
  float *labels;                /* (own rows), or NULL */
  row_count_t rows;             /* what the weights of rows stand for */
  double *weights;              /* (own rows): scaled by it; NULL: all 1 */
  double *counts;               /* (clusters): rows by their weights, on every rank */
  double self;                  /* pairs of a row with itself (agreement.h) */
  double *means;                /* (clusters, columns), on every rank */
  double *widths;               /* (clusters): mean distances of rows to them */
  int64_t n_sample, first, own; /* rows of the sample; which of them are this rank's: [first, first + own) */
  int64_t *numbers;             /* (n_sample): their numbers in the split, ascending */
  float *sample;                /* (own, columns) */
  int32_t *sample_cluster;      /* (own) */
  double *sample_weight;        /* (own); NULL: all 1 */
  arena_t arena;
} walked_t;

/* Fills all members. The caller frees the arena. Collective. */
ls_status walk_rows(const quality_inputs_t *inputs, walked_t *walked, ls_error *error);

/* The mean silhouette of the sample. Collective. */
ls_status sample_silhouette(const quality_inputs_t *inputs, const walked_t *walked, double *silhouette,
                            ls_error *error);

/* Compares clusters with labels. Collective. */
ls_status labels_compare(const quality_inputs_t *inputs, const walked_t *walked, int64_t *classes,
                         agreement_t *agreement, ls_error *error);

#endif
