/* Rows of one process: of its part of a dataset file, or of arrays in memory. */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "base/error.h"
#include "layout/shard.h"
#include "math/scaler.h"

#include <stdbool.h>
#include <stdint.h>

/* The type of x in memory. u8 stays u8; i8, i16, u16, f16 and f32 become f32, which is exact; wider types
 * become f64. */
typedef enum { ELEMENT_U8, ELEMENT_F32, ELEMENT_F64 } element_t;

typedef struct stream stream_t;
typedef struct windows windows_t;

/* This rank's part of a split. Resident row r is row r of x and of labels or y. With windows, x, y and
 * weights hold time steps, and row r is a window over them (data/window.h).
 *
 * y stays as the file has it, and everything in original units is computed from y. A loss takes `targets`
 * instead: y scaled in double and rounded to float (split_scale_targets). */
typedef struct {
  partition_t partition;   /* of the whole split; rows == 0: the split does not exist */
  int first_shard, shards; /* this rank's */
  int64_t rows;            /* those of this rank's shards, in order */
  int64_t features;
  element_t type;
  void *x;                   /* (rows, features) */
  int32_t *labels;           /* (rows), TARGET_LABELS; else NULL */
  void *y;                   /* (rows, width), TARGET_VALUES: as in the file; else NULL */
  element_t y_type;          /* of y: ELEMENT_F32 where that holds all values of the file, else ELEMENT_F64 */
  int64_t width;             /* of y, and of the targets */
  bool y_is_x;               /* there is no y: the gather makes targets of x */
  const scaler_t *scaled_by; /* borrowed; NULL: split_scale_targets has not been called */
  float *targets; /* (rows, width): y as a loss takes it, or y itself where these are the same. NULL with
                     windows or a stream, and before split_scale_targets: then the gather scales */
  float *weights; /* (rows): weights of rows from the file, 0 or more; NULL: all 1 */
  const float *factors; /* of weights, by class, head by head (train/row_weights.h); NULL: 1 */
  stream_t *stream;     /* NULL: all rows are resident; otherwise x, y and weights are the stream's buffer */
  windows_t *windows;   /* NULL: a row is a row of the file */
} split_t;

/* Whether rows are windows whose targets come after them, rather than being the windows themselves. */
static inline bool split_forecasts(const split_t *split) {
  return split->windows != NULL && !split->y_is_x;
}

/* Bytes of one element. */
size_t element_size(element_t type);
/* Bytes of a row's y and targets in memory; y has `width` columns. */
size_t targets_bytes(int64_t width, element_t y_type, bool is_scaled);
static inline double element_at(const void *array, element_t type, int64_t i) {
  if (type == ELEMENT_F32) return (double)((const float *)array)[i];
  return type == ELEMENT_U8 ? (double)((const uint8_t *)array)[i] : ((const double *)array)[i];
}
/* Elements [at, at + n) of an array. */
void elements_read(const void *array, element_t type, int64_t at, int64_t n, double *restrict out);

/* Resident row `row` of y, which is not windows: as the file has it, and as a loss takes it; (width). */
void split_originals(const split_t *split, int64_t row, double *out);
void split_targets(const split_t *split, int64_t row, float *out);

/* Rows in the memory of the caller. */
typedef struct {
  int64_t rows, features;
  element_t type;
  const void *x;         /* (rows, features) */
  const int32_t *labels; /* (rows), or NULL */
  const float *targets;  /* (rows, width) as a loss takes them, or NULL */
  int64_t width;
  const float *weights; /* (rows), or NULL */
} split_arrays_t;

/* Makes a split of one shard with all of these rows, for a process without a world. Predictions and the
 * gather treat it like a loaded split. Borrows the arrays and does not change them; the caller frees nothing.
 * LS_BAD_DATA if there are too many rows, or no x. *out is untouched on failure. Not collective. */
ls_status split_from_memory(const split_arrays_t *arrays, split_t *out, ls_error *error);

#endif
