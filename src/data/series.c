#include "data/series.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_ROWS = 1 << 18 };

void series_free(series_t *series) {
  free(series->first);
  free(series->ids);
  *series = (series_t){0};
}

static ls_status no_memory(int64_t n, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " series", n);
}

/* Room for n series; what is there stays. */
static ls_status make_room(series_t *series, int64_t n, ls_error *error) {
  int64_t *first = realloc(series->first, (size_t)(n + 1) * sizeof *first);
  if (first != NULL) series->first = first;
  int64_t *ids = realloc(series->ids, (size_t)n * sizeof *ids);
  if (ids != NULL) series->ids = ids;
  return first == NULL || ids == NULL ? no_memory(n, error) : LS_OK;
}

/* Goes on with the numbers of n rows, of which the first is row `row`. */
static ls_status add_rows(series_t *series, int64_t *room, const int64_t *ids, int64_t row, int64_t n,
                          ls_error *error) {
  for (int64_t i = 0; i < n; i++) {
    if (series->n > 0 && series->ids[series->n - 1] == ids[i]) continue;
    if (series->n == *room) {
      TRY(make_room(series, 2 * *room, error));
      *room *= 2;
    }
    series->first[series->n] = row + i;
    series->ids[series->n++] = ids[i];
  }
  return LS_OK;
}

typedef struct {
  int64_t id, row;
} begin_t;

static int compare(const void *a, const void *b) {
  const begin_t *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

/* No number comes again after another. */
static ls_status check_once(const store_t *store, const char *name, const series_t *series, ls_error *error) {
  begin_t *begins = malloc((size_t)series->n * sizeof *begins);
  ls_status status = LS_OK;
  if (begins == NULL) return no_memory(series->n, error);
  for (int64_t i = 0; i < series->n; i++) begins[i] = (begin_t){series->ids[i], series->first[i]};
  qsort(begins, (size_t)series->n, sizeof *begins, compare);
  for (int64_t i = 1; i < series->n && status == LS_OK; i++)
    if (begins[i].id == begins[i - 1].id)
      status = error_set(error, LS_BAD_DATA,
                         "%s: %s: series %" PRId64 " begins in row %" PRId64 " (counted from 0) and again in "
                         "row %" PRId64 ": put the rows of a series behind each other, in the order of time",
                         store_path(store), name, begins[i].id, begins[i - 1].row, begins[i].row);
  free(begins);
  return status;
}

static ls_status check_array(const store_t *store, const char *name, int64_t rows, ls_error *error) {
  store_array_t array = {0};
  ls_status status = store_describe(store, name, &array, error);
  if (status != LS_OK)
    return error_prefix(error, status,
                        "which series a row is of (data.window.series is none for a single one)");
  bool is_list = array.dims == 1 || (array.dims == 2 && array.shape[1] == 1);
  if (is_list && array.is_integer && array.shape[0] == rows) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s (data.window.series) must hold an integer for each of the %" PRId64
                   " rows beside it, the number of the row's series",
                   store_path(store), name, rows);
}

static ls_status read_ids(const store_t *store, const char *name, int64_t rows, series_t *series,
                          ls_error *error) {
  int64_t room = 1, *ids = malloc(PIECE_ROWS * sizeof *ids);
  ls_status status = ids == NULL ? no_memory(rows, error) : LS_OK;
  for (int64_t row = 0; row < rows && status == LS_OK; row += PIECE_ROWS) {
    int64_t n = rows - row < PIECE_ROWS ? rows - row : PIECE_ROWS;
    status = store_read_rows(store, name, row, n, STORE_I64, ids, error);
    if (status == LS_OK) status = add_rows(series, &room, ids, row, n, error);
  }
  free(ids);
  TRY(status);
  series->first[series->n] = rows;
  return check_once(store, name, series, error);
}

ls_status series_read(const store_t *store, const char *name, int64_t rows, series_t *out, ls_error *error) {
  series_t series = {0};
  if (name != NULL) TRY(check_array(store, name, rows, error));
  ls_status status = make_room(&series, 1, error);
  if (status == LS_OK && name != NULL) {
    status = read_ids(store, name, rows, &series, error);
  } else if (status == LS_OK) {
    series.n = 1;
    series.first[0] = 0;
    series.first[1] = rows;
    free(series.ids);
    series.ids = NULL;
  }
  if (status == LS_OK)
    *out = series;
  else
    series_free(&series);
  return status;
}

ls_status series_share(world_t *world, series_t *series, ls_error *error) {
  ls_status status = LS_OK;
  int64_t sizes[] = {series->n, series->ids != NULL};
  TRY(world_broadcast(world, sizes, sizeof sizes, 0, error));
  series->n = sizes[0];
  if (series->n == 0) return LS_OK;
  if (world_rank(world) > 0) status = make_room(series, series->n, error);
  TRY(world_agree(world, status, error));
  TRY(world_broadcast(world, series->first, (size_t)(series->n + 1) * sizeof(int64_t), 0, error));
  if (sizes[1] == 0) {
    free(series->ids);
    series->ids = NULL;
    return LS_OK;
  }
  return world_broadcast(world, series->ids, (size_t)series->n * sizeof(int64_t), 0, error);
}
