#include "features/sizes.h"

#include "data/split_walk.h"
#include "data/window.h"
#include "features/scaler_fit.h"

#include <math.h>
#include <stdlib.h>

/* Of each column so far, and room for a row. */
typedef struct {
  columns_view_t table;
  double low[MOST_SIZES], high[MOST_SIZES], scratch[3 * MOST_SIZES];
  int64_t present[MOST_SIZES];
} ranges_t;

static void take_range(void *context, const split_walk_t *walk) {
  ranges_t *ranges = context;
  columns_view_t table = ranges->table;
  table.first_column = walk->first * table.stride;
  table.rows = walk->rows;
  fit_range(&table, ranges->scratch, ranges->low, ranges->high, ranges->present);
}

/* Whether the network sees the column's numbers as they are. */
static bool is_plain(const features_t *features, int64_t column) {
  const scaler_t *scaler = &features->scaler;
  for (int64_t i = 0; i < features->encoded && features->source != NULL; i++)
    if (features->source[i] == column && features->kind[i] != VALUE_NUMBER) return false;
  return scaler->n == 0 || (scaler->shift[column] == 0 && scaler->scale[column] == 1);
}

/* The extremes over all ranks. */
static ls_status judge(world_t *world, const features_t *features, ranges_t *ranges, double *all,
                       sizes_t *out, ls_error *error) {
  const int64_t n = ranges->table.columns;
  double mine[MOST_SIZES] = {0};
  for (int64_t c = 0; c < n; c++)
    mine[c] = ranges->present[c] > 0 ? fmax(fabs(ranges->low[c]), fabs(ranges->high[c])) : 0;
  TRY(world_gather(world, mine, (size_t)n * sizeof *mine, all, error));
  for (int64_t c = 0; c < n; c++) {
    double size = 0;
    for (int r = 0; r < world_size(world); r++) size = fmax(size, all[r * n + c]);
    if (size == 0 || !is_plain(features, c)) continue;
    if (out->small < 0 || size < out->small_size) out->small = c, out->small_size = size;
    if (out->large < 0 || size > out->large_size) out->large = c, out->large_size = size;
  }
  return LS_OK;
}

/* The largest absolute value in the first rows of all ranks. Room: `all` (ranks). */
static ls_status find_whole(world_t *world, const split_t *rows, double *all, double *out, ls_error *error) {
  enum { FIRST_ROWS = 1024 };
  const int64_t n = rows->rows < FIRST_ROWS ? rows->rows : FIRST_ROWS;
  const columns_view_t values = {rows->x, rows->type, n * rows->features, 1, 0, 1, true};
  double low = 0, high = 0, scratch[3], mine, most = 0;
  int64_t present = 0;
  fit_range(&values, scratch, &low, &high, &present);
  mine = fmax(fabs(low), fabs(high));
  TRY(world_gather(world, &mine, sizeof mine, all, error));
  for (int r = 0; r < world_size(world); r++) most = fmax(most, all[r]);
  *out = most;
  return LS_OK;
}

ls_status sizes_find(world_t *world, const features_t *features, const split_t *train, sizes_t *out,
                     ls_error *error) {
  bool is_streamed_window = train->windows != NULL && train->stream != NULL;
  split_t rows = train->windows != NULL && !is_streamed_window ? windows_as_steps(train) : *train;
  sizes_t sizes = {.small = -1, .large = -1};
  *out = sizes;
  const bool are_pictures = rows.type == ELEMENT_U8 || rows.features > MOST_SIZES;
  const bool are_plain = features->scaler.n == 0 && features->source == NULL;
  if (is_streamed_window || (are_pictures && (rows.stream != NULL || !are_plain))) return LS_OK;
  ranges_t *ranges = calloc(1, sizeof *ranges);
  double *all = calloc((size_t)world_size(world) * MOST_SIZES, sizeof *all);
  ls_status status = LS_OK;
  if (ranges == NULL || all == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to look at the sizes of features");
  TRY_OR_DONE(world_agree(world, status, error));
  if (are_pictures) {
    status = find_whole(world, &rows, all, &out->large_size, error);
    goto done;
  }
  ranges->table = (columns_view_t){rows.x, rows.type, rows.rows, rows.features, 0, rows.features, true};
  fit_no_range(rows.features, ranges->low, ranges->high);
  TRY_OR_DONE(split_walk(world, &rows, take_range, ranges, error));
  TRY_OR_DONE(judge(world, features, ranges, all, &sizes, error));
  *out = sizes;
done:
  free(ranges);
  free(all);
  return status;
}
