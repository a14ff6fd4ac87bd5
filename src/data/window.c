/* Windows as arithmetic on steps. Every step of a rank's memory is held once; what a window is made of
 * follows from the number of its first step. */
#include "data/window.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- which steps ---- */

/* Windows of several series do not all lie `stride` apart: a table says where they begin. */
static ls_status make_table(const split_t *split, int64_t first_window, arena_t *arena, windows_t *windows,
                            ls_error *error) {
  if (windows->timeline.n <= 1 || arena == NULL) return LS_OK;
  if (windows->steps > UINT32_MAX)
    return error_set(error, LS_BAD_DATA,
                     "%" PRId64 " time steps are too many for one rank (at most 2^32 - 1): start more ranks",
                     windows->steps);
  windows->at = arena_new(arena, (size_t)split->rows, sizeof *windows->at);
  if (windows->at == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " windows", split->rows);
  for (int64_t row = 0; row < split->rows; row++)
    windows->at[row] = (uint32_t)(timeline_step(&windows->timeline, first_window + row) - windows->begin);
  return LS_OK;
}

/* Windows and steps are both dealt evenly, so a shard's steps lie about where its windows do; what a rank
 * holds reaches from the first of either to the last. */
ls_status windows_deal(const window_settings_t *window, const timeline_t *timeline, const split_t *split,
                       arena_t *arena, windows_t *out, ls_error *error) {
  partition_t time = {timeline_steps(timeline), split->partition.shards};
  int64_t begin = shard_first(time, split->first_shard);
  int64_t end = shard_first(time, split->first_shard + split->shards);
  int64_t window_0 = shard_first(split->partition, split->first_shard), first = 0, last = 0;
  if (split->rows > 0) {
    first = timeline_step(timeline, window_0);
    last = timeline_step(timeline, window_0 + split->rows - 1) + window->length + window->horizon;
  }
  if (split->rows > 0 && first < begin) begin = first;
  if (split->rows > 0 && last > end) end = last;
  *out = (windows_t){.length = window->length,
                     .horizon = window->horizon,
                     .stride = window->stride,
                     .season = window->season,
                     .of_x = window->targets.values,
                     .timeline = *timeline,
                     .steps = end - begin,
                     .begin = begin,
                     .first = first - begin,
                     .time = time};
  return make_table(split, window_0, arena, out, error);
}

double windows_bytes(const window_settings_t *window, int64_t rows, int64_t steps, bool several, int64_t own,
                     size_t step_bytes) {
  int64_t share = rows == 0 ? 0 : (int64_t)((double)steps * (double)own / (double)rows);
  int64_t most = share + window->length + window->horizon;
  size_t entry = several ? sizeof(uint32_t) : 0;
  return (double)(most < steps ? most : steps) * (double)step_bytes + (double)own * (double)entry;
}

/* ---- steps as rows ---- */

split_t windows_as_steps(const split_t *split) {
  const windows_t *windows = split->windows;
  if (windows->by_steps != NULL) return *windows->by_steps;
  int64_t begin = shard_first(windows->time, split->first_shard);
  int64_t skip = begin - windows->begin; /* resident steps before those of this rank's shards */
  split_t steps = *split;
  steps.windows = NULL;
  steps.y_is_x = false;
  steps.partition = windows->time;
  steps.rows = shard_first(windows->time, split->first_shard + split->shards) - begin;
  steps.features = windows->columns;
  steps.width = windows->targets;
  if (split->x != NULL)
    steps.x = (char *)split->x + (size_t)(skip * windows->columns) * element_size(split->type);
  if (split->y != NULL)
    steps.y = (char *)split->y + (size_t)(skip * windows->targets) * element_size(split->y_type);
  steps.weights = NULL; /* every step counts once */
  steps.labels = NULL;
  return steps;
}

/* ---- values ---- */

double windows_value(const split_t *split, int64_t step, int64_t k) {
  const windows_t *windows = split->windows;
  if (split->labels != NULL) return (double)split->labels[step];
  if (split->y != NULL) return element_at(split->y, split->y_type, step * windows->targets + k);
  int64_t column = windows->of_x != NULL ? (int64_t)windows->of_x[k] : k;
  return element_at(split->x, split->type, step * windows->columns + column);
}

ls_status windows_choose(windows_t *windows, target_request_t targets, arena_t *arena, ls_error *error) {
  int64_t n = targets.columns != NULL         ? targets.width
              : targets.kind == TARGET_LABELS ? 1
                                              : windows->horizon * windows->targets;
  target_column_t *forecast = arena_new(arena, (size_t)n, sizeof *forecast);
  if (forecast == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " targets", n);
  const target_column_t label = {.step = windows->horizon - 1, .classes = targets.width};
  for (int64_t c = 0; c < n; c++)
    forecast[c] = targets.kind == TARGET_LABELS ? label
                  : targets.columns != NULL     ? targets.columns[c]
                                                : (target_column_t){.column = c % windows->targets,
                                                                    .step = c / windows->targets,
                                                                    .low = targets.low,
                                                                    .high = targets.high};
  windows->forecast = forecast;
  windows->n_forecast = n;
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

typedef int64_t (*step_of_t)(const windows_t *windows, int64_t h);

/* Forecast columns [first, first + n) of the window that begins at step `begin`. */
static void read_window(const split_t *split, step_of_t step_of, int64_t begin, int64_t first, int64_t n,
                        double *out) {
  const windows_t *windows = split->windows;
  for (int64_t i = 0; i < n; i++) {
    const target_column_t *c = &windows->forecast[first + i];
    out[i] = windows_value(split, begin + step_of(windows, c->step), c->column);
  }
}

void windows_originals(const split_t *split, window_part_t part, const uint32_t *rows, int64_t n,
                       double *out) {
  static const step_of_t steps[] = {
      [WINDOW_TARGETS] = target_step, [WINDOW_PERSISTENCE] = last_step, [WINDOW_SEASONAL] = season_step};
  const windows_t *windows = split->windows;
  for (int64_t i = 0; i < n; i++, out += windows->n_forecast)
    read_window(split, steps[part], windows_step(windows, rows[i]), 0, windows->n_forecast, out);
}

void windows_targets(const split_t *split, const uint32_t *rows, int64_t n, float *out) {
  enum { PIECE = 64 };
  static const scaler_t none = {0};
  const windows_t *windows = split->windows;
  const scaler_t *scaler = split->scaled_by != NULL ? split->scaled_by : &none;
  double values[PIECE];
  for (int64_t i = 0; i < n; i++, out += windows->n_forecast)
    for (int64_t c = 0; c < windows->n_forecast; c += PIECE) {
      int64_t count = windows->n_forecast - c < PIECE ? windows->n_forecast - c : PIECE;
      read_window(split, target_step, windows_step(windows, rows[i]), c, count, values);
      scaler_apply(scaler, c, count, values, out + c);
    }
}

void windows_labels(const split_t *split, const uint32_t *rows, int64_t n, int32_t *out) {
  const windows_t *windows = split->windows;
  const target_column_t *c = windows->forecast;
  for (int64_t i = 0; i < n; i++) {
    int64_t step = windows_step(windows, rows[i]) + target_step(windows, c->step);
    out[i] = split->labels != NULL ? split->labels[step] : (int32_t)windows_value(split, step, c->column);
  }
}
