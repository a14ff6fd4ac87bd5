/* Scaling of columns: y = (x - shift) * scale + offset. Who fits a scaler is no matter here;
 * features/scaling.h fits them on training rows and keeps them in files. */
#ifndef MATH_SCALER_H
#define MATH_SCALER_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

typedef struct {
  const char *name;               /* of the scaling, a constant; where columns differ, of most */
  int64_t n;                      /* columns; 0: nothing is scaled */
  double *shift, *scale, *offset; /* (n) each */
  arena_t arena;
} scaler_t;

/* n columns of zeros, for the caller to fill in. *out is caller-owned (scaler_free), untouched on failure. */
ls_status scaler_new(const char *name, int64_t n, scaler_t *out, ls_error *error);
void scaler_free(scaler_t *scaler);

/* Column c stays as it is: class numbers among the targets. */
void scaler_leave(scaler_t *scaler, int64_t c);

/* Column c becomes the present column c mod scaler->n, for `times` times as many columns. */
ls_status scaler_repeat(scaler_t *scaler, int64_t times, ls_error *error);

/* Column c of n becomes the present column from[c]. */
ls_status scaler_pick(scaler_t *scaler, const int64_t *from, int64_t n, ls_error *error);

/* In place, rows of scaler->n columns. Targets of a split are scaled by split_scale_targets (data/stream.h).
 */
void scaler_apply(const scaler_t *scaler, int64_t rows, float *values);
/* Back, in place: the n values of one row that belong to columns first .. first + n. */
void scaler_invert(const scaler_t *scaler, int64_t first, int64_t n, float *values);

#endif
