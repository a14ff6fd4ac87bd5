/* Targets: what a loss needs to know about a row besides the network's outputs. */
#ifndef BASE_TARGET_H
#define BASE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  TARGET_NONE,
  TARGET_LABELS, /* one class number per row */
  TARGET_VALUES, /* `width` numbers per row */
} target_kind_t;

/* One column of y. With classes > 0 its values are class numbers in [0, classes). Otherwise they are in [low,
 * high], or unlimited when both are 0. For a forecast, `column` counts the forecast columns and `step` is the
 * step of the horizon, from 0. */
typedef struct {
  int64_t column, step;
  int64_t classes;
  double low, high;
} target_column_t;

/* What folds share out evenly: nothing, the classes in column `strata` of y (counted from 1), or labels,
 * which may be one-hot. */
enum { STRATA_NONE = 0, STRATA_LABELS = -1 };

/* What a loss needs from the data: labels in [0, width), or `width` values per row. Values must be in [low,
 * high], or are unlimited when both are 0. A loss with several heads asks for values column by column; class
 * numbers are values then. */
typedef struct {
  target_kind_t kind;
  int64_t width;
  double low, high;
  const target_column_t *columns; /* (width): the columns of y with the values; NULL: all, in order */
  bool all_columns;               /* y has no other columns */
  bool of_x;                      /* values: those of x as the network sees them; no y is read */
  int64_t strata;                 /* STRATA_…, or a column */
} target_request_t;

/* The targets of some rows. `labels` or `values` is NULL, whichever the kind does not use. */
typedef struct {
  const int32_t *labels; /* (rows) */
  const float *values;   /* (rows, width) */
  const float *weights;  /* (rows): weight of each row; NULL: all 1 */
  const float *factors;  /* factors on the weights, one for each class of each head; NULL: all 1 */
} target_t;

#endif
