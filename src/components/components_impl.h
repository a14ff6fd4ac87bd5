/* Private to the room: components.c sees to means and results, covariance.c and randomized.c find vectors. */
#ifndef COMPONENTS_COMPONENTS_IMPL_H
#define COMPONENTS_COMPONENTS_IMPL_H

#include "components/components.h"
#include "sums/sums.h"

#include <math.h>

/* What both methods need. */
typedef struct {
  const components_inputs_t *in;
  int64_t inputs, rows; /* features; rows of weight > 0 */
  double weight;        /* of all rows */
  double count;         /* how many rows the weights stand for (features/row_weights.h) */
  const double *mean;   /* (inputs) */
  double squares;       /* sum over rows and features of weight z² */
  int64_t n;            /* wanted; 0: as many as explain settings->n of the variance */
} fitting_t;

/* What they find, on rank 0: vectors (n, inputs) with the sums of squares that lie along them, descending.
 * Owned by the arena. */
typedef struct {
  int64_t n;
  double *vectors, *squares;
} directions_t;

/* Both collective. */
ls_status covariance_fit(const fitting_t *fitting, arena_t *arena, directions_t *out, ls_error *error);
ls_status randomized_fit(const fitting_t *fitting, arena_t *arena, directions_t *out, ls_error *error);

/* The factor of a row in z, of which products are added: the root of its weight. */
static inline double block_factor(const sums_block_t *block, int64_t row) {
  return block->weights == NULL ? 1 : sqrt((double)block->weights[row]);
}

#endif
