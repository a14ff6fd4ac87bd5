/* The gather picks rows of a batch by index, converts them to float and transforms them to the network's
 * inputs, in one pass.
 */
#ifndef FEATURES_GATHER_H
#define FEATURES_GATHER_H

#include "data/split.h"
#include "features/features.h"

typedef struct {
  const split_t *split;          /* borrowed */
  int64_t begin, stride;         /* in elements of x: the beginning of row 0, and the distance between rows */
  const uint32_t *at;            /* (rows): position of each row in strides; NULL: row r is at position r */
  float *shift, *scale, *offset; /* (features), as float; NULL when nothing is scaled */
  const features_t *features;    /* borrowed; f64 rows are scaled in double */
  arena_t arena;
} gather_t;

ls_status gather_create(const split_t *split, const features_t *features, gather_t *out, ls_error *error);
void gather_free(gather_t *gather);

/* Fills out (n, features->inputs); row i comes from resident row rows[i] of the split. Thread-safe. */
void gather_features(const gather_t *gather, const uint32_t *rows, int64_t n, float *out);
/* The same for resident rows [first, first + n). */
void gather_range(const gather_t *gather, int64_t first, int64_t n, float *out);

/* labels (n), or targets (n, width) as a loss takes them: where they are the features, the network's inputs
 * before basis functions. */
void gather_labels(const gather_t *gather, const uint32_t *rows, int64_t n, int32_t *out);
void gather_targets(const gather_t *gather, const uint32_t *rows, int64_t n, float *out);
/* Room for what a loss takes of some rows. */
typedef struct {
  int32_t *labels; /* (rows) */
  float *values;   /* (rows, width) */
  float *weights;  /* (rows) */
} target_room_t;

/* Labels or targets, and weights where there are some. */
target_t gather_target(const gather_t *gather, bool has_labels, const uint32_t *rows, int64_t n,
                       const target_room_t *room);
/* y (n, width) as the file has it. */
void gather_originals(const gather_t *gather, const uint32_t *rows, int64_t n, double *out);
/* weights (n), for a split with weights; and the weight of one resident row. */
float row_weight(const split_t *split, int64_t row);
void gather_weights(const gather_t *gather, const uint32_t *rows, int64_t n, float *out);

#endif
