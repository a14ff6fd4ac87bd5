#include "request/anomalies.h"

#include "anomaly/quantile.h"
#include "anomaly/report.h"
#include "anomaly/scores.h"
#include "anomaly/verdict.h"
#include "inspect/names.h"
#include "request/row_labels.h"
#include "request/table_input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows and their scores ---- */

/* Weights say how much rows count in training. The score of a row does not depend on them. The targets of a
 * model that gives its rows back are the rows. */
static void settle(settings_t *settings, bool is_own) {
  settings->data.weights = settings->data.valid_weights = settings->data.test_weights = "none";
  if (is_own) settings->data.y = settings->data.x;
  if (is_own) settings->data.valid_y = settings->data.valid_x;
}

/* Squares of errors that floats cannot hold are infinite or 0: then no row would be an anomaly. */
static ls_status check_threshold(const session_t *session, double threshold, ls_error *error) {
  if (isinf(threshold))
    return error_set(
        error, LS_BAD_DATA,
        "the threshold is infinite: the features are so large that floats cannot hold the squares of "
        "errors; scale them (data.scaling=standard) and fit the model again");
  if (threshold == 0)
    log_warn(&session->log,
             "the threshold is 0: the model makes no errors on these rows, or the features are so "
             "small that the squares of errors vanish; then scale them (data.scaling=standard)");
  return LS_OK;
}

/* The threshold, from the scores of the rows that `bit` (SPLIT_) names. Collective. */
static ls_status find_threshold(const session_t *session, ready_t *ready, int bit, double quantile,
                                anomaly_report_t *report, ls_error *error) {
  const mixture_t mixture = asked_rows_mixture(ready->model);
  dataset_t *data = NULL;
  metrics_t metrics = {0};
  double *own = NULL;
  ls_status status = asked_rows_load(session, ready, bit, LABELS_NONE, &data, error);
  const split_t *split = status == LS_OK ? asked_rows_split(data, bit) : NULL;
  if (status == LS_OK) status = asked_rows_measure(session, ready, split, &mixture, &metrics, &own, error);
  if (status == LS_OK) {
    scores_total(&ready->model->objective, split->rows, own);
    status = quantile_find(session->world, own, split->rows, quantile, &report->threshold, error);
    if (status == LS_OK) status = check_threshold(session, report->threshold, error);
  }
  if (status == LS_OK) report->calibration_rows = split->partition.rows;
  if (status != LS_OK)
    error_prefix(error, status, "the threshold comes from the %s rows, or from --threshold",
                 report->calibration);
  free(own);
  metrics_free(&metrics);
  dataset_destroy(&data);
  return status;
}

/* ---- the result ---- */

/* What is known of all rows of the array, on rank 0. */
typedef struct {
  bool *labels; /* (n), malloc'd; NULL: nothing */
  int64_t n;
} known_t;

/* On rank 0: judges the scores of all rows and writes what was found. */
static ls_status judge(const anomaly_request_t *a, const known_t *known, row_losses_t *rows,
                       const double *scores, anomaly_report_t *report, ls_error *error) {
  bool *labels = NULL;
  verdicts_t verdict = {0};
  ls_status status = LS_OK;
  if (known->labels != NULL)
    TRY(row_labels_pick(known->labels, known->n, rows->numbers, rows->rows, &labels, error));
  TRY_OR_DONE(verdict_make(scores, rows->rows, report->threshold, labels, a->k, &verdict, error));
  rows->is_anomaly = verdict.is_above;
  rows->labels = labels;
  report->verdict = &verdict;
  anomaly_print(report, stdout);
  if (a->out != NULL) TRY_OR_DONE(row_losses_write(a->out, rows, error));
  if (a->json != NULL) TRY_OR_DONE(anomaly_write_json(a->json, report, error));
done:
  verdict_free(&verdict);
  free(labels);
  return status;
}

/* Scores the rows that were chosen. Collective. */
static ls_status score_rows(const session_t *session, const anomaly_request_t *a, const ready_t *ready,
                            const asked_place_t *place, const known_t *known, anomaly_report_t *report,
                            ls_error *error) {
  const mixture_t mixture = asked_rows_mixture(ready->model);
  const objective_t *objective = &ready->model->objective;
  dataset_t *data = NULL;
  metrics_t metrics = {0};
  double *own = NULL, *all = NULL;
  int64_t *numbers = NULL;
  ls_status status = asked_rows_load(session, ready, place->bit, place->labels, &data, error);
  if (status != LS_OK) return status;
  split_t *split = asked_rows_split(data, place->bit);
  status = row_losses_number(session->world, ready->settings, objective, data, split, &numbers, error);
  if (status == LS_OK) status = asked_rows_measure(session, ready, split, &mixture, &metrics, &own, error);
  if (status == LS_OK) status = asked_rows_collect_losses(session, ready, split, own, &all, error);
  row_losses_t rows = {.rows = split->partition.rows,
                       .losses = all,
                       .numbers = numbers,
                       .windows = split->windows,
                       .name = "score",
                       .threshold = &report->threshold};
  report->rows = &rows;
  if (status == LS_OK && session->is_root) {
    scores_total(objective, rows.rows, all);
    status = judge(a, known, &rows, all, report, error);
  }
  status = world_agree(session->world, status, error);
  free(own);
  free(all);
  free(numbers);
  metrics_free(&metrics);
  dataset_destroy(&data);
  return status;
}

/* ---- the command ---- */

/* Fails unless both files can be written, each at a place of its own. Collective. */
static ls_status check_places(const session_t *session, const anomaly_request_t *a, const ready_t *ready,
                              ls_error *error) {
  char path[4096];
  TRY(world_agree(session->world, model_path(a->model, path, sizeof path, error), error));
  const char *const read[] = {path, a->asked.data != NULL ? a->asked.data : ready->settings->data.file};
  if (a->out != NULL && a->json != NULL && strcmp(a->out, a->json) == 0)
    return error_set(error, LS_USAGE, "--json: %.200s is the file of --out too", a->json);
  TRY(output_check(session, "out", a->out, read, 2, error));
  return output_check(session, "json", a->json, read, 2, error);
}

/* Everything that can be wrong comes before the first row is scored. Collective. */
static ls_status prepare(const session_t *session, const anomaly_request_t *a, const char *table,
                         ready_t *ready, asked_place_t *place, known_t *known, ls_error *error) {
  asked_rows_t asked = a->asked;
  if (asked.y == NULL) asked.y = asked.x; /* of no importance unless the model predicts targets */
  ls_status status = asked_rows_choose(a->arguments, &asked, ready, place, error);
  settle(ready->settings, scores_reconstruct(ready->model->settings));
  if (status == LS_OK && a->labels.path != NULL && session->is_root)
    status = row_labels_read(ready->settings, table, &a->labels, &known->labels, &known->n, error);
  return world_agree(session->world, status, error);
}

static ls_status find_anomalies(const session_t *session, const anomaly_request_t *a, const char *table,
                                ready_t *ready, ls_error *error) {
  char meaning[SCORE_MEANING_SIZE];
  asked_place_t place = {0};
  known_t known = {0};
  const bool is_valid = a->by_validation;
  anomaly_report_t report = {.meaning = meaning,
                             .calibration = is_valid ? "validation" : "training",
                             .threshold = a->threshold,
                             .quantile = a->has_threshold ? NAN : a->quantile,
                             .labels = a->labels.path,
                             .positive = a->labels.anomalous != NULL ? a->labels.anomalous : "1"};
  TRY(scores_describe(ready->model, meaning, error)); /* the same on all ranks, as the next ones */
  TRY(check_places(session, a, ready, error));
  TRY(asked_rows_check_missing(ready, error));
  settle(ready->settings, scores_reconstruct(ready->model->settings));
  const settings_t training = *ready->settings; /* borrows all */
  ls_status status = prepare(session, a, table, ready, &place, &known, error);
  const settings_t chosen = *ready->settings;
  report.file = table != NULL ? table : chosen.data.file;
  report.rows_name = place.name;
  if (status == LS_OK && !a->has_threshold) {
    *ready->settings = training;
    status =
        find_threshold(session, ready, is_valid ? SPLIT_VALID : SPLIT_TRAIN, a->quantile, &report, error);
    *ready->settings = chosen;
  }
  if (status == LS_OK) status = score_rows(session, a, ready, &place, &known, &report, error);
  free(known.labels);
  return status;
}

ls_status anomalies_find(const session_t *session, ready_t *ready, const anomaly_request_t *request,
                         ls_error *error) {
  anomaly_request_t a = *request;
  table_input_t input = {0};
  const char *table = NULL;
  ls_status status = LS_OK;
  if (a.asked.data != NULL)
    status = table_input_open(session, ready->model, a.asked.data, NULL, &input, error);
  if (input.folder[0] != '\0') table = a.asked.data;
  if (a.asked.data != NULL) a.asked.data = input.path;
  if (status == LS_OK) status = find_anomalies(session, &a, table, ready, error);
  table_input_close(session, &input);
  return status;
}
