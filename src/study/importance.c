#include "study/importance.h"

#include "base/activity.h"
#include "base/progress.h"
#include "base/random.h"
#include "data/window.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the repeats share. */
typedef struct {
  evaluator_t *evaluator;
  world_t *world;
  split_t split; /* rows, not windows; x may be changed */
  int64_t first; /* own rows are [first, first + split.rows) of all */
  int64_t columns;
  const mixture_t *mixture;
  const importance_options_t *options;
  size_t *sizes;   /* (ranks): bytes of a column */
  char *own, *all; /* (own rows, steps), (all rows, steps): a column */
  uint32_t *order; /* (all rows) */
  arena_t arena;
  importance_t result;
} permuting_t;

void importance_free(importance_t *importance) {
  arena_free(&importance->arena);
  *importance = (importance_t){0};
}

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for permuted rows; more ranks need less each");
}

/* ---- windows as rows ---- */

/* Windows overlap, so a column of one window cannot change alone. Each window becomes a row of its own, with
 * its targets as the file has them. */
static ls_status spread_targets(permuting_t *work, const split_t *windows, ls_error *error) {
  split_t *split = &work->split;
  const size_t rows = (size_t)windows->rows;
  uint32_t *numbers = arena_new(&work->arena, rows, sizeof *numbers);
  if (numbers == NULL) return no_memory(error);
  for (size_t i = 0; i < rows; i++) numbers[i] = (uint32_t)i;
  if (windows->labels != NULL) {
    split->labels = arena_new(&work->arena, rows, sizeof *split->labels);
    if (split->labels == NULL) return no_memory(error);
    windows_labels(windows, numbers, windows->rows, split->labels);
    return LS_OK;
  }
  split->width = windows->windows->n_forecast;
  split->y_type = ELEMENT_F64;
  split->targets = NULL; /* the gather scales y */
  split->y = arena_new(&work->arena, rows * (size_t)split->width, sizeof(double));
  if (split->y == NULL) return no_memory(error);
  windows_originals(windows, WINDOW_TARGETS, numbers, windows->rows, split->y);
  return LS_OK;
}

static ls_status spread_windows(permuting_t *work, const split_t *windows, ls_error *error) {
  split_t *split = &work->split;
  const size_t rows = (size_t)windows->rows, size = element_size(windows->type);
  const size_t row_bytes = (size_t)windows->features * size;
  const size_t step_bytes = (size_t)windows->windows->columns * size;
  char *x = arena_new(&work->arena, rows, row_bytes);
  if (x == NULL) return no_memory(error);
  for (size_t i = 0; i < rows; i++)
    memcpy(x + i * row_bytes,
           (const char *)windows->x + (size_t)windows_step(windows->windows, (int64_t)i) * step_bytes,
           row_bytes);
  split->x = x;
  if (windows->weights != NULL) {
    split->weights = arena_new(&work->arena, rows, sizeof *split->weights);
    if (split->weights == NULL) return no_memory(error);
    for (size_t i = 0; i < rows; i++) split->weights[i] = windows_weight(windows, (int64_t)i);
  }
  TRY(spread_targets(work, windows, error));
  split->windows = NULL;
  return LS_OK;
}

/* ---- a column ---- */

/* Copies column c between x and `column` (own rows, steps). */
static void copy_column(const permuting_t *work, int64_t c, char *column, bool is_out) {
  const split_t *split = &work->split;
  const size_t size = element_size(split->type);
  const int64_t steps = split->features / work->columns;
  for (int64_t i = 0; i < split->rows; i++)
    for (int64_t t = 0; t < steps; t++) {
      char *x = (char *)split->x + (size_t)(i * split->features + t * work->columns + c) * size;
      char *own = column + (size_t)(i * steps + t) * size;
      memcpy(is_out ? own : x, is_out ? x : own, size);
    }
}

/* Row i of x gets the values of row order[first + i] of all. */
static void permute_column(const permuting_t *work, int64_t c) {
  const split_t *split = &work->split;
  const size_t size = element_size(split->type);
  const int64_t steps = split->features / work->columns;
  for (int64_t i = 0; i < split->rows; i++)
    for (int64_t t = 0; t < steps; t++)
      memcpy((char *)split->x + (size_t)(i * split->features + t * work->columns + c) * size,
             work->all + (size_t)((int64_t)work->order[work->first + i] * steps + t) * size, size);
}

/* ---- figures ---- */

static const metrics_t *head_metrics(const metrics_t *metrics, size_t h) {
  return metrics->n_heads > 0 ? &metrics->heads[h] : metrics;
}

static size_t metric_count(const metrics_t *metrics) {
  if (metrics->n_heads == 0 && metrics->classes == 0 && metrics->targets == 0) return 1; /* the loss is all */
  return 1 + (metrics->n_heads > 0 ? metrics->n_heads : 1);
}

static double figure_of(const metrics_t *metrics, size_t f) {
  if (f == 0) return metrics->loss;
  const metrics_t *head = head_metrics(metrics, f - 1);
  return head->classes > 0 ? metrics_accuracy(head) : head->rmse;
}

static ls_status make_figures(importance_t *result, const metrics_t *base, ls_error *error) {
  result->n = metric_count(base);
  result->figures = arena_new(&result->arena, result->n, sizeof *result->figures);
  if (result->figures == NULL) return no_memory(error);
  for (size_t f = 0; f < result->n; f++) {
    importance_figure_t *figure = &result->figures[f];
    const metrics_t *head = f > 0 ? head_metrics(base, f - 1) : NULL;
    const bool is_class = head != NULL && head->classes > 0;
    figure->falls = is_class;
    figure->base = figure_of(base, f);
    figure->values = arena_new(&result->arena, (size_t)(result->columns * result->repeats), sizeof(double));
    if (figure->values == NULL) return no_memory(error);
    snprintf(figure->name, sizeof figure->name, "%s%s%s", base->n_heads > 0 && f > 0 ? head->name : "",
             base->n_heads > 0 && f > 0 ? "_" : "",
             f == 0     ? "loss"
             : is_class ? "accuracy"
                        : "rmse");
  }
  return LS_OK;
}

double importance_mean(const importance_t *importance, size_t f, int64_t column) {
  const importance_figure_t *figure = &importance->figures[f];
  const double *values = figure->values + column * importance->repeats;
  double sum = 0;
  for (int64_t r = 0; r < importance->repeats; r++) sum += values[r] - figure->base;
  const double mean = sum / (double)importance->repeats;
  return figure->falls ? 0 - mean : mean;
}

double importance_deviation(const importance_t *importance, size_t f, int64_t column) {
  const importance_figure_t *figure = &importance->figures[f];
  const double *values = figure->values + column * importance->repeats;
  double sum = 0, squares = 0;
  for (int64_t r = 0; r < importance->repeats; r++) sum += values[r] - figure->base;
  const double mean = sum / (double)importance->repeats;
  for (int64_t r = 0; r < importance->repeats; r++) {
    const double d = values[r] - figure->base - mean;
    squares += d * d;
  }
  return sqrt(squares / (double)importance->repeats);
}

/* ---- the walk over columns ---- */

static ls_status evaluate(permuting_t *work, metrics_t *metrics, ls_error *error) {
  return evaluator_run(work->evaluator, work->world, &work->split, work->mixture, metrics, error);
}

static ls_status run_repeat(permuting_t *work, int64_t c, int64_t r, ls_error *error) {
  importance_t *result = &work->result;
  metrics_t metrics = {0};
  const random_stream_t stream = {
      .seed = work->options->seed, .purpose = RANDOM_IMPORTANCE, .time = (uint64_t)r, .shard = (uint64_t)c};
  char text[64];
  snprintf(text, sizeof text, "column %" PRId64 "/%" PRId64 ", repeat %" PRId64 "/%" PRId64, c + 1,
           result->columns, r + 1, result->repeats);
  progress_set_prefix(text);
  random_permutation(&stream, (size_t)work->split.partition.rows, work->order);
  permute_column(work, c);
  TRY(evaluate(work, &metrics, error));
  for (size_t f = 0; f < result->n; f++)
    result->figures[f].values[c * result->repeats + r] = figure_of(&metrics, f);
  metrics_free(&metrics);
  return LS_OK;
}

static ls_status run_column(permuting_t *work, int64_t c, ls_error *error) {
  copy_column(work, c, work->own, true);
  ls_status status = world_gather_pieces(work->world, work->own, work->sizes, work->all, -1, error);
  for (int64_t r = 0; r < work->options->repeats && status == LS_OK; r++)
    status = run_repeat(work, c, r, error);
  copy_column(work, c, work->own, false);
  return status;
}

static ls_status make_room(permuting_t *work, const split_t *split, ls_error *error) {
  const int ranks = world_size(work->world), shards = split->partition.shards;
  const size_t bytes = (size_t)(split->features / work->columns) * element_size(split->type);
  const size_t rows = (size_t)split->partition.rows;
  work->sizes = arena_new(&work->arena, (size_t)ranks, sizeof *work->sizes);
  work->own = arena_new(&work->arena, (size_t)split->rows, bytes);
  work->all = arena_new(&work->arena, rows, bytes);
  work->order = arena_new(&work->arena, rows, sizeof *work->order);
  if (work->sizes == NULL || work->own == NULL || work->all == NULL || work->order == NULL)
    return no_memory(error);
  for (int r = 0; r < ranks; r++) {
    const int first = rank_first_shard(shards, ranks, r), end = first + rank_shards(shards, ranks, r);
    work->sizes[r] =
        bytes * (size_t)(shard_first(split->partition, end) - shard_first(split->partition, first));
  }
  work->first = shard_first(split->partition, split->first_shard);
  return split->windows != NULL ? spread_windows(work, split, error) : LS_OK;
}

static ls_status check_rows(const split_t *split, ls_error *error) {
  if (split->stream != NULL)
    return error_set(
        error, LS_USAGE,
        "--importance needs all rows in memory, but they are more than data.memory_limit: raise it, "
        "or take more ranks");
  if (split->y_is_x)
    return error_set(error, LS_USAGE,
                     "--importance permutes columns of x and compares with targets, and with data.targets: x "
                     "these are the same columns: eval --rows says how well each row is reproduced");
  if (split->partition.rows >= UINT32_MAX)
    return error_set(error, LS_USAGE, "--importance: %" PRId64 " rows are too many to be permuted",
                     split->partition.rows);
  return LS_OK;
}

static ls_status permute_all(permuting_t *work, const split_t *split, ls_error *error) {
  importance_t *result = &work->result;
  metrics_t base = {0};
  TRY(world_agree(work->world, make_room(work, split, error), error));
  TRY(evaluate(work, &base, error));
  ls_status status = world_agree(work->world, make_figures(result, &base, error), error);
  metrics_free(&base);
  for (int64_t c = 0; c < work->columns && status == LS_OK; c++) status = run_column(work, c, error);
  return status;
}

ls_status importance_run(evaluator_t *evaluator, world_t *world, split_t *split, int64_t columns,
                         const mixture_t *mixture, const importance_options_t *options, importance_t *out,
                         ls_error *error) {
  permuting_t work = {.evaluator = evaluator,
                      .world = world,
                      .split = *split,
                      .columns = columns,
                      .mixture = mixture,
                      .options = options,
                      .result = {.columns = columns, .repeats = options->repeats}};
  TRY(check_rows(split, error)); /* the same on all ranks */
  activity_set("permuting columns");
  ls_status status = permute_all(&work, split, error);
  progress_set_prefix("");
  arena_free(&work.arena);
  if (status == LS_OK)
    *out = work.result;
  else
    importance_free(&work.result);
  return status;
}
