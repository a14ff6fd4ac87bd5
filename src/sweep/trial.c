/* One trial: its settings, and what its directory tells. */
#include "sweep/sweep_impl.h"

#include "base/json.h"
#include "run/predecessor.h"
#include "store/store.h"
#include "sweep/fit_metric.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const sweep_figure_names[SWEEP_WIDTH] = {
#define SWEEP_NAME(code, name) [SWEEP_##code] = name,
    SWEEP_FIGURES(SWEEP_NAME)
#undef SWEEP_NAME
};

const char *const trial_state_names[TRIAL_STATES] = {[TRIAL_WAITING] = "waiting",
                                                     [TRIAL_STOPPED] = "stopped",
                                                     [TRIAL_DONE] = "done",
                                                     [TRIAL_FAILED] = "failed"};

trial_t trial_of(const sweep_t *sweep, int64_t index) {
  const sweep_options_t *options = sweep->options;
  int64_t folds = options->folds > 0 ? options->folds : 1;
  return (trial_t){.combination = index / (folds * sweep->repeat),
                   .repeat = index / folds % sweep->repeat,
                   .fold = options->folds > 0 ? index % folds + 1 : 0};
}

void trial_describe(const sweep_t *sweep, int64_t index, char *out, size_t size) {
  const trial_t trial = trial_of(sweep, index);
  char values[400], seed[40] = "", fold[40] = "";
  axes_describe(&sweep->axes, trial.combination, values, sizeof values);
  if (sweep->repeat > 1) snprintf(seed, sizeof seed, ", seed %" PRId64, trial.repeat + 1);
  if (trial.fold > 0) snprintf(fold, sizeof fold, ", fold %" PRId64, trial.fold);
  snprintf(out, size, "combination %" PRId64 " (%s)%s%s", trial.combination + 1, values, seed, fold);
}

/* ---- settings ---- */

ls_status trial_settings(const sweep_t *sweep, int64_t index, int threads, trial_settings_t *out,
                         ls_error *error) {
  const trial_t trial = trial_of(sweep, index);
  char seed[32] = "", fold[32] = "";
  run_directory_t run;
  if (sweep->repeat > 1) snprintf(seed, sizeof seed, "-seed%" PRId64, trial.repeat + 1);
  if (trial.fold > 0) snprintf(fold, sizeof fold, "-fold%" PRId64, trial.fold);
  snprintf(out->name, sizeof out->name, "%04" PRId64 "%s%s", trial.combination + 1, seed, fold);
  out->settings = *sweep->settings[trial.combination];
  settings_t *settings = &out->settings;
  settings->runs = sweep->directory;
  settings->name = out->name;
  settings->train.seed += (uint64_t)trial.repeat;
  settings->parallel.threads = threads;
  validation_settings_t *validation = &settings->data.validation;
  if (trial.fold > 0)
    *validation = (validation_settings_t){
        .folds = sweep->options->folds, .fold = trial.fold, .seed = (int64_t)sweep->validation_seed};
  if (validation->seed == SETTINGS_AUTO) validation->seed = (int64_t)sweep->validation_seed;
  return run_directory_of(settings, &run, error);
}

static ls_status trial_path(const sweep_t *sweep, int64_t index, run_directory_t *run, ls_error *error) {
  trial_settings_t trial;
  TRY(trial_settings(sweep, index, 1, &trial, error));
  return run_directory_of(&trial.settings, run, error);
}

/* ---- what has become of it ---- */

/* Columns of history.h5. */
typedef struct {
  int64_t n;
  double *epoch, *step, *seconds, *figures[SWEEP_HISTORY_WIDTH];
  double *metric; /* NULL: it is no figure of the history */
  uint64_t *checksum;
  arena_t arena;
} trial_history_t;

static ls_status read_column(const store_t *store, const char *name, trial_history_t *history, double **out,
                             ls_error *error) {
  *out = arena_new(&history->arena, (size_t)history->n, sizeof **out);
  if (*out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a history");
  return store_read_rows(store, name, 0, history->n, STORE_F64, *out, error);
}

/* Of one of several heads, HEAD.valid_loss is heads/HEAD/valid_loss. */
static void metric_array(const char *metric, char *out, size_t size) {
  const char *dot = strrchr(metric, '.');
  if (dot == NULL)
    snprintf(out, size, "%s", metric);
  else
    snprintf(out, size, "heads/%.*s/%s", (int)(dot - metric), metric, dot + 1);
}

static ls_status read_columns(const sweep_t *sweep, const store_t *store, trial_history_t *history,
                              ls_error *error) {
  store_array_t array = {0};
  char metric[128];
  metric_array(sweep->metric, metric, sizeof metric);
  TRY(store_describe(store, "epoch", &array, error));
  history->n = array.shape[0];
  TRY(read_column(store, "epoch", history, &history->epoch, error));
  TRY(read_column(store, "step", history, &history->step, error));
  TRY(read_column(store, "seconds", history, &history->seconds, error));
  if (fit_metric_find(sweep->metric) == NULL)
    TRY(read_column(store, metric, history, &history->metric, error));
  for (int f = 0; f < SWEEP_HISTORY_WIDTH; f++)
    TRY(read_column(store, sweep_figure_names[f], history, &history->figures[f], error));
  history->checksum = arena_new(&history->arena, (size_t)history->n, sizeof *history->checksum);
  if (history->checksum == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a history");
  return store_read_rows(store, "parameters_checksum", 0, history->n, STORE_U64, history->checksum, error);
}

static ls_status read_history(const sweep_t *sweep, const run_directory_t *run, trial_history_t *history,
                              ls_error *error) {
  char path[RUN_FILE_SIZE];
  store_t *store = NULL;
  run_file(run, "history.h5", path);
  if (!run_has(path)) return LS_OK;
  TRY(store_open(path, &store, error));
  ls_status status = read_columns(sweep, store, history, error);
  store_close(&store);
  return status;
}

/* The step of the parameters that the run has kept. */
static ls_status read_model_step(const run_directory_t *run, int64_t *out, ls_error *error) {
  char path[RUN_FILE_SIZE];
  store_t *store = NULL;
  run_file(run, "model.h5", path);
  TRY(store_open(path, &store, error));
  ls_status status = store_read_int(store, "/", "step", out, error);
  store_close(&store);
  return status;
}

/* The last row whose column is not above `limit`; -1: there is none. */
static int64_t last_row(const trial_history_t *history, const double *column, double limit) {
  int64_t row = history->n - 1;
  while (row >= 0 && column[row] > limit) row--;
  return row;
}

static void take_row(const trial_history_t *history, int64_t row, trial_result_t *out) {
  const double last = history->n > 0 ? history->epoch[history->n - 1] : 0;
  if (last > 0 && last <= INT32_MAX) out->epoch = (int64_t)last;
  for (int64_t i = 0; i < history->n; i++) out->seconds += history->seconds[i];
  if (row < 0) return;
  if (history->metric != NULL) out->metric = history->metric[row];
  for (int f = 0; f < SWEEP_HISTORY_WIDTH; f++) out->figures[f] = history->figures[f][row];
  out->checksum = history->checksum[row];
}

static bool has_failed(const run_directory_t *run) {
  char path[RUN_FILE_SIZE];
  run_file(run, "failed.json", path);
  return run_has(path);
}

static ls_status look(const sweep_t *sweep, const run_directory_t *run, int64_t epoch,
                      trial_history_t *history, trial_result_t *out, ls_error *error) {
  int64_t step = INT64_MAX;
  TRY(read_history(sweep, run, history, error));
  if (run_is_finished(run)) out->state = TRIAL_DONE;
  if (out->state == TRIAL_WAITING && history->n > 0) out->state = TRIAL_STOPPED;
  if (has_failed(run)) out->state = TRIAL_FAILED;
  if (out->state == TRIAL_DONE && epoch == 0) TRY(read_model_step(run, &step, error));
  take_row(history,
           epoch > 0 ? last_row(history, history->epoch, (double)epoch)
                     : last_row(history, history->step, (double)step),
           out);
  const fit_metric_t *metric = fit_metric_find(sweep->metric);
  if (out->state == TRIAL_DONE && sweep->fit_metric != NULL) TRY(fit_metric_read(run, out->figures, error));
  if (metric != NULL) out->metric = out->figures[metric->figure];
  if (out->state != TRIAL_FAILED) return LS_OK;
  out->metric = NAN; /* of an epoch before it diverged */
  return LS_OK;
}

ls_status trial_read(const sweep_t *sweep, int64_t index, int64_t epoch, trial_result_t *out,
                     ls_error *error) {
  run_directory_t run = {0};
  trial_history_t history = {0};
  trial_result_t result = {.metric = NAN};
  for (int f = 0; f < SWEEP_WIDTH; f++) result.figures[f] = NAN;
  TRY(trial_path(sweep, index, &run, error));
  ls_status status = look(sweep, &run, epoch, &history, &result, error);
  arena_free(&history.arena);
  if (status == LS_OK) *out = result;
  return status;
}

ls_status trial_fail(const sweep_t *sweep, int64_t index, const char *message, ls_error *error) {
  run_directory_t run = {0};
  char path[RUN_FILE_SIZE], *text = NULL;
  size_t size = 0;
  TRY(trial_path(sweep, index, &run, error));
  TRY(store_make_directory(run.path, error));
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory to note a failure");
  fputc('{', out);
  json_text(out, true, "status", "failed");
  json_text(out, false, "message", message);
  fputs("}\n", out);
  run_file(&run, "failed.json", path);
  ls_status status = fclose(out) == 0 ? store_write_file(path, text, error)
                                      : error_set(error, LS_NO_MEMORY, "no memory to note a failure");
  free(text);
  return status;
}
