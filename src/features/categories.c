#include "features/categories.h"

#include "data/split_walk.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const columns_view_t *table;
  categories_t *categories;
  ls_status status;
  ls_error *error;
} search_t;

/* The place of the first value that is not below. */
static int64_t lower_bound(const category_column_t *column, double value) {
  int64_t low = 0, high = column->n;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (column->values[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static ls_status add_category(category_column_t *column, double value, ls_error *error) {
  int64_t at = lower_bound(column, value);
  if (at < column->n && column->values[at] == value) return LS_OK;
  if (value != floor(value))
    return error_set(error, LS_BAD_DATA,
                     "column %" PRId64 " (counted from 0) holds %.9g, but one_hot is for whole numbers",
                     column->column, value);
  if (column->n == column->most)
    return error_set(error, LS_BAD_DATA,
                     "column %" PRId64 " (counted from 0) holds more than %" PRId64
                     " different values, too many for %s",
                     column->column, column->most, column->most == MOST_VECTORS ? "vectors" : "one_hot");
  memmove(column->values + at + 1, column->values + at, (size_t)(column->n - at) * sizeof value);
  column->values[at] = value;
  column->n++;
  return LS_OK;
}

static void count_category(category_column_t *column, double value) {
  if (value >= 0 && value < (double)column->names->n && value == floor(value))
    column->counts[(int64_t)value]++;
}

static void take_categories(void *context, const split_walk_t *walk) {
  search_t *search = context;
  for (size_t i = 0; i < search->categories->n_columns; i++) {
    category_column_t *column = &search->categories->columns[i];
    for (int64_t r = walk->first; r < walk->first + walk->rows && search->status == LS_OK; r++) {
      double value = columns_view_value(search->table, r, column->column);
      if (column->names != NULL)
        count_category(column, value);
      else if (!isnan(value))
        search->status = add_category(column, value, search->error);
    }
  }
}

/* The union of what all ranks found. Every rank learns it. */
static ls_status unite_values(world_t *world, category_column_t *column, ls_error *error) {
  int ranks = world_size(world);
  double *all = NULL;
  int64_t *counts = calloc((size_t)ranks, sizeof *counts), n = 0;
  size_t *sizes = calloc((size_t)ranks, sizeof *sizes);
  ls_status status = LS_OK;
  if (counts == NULL || sizes == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for categories");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &column->n, sizeof column->n, counts, error));
  for (int r = 0; r < ranks; r++) {
    sizes[r] = (size_t)counts[r] * sizeof *all;
    n += counts[r];
  }
  all = calloc((size_t)n + 1, sizeof *all);
  if (all == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for categories");
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather_pieces(world, column->values, sizes, all, -1, error));
  for (int64_t k = 0; k < n && status == LS_OK; k++) status = add_category(column, all[k], error);
done:
  free(all);
  free(counts);
  free(sizes);
  return status;
}

static ls_status unite_counts(world_t *world, category_column_t *column, ls_error *error) {
  TRY(world_sum_i64(world, column->counts, column->names->n, error));
  for (size_t k = 0; k < column->names->n; k++)
    if (column->counts[k] > 0) column->values[column->n++] = (double)k;
  return LS_OK;
}

static ls_status make_column(const column_choice_t *choice, int64_t column, categories_t *out,
                             ls_error *error) {
  category_column_t *made = &out->columns[out->n_columns++];
  *made = (category_column_t){.column = column, .names = choice->names};
  made->most = choice->names != NULL            ? (int64_t)choice->names->n
               : choice->embeds == EMBED_ALWAYS ? MOST_VECTORS
                                                : MOST_CATEGORIES;
  made->values = arena_new(&out->arena, (size_t)made->most, sizeof *made->values);
  if (made->names != NULL) made->counts = arena_new(&out->arena, made->names->n, sizeof *made->counts);
  if (made->values != NULL && (made->names == NULL || made->counts != NULL)) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for categories");
}

static ls_status list_columns(const column_choice_t *choices, int64_t n, categories_t *out, ls_error *error) {
  size_t count = 0;
  for (int64_t c = 0; c < n; c++) count += choices[c].method.row->is_one_hot;
  out->columns = arena_new(&out->arena, count, sizeof *out->columns);
  if (out->columns == NULL) return error_set(error, LS_NO_MEMORY, "no memory for categories");
  for (int64_t c = 0; c < n; c++)
    if (choices[c].method.row->is_one_hot) TRY(make_column(&choices[c], c, out, error));
  return LS_OK;
}

ls_status categories_find(world_t *world, const column_choice_t *choices, const split_t *split,
                          const columns_view_t *table, categories_t *out, ls_error *error) {
  search_t search = {.table = table, .categories = out, .error = error};
  TRY(world_agree(world, list_columns(choices, table->columns, out, error), error));
  if (out->n_columns == 0) return LS_OK;
  TRY(split_walk(world, split, take_categories, &search, error));
  TRY(world_agree(world, search.status, error));
  ls_status status = LS_OK;
  for (size_t i = 0; i < out->n_columns && status == LS_OK; i++)
    status = (out->columns[i].names != NULL ? unite_counts : unite_values)(world, &out->columns[i], error);
  return status;
}

void categories_free(categories_t *categories) {
  arena_free(&categories->arena);
  *categories = (categories_t){0};
}

double categories_most_frequent(const category_column_t *column) {
  size_t best = 0;
  for (size_t k = 1; k < column->names->n; k++)
    if (column->counts[k] > column->counts[best]) best = k;
  return column->counts[best] > 0 ? (double)best : NAN;
}
