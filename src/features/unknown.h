/* Values that the model does not know: categories that no training row held. */
#ifndef FEATURES_UNKNOWN_H
#define FEATURES_UNKNOWN_H

#include "comm/world.h"
#include "features/features.h"

/* Of one column of the file, over the rows of all ranks. */
typedef struct {
  int64_t column, rows; /* rows whose value is unknown */
  int64_t *by_name; /* of these, rows of each category that the file names; NULL: the column has no names */
  int64_t names;
  bool is_number; /* an unknown value is missing, instead of no category */
} unknown_column_t;

typedef struct {
  size_t n;
  unknown_column_t *columns; /* (n): columns of categories */
  int64_t rows;              /* all rows of the split; of windows, time steps */
  arena_t arena;
} unknown_t;

/* Counts in one pass over the split. Windows that are streamed are not looked at. Collective. *out is
 * caller-owned (unknown_free). */
ls_status unknown_count(world_t *world, const features_t *features, const split_t *split, unknown_t *out,
                        ls_error *error);
void unknown_free(unknown_t *unknown);

#endif
