/* lockstep anomalies: a score for each row, the loss that a model of the rows has there, and a threshold
 * above which rows count as anomalies: a quantile of the scores of the training rows. */
#include "anomaly/quantile.h"
#include "anomaly/report.h"
#include "anomaly/scores.h"
#include "anomaly/verdict.h"
#include "cli/command.h"
#include "request/asked_rows.h"
#include "request/row_labels.h"
#include "request/table_input.h"

#include "base/text.h"
#include "inspect/names.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEY_SPLIT = FIRST_KEY,
  KEY_X,
  KEY_Y,
  KEY_QUANTILE,
  KEY_THRESHOLD,
  KEY_CALIBRATE,
  KEY_LABELS,
  KEY_ANOMALOUS,
  KEY_K,
  KEY_OUT,
  KEY_JSON
};

typedef struct {
  arguments_t arguments;
  asked_rows_t asked;
  bool has_threshold;
  double threshold, quantile;
  const char *calibrate;   /* train, valid: whose quantile; NULL: train */
  labels_request_t labels; /* path NULL: nothing is known of the rows */
  int64_t k;               /* 0: as many as rows are anomalous */
  const char *out, *json;
  const char *table; /* the table that the rows came from; NULL: a dataset file */
} anomaly_arguments_t;

static const struct argp_option options[] = {
    {"split", KEY_SPLIT, "NAME", 0, "test, valid or train; default: the first of these that exists", 0},
    {"x", KEY_X, "PATH", 0, "array of features, instead of a split", 0},
    {"y", KEY_Y, "PATH", 0, "array of targets for --x, if the model predicts targets", 0},
    {"quantile", KEY_QUANTILE, "Q", 0,
     "the threshold is this quantile of the scores of the training rows, 0 to 1; default 0.99", 0},
    {"calibrate", KEY_CALIBRATE, "NAME", 0,
     "train or valid: the rows whose quantile is the threshold; default train", 0},
    {"threshold", KEY_THRESHOLD, "T", 0, "the threshold itself, so no training rows are read", 0},
    {"labels", KEY_LABELS, "PATH", 0,
     "compare with what is known of the rows: an array beside the rows' array, or a column of a table", 0},
    {"anomalous", KEY_ANOMALOUS, "VALUES", 0,
     "with --labels: labels that are anomalous, numbers or names of classes, with commas between them; "
     "default: 1, where labels are 0 and 1",
     0},
    {"k", KEY_K, "K", 0,
     "with --labels: the precision of the K largest scores; default: as many as rows are anomalous", 0},
    {"out", KEY_OUT, "FILE", 0, "write score and verdict of each row to FILE.csv or FILE.h5", 0},
    {"json", KEY_JSON, "FILE", 0, "also write the figures to FILE as JSON", 0},
    {0},
};

/* The keys that say which rows are meant, and how the work is divided. */
static const char *const uses[] = {"data.file",
                                   "data.x",
                                   "data.y",
                                   "data.valid_x",
                                   "data.valid_y",
                                   "data.test_x",
                                   "data.test_y",
                                   "data.validation",
                                   "data.validation_seed",
                                   "data.folds",
                                   "data.fold",
                                   "data.missing",
                                   "data.external",
                                   "data.memory_limit",
                                   "data.window.stride",
                                   "data.window.test",
                                   "data.window.series",
                                   "train.seed", /* chooses validation rows too */
                                   "train.progress_every",
                                   "parallel.threads",
                                   "parallel.shards",
                                   "parallel.timeout",
                                   NULL};

/* ---- arguments ---- */

static error_t parse_quantile(anomaly_arguments_t *a, const char *text) {
  if (text_double(text, &a->quantile) && a->quantile >= 0 && a->quantile <= 1) return 0;
  return arguments_refuse(&a->arguments, "--quantile: '%.60s' is not a number from 0 to 1", text);
}

static error_t parse_threshold(anomaly_arguments_t *a, const char *text) {
  a->has_threshold = true;
  if (text_double(text, &a->threshold) && isfinite(a->threshold)) return 0;
  return arguments_refuse(&a->arguments, "--threshold: '%.60s' is not a number", text);
}

static error_t parse_calibrate(anomaly_arguments_t *a, const char *text) {
  a->calibrate = text;
  if (strcmp(text, "train") == 0 || strcmp(text, "valid") == 0) return 0;
  return arguments_refuse(&a->arguments, "--calibrate: '%.60s' is neither train nor valid", text);
}

static error_t check_output(anomaly_arguments_t *a) {
  const char *dot = a->out != NULL ? strrchr(a->out, '.') : NULL;
  if (a->out == NULL ||
      (dot != NULL && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0)))
    return 0;
  return arguments_refuse(&a->arguments, "--out: '%.200s' ends neither in .csv nor in .h5", a->out);
}

static error_t check_end(anomaly_arguments_t *a) {
  if (a->asked.y != NULL && a->asked.x == NULL)
    return arguments_refuse(&a->arguments, "--y holds the targets for the rows of --x: add --x");
  if (a->asked.x != NULL && a->asked.split != NULL)
    return arguments_refuse(&a->arguments, "--split and --x exclude each other");
  if (a->has_threshold && (a->quantile >= 0 || a->calibrate != NULL))
    return arguments_refuse(&a->arguments, "--%s and --threshold exclude each other",
                            a->calibrate != NULL ? "calibrate" : "quantile");
  if (a->labels.path == NULL && (a->labels.anomalous != NULL || a->k > 0))
    return arguments_refuse(&a->arguments, "--%s is for known labels: name them with --labels",
                            a->k > 0 ? "k" : "anomalous");
  if (a->quantile < 0) a->quantile = 0.99;
  asked_rows_take_data(&a->arguments, &a->asked);
  const error_t refused = check_output(a);
  return refused != 0 ? refused : asked_rows_check_overrides(&a->arguments, &a->asked);
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  anomaly_arguments_t *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    a->quantile = -1; /* not given */
    return 0;
  case KEY_SPLIT:
    a->asked.split = arg;
    return 0;
  case KEY_X:
    a->asked.x = arg;
    return 0;
  case KEY_Y:
    a->asked.y = arg;
    return 0;
  case KEY_QUANTILE:
    return parse_quantile(a, arg);
  case KEY_THRESHOLD:
    return parse_threshold(a, arg);
  case KEY_CALIBRATE:
    return parse_calibrate(a, arg);
  case KEY_LABELS:
    a->labels.path = arg;
    return 0;
  case KEY_ANOMALOUS:
    a->labels.anomalous = arg;
    return 0;
  case KEY_K:
    return arguments_count(&a->arguments, "k", arg, 1, MOST_COUNT, &a->k);
  case KEY_OUT:
    a->out = arg;
    return 0;
  case KEY_JSON:
    a->json = arg;
    return 0;
  case ARGP_KEY_END:
    return check_end(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- rows and their scores ---- */

/* Weights say how much rows count in training. The score of a row does not depend on them. The targets of a
 * model that gives its rows back are the rows. */
static void settle(settings_t *settings, bool is_own) {
  settings->data.weights = settings->data.valid_weights = settings->data.test_weights = "none";
  if (is_own) settings->data.y = settings->data.x;
  if (is_own) settings->data.valid_y = settings->data.valid_x;
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
static ls_status judge(const anomaly_arguments_t *a, const known_t *known, row_losses_t *rows,
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
static ls_status score_rows(const session_t *session, const anomaly_arguments_t *a, const ready_t *ready,
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
static ls_status check_places(const session_t *session, const anomaly_arguments_t *a, const ready_t *ready,
                              ls_error *error) {
  char path[4096];
  TRY(world_agree(session->world, model_path(a->arguments.words[0], path, sizeof path, error), error));
  const char *const read[] = {path, a->asked.data != NULL ? a->asked.data : ready->settings->data.file};
  if (a->out != NULL && a->json != NULL && strcmp(a->out, a->json) == 0)
    return error_set(error, LS_USAGE, "--json: %.200s is the file of --out too", a->json);
  TRY(output_check(session, "out", a->out, read, 2, error));
  return output_check(session, "json", a->json, read, 2, error);
}

/* Everything that can be wrong comes before the first row is scored. Collective. */
static ls_status prepare(const session_t *session, const anomaly_arguments_t *a, ready_t *ready,
                         asked_place_t *place, known_t *known, ls_error *error) {
  asked_rows_t asked = a->asked;
  if (asked.y == NULL) asked.y = asked.x; /* of no importance unless the model predicts targets */
  ls_status status = asked_rows_choose(&a->arguments, &asked, ready, place, error);
  settle(ready->settings, scores_reconstruct(ready->model->settings));
  if (status == LS_OK && a->labels.path != NULL && session->is_root)
    status = row_labels_read(ready->settings, a->table, &a->labels, &known->labels, &known->n, error);
  return world_agree(session->world, status, error);
}

static ls_status find_anomalies(const session_t *session, const anomaly_arguments_t *a, ready_t *ready,
                                ls_error *error) {
  char meaning[SCORE_MEANING_SIZE];
  asked_place_t place = {0};
  known_t known = {0};
  const bool is_valid = a->calibrate != NULL && strcmp(a->calibrate, "valid") == 0;
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
  ls_status status = prepare(session, a, ready, &place, &known, error);
  const settings_t chosen = *ready->settings;
  report.file = a->table != NULL ? a->table : chosen.data.file;
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

static ls_status anomalies(const session_t *session, ready_t *ready, void *context, ls_error *error) {
  anomaly_arguments_t a = *(const anomaly_arguments_t *)context;
  table_input_t input = {0};
  ls_status status = LS_OK;
  if (a.asked.data != NULL)
    status = table_input_open(session, ready->model, a.asked.data, NULL, &input, error);
  if (input.folder[0] != '\0') a.table = a.asked.data;
  if (a.asked.data != NULL) a.asked.data = input.path;
  if (status == LS_OK) status = find_anomalies(session, &a, ready, error);
  table_input_close(session, &input);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const arguments_t *a = &((const anomaly_arguments_t *)input)->arguments;
  const model_request_t request = {a->words[0], a->words + 1, a->n - 1, uses};
  return ready_run(session, &request, anomalies, input, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "MODEL [DATA] [SECTION.KEY=VALUE...]",
    .doc =
        "Scores rows by how unusual they are for a model of the rows: the reconstruction error of an "
        "autoencoder or of components, the negative log-density of a mixture or a kernel density, the "
        "distance to the nearest centre of clusters. Rows with a score above a threshold are anomalies. The "
        "threshold is a quantile of the scores of the training rows, or given.\vMODEL is a model file, a "
        "checkpoint or a run directory. DATA is a dataset file, all of whose rows are scored, or a table "
        "(CSV) whose columns have the names of the model's features. Without DATA, rows of the file that "
        "the model was trained on are scored. With --labels, the scores are compared with what is known: "
        "ROC-AUC with its standard error, average precision, the precision of the largest scores, recall "
        "and false alarms at the threshold."};

const command_t command_anomalies = {
    .name = "anomalies",
    .meaning = "score rows by how unusual they are",
    .argp = &argp,
    .options_size = sizeof(anomaly_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
