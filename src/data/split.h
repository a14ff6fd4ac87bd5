/* Rows of one process: of its part of a dataset file, or of arrays in memory. */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include "base/error.h"
#include "data/shard.h"
#include "math/scaler.h"

#include <stdbool.h>

/* How x lies in memory: u8 as it is; i8, i16, u16, f16, f32 as f32 (exact); wider types as f64. */
typedef enum { ELEMENT_U8, ELEMENT_F32, ELEMENT_F64 } element_t;

typedef struct stream stream_t;
typedef struct windows windows_t;

/* One split, this rank's part of it. Resident row r is row r of x and of labels or targets; with windows, x
 * targets and weights hold time steps, and row r is a window over them (data/window.h). */
typedef struct {
  partition_t partition;   /* of the whole split; rows == 0: there is none */
  int first_shard, shards; /* this rank's */
  int64_t rows;            /* those of this rank's shards, in order */
  int64_t features;
  element_t type;
  void *x;                   /* (rows, features) */
  int32_t *labels;           /* (rows), TARGET_LABELS; else NULL */
  float *targets;            /* (rows, width), TARGET_VALUES; else NULL */
  int64_t width;             /* of the targets */
  const scaler_t *scaled_by; /* NULL: targets are raw, as the file has them; else split_scale_targets made
                              * scaled ones of them. Borrowed */
  float *weights;       /* (rows): how much each row counts, 0 or more, as the file says; NULL: the same, 1 */
  const float *factors; /* of weights, by class, head by head (train/row_weights.h); NULL: 1 */
  stream_t *stream;     /* NULL: all rows are resident; else x, y and weights are a buffer that they pass */
  windows_t *windows;   /* NULL: a row is a row of the file */
} split_t;

/* Bytes of one. */
size_t element_size(element_t type);

/* Rows that a caller has in memory. */
typedef struct {
  int64_t rows, features;
  element_t type;
  const void *x;         /* (rows, features) */
  const int32_t *labels; /* (rows), or NULL */
  const float *targets;  /* (rows, width), as a loss takes them, or NULL */
  int64_t width;
  const float *weights; /* (rows), or NULL */
} split_arrays_t;

/* A split of one shard with all of these rows, for a process without a world: predictions and the gather take
 * it like one that was loaded. Borrows the arrays, which stay as they are; nothing is to be freed.
 * LS_BAD_DATA when there are too many rows, or none of x. *out is untouched on failure. Not collective. */
ls_status split_from_memory(const split_arrays_t *arrays, split_t *out, ls_error *error);

#endif
