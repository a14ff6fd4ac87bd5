/* Fitting a scaler: the passes over the rows of all ranks. Columns are fitted in groups, so that the sums of
 * all shards fit into little memory however many columns there are. */
#include "features/missing.h"

#include "data/split_walk.h"
#include "data/window.h"
#include "math/tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIT_BYTES = 16 << 20 }; /* for the sums of all shards */

/* One group of columns on its way through the passes. */
typedef struct {
  world_t *world;
  const split_t *split;
  const method_t *methods;  /* (columns) of the group */
  columns_view_t table;     /* resident rows, the group's columns */
  int64_t columns;          /* in the group */
  const filling_t *filling; /* or NULL */
  bool needs_mean, needs_quartiles;
  bool fills_median;
  double *scratch;    /* fit_scratch */
  double *mine, *all; /* (shards, 2 columns): of this rank's shards, of all */
  double *ranges;     /* (ranks, 2 columns): low and high */
  double *low, *high, *mean;
  int64_t *present;
  selection_t *selections; /* (columns) */
  double *quartiles;       /* (columns, QUARTILES) */
  int64_t *bins;           /* (columns, SELECTED, SELECT_BINS) */
  int digit;               /* that the present pass looks for */
  size_t *sizes;           /* (ranks), of what each rank gives to a gather */
} fit_t;

static columns_view_t walked_rows(const fit_t *fit, const split_walk_t *walk) {
  columns_view_t table = fit->table;
  table.first_column += walk->first * table.stride;
  table.rows = walk->rows;
  return table;
}

/* all[0 .. width) = sum over the shards of all ranks of mine, width doubles each, by the tree. */
static ls_status sum_shards(fit_t *fit, int64_t width, ls_error *error) {
  int shards = fit->split->partition.shards, ranks = world_size(fit->world);
  for (int r = 0; r < ranks; r++)
    fit->sizes[r] = (size_t)rank_shards(shards, ranks, r) * (size_t)width * sizeof(double);
  TRY(world_gather_pieces(fit->world, fit->mine, fit->sizes, fit->all, -1, error));
  tree_sum_vectors(fit->all, shards, (size_t)width);
  return LS_OK;
}

static void take_range(void *context, const split_walk_t *walk) {
  fit_t *fit = context;
  columns_view_t table = walked_rows(fit, walk);
  fit_range(&table, fit->scratch, fit->mine, fit->mine + fit->columns, fit->present);
}

static ls_status find_range(fit_t *fit, ls_error *error) {
  int64_t n = fit->columns;
  fit_no_range(n, fit->mine, fit->mine + n);
  memset(fit->present, 0, (size_t)n * sizeof *fit->present);
  TRY(split_walk(fit->world, fit->split, take_range, fit, error));
  TRY(world_sum_i64(fit->world, fit->present, (size_t)n, error));
  TRY(world_gather(fit->world, fit->mine, 2 * (size_t)n * sizeof(double), fit->ranges, error));
  fit_no_range(n, fit->low, fit->high);
  for (int r = 0; r < world_size(fit->world); r++) {
    const double *low = fit->ranges + 2 * n * r, *high = low + n;
    for (int64_t c = 0; c < n; c++) {
      if (low[c] < fit->low[c]) fit->low[c] = low[c];
      if (high[c] > fit->high[c]) fit->high[c] = high[c];
    }
  }
  return LS_OK;
}

static void clear_sums(fit_t *fit, int64_t width) {
  memset(fit->mine, 0, (size_t)(fit->split->shards * width) * sizeof *fit->mine);
}

static void take_sums(void *context, const split_walk_t *walk) {
  fit_t *fit = context;
  columns_view_t table = walked_rows(fit, walk);
  fit_sums(&table, fit->scratch, fit->mine + walk->shard * fit->columns);
}

static ls_status find_mean(fit_t *fit, ls_error *error) {
  int64_t n = fit->columns;
  clear_sums(fit, n);
  TRY(split_walk(fit->world, fit->split, take_sums, fit, error));
  TRY(sum_shards(fit, n, error));
  for (int64_t c = 0; c < n; c++) fit->mean[c] = fit->all[c] / (double)fit->present[c];
  return LS_OK;
}

static void take_squares(void *context, const split_walk_t *walk) {
  fit_t *fit = context;
  columns_view_t table = walked_rows(fit, walk);
  fit_squares(&table, fit->mean, fit->scratch, fit->mine + 2 * walk->shard * fit->columns);
}

static ls_status find_squares(fit_t *fit, ls_error *error) {
  clear_sums(fit, 2 * fit->columns);
  TRY(split_walk(fit->world, fit->split, take_squares, fit, error));
  return sum_shards(fit, 2 * fit->columns, error);
}

static void take_digits(void *context, const split_walk_t *walk) {
  fit_t *fit = context;
  columns_view_t table = walked_rows(fit, walk);
  fit_digits(&table, fit->selections, fit->digit, fit->scratch, fit->bins);
}

static ls_status find_quartiles(fit_t *fit, ls_error *error) {
  size_t each = SELECTED * SELECT_BINS, n = (size_t)fit->columns * each;
  for (int64_t c = 0; c < fit->columns; c++) {
    fit->selections[c] = (selection_t){0};
    bool is_needed = fit->fills_median || fit->methods[c].row->needs == NEEDS_QUARTILES;
    if (is_needed && fit->present[c] > 0) select_begin(fit->present[c], &fit->selections[c]);
  }
  for (fit->digit = 0; fit->digit < SELECT_DIGITS; fit->digit++) {
    memset(fit->bins, 0, n * sizeof *fit->bins);
    TRY(split_walk(fit->world, fit->split, take_digits, fit, error));
    TRY(world_sum_i64(fit->world, fit->bins, n, error));
    for (int64_t c = 0; c < fit->columns; c++)
      if (fit->selections[c].wanted)
        select_digit(fit->digit, fit->bins + (size_t)c * each, &fit->selections[c]);
  }
  for (int64_t c = 0; c < fit->columns; c++)
    select_quartiles(fit->present[c], &fit->selections[c], fit->quartiles + c * QUARTILES);
  return LS_OK;
}

static void fill_group(const fit_t *fit, const moments_t *moments) {
  const filling_t *filling = fit->filling;
  int64_t first = fit->table.first_column;
  for (int64_t c = 0; c < fit->columns && filling->row != NULL && filling->row->fill != NULL; c++)
    filling->fill[first + c] = filling->row->fill(moments, fit->columns, c, filling->constant);
  for (int64_t c = 0; c < fit->columns && filling->present != NULL; c++)
    filling->present[first + c] = fit->present[c];
}

static ls_status fit_group(fit_t *fit, scaler_t *scaler, ls_error *error) {
  int64_t first = fit->table.first_column;
  TRY(find_range(fit, error));
  if (fit->needs_mean) {
    TRY(find_mean(fit, error));
    TRY(find_squares(fit, error));
  }
  if (fit->needs_quartiles) TRY(find_quartiles(fit, error));
  moments_t moments = {fit->present, fit->low, fit->high, fit->mean, fit->all, fit->quartiles};
  TRY(fit_finish(fit->methods, &moments, first, fit->columns, scaler, error));
  if (fit->filling != NULL) fill_group(fit, &moments);
  return LS_OK;
}

static ls_status fit_memory(fit_t *fit, int64_t columns, arena_t *arena, ls_error *error) {
  size_t n = (size_t)columns, ranks = (size_t)world_size(fit->world), shards = (size_t)fit->split->shards;
  size_t selected = fit->needs_quartiles ? n : 0;
  fit->scratch = arena_new(arena, fit_scratch(columns), sizeof(double));
  fit->mine = arena_new(arena, 2 * n * (shards + 1), sizeof(double));
  fit->all = arena_new(arena, 2 * n * (size_t)fit->split->partition.shards, sizeof(double));
  fit->ranges = arena_new(arena, 2 * n * ranks, sizeof(double));
  fit->low = arena_new(arena, 3 * n, sizeof(double));
  fit->present = arena_new(arena, n, sizeof *fit->present);
  fit->selections = arena_new(arena, selected, sizeof *fit->selections);
  fit->quartiles = arena_new(arena, selected * QUARTILES, sizeof(double));
  fit->bins = arena_new(arena, selected * SELECTED * SELECT_BINS, sizeof *fit->bins);
  fit->sizes = arena_new(arena, ranks, sizeof *fit->sizes);
  bool short_of_memory = fit->scratch == NULL || fit->mine == NULL || fit->all == NULL ||
                         fit->ranges == NULL || fit->low == NULL || fit->present == NULL ||
                         fit->selections == NULL || fit->quartiles == NULL || fit->bins == NULL ||
                         fit->sizes == NULL;
  if (short_of_memory) return error_set(error, LS_NO_MEMORY, "no memory to fit a scaler");
  fit->high = fit->low + n;
  fit->mean = fit->low + 2 * n;
  return LS_OK;
}

/* Columns at a time. */
static int64_t group_columns(const fit_t *fit, int64_t columns) {
  int64_t values = 2 * (fit->split->partition.shards + world_size(fit->world));
  if (fit->needs_quartiles) values += SELECTED * SELECT_BINS;
  int64_t fitting = FIT_BYTES / ((int64_t)sizeof(double) * values);
  int64_t group = fitting < 16 ? 16 : fitting;
  return group < columns ? group : columns;
}

ls_status scaler_fit(world_t *world, const char *name, const method_t *methods, const split_t *split,
                     const columns_view_t *table, const filling_t *filling, scaler_t *out, ls_error *error) {
  fit_t fit = {.world = world, .split = split, .table = *table, .filling = filling};
  const missing_row_t *rule = filling != NULL ? filling->row : NULL;
  fit.needs_mean = rule != NULL && rule->needs == NEEDS_MEAN;
  fit.needs_quartiles = fit.fills_median = rule != NULL && rule->needs == NEEDS_QUARTILES;
  for (int64_t c = 0; c < table->columns; c++) {
    fit.needs_mean |= methods[c].row->needs == NEEDS_MEAN;
    fit.needs_quartiles |= methods[c].row->needs == NEEDS_QUARTILES;
  }
  int64_t group = group_columns(&fit, table->columns);
  arena_t arena = {0};
  scaler_t scaler = {0};
  ls_status status = scaler_new(name, table->columns, &scaler, error);
  if (status == LS_OK) status = fit_memory(&fit, group, &arena, error);
  TRY_OR_DONE(world_agree(world, status, error));
  for (int64_t first = 0; first < table->columns; first += group) {
    fit.columns = table->columns - first < group ? table->columns - first : group;
    fit.table.first_column = first;
    fit.table.columns = fit.columns;
    fit.methods = methods + first;
    TRY_OR_DONE(fit_group(&fit, &scaler, error));
  }
  *out = scaler;
done:
  if (status != LS_OK) arena_free(&scaler.arena);
  arena_free(&arena);
  return status;
}

/* ---- targets ---- */

static ls_status fit_rows(world_t *world, const scaling_settings_t *settings, const split_t *train,
                          scaler_t *out, ls_error *error) {
  const scaling_row_t *row = scaling_find(settings->name);
  if (row->is_one_hot)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.target_scaling: one_hot is for features; classes are learnt with cross_entropy");
  if (row->finish == NULL) return scaler_new(row->choice.name, 0, out, error);
  if (train->width == 0)
    return error_set(error, LS_BAD_SETTINGS, "data.target_scaling: labels are not scaled; set it to none");
  method_t *methods = calloc((size_t)train->width, sizeof *methods);
  ls_status status = methods == NULL ? error_set(error, LS_NO_MEMORY, "no memory to fit a scaler") : LS_OK;
  status = world_agree(world, status, error);
  for (int64_t c = 0; c < train->width && status == LS_OK; c++) methods[c] = (method_t){row, settings};
  columns_view_t table = {train->y, train->y_type, train->rows, train->width, 0, train->width, false};
  if (status == LS_OK) status = scaler_fit(world, row->choice.name, methods, train, &table, NULL, out, error);
  free(methods);
  return status == LS_OK ? LS_OK : error_prefix(error, status, "data.target_scaling: y of the training rows");
}

/* The columns of x that are forecast, of all steps, in an array of their own for the time of fitting. */
static double *copy_targets(const split_t *train, const split_t *steps) {
  int64_t skip = shard_first(train->windows->time, train->first_shard) - train->windows->begin;
  double *copy = malloc((size_t)(steps->rows * steps->width) * sizeof *copy + 1);
  for (int64_t i = 0; i < steps->rows && copy != NULL; i++)
    for (int64_t k = 0; k < steps->width; k++) copy[i * steps->width + k] = windows_value(train, skip + i, k);
  return copy;
}

/* A row has the columns of several steps: the scaler of each column, as often as it is forecast. */
static ls_status pick_forecast(const split_t *train, scaler_t *scaler, ls_error *error) {
  int64_t *from = malloc((size_t)train->width * sizeof *from + 1);
  if (from == NULL) return error_set(error, LS_NO_MEMORY, "no memory to fit a scaler");
  for (int64_t c = 0; c < train->width; c++) from[c] = train->windows->forecast[c].column;
  ls_status status = scaler_pick(scaler, from, train->width, error);
  free(from);
  return status;
}

static ls_status fit_windows(world_t *world, const scaling_settings_t *settings, const split_t *train,
                             scaler_t *out, ls_error *error) {
  split_t steps = windows_as_steps(train);
  scaler_t scaler = {0};
  double *copy = NULL;
  ls_status status = LS_OK;
  if (steps.stream == NULL && steps.y == NULL) {
    steps.y = copy = copy_targets(train, &steps);
    steps.y_type = ELEMENT_F64;
    if (copy == NULL)
      status =
          error_set(error, LS_NO_MEMORY, "no memory to scale the targets of %" PRId64 " steps", steps.rows);
  }
  status = world_agree(world, status, error);
  if (status == LS_OK) status = fit_rows(world, settings, &steps, &scaler, error);
  free(copy);
  TRY(status);
  status = world_agree(world, pick_forecast(train, &scaler, error), error);
  if (status == LS_OK)
    *out = scaler;
  else
    scaler_free(&scaler);
  return status;
}

/* Whether the file's targets need double, so that predictions in their units do. */
static bool targets_are_double(const split_t *train) {
  bool of_x = train->windows != NULL && train->y == NULL;
  return (of_x ? train->type : train->y_type) == ELEMENT_F64;
}

ls_status scaler_fit_targets(world_t *world, const scaling_settings_t *settings, const split_t *train,
                             scaler_t *out, ls_error *error) {
  TRY((train->windows != NULL ? fit_windows : fit_rows)(world, settings, train, out, error));
  out->is_double = targets_are_double(train);
  return LS_OK;
}
