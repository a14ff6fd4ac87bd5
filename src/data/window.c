/* Windows as arithmetic on steps. Every step of a rank's memory is held once; what a window is made of
 * follows from the number of its first step. */
#include "data/window.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* ---- how many, and which ---- */

int64_t windows_span(const window_settings_t *window, int64_t n) {
  return n == 0 ? 0 : (n - 1) * window->stride + window->length + window->horizon;
}

int64_t windows_count(const window_settings_t *window, int64_t steps) {
  int64_t one = window->length + window->horizon;
  return steps < one ? 0 : (steps - one) / window->stride + 1;
}

void windows_cut(const window_settings_t *window, int64_t steps, double validation, span_t out[SPANS]) {
  int64_t test = (int64_t)floor(window->test * (double)steps + 0.5);
  int64_t valid = (int64_t)floor(validation * (double)steps + 0.5);
  int64_t ends[SPANS] = {steps - valid - test, steps - test, steps}, begin = 0;
  for (int s = 0; s < SPANS; s++) {
    int64_t early = s == SPAN_TRAIN ? 0 : window->length < begin ? window->length : begin;
    out[s] = (span_t){begin - early, ends[s] > begin ? ends[s] - begin + early : 0};
    begin = ends[s];
  }
}

/* Windows and steps are both dealt evenly, so a shard's steps lie about where its windows do; what a rank
 * holds reaches from the first of either to the last. */
void windows_deal(const window_settings_t *window, int64_t steps, const split_t *split, windows_t *out) {
  partition_t time = {steps, split->partition.shards};
  int64_t begin = shard_first(time, split->first_shard);
  int64_t end = shard_first(time, split->first_shard + split->shards);
  int64_t first = shard_first(split->partition, split->first_shard) * window->stride;
  int64_t last = first + windows_span(window, split->rows);
  if (split->rows > 0 && first < begin) begin = first;
  if (split->rows > 0 && last > end) end = last;
  *out = (windows_t){.length = window->length,
                     .horizon = window->horizon,
                     .stride = window->stride,
                     .season = window->season,
                     .of_x = window->targets.values,
                     .steps = end - begin,
                     .begin = begin,
                     .first = first - begin,
                     .time = time};
}

ls_status windows_check(const window_settings_t *window, int64_t columns, target_request_t targets,
                        ls_error *error) {
  if (targets.columns != NULL)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.window forecasts with one loss: several heads and loss.targets are for rows that "
                     "are no windows; data.window.targets says what is forecast");
  if (targets.kind != TARGET_VALUES)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.window forecasts numbers, and this loss takes classes: choose mse, mae, huber, "
                     "quantile or gaussian_nll");
  if (columns * window->horizon == targets.width) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "a forecast of %" PRId64 " step(s) (data.window.horizon) and %" PRId64
                   " column(s) has %" PRId64 " targets, but the network and its loss are for %" PRId64
                   ": make the last layer as wide as the targets need",
                   window->horizon, columns, columns * window->horizon, targets.width);
}

ls_status windows_over_limit(ls_error *error) {
  return error_set(error, LS_BAD_SETTINGS,
                   "data.memory_limit: windows need their series in memory, and a rank's part of it is "
                   "larger: raise the limit, start more ranks, or leave it out");
}

/* ---- steps as rows ---- */

split_t windows_as_steps(const split_t *split) {
  const windows_t *windows = split->windows;
  int64_t begin = shard_first(windows->time, split->first_shard);
  int64_t skip = begin - windows->begin; /* resident steps before those of this rank's shards */
  split_t steps = *split;
  steps.windows = NULL;
  steps.partition = windows->time;
  steps.rows = shard_first(windows->time, split->first_shard + split->shards) - begin;
  steps.features = windows->columns;
  steps.width = windows->targets;
  steps.x = (char *)split->x + (size_t)(skip * windows->columns) * element_size(split->type);
  if (split->targets != NULL) steps.targets = split->targets + skip * windows->targets;
  return steps;
}

/* ---- values ---- */

/* Target column k at a resident step. */
static float value_at(const split_t *split, int64_t step, int64_t k) {
  const windows_t *windows = split->windows;
  if (split->targets != NULL) return split->targets[step * windows->targets + k];
  int64_t at = step * windows->columns + (windows->of_x != NULL ? (int64_t)windows->of_x[k] : k);
  if (split->type == ELEMENT_U8) return (float)((const uint8_t *)split->x)[at];
  if (split->type == ELEMENT_F32) return ((const float *)split->x)[at];
  return (float)((const double *)split->x)[at];
}

ls_status windows_check_values(const split_t *split, target_request_t targets, const char *file,
                               const char *x, int64_t first, ls_error *error) {
  const windows_t *windows = split->windows;
  if (targets.low == 0 && targets.high == 0) return LS_OK;
  for (int64_t i = 0; i < windows->steps * windows->targets; i++) {
    int64_t step = i / windows->targets, k = i % windows->targets;
    double value = (double)value_at(split, step, k);
    if (!(value >= targets.low && value <= targets.high))
      return error_set(error, LS_BAD_DATA,
                       "%s: %s holds %g in row %" PRId64 " (counted from 0), column %" PRId64
                       " of those that are forecast, but the loss takes values from "
                       "%g to %g",
                       file, x, value, first + step, k, targets.low, targets.high);
  }
  return LS_OK;
}

/* The step of a window, counted from its first, whose value belongs to step h of the horizon. */
static int64_t target_step(const windows_t *windows, int64_t h) {
  return windows->length + h;
}

static int64_t last_step(const windows_t *windows, int64_t h) {
  (void)h;
  return windows->length - 1;
}

/* Step h less as few seasons as lead back to the inputs. */
static int64_t season_step(const windows_t *windows, int64_t h) {
  return windows->length + h - (h / windows->season + 1) * windows->season;
}

void windows_gather(const split_t *split, window_part_t part, const uint32_t *rows, int64_t n, float *out) {
  static int64_t (*const steps[])(const windows_t *windows, int64_t h) = {
      [WINDOW_TARGETS] = target_step, [WINDOW_PERSISTENCE] = last_step, [WINDOW_SEASONAL] = season_step};
  const windows_t *windows = split->windows;
  float *at = out;
  for (int64_t i = 0; i < n; i++) {
    int64_t first = windows->first + rows[i] * windows->stride;
    for (int64_t h = 0; h < windows->horizon; h++)
      for (int64_t k = 0; k < windows->targets; k++)
        *at++ = value_at(split, first + steps[part](windows, h), k);
  }
  if (windows->scaler != NULL) scaler_apply(windows->scaler, n, out);
}

/* ---- scaling ---- */

/* The target columns of all steps in an array of their own, for the time of fitting. */
static float *copy_targets(const split_t *train, const split_t *steps) {
  int64_t skip = shard_first(train->windows->time, train->first_shard) - train->windows->begin;
  float *copy = malloc((size_t)(steps->rows * steps->width) * sizeof *copy + 1);
  for (int64_t i = 0; i < steps->rows && copy != NULL; i++)
    for (int64_t k = 0; k < steps->width; k++) copy[i * steps->width + k] = value_at(train, skip + i, k);
  return copy;
}

ls_status windows_fit_targets(world_t *world, const scaling_settings_t *settings, const split_t *train,
                              scaler_t *out, ls_error *error) {
  split_t steps = windows_as_steps(train);
  scaler_t scaler = {0};
  float *copy = copy_targets(train, &steps);
  ls_status status = LS_OK;
  if (copy == NULL)
    status =
        error_set(error, LS_NO_MEMORY, "no memory to scale the targets of %" PRId64 " steps", steps.rows);
  steps.targets = copy;
  status = world_agree(world, status, error);
  if (status == LS_OK) status = scaler_fit_targets(world, settings, &steps, &scaler, error);
  free(copy);
  TRY(status);
  status = world_agree(world, scaler_repeat(&scaler, train->windows->horizon, error), error);
  if (status == LS_OK)
    *out = scaler;
  else
    scaler_free(&scaler);
  return status;
}
