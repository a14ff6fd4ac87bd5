/* The plan of windows: which steps of which array are whose, and whether the settings suit them. Rank 0 makes
 * it from the headers, like the rest of the plan. */
#include "data/dataset_impl.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- settings ---- */

bool windows_use_y(const window_settings_t *window) {
  return window->targets.word != NULL && strcmp(window->targets.word, "y") == 0;
}

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
  if (window->season > window->length)
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.window.season is %" PRId64 " and data.window.length %" PRId64
        ": the value of a season ago must be among the inputs; make the length at least %" PRId64,
        window->season, window->length, window->season);
  for (int s = 0; s < SPLITS; s++) {
    split_names_t names;
    split_names(settings, s, &names);
    if (names.weights[0] != '\0')
      return error_set(error, LS_BAD_SETTINGS, "%s: windows have no weights; leave it out",
                       names.weights_key);
  }
  if (strcmp(settings->data.missing, "drop") == 0 ||
      (strcmp(settings->data.missing, "mean") == 0 && !windows_use_y(window)))
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.missing: a series has a value for every step; set it to error, or to mean where y is "
        "forecast (data.window.targets)");
  if (settings->data.validation + window->test >= 1)
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.validation (%g) and data.window.test (%g) leave nothing of the series for training",
        settings->data.validation, window->test);
  if (windows_use_y(window) && !train->has_y)
    return error_set(error, LS_BAD_SETTINGS, "data.window.targets is y, but %s has no %s", store_path(store),
                     settings->data.y);
  return check_columns(store, window, train, error);
}

/* ---- the plan ---- */

static ls_status count_windows(const store_t *store, const window_settings_t *window, const char *what,
                               source_t *source, ls_error *error) {
  source->rows = windows_count(window, source->steps);
  if (source->rows > 0) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has %" PRId64 " time steps, too few for a window of %" PRId64
                   " (data.window.length %" PRId64 " and horizon %" PRId64 ")",
                   store_path(store), what, source->steps, window->length + window->horizon, window->length,
                   window->horizon);
}

static void take_span(const source_t *series, span_t span, source_t *out) {
  if (span.steps == 0) return;
  *out = *series;
  out->first_step = span.first;
  out->steps = span.steps;
}

ls_status windows_plan(const store_t *store, const settings_t *settings, plan_t *plan, ls_error *error) {
  static const char *const parts[SPLITS] = {"the training part", "the validation part", "the test part"};
  const window_settings_t *window = &settings->data.window;
  span_t spans[SPANS];
  source_t series = plan->split[TRAIN];
  double share = settings->data.validation_group == NULL ? settings->data.validation : 0;
  TRY(check_settings(store, settings, &series, error));
  for (int s = 0; s < SPLITS; s++) plan->split[s].steps = plan->split[s].array_rows;
  windows_cut(window, series.array_rows, share, spans);
  for (int s = 0; s < SPLITS; s++) take_span(&series, spans[s], &plan->split[s]);
  plan->in_train[VALID] = spans[SPAN_VALID].steps > 0;
  plan->in_train[TEST] = spans[SPAN_TEST].steps > 0;
  for (int s = 0; s < SPLITS; s++)
    if (plan->split[s].there) TRY(count_windows(store, window, parts[s], &plan->split[s], error));
  return LS_OK;
}
