/* The categories that the training rows hold, column by column. */
#ifndef FEATURES_CATEGORIES_H
#define FEATURES_CATEGORIES_H

#include "features/columns.h"

/* Of a column without names of categories, one_hot or as vectors. */
enum { MOST_CATEGORIES = 4096, MOST_VECTORS = 65536 };

typedef struct {
  int64_t column;
  int64_t n, most;
  double *values;                /* (n), ascending */
  const category_names_t *names; /* borrowed; NULL: the column holds whole numbers */
  int64_t *counts;               /* (names->n): rows that hold each; NULL without names */
} category_column_t;

typedef struct {
  size_t n_columns;
  category_column_t *columns; /* (n_columns), ascending */
  arena_t arena;
} categories_t;

/* The distinct values of one-hot columns over the rows of all ranks; NaN is none, and where there are names,
 * a number without one is none. LS_BAD_DATA for values that are not whole numbers, and for columns without
 * names that hold too many. Collective. */
ls_status categories_find(world_t *world, const column_choice_t *choices, const split_t *split,
                          const columns_view_t *table, categories_t *out, ls_error *error);
void categories_free(categories_t *categories);

/* The category that most rows hold, of several the first; NaN when no row holds one. Of a column with
 * names. */
double categories_most_frequent(const category_column_t *column);

#endif
