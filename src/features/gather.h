/* The gather: rows of a batch, picked by index, converted to float and made the network's inputs in one pass.
 */
#ifndef FEATURES_GATHER_H
#define FEATURES_GATHER_H

#include "data/split.h"
#include "features/features.h"

typedef struct {
  const split_t *split;          /* borrowed */
  int64_t begin, stride;         /* elements of x at which row 0 begins, and from a row to the next */
  const uint32_t *at;            /* (rows): how many strides before each; NULL: they follow each other */
  float *shift, *scale, *offset; /* (features), as float; NULL when nothing is scaled */
  const features_t *features;    /* borrowed; f64 rows are scaled in double */
  arena_t arena;
} gather_t;

ls_status gather_create(const split_t *split, const features_t *features, gather_t *out, ls_error *error);
void gather_free(gather_t *gather);

/* out (n, features->inputs), row i made of row rows[i] of the split's resident rows. Thread-safe. */
void gather_features(const gather_t *gather, const uint32_t *rows, int64_t n, float *out);
/* rows first .. first + n as they lie. */
void gather_range(const gather_t *gather, int64_t first, int64_t n, float *out);

/* labels (n), or targets (n, width). */
void gather_labels(const gather_t *gather, const uint32_t *rows, int64_t n, int32_t *out);
void gather_targets(const gather_t *gather, const uint32_t *rows, int64_t n, float *out);
/* weights (n), of a split that has some; that of one resident row. */
float row_weight(const split_t *split, int64_t row);
void gather_weights(const gather_t *gather, const uint32_t *rows, int64_t n, float *out);

#endif
