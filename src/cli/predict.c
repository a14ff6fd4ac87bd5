/* lockstep predict: applies a model to rows without targets and writes a CSV table or HDF5 arrays. Each rank
 * predicts the rows of its shards; rank 0 collects them and writes them in the order of the file. */
#include "answers/answers.h"
#include "cli/command.h"
#include "request/table_input.h"

#include "base/progress.h"
#include "base/size.h"
#include "data/dataset.h"
#include "inspect/names.h"
#include "score/match.h"
#include "score/predict.h"
#include "score/unseen.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_OUT = FIRST_KEY, KEY_X, KEY_SAMPLES, KEY_TEMPERATURE, KEY_ID, KEY_LAYER };

typedef struct {
  arguments_t arguments;
  const char *out, *x, *temperature;
  const char *id; /* names of columns, with commas between them */
  asking_t asking;
} predict_arguments_t;

static const struct argp_option options[] = {
    {"out", KEY_OUT, "FILE", 0, "file for the predictions: FILE.csv or FILE.h5", 0},
    {"x", KEY_X, "PATH", 0,
     "array of features in DATA.h5; default: the first of x, test/x, train/x that exists", 0},
    {"id", KEY_ID, "COLUMNS", 0,
     "DATA is a table: columns of it that the file of predictions takes over, by name, with commas between "
     "them",
     0},
    {"layer", KEY_LAYER, "NAME", 0,
     "write the values of this layer instead of predictions, by the names that `info --graph` shows", 0},
    {"samples", KEY_SAMPLES, "N", 0,
     "Monte-Carlo dropout: mean and spread of N predictions with dropout, and the layer sample, on", 0},
    {"temperature", KEY_TEMPERATURE, "T", 0,
     "divide logits by T, such as the T that `eval --temperature fit` reports; several heads: also "
     "HEAD=T,HEAD=T",
     0},
    {0},
};

static const char *const uses[] = {
    "data.external",    "data.memory_limit", "data.window.series", "train.progress_every",
    "parallel.threads", "parallel.shards",   "parallel.timeout",   NULL};

static bool is_hdf5(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot != NULL && (strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0);
}

static error_t check_output(predict_arguments_t *a) {
  if (a->out == NULL)
    return arguments_refuse(&a->arguments, "name the output file: --out FILE.csv or --out FILE.h5");
  const char *dot = strrchr(a->out, '.');
  if (!is_hdf5(a->out) && (dot == NULL || strcmp(dot, ".csv") != 0))
    return arguments_refuse(&a->arguments, "--out: '%.200s' ends neither in .csv nor in .h5", a->out);
  return 0;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  predict_arguments_t *a = state->input;
  switch (key) {
  case KEY_OUT:
    a->out = arg;
    return 0;
  case KEY_X:
    a->x = arg;
    return 0;
  case KEY_ID:
    a->id = arg;
    return 0;
  case KEY_LAYER:
    a->asking.layer = arg;
    return 0;
  case KEY_SAMPLES:
    if (text_int64(arg, &a->asking.samples) && a->asking.samples >= 1 && a->asking.samples <= 100000)
      return 0;
    return arguments_refuse(&a->arguments, "--samples: '%.60s' is not a number from 1 to 100000", arg);
  case KEY_TEMPERATURE:
    a->temperature = arg;
    return 0;
  case ARGP_KEY_END:
    return check_output(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- what is predicted ---- */

/* Finds the array of features: the named one, otherwise the first usual name that the file has. Not
 * collective. */
static ls_status find_x(const char *file, const char *named, const char **out, ls_error *error) {
  static const char *const usual[] = {"x", "test/x", "train/x"};
  store_t *store = NULL;
  store_array_t array;
  TRY(store_open(file, &store, error));
  const char *x = named;
  for (size_t i = 0; x == NULL && i < sizeof usual / sizeof usual[0]; i++)
    if (store_has(store, usual[i])) x = usual[i];
  ls_status status = store_describe(store, x != NULL ? x : usual[0], &array, error);
  if (status != LS_OK && x == NULL) error_prefix(error, status, "name the array of features with --x");
  store_close(&store);
  if (status == LS_OK) *out = x;
  return status;
}

/* Gathers the predictions of all rows on rank 0. Collective. */
static ls_status collect_all(const session_t *session, const split_t *split, const predictions_t *mine,
                             predictions_t *all, ls_error *error) {
  const void *const from[] = {mine->mean, mine->aleatoric, mine->epistemic};
  void **const to[] = {&all->mean, &all->aleatoric, &all->epistemic};
  all->rows = session->is_root ? split->partition.rows : 0;
  all->columns = mine->columns;
  all->type = mine->type;
  all->layer = mine->layer;
  const int64_t shape[] = {all->rows, all->columns};
  size_t n = 0;
  bool fits = size_of_shape(1, 2, shape, &n);
  for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
    if (from[i] == NULL) continue; /* same on all ranks */
    ls_status status = LS_OK;
    if (fits) *to[i] = arena_new(&all->arena, n, element_size(all->type));
    if (*to[i] == NULL)
      status = error_set(error, LS_NO_MEMORY, "no memory for the predictions of %" PRId64 " rows", all->rows);
    TRY(world_agree(session->world, status, error));
    TRY(rows_collect(session->world, split, (size_t)mine->columns * element_size(all->type), from[i], *to[i],
                     error));
  }
  return LS_OK;
}

static ls_status find_temperatures(const predict_arguments_t *a, const objective_t *objective,
                                   double temperatures[MOST_HEADS], ls_error *error) {
  if (a->temperature == NULL) return LS_OK;
  TRY(temperatures_check(objective, error));
  ls_status status = temperatures_parse(objective, a->temperature, temperatures, error);
  return status == LS_OK ? LS_OK : error_prefix(error, status, "--temperature takes T or HEAD=T,HEAD=T");
}

static ls_status write_answers(const predict_arguments_t *a, const model_t *model, const predictions_t *all,
                               const windows_t *windows, ls_error *error) {
  tables_t *ids = NULL;
  if (a->id != NULL) TRY(table_ids_read(a->arguments.words[1], a->id, &ids, error));
  ls_status status = is_hdf5(a->out) ? answers_write_hdf5(a->out, model, all, windows, ids, error)
                                     : answers_write_csv(a->out, model, all, windows, ids, error);
  tables_free(&ids);
  return status;
}

/* Rows whose values are too large for the network get predictions that say nothing. */
static void warn_of_infinite(const session_t *session, const predictions_t *all) {
  int64_t rows = 0, first = -1;
  for (int64_t r = 0; r < all->rows; r++) {
    bool is_finite = true;
    for (int64_t c = 0; c < all->columns && is_finite; c++)
      is_finite = isfinite(element_at(all->mean, all->type, r * all->columns + c));
    if (!is_finite && rows++ == 0) first = r;
  }
  if (rows > 0)
    log_warn(&session->log,
             "the predictions of %" PRId64 " of %" PRId64 " rows (the first: row %" PRId64
             ") are not finite: values of these rows are too large",
             rows, all->rows, first);
}

static ls_status predict_rows(const session_t *session, const predict_arguments_t *a, ready_t *ready,
                              const split_t *split, ls_error *error) {
  predictions_t mine = {0}, all = {0};
  double temperatures[MOST_HEADS] = {0};
  asking_t asking = a->asking;
  asking.temperatures = temperatures;
  ls_status status = find_temperatures(a, &ready->model->objective, temperatures, error);
  if (status == LS_OK)
    status = predictions_make(ready->model, split, ready->layout.threads, &asking, &mine, error);
  status = world_agree(session->world, status, error);
  if (status == LS_OK) status = collect_all(session, split, &mine, &all, error);
  if (status == LS_OK) warn_of_infinite(session, &all);
  if (status == LS_OK)
    status = world_agree(
        session->world,
        session->is_root ? write_answers(a, ready->model, &all, split->windows, error) : LS_OK, error);
  predictions_free(&mine);
  predictions_free(&all);
  return status;
}

static ls_status predict_file(const session_t *session, const predict_arguments_t *a, ready_t *ready,
                              const char *file, ls_error *error) {
  const char *x = NULL;
  dataset_t *data = NULL;
  window_settings_t window = ready->model->settings->data.window;
  window.series = ready->settings->data.window.series; /* another file may store its series elsewhere */
  TRY(world_agree(session->world, find_x(file, a->x, &x, error), error));
  progress_begin(0, NULL, "reading the rows of %s", file);
  TRY(dataset_load_features(session->world, file, x, &window, ready->model->features.columns,
                            ready->model->features.fill != NULL, ready->layout.shards,
                            ready->settings->data.memory_limit, &data, error));
  progress_end();
  ls_status status = world_agree(session->world, match_features(ready->model, file, data, error), error);
  if (status == LS_OK)
    status =
        unseen_report(session->world, &ready->model->features, data, &data->test, x, &session->log, error);
  if (status == LS_OK) status = predict_rows(session, a, ready, &data->test, error);
  if (status == LS_OK)
    log_info(&session->results, "%" PRId64 " rows of %s (%s) predicted: %s", data->test.partition.rows,
             a->arguments.words[1], x, a->out);
  dataset_destroy(&data);
  return status;
}

static ls_status predict(const session_t *session, ready_t *ready, void *context, ls_error *error) {
  const predict_arguments_t *a = context;
  table_input_t input;
  ls_status status = table_input_open(session, ready->model, a->arguments.words[1], NULL, &input, error);
  if (status == LS_OK && a->id != NULL && input.folder[0] == '\0')
    status = error_set(error, LS_USAGE, "--id is for a table, but the rows come from a dataset file");
  if (status == LS_OK) status = predict_file(session, a, ready, input.path, error);
  table_input_close(session, &input);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const predict_arguments_t *a = input;
  char model[4096];
  ls_status found = model_path(a->arguments.words[0], model, sizeof model, error);
  TRY(world_agree(session->world, found, error));
  TRY(output_check(session, "out", a->out, (const char *const[]){model, a->arguments.words[1]}, 2, error));
  const model_request_t request = {a->arguments.words[0], a->arguments.words + 2, a->arguments.n - 2, uses};
  return ready_run(session, &request, predict, input, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "MODEL DATA --out FILE [SECTION.KEY=VALUE...]",
    .doc =
        "Applies a trained model to rows: classes and probabilities, or targets in their original "
        "units.\vMODEL is a model file, a checkpoint or a run directory. DATA is a dataset file, or a "
        "table (CSV) whose "
        "columns have the names of the model's features. A CSV file of predictions has one line per row: "
        "the number of the row from 0, the class, and one column per output. An HDF5 file has the arrays "
        "`class` and `probability` or `score`, or the array `prediction`. With data.window each row is a "
        "forecast: `time` is the row of x at its first step, and `series` is the number of its series. If "
        "the model estimates its uncertainty, standard deviations follow: std of the prediction, and its "
        "two parts aleatoric_std and epistemic_std. With --layer, columns and array have the layer's name."};

const command_t command_predict = {
    .name = "predict",
    .meaning = "apply a model to new rows",
    .argp = &argp,
    .options_size = sizeof(predict_arguments_t),
    .fewest = 2,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
