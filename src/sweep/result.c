/* What came of a sweep: combinations compared, and the files with all figures. */
#include "sweep/sweep_impl.h"

#include "store/store.h"
#include "sweep/halving.h"
#include "sweep/student.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- comparing ---- */

static int64_t trials_of_each(const sweep_t *sweep) {
  return sweep->trials / sweep->axes.combinations;
}

double result_mean(const sweep_t *sweep, const trial_result_t *results, int64_t combination) {
  const int64_t each = trials_of_each(sweep);
  double sum = 0;
  for (int64_t i = 0; i < each; i++) sum += results[combination * each + i].metric;
  return sum / (double)each;
}

/* The mean over those trials of a combination that have the figure; NaN: none has. */
static double mean_figure(const trial_result_t *results, int64_t n, int figure) {
  double sum = 0;
  int64_t known = 0;
  for (int64_t i = 0; i < n; i++) {
    if (results[i].state == TRIAL_FAILED || isnan(results[i].figures[figure])) continue;
    sum += results[i].figures[figure];
    known++;
  }
  return known > 0 ? sum / (double)known : (double)NAN;
}

static standing_t standing_of(const sweep_t *sweep, const trial_result_t *results, int64_t combination,
                              double *values) {
  const int64_t each = trials_of_each(sweep);
  standing_t standing = {.combination = combination, .state = TRIAL_DONE, .epoch = INT64_MAX};
  for (int64_t i = 0; i < each; i++) {
    const trial_result_t *result = &results[combination * each + i];
    standing.failed += result->state == TRIAL_FAILED;
    standing.seconds += result->seconds;
    if (result->epoch < standing.epoch) standing.epoch = result->epoch;
    if (result->state != TRIAL_DONE && standing.state != TRIAL_FAILED) standing.state = result->state;
    if (!isnan(result->metric)) values[standing.n++] = result->metric;
  }
  const interval95_t interval = student_interval(values, (size_t)standing.n);
  standing.mean = interval.mean;
  standing.half = interval.half;
  for (int f = 0; f < SWEEP_WIDTH; f++)
    standing.figures[f] = mean_figure(results + combination * each, each, f);
  return standing;
}

/* Whether a comes before b: trials that failed count most, then how long combinations trained, as halving
 * decided, then the metric. */
static bool is_before(const sweep_t *sweep, const standing_t *a, const standing_t *b) {
  if ((a->failed > 0) != (b->failed > 0)) return b->failed > 0;
  if ((a->state == TRIAL_DONE) != (b->state == TRIAL_DONE)) return a->state == TRIAL_DONE;
  if (a->state != TRIAL_DONE && a->epoch != b->epoch) return a->epoch > b->epoch;
  return figure_is_better(a->mean, b->mean, sweep->higher_is_better);
}

ls_status result_rank(const sweep_t *sweep, const trial_result_t *results, standing_t *standings,
                      ls_error *error) {
  double *values = malloc((size_t)trials_of_each(sweep) * sizeof *values);
  if (values == NULL) return error_set(error, LS_NO_MEMORY, "no memory to compare combinations");
  for (int64_t c = 0; c < sweep->axes.combinations; c++) {
    const standing_t standing = standing_of(sweep, results, c, values);
    int64_t at = c;
    for (; at > 0 && is_before(sweep, &standing, &standings[at - 1]); at--) standings[at] = standings[at - 1];
    standings[at] = standing;
  }
  free(values);
  return LS_OK;
}

/* ---- sweep.h5 ---- */

static ls_status write_axes(const sweep_t *sweep, store_t *store, const char **texts, ls_error *error) {
  const int64_t n = sweep->axes.combinations;
  for (size_t a = 0; a < sweep->axes.n; a++) texts[a] = sweep->axes.axes[a].key;
  TRY(store_write_text_array(store, "axes", texts, sweep->axes.n, error));
  for (size_t a = 0; a < sweep->axes.n; a++) {
    char name[300];
    snprintf(name, sizeof name, "combinations/%.250s", sweep->axes.axes[a].key);
    for (int64_t c = 0; c < n; c++) texts[c] = sweep->axes.chosen[c * (int64_t)sweep->axes.n + (int64_t)a];
    TRY(store_write_text_array(store, name, texts, (size_t)n, error));
  }
  return LS_OK;
}

/* A column of trials or combinations: whole numbers, numbers, or checksums. */
typedef struct {
  store_t *store;
  int64_t n;
  double *values;
} sweep_columns_t;

static ls_status write_numbers(const sweep_columns_t *columns, const char *name, store_type_t type,
                               ls_error *error) {
  TRY(store_declare(columns->store, name, type, 1, &columns->n, error));
  return store_write_rows(columns->store, name, 0, columns->n, STORE_F64, columns->values, error);
}

static ls_status write_trials(const sweep_t *sweep, const trial_result_t *results, sweep_columns_t columns,
                              ls_error *error) {
  double *values = columns.values;
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)(trial_of(sweep, i).combination + 1);
  TRY(write_numbers(&columns, "trials/combination", STORE_I64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)(trial_of(sweep, i).repeat + 1);
  TRY(write_numbers(&columns, "trials/seed", STORE_I64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)trial_of(sweep, i).fold;
  TRY(write_numbers(&columns, "trials/fold", STORE_I64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)results[i].state;
  TRY(write_numbers(&columns, "trials/status", STORE_I64, error));
  TRY(store_write_texts(columns.store, "trials/status", "names", trial_state_names, TRIAL_STATES, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)results[i].epoch;
  TRY(write_numbers(&columns, "trials/epoch", STORE_I64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = results[i].seconds;
  TRY(write_numbers(&columns, "trials/seconds", STORE_F64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = results[i].metric;
  TRY(write_numbers(&columns, "trials/metric", STORE_F64, error));
  for (int f = 0; f < SWEEP_WIDTH; f++) {
    char name[64];
    snprintf(name, sizeof name, "trials/%s", sweep_figure_names[f]);
    for (int64_t i = 0; i < columns.n; i++) values[i] = results[i].figures[f];
    TRY(write_numbers(&columns, name, STORE_F64, error));
  }
  uint64_t *sums = (uint64_t *)(void *)values; /* as large */
  for (int64_t i = 0; i < columns.n; i++) sums[i] = results[i].checksum;
  return store_write(columns.store, "trials/parameters_checksum", STORE_U64, 1, &columns.n, sums, error);
}

static ls_status write_standings(const standing_t *standings, sweep_columns_t columns, ls_error *error) {
  double *values = columns.values;
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)(standings[i].combination + 1);
  TRY(write_numbers(&columns, "ranking/combination", STORE_I64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = standings[i].mean;
  TRY(write_numbers(&columns, "ranking/mean", STORE_F64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = standings[i].half;
  TRY(write_numbers(&columns, "ranking/half_interval", STORE_F64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)standings[i].n;
  TRY(write_numbers(&columns, "ranking/trials", STORE_I64, error));
  for (int64_t i = 0; i < columns.n; i++) values[i] = (double)standings[i].failed;
  return write_numbers(&columns, "ranking/failed", STORE_I64, error);
}

static ls_status write_folds(store_t *store, const uint16_t *fold, int64_t rows, ls_error *error) {
  int32_t *wide = malloc((size_t)rows * sizeof *wide);
  if (wide == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the folds of rows");
  for (int64_t i = 0; i < rows; i++) wide[i] = fold[i];
  ls_status status = store_write(store, "fold", STORE_I32, 1, &rows, wide, error);
  free(wide);
  return status;
}

static ls_status write_store(const sweep_t *sweep, const trial_result_t *results, const standing_t *standings,
                             const uint16_t *fold, int64_t rows, store_t *store, ls_error *error) {
  arena_t arena = {0};
  const size_t most = (size_t)sweep->trials + sweep->axes.n;
  const char **texts = arena_new(&arena, most, sizeof *texts);
  double *values = arena_new(&arena, most, sizeof *values);
  ls_status status = texts == NULL || values == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory to write the result of a sweep")
                         : LS_OK;
  if (status == LS_OK) status = write_axes(sweep, store, texts, error);
  if (status == LS_OK)
    status = write_trials(sweep, results, (sweep_columns_t){store, sweep->trials, values}, error);
  if (status == LS_OK)
    status = write_standings(standings, (sweep_columns_t){store, sweep->axes.combinations, values}, error);
  if (status == LS_OK && fold != NULL) status = write_folds(store, fold, rows, error);
  if (status == LS_OK) status = store_write_text(store, "/", "format", SWEEP_FORMAT, error);
  if (status == LS_OK) status = store_write_text(store, "/", "metric", sweep->metric, error);
  if (status == LS_OK)
    status = store_write_int(store, "/", "higher_is_better", sweep->higher_is_better, error);
  arena_free(&arena);
  return status;
}

ls_status result_write(const sweep_t *sweep, const trial_result_t *results, const standing_t *standings,
                       const uint16_t *fold, int64_t rows, ls_error *error) {
  run_directory_t run = {0};
  char path[RUN_FILE_SIZE];
  store_t *store = NULL;
  snprintf(run.path, sizeof run.path, "%s", sweep->directory);
  run_file(&run, "sweep.h5", path);
  TRY(store_create(path, &store, error));
  ls_status status = write_store(sweep, results, standings, fold, rows, store, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  TRY(status);
  char *text = NULL;
  run_file(&run, "sweep.csv", path);
  status = table_csv(sweep, results, &text, error);
  if (status == LS_OK) status = store_write_file(path, text, error);
  free(text);
  return status;
}
