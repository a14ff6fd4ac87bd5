/* What a loss wants to know about a row beside the network's outputs. */
#ifndef BASE_TARGET_H
#define BASE_TARGET_H

#include <stdint.h>

typedef enum {
  TARGET_NONE,
  TARGET_LABELS, /* one class number a row */
  TARGET_VALUES, /* as many numbers a row as the network has outputs */
} target_kind_t;

/* The targets of some rows; the member that the kind does not ask for is NULL. */
typedef struct {
  const int32_t *labels; /* (rows) */
  const float *values;   /* (rows, width) */
} target_t;

#endif
