#include "features/unknown.h"

#include "data/split_walk.h"
#include "data/window.h"
#include "features/scaler_fit.h"

#include <math.h>
#include <string.h>

typedef struct {
  const features_t *features;
  columns_view_t table;
  unknown_t *out;
  const double **known; /* (out->n): values that the model knows, ascending; NULL: all that have a meaning */
  int64_t *n_known;
} unknown_walk_t;

/* The categories of a column of the file as the values of an encoded row name them: one after the other, in
 * the first time step. */
static const double *known_values(const features_t *features, int64_t column, int64_t *n, bool *is_number) {
  const int64_t steps = features->steps > 1 ? features->steps : 1;
  const double *first = NULL;
  *n = 0;
  *is_number = features->source == NULL;
  for (size_t t = 0; t < features->n_lookups; t++)
    if (features->lookups[t].column == column) {
      *n = features->lookups[t].n;
      return features->lookups[t].values;
    }
  for (int64_t i = 0; i < features->encoded / steps && features->source != NULL; i++) {
    if (features->source[i] != column) continue;
    *is_number |= features->kind[i] == VALUE_NUMBER;
    if (features->kind[i] != VALUE_CATEGORY) continue;
    if (first == NULL) first = &features->category[i];
    ++*n;
  }
  return first;
}

static bool is_known(const double *values, int64_t n, double value) {
  int64_t low = 0, high = n;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (values[middle] < value)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n && values[low] == value;
}

static void take_rows(void *context, const split_walk_t *walk) {
  unknown_walk_t *walking = context;
  for (size_t i = 0; i < walking->out->n; i++) {
    unknown_column_t *column = &walking->out->columns[i];
    for (int64_t r = walk->first; r < walk->first + walk->rows; r++) {
      double x = columns_view_value(&walking->table, r, column->column);
      double value = features_meaning(walking->features, column->column, x);
      bool knows = column->is_number ? value >= 0 : is_known(walking->known[i], walking->n_known[i], value);
      if (isnan(x) || knows) continue;
      column->rows++;
      if (x >= 0 && x < (double)column->names && x == floor(x)) column->by_name[(int64_t)x]++;
    }
  }
}

static ls_status list_columns(unknown_walk_t *walking, ls_error *error) {
  const features_t *features = walking->features;
  unknown_t *out = walking->out;
  size_t columns = (size_t)features_file_columns(features);
  out->columns = arena_new(&out->arena, columns, sizeof *out->columns);
  walking->known = arena_new(&out->arena, columns, sizeof *walking->known);
  walking->n_known = arena_new(&out->arena, columns, sizeof *walking->n_known);
  bool has_memory = out->columns != NULL && walking->known != NULL && walking->n_known != NULL;
  for (size_t c = 0; c < columns && has_memory; c++) {
    unknown_column_t *column = &out->columns[out->n];
    bool has_names = features->codes != NULL && features->codes[c].names.n > 0;
    walking->known[out->n] =
        known_values(features, (int64_t)c, &walking->n_known[out->n], &column->is_number);
    column->column = (int64_t)c;
    if (column->is_number && !has_names) continue;
    if (has_names) column->names = features->codes[c].known;
    if (has_names)
      has_memory =
          (column->by_name = arena_new(&out->arena, (size_t)column->names, sizeof *column->by_name)) != NULL;
    out->n++;
  }
  return has_memory ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory to count unknown categories");
}

static ls_status add_ranks(world_t *world, unknown_t *out, ls_error *error) {
  for (size_t i = 0; i < out->n; i++) {
    unknown_column_t *column = &out->columns[i];
    TRY(world_sum_i64(world, &column->rows, 1, error));
    if (column->names > 0) TRY(world_sum_i64(world, column->by_name, (size_t)column->names, error));
  }
  return LS_OK;
}

ls_status unknown_count(world_t *world, const features_t *features, const split_t *split, unknown_t *out,
                        ls_error *error) {
  unknown_t unknown = {0};
  unknown_walk_t walking = {.features = features, .out = &unknown};
  bool is_passed_over = split->windows != NULL && split->stream != NULL;
  split_t rows = split->windows != NULL && !is_passed_over ? windows_as_steps(split) : *split;
  ls_status status = world_agree(world, list_columns(&walking, error), error);
  if (is_passed_over) unknown.n = 0;
  unknown.rows = rows.partition.rows;
  walking.table = (columns_view_t){rows.x, rows.type, rows.rows, rows.features, 0, rows.features, true};
  if (status == LS_OK && unknown.n > 0) status = split_walk(world, &rows, take_rows, &walking, error);
  if (status == LS_OK) status = add_ranks(world, &unknown, error);
  if (status == LS_OK)
    *out = unknown;
  else
    unknown_free(&unknown);
  return status;
}

void unknown_free(unknown_t *unknown) {
  arena_free(&unknown->arena);
  *unknown = (unknown_t){0};
}
