/* Scaling of columns: y = (x - shift) * scale + offset. This file only applies a scaler. features/scaling.h
 * fits scalers on training rows and stores them in files. */
#ifndef MATH_SCALER_H
#define MATH_SCALER_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  const char *name;               /* name of the scaling, static; if columns differ, that of most */
  int64_t n;                      /* columns; 0: no scaling */
  bool is_double;                 /* values to be scaled are doubles, else floats */
  double *shift, *scale, *offset; /* (n) each */
  arena_t arena;
} scaler_t;

/* Creates a scaler with n columns of zeros for the caller to fill in. *out is caller-owned (scaler_free),
 * unchanged on failure. */
ls_status scaler_new(const char *name, int64_t n, scaler_t *out, ls_error *error);
void scaler_free(scaler_t *scaler);

/* Makes column c the identity. Used for class numbers among the targets. */
void scaler_leave(scaler_t *scaler, int64_t c);

/* Repeats the columns `times` times: column c becomes the old column c mod scaler->n. */
ls_status scaler_repeat(scaler_t *scaler, int64_t times, ls_error *error);

/* Rearranges the scaler to n columns: column c becomes the old column from[c]. */
ls_status scaler_pick(scaler_t *scaler, const int64_t *from, int64_t n, ls_error *error);

/* Scales values[i] of column first + i, for i < n, in double and rounds the result; where the scaler has no
 * columns it rounds alone. For the targets of a split, use split_scale_targets (data/stream.h). */
void scaler_apply(const scaler_t *scaler, int64_t first, int64_t n, const double *restrict values,
                  float *restrict out);

/* values[i] of column first + i, for i < n, becomes what it was before scaling; where the scaler has no
 * columns it stays. scaler_invert_widths is for standard deviations and other distances: they are scaled, but
 * not shifted. Both round to float unless scaler->is_double: then results are exact as far as double goes. */
void scaler_invert(const scaler_t *scaler, int64_t first, int64_t n, double *values);
void scaler_invert_widths(const scaler_t *scaler, int64_t first, int64_t n, double *values);

#endif
