/* The categories of one-hot columns. */
#ifndef FEATURES_CATEGORIES_H
#define FEATURES_CATEGORIES_H

#include "features/scaler_fit.h"

enum { MOST_CATEGORIES = 4096 }; /* of a column */

typedef struct {
  int64_t column;
  int64_t n;
  double *values; /* (n), ascending */
} category_column_t;

typedef struct {
  size_t n_columns;
  category_column_t *columns; /* (n_columns), ascending */
  arena_t arena;
} categories_t;

/* Finds the distinct values of one-hot columns over the rows of all ranks; NaN is not a category. LS_BAD_DATA
 * for values that are not whole numbers, and for columns with more than MOST_CATEGORIES. Collective. */
ls_status categories_find(world_t *world, const method_t *methods, const split_t *split,
                          const columns_view_t *table, categories_t *out, ls_error *error);
void categories_free(categories_t *categories);

/* The number of columns that one-hot encoding adds. */
int64_t categories_added(const categories_t *categories);

#endif
