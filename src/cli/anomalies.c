/* lockstep anomalies: a score for each row, the loss that a model of the rows has there, and a threshold
 * above which rows count as anomalies: a quantile of the scores of the training rows. */
#include "cli/command.h"
#include "request/anomalies.h"

#include "base/text.h"

#include <math.h>
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
  anomaly_request_t request;
  bool is_calibrated; /* --calibrate is given */
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
  if (text_double(text, &a->request.quantile) && a->request.quantile >= 0 && a->request.quantile <= 1)
    return 0;
  return arguments_refuse(&a->arguments, "--quantile: '%.60s' is not a number from 0 to 1", text);
}

static error_t parse_threshold(anomaly_arguments_t *a, const char *text) {
  a->request.has_threshold = true;
  if (text_double(text, &a->request.threshold) && isfinite(a->request.threshold)) return 0;
  return arguments_refuse(&a->arguments, "--threshold: '%.60s' is not a number", text);
}

static error_t parse_calibrate(anomaly_arguments_t *a, const char *text) {
  a->is_calibrated = true;
  a->request.by_validation = strcmp(text, "valid") == 0;
  if (a->request.by_validation || strcmp(text, "train") == 0) return 0;
  return arguments_refuse(&a->arguments, "--calibrate: '%.60s' is neither train nor valid", text);
}

static error_t check_output(anomaly_arguments_t *a) {
  const char *dot = a->request.out != NULL ? strrchr(a->request.out, '.') : NULL;
  if (a->request.out == NULL ||
      (dot != NULL && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0)))
    return 0;
  return arguments_refuse(&a->arguments, "--out: '%.200s' ends neither in .csv nor in .h5", a->request.out);
}

static error_t check_end(anomaly_arguments_t *a) {
  if (a->request.asked.y != NULL && a->request.asked.x == NULL)
    return arguments_refuse(&a->arguments, "--y holds the targets for the rows of --x: add --x");
  if (a->request.asked.x != NULL && a->request.asked.split != NULL)
    return arguments_refuse(&a->arguments, "--split and --x exclude each other");
  if (a->request.has_threshold && (a->request.quantile >= 0 || a->is_calibrated))
    return arguments_refuse(&a->arguments, "--%s and --threshold exclude each other",
                            a->is_calibrated ? "calibrate" : "quantile");
  if (a->request.labels.path == NULL && (a->request.labels.anomalous != NULL || a->request.k > 0))
    return arguments_refuse(&a->arguments, "--%s is for known labels: name them with --labels",
                            a->request.k > 0 ? "k" : "anomalous");
  if (a->request.quantile < 0) a->request.quantile = 0.99;
  asked_rows_take_data(&a->arguments, &a->request.asked);
  const error_t refused = check_output(a);
  return refused != 0 ? refused : asked_rows_check_overrides(&a->arguments, &a->request.asked);
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  anomaly_arguments_t *a = state->input;
  switch (key) {
  case ARGP_KEY_INIT:
    a->request.quantile = -1; /* not given */
    return 0;
  case KEY_SPLIT:
    a->request.asked.split = arg;
    return 0;
  case KEY_X:
    a->request.asked.x = arg;
    return 0;
  case KEY_Y:
    a->request.asked.y = arg;
    return 0;
  case KEY_QUANTILE:
    return parse_quantile(a, arg);
  case KEY_THRESHOLD:
    return parse_threshold(a, arg);
  case KEY_CALIBRATE:
    return parse_calibrate(a, arg);
  case KEY_LABELS:
    a->request.labels.path = arg;
    return 0;
  case KEY_ANOMALOUS:
    a->request.labels.anomalous = arg;
    return 0;
  case KEY_K:
    return arguments_count(&a->arguments, "k", arg, 1, MOST_COUNT, &a->request.k);
  case KEY_OUT:
    a->request.out = arg;
    return 0;
  case KEY_JSON:
    a->request.json = arg;
    return 0;
  case ARGP_KEY_END:
    return check_end(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- the command ---- */

static ls_status anomalies(const session_t *session, ready_t *ready, void *context, ls_error *error) {
  anomaly_arguments_t *a = context;
  a->request.model = a->arguments.words[0];
  a->request.arguments = &a->arguments;
  return anomalies_find(session, ready, &a->request, error);
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
