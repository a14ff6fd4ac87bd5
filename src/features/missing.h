/* What stands for missing values: the rules of data.missing that fill them in. */
#ifndef FEATURES_MISSING_H
#define FEATURES_MISSING_H

#include "features/scaler_fit.h"

/* Fills gaps of one column from what is known of its training rows. */
typedef struct missing_row {
  const char *name;
  needs_t needs;
  /* NULL: by most_frequent_find */
  double (*fill)(const moments_t *moments, int64_t columns, int64_t column, double constant);
} missing_row_t;

/* The row of a rule; NULL for rules that fill nothing in: error, drop. */
const missing_row_t *missing_find(const char *name);

/* fill[c] = the value that most training rows hold in column c, of several the smallest; NaN when all are
 * missing. For columns that are `wanted`; the others stay. Exact: distinct values are counted in a table of
 * bounded size, and where they are more, in several passes, each over the values whose hash begins with other
 * bits. Counts are integers, so the layout has no part in it. room: about as many distinct values are counted
 * in a pass, by all ranks together. Collective. */
enum { FREQUENT_ROOM = 1 << 20 };
ls_status most_frequent_find(world_t *world, const split_t *split, const columns_view_t *table,
                             const bool *wanted, size_t room, double *fill, ls_error *error);

#endif
