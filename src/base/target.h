/* What a loss wants to know about a row beside the network's outputs. */
#ifndef BASE_TARGET_H
#define BASE_TARGET_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  TARGET_NONE,
  TARGET_LABELS, /* one class number a row */
  TARGET_VALUES, /* numbers, as many a row as the loss makes of the network's outputs */
} target_kind_t;

/* A column of y: a class number in [0, classes), or, with no classes, a value in [low, high] unless both are
 * 0. Of a forecast it is a column of those that are forecast, at one step of the horizon, counted from 0. */
typedef struct {
  int64_t column, step;
  int64_t classes;
  double low, high;
} target_column_t;

/* What a loss asks of the data: labels in [0, width), or `width` values a row that lie in [low, high], unless
 * both are 0. Several heads ask for values, class numbers among them, column by column. */
typedef struct {
  target_kind_t kind;
  int64_t width;
  double low, high;
  const target_column_t *columns; /* (width): which columns of y the values are; NULL: all, as they lie */
  bool all_columns;               /* y has no others */
} target_request_t;

/* The targets of some rows; of labels and values the one that the kind does not ask for is NULL. */
typedef struct {
  const int32_t *labels; /* (rows) */
  const float *values;   /* (rows, width) */
  const float *weights;  /* (rows): how much each row counts; NULL: all the same, 1 */
  const float *factors;  /* by which weights are multiplied, a factor for each class of each head; NULL: 1 */
} target_t;

#endif
