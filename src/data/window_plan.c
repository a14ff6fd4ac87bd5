/* The plan of windows: which steps of which array are whose, and whether the settings suit them. Rank 0 makes
 * it from the headers, like the rest of the plan. */
#include "base/size.h"
#include "data/dataset_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- settings ---- */

int64_t windows_target_columns(const window_settings_t *window, const source_t *source) {
  if (window->targets.word == NULL) return (int64_t)window->targets.n;
  return windows_use_y(window) ? source->y_width : source->features;
}

static ls_status check_columns(const store_t *store, const window_settings_t *window, const source_t *source,
                               ls_error *error) {
  for (size_t i = 0; i < window->targets.n; i++) {
    double column = window->targets.values[i];
    if (column != floor(column) || column >= (double)source->features)
      return error_set(error, LS_BAD_SETTINGS,
                       "data.window.targets: there is no column %g; x in %s has the columns 0 to %" PRId64,
                       column, store_path(store), source->features - 1);
  }
  return LS_OK;
}

static ls_status check_settings(const store_t *store, const settings_t *settings, const source_t *train,
                                ls_error *error) {
  const window_settings_t *window = &settings->data.window;
  if (settings_targets_are_x(settings) != (window->horizon == 0))
    return error_set(error, LS_BAD_SETTINGS,
                     window->horizon > 0
                         ? "data.window.horizon: with data.targets: x the window itself is the "
                           "target: leave it out"
                         : "data.window.horizon: 0 steps are no forecast: 1 or more");
  if (window->horizon == 0 && (window->season > 0 || window->targets.word == NULL || windows_use_y(window)))
    return error_set(error, LS_BAD_SETTINGS,
                     "data.window.%s: with data.targets: x nothing is forecast: leave it out",
                     window->season > 0 ? "season" : "targets");
  if (window->season > window->length)
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.window.season is %" PRId64 " and data.window.length %" PRId64
        ": the value of a season ago must be among the inputs; make the length at least %" PRId64,
        window->season, window->length, window->season);
  if (strcmp(settings->data.missing, "drop") == 0 ||
      (strcmp(settings->data.missing, "mean") == 0 && !windows_use_y(window)))
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.missing: a series has a value for every step; set it to error, or to mean where y is "
        "forecast (data.window.targets)");
  if (settings->data.validation.share + window->test >= 1)
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.validation (%g) and data.window.test (%g) leave nothing of the series for training",
        settings->data.validation.share, window->test);
  if (windows_use_y(window) && !train->has_y)
    return error_set(error, LS_BAD_SETTINGS, "data.window.targets is y, but %s has no %s", store_path(store),
                     settings->data.y);
  const int64_t wide = train->features > train->y_width ? train->features : train->y_width;
  const int64_t steps = window->length > window->horizon ? window->length : window->horizon;
  if (count_product(count_product(wide, steps), 8) == INT64_MAX)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.window: %" PRId64 " steps of %" PRId64
                     " columns are more than any memory could hold",
                     steps, wide);
  return check_columns(store, window, train, error);
}

/* Every column that a head takes is forecast, and where none names its own every one that is forecast is
 * taken.
 */
static ls_status check_heads(int64_t columns, target_request_t targets, ls_error *error) {
  int64_t needed = 0;
  for (int64_t c = 0; c < targets.width; c++)
    if (targets.columns[c].column >= needed) needed = targets.columns[c].column + 1;
  if (columns == needed || (columns > needed && !targets.all_columns)) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "data.window.targets: the heads of the network take %" PRId64
                   " columns of those that are forecast, and there are %" PRId64
                   ": loss.targets names the columns of a head, from 0",
                   needed, columns);
}

ls_status windows_check(const window_settings_t *window, int64_t columns, target_request_t targets,
                        ls_error *error) {
  bool is_label = targets.kind == TARGET_LABELS;
  bool is_one_hot = windows_use_y(window) && columns == targets.width;
  if (targets.columns != NULL) return check_heads(columns, targets, error);
  if (is_label && (columns == 1 || is_one_hot)) return LS_OK;
  if (is_label)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.window.targets gives %" PRId64
                     " columns, and the loss takes a class number: name the column of x that holds it, or y, "
                     "which may be one-hot in %" PRId64,
                     columns, targets.width);
  if (columns * window->horizon == targets.width) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "model.layers: a forecast of %" PRId64 " step(s) (data.window.horizon) and %" PRId64
                   " column(s) has %" PRId64 " targets, but the network and its loss are for %" PRId64
                   ": make the last layer as wide as the targets need",
                   window->horizon, columns, columns * window->horizon, targets.width);
}

/* ---- the plan ---- */

static double validation_share(const settings_t *settings) {
  return settings->data.validation.group == NULL ? settings->data.validation.share : 0;
}

static const int spans_of_splits[SPLITS] = {[TRAIN] = SPAN_TRAIN, [VALID] = SPAN_VALID, [TEST] = SPAN_TEST};

/* What a split is of the series of its array. */
static int span_of(const dataset_plan_t *plan, int which) {
  return which == TRAIN || plan->in_train[which] ? spans_of_splits[which] : SPAN_WHOLE;
}

ls_status windows_timeline(const settings_t *settings, const dataset_plan_t *plan, int which,
                           const series_t *series, arena_t *arena, timeline_t *out, ls_error *error) {
  return timeline_make(&settings->data.window, series, validation_share(settings), span_of(plan, which),
                       arena, out, error);
}

static ls_status too_short(const store_t *store, const window_settings_t *window, const char *what,
                           const series_t *series, const span_t *span, ls_error *error) {
  int64_t one = window->length + window->horizon;
  if (series->n > 1)
    return error_set(error, LS_BAD_DATA,
                     "%s: %s of none of %" PRId64 " series is long enough for a window of %" PRId64
                     " time steps (data.window.length %" PRId64 " and horizon %" PRId64 ")",
                     store_path(store), what, series->n, one, window->length, window->horizon);
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has %" PRId64 " time steps, too few for a window of %" PRId64
                   " (data.window.length %" PRId64 " and horizon %" PRId64 ")",
                   store_path(store), what, span->steps, one, window->length, window->horizon);
}

/* The windows of a split, of which there have to be some. */
static ls_status count_windows(const store_t *store, const settings_t *settings, dataset_plan_t *plan,
                               int which, const series_t *series, ls_error *error) {
  static const char *const parts[SPLITS] = {"the training part", "the validation part", "the test part"};
  source_t *source = &plan->split[which];
  arena_t arena = {0};
  timeline_t timeline;
  ls_status status = windows_timeline(settings, plan, which, series, &arena, &timeline, error);
  if (status == LS_OK) {
    source->rows = timeline_windows(&timeline);
    source->steps = timeline_steps(&timeline);
    source->parts = timeline.n;
  }
  arena_free(&arena);
  TRY(status);
  if (source->rows > 0) return LS_OK;
  span_t spans[SPANS];
  series_cut(&settings->data.window, series->first[1], validation_share(settings), spans);
  return too_short(store, &settings->data.window, parts[which], series, &spans[span_of(plan, which)], error);
}

/* Whether any of the series gives steps to a part. */
static bool has_part(const settings_t *settings, const series_t *series, int span) {
  for (int64_t i = 0; i < series->n; i++) {
    span_t spans[SPANS];
    series_cut(&settings->data.window, series->first[i + 1] - series->first[i], validation_share(settings),
               spans);
    if (spans[span].steps > 0) return true;
  }
  return false;
}

static ls_status find_series(const store_t *store, const settings_t *settings, int which, int64_t rows,
                             series_t *out, ls_error *error) {
  split_names_t names;
  split_names(settings, which, &names);
  return series_read(store, names.series[0] != '\0' ? names.series : NULL, rows, out, error);
}

ls_status windows_plan(const store_t *store, const settings_t *settings, dataset_plan_t *plan,
                       series_t series[SPLITS], ls_error *error) {
  TRY(check_settings(store, settings, &plan->split[TRAIN], error));
  TRY(find_series(store, settings, TRAIN, plan->split[TRAIN].array_rows, &series[TRAIN], error));
  plan->series = series[TRAIN].n;
  for (int s = VALID; s < SPLITS; s++) {
    plan->in_train[s] = has_part(settings, &series[TRAIN], spans_of_splits[s]);
    if (plan->in_train[s])
      plan->split[s] = plan->split[TRAIN];
    else if (plan->split[s].there)
      TRY(find_series(store, settings, s, plan->split[s].array_rows, &series[s], error));
  }
  for (int s = 0; s < SPLITS; s++)
    if (plan->split[s].there) TRY(count_windows(store, settings, plan, s, &series[array_of(plan, s)], error));
  return LS_OK;
}
