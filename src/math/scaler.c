#include "math/scaler.h"

#include <inttypes.h>
#include <math.h>

ls_status scaler_new(const char *name, int64_t n, scaler_t *out, ls_error *error) {
  scaler_t scaler = {.name = name, .n = n};
  double *values = n > 0 ? arena_new(&scaler.arena, 3 * (size_t)n, sizeof *values) : NULL;
  if (n > 0 && values == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a scaler of %" PRId64 " columns", n);
  if (n > 0) {
    scaler.shift = values;
    scaler.scale = values + n;
    scaler.offset = values + 2 * n;
  }
  *out = scaler;
  return LS_OK;
}

void scaler_free(scaler_t *scaler) {
  arena_free(&scaler->arena);
  *scaler = (scaler_t){.name = "none"};
}

void scaler_leave(scaler_t *scaler, int64_t c) {
  if (scaler->n == 0) return;
  scaler->shift[c] = scaler->offset[c] = 0;
  scaler->scale[c] = 1;
}

/* Column c of n becomes column from[c], or column c mod scaler->n when from is NULL. */
static ls_status rearrange(scaler_t *scaler, const int64_t *from, int64_t n, ls_error *error) {
  scaler_t all = {0};
  if (scaler->n == 0) return LS_OK;
  TRY(scaler_new(scaler->name, n, &all, error));
  for (int64_t c = 0; c < n; c++) {
    int64_t column = from != NULL ? from[c] : c % scaler->n;
    all.shift[c] = scaler->shift[column];
    all.scale[c] = scaler->scale[column];
    all.offset[c] = scaler->offset[column];
  }
  all.is_double = scaler->is_double;
  arena_free(&scaler->arena);
  *scaler = all;
  return LS_OK;
}

ls_status scaler_repeat(scaler_t *scaler, int64_t times, ls_error *error) {
  return rearrange(scaler, NULL, scaler->n * times, error);
}

ls_status scaler_pick(scaler_t *scaler, const int64_t *from, int64_t n, ls_error *error) {
  return rearrange(scaler, from, n, error);
}

void scaler_apply(const scaler_t *scaler, int64_t first, int64_t n, const double *restrict values,
                  float *restrict out) {
  if (scaler->n == 0) {
    for (int64_t c = 0; c < n; c++) out[c] = (float)values[c];
    return;
  }
  const double *restrict shift = scaler->shift + first, *restrict scale = scaler->scale + first,
                         *restrict offset = scaler->offset + first;
  for (int64_t c = 0; c < n; c++) out[c] = (float)((values[c] - shift[c]) * scale[c] + offset[c]);
}

static void round_values(const scaler_t *scaler, int64_t n, double *values) {
  for (int64_t c = 0; c < n && !scaler->is_double; c++) values[c] = (double)(float)values[c];
}

void scaler_invert(const scaler_t *scaler, int64_t first, int64_t n, double *values) {
  for (int64_t c = 0; c < n && scaler->n > 0; c++)
    values[c] = (values[c] - scaler->offset[first + c]) / scaler->scale[first + c] + scaler->shift[first + c];
  round_values(scaler, n, values);
}

void scaler_invert_widths(const scaler_t *scaler, int64_t first, int64_t n, double *values) {
  for (int64_t c = 0; c < n && scaler->n > 0; c++) values[c] /= fabs(scaler->scale[first + c]);
  round_values(scaler, n, values);
}
