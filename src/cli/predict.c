/* lockstep predict: the network's answers for rows without targets, as a table for people (CSV) or as arrays
 * (HDF5). Ranks predict their shards' rows, rank 0 collects and writes them in the file's order. */
#include "cli/command.h"

#include "data/dataset.h"
#include "store/store.h"
#include "train/predict.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_OUT = 256, KEY_X, KEY_SAMPLES, KEY_TEMPERATURE };

typedef struct {
  arguments_t arguments;
  const char *out, *x;
  asking_t asking;
} predict_arguments_t;

static const struct argp_option options[] = {
    {"out", KEY_OUT, "FILE", 0, "where predictions go: FILE.csv or FILE.h5", 0},
    {"x", KEY_X, "PATH", 0, "array of features in DATA.h5 (x, test/x or train/x)", 0},
    {"samples", KEY_SAMPLES, "N", 0,
     "Monte-Carlo dropout: the mean and the spread of N predictions with dropout on", 0},
    {"temperature", KEY_TEMPERATURE, "T", 0, "divide logits by T, as `eval --temperature fit` finds it", 0},
    {0},
};

static bool is_hdf5(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot != NULL && (strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0);
}

static error_t check_output(predict_arguments_t *a) {
  if (a->out == NULL)
    return arguments_refuse(&a->arguments, "say where predictions go: --out FILE.csv or --out FILE.h5");
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
  case KEY_SAMPLES:
    if (text_int64(arg, &a->asking.samples) && a->asking.samples >= 1 && a->asking.samples <= 100000)
      return 0;
    return arguments_refuse(&a->arguments, "--samples: '%.60s' is no number from 1 to 100000", arg);
  case KEY_TEMPERATURE:
    if (text_double(arg, &a->asking.temperature) && a->asking.temperature >= TEMPERATURE_LEAST &&
        a->asking.temperature <= TEMPERATURE_MOST)
      return 0;
    return arguments_refuse(&a->arguments, "--temperature: '%.60s' is no number from %g to %d", arg,
                            TEMPERATURE_LEAST, TEMPERATURE_MOST);
  case ARGP_KEY_END:
    return check_output(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- what is written ---- */

typedef struct {
  const model_t *model;
  loss_params_t params;
  int64_t rows, outputs;
  const float *values;                /* (rows, outputs) */
  const float *aleatoric, *epistemic; /* the same, or NULL */
  bool is_classes;                    /* one class a row, by the largest value, or the sign of a single one */
  char *const *names;                 /* (classes), or NULL: classes have numbers */
} answers_t;

static answers_t answers_of(const model_t *model, const predictions_t *predictions) {
  bool is_classes = model->loss->target == TARGET_LABELS;
  bool has_names = is_classes && model->class_names != NULL &&
                   model->n_classes == (size_t)loss_classes(model->loss, predictions->outputs);
  return (answers_t){.model = model,
                     .params = loss_params(model->settings),
                     .rows = predictions->rows,
                     .outputs = predictions->outputs,
                     .values = predictions->mean,
                     .aleatoric = predictions->aleatoric,
                     .epistemic = predictions->epistemic,
                     .is_classes = is_classes,
                     .names = has_names ? model->class_names : NULL};
}

/* A standard deviation beside the values: of the prediction as a whole, and its two parts. */
typedef struct {
  const char *name;
  bool aleatoric, epistemic; /* the parts in it */
} deviation_t;

enum { DEVIATIONS = 3 };

static const deviation_t deviations[DEVIATIONS] = {
    {"std", true, true}, {"aleatoric_std", true, false}, {"epistemic_std", false, true}};

/* Whether the model says something of it. */
static bool is_known(const answers_t *answers, const deviation_t *deviation) {
  return (!deviation->aleatoric || answers->aleatoric != NULL) &&
         (!deviation->epistemic || answers->epistemic != NULL);
}

static float deviation_at(const answers_t *answers, const deviation_t *deviation, int64_t i) {
  float a = deviation->aleatoric ? answers->aleatoric[i] : 0,
        e = deviation->epistemic ? answers->epistemic[i] : 0;
  return hypotf(a, e);
}

/* The first of the largest; of a single score its sign. */
static int32_t class_of(const answers_t *answers, int64_t row) {
  const float *p = answers->values + row * answers->outputs;
  int32_t best = 0;
  if (answers->outputs == 1) return p[0] > 0;
  for (int32_t c = 1; c < answers->outputs; c++)
    if (p[c] > p[best]) best = c;
  return best;
}

/* A cell of text: in quotes when it holds what CSV gives a meaning to (RFC 4180). */
static void put_cell(FILE *out, const char *prefix, const char *text) {
  bool quoted = strpbrk(text, ",\"\n\r") != NULL;
  fprintf(out, "%s%s", quoted ? "\"" : "", prefix);
  for (; *text != '\0'; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  if (quoted) fputc('"', out);
}

static void put_name(FILE *out, const char *prefix, const answers_t *answers, int64_t c) {
  if (answers->names != NULL)
    put_cell(out, prefix, answers->names[c]);
  else
    fprintf(out, "%s%" PRId64, prefix, c);
}

/* `width` columns, named what_OUTPUT, or what where there is one. */
static void put_names(FILE *out, const answers_t *answers, const char *what, int64_t width) {
  char prefix[sizeof(loss_part_t)];
  snprintf(prefix, sizeof prefix, "%s_", what);
  if (width == 1) fprintf(out, ",%s", what);
  for (int64_t c = 0; c < width && width > 1; c++) {
    fputc(',', out);
    put_name(out, prefix, answers, c);
  }
}

/* Part i of the values; false past the last. Deviations are none of them. */
static bool value_part(const answers_t *answers, size_t i, loss_part_t *out) {
  const model_t *model = answers->model;
  if (i >= loss_parts(model->loss, &answers->params)) return false;
  *out = loss_part(model->loss, &answers->params, graph_outputs(model->graph), i);
  return !out->is_deviation;
}

static void put_header(FILE *out, const answers_t *answers) {
  fputs(answers->is_classes ? "row,class" : "row", out);
  loss_part_t part;
  for (size_t i = 0; value_part(answers, i, &part); i++) put_names(out, answers, part.name, part.width);
  for (int d = 0; d < DEVIATIONS; d++)
    if (is_known(answers, &deviations[d])) put_names(out, answers, deviations[d].name, answers->outputs);
  fputc('\n', out);
}

static void put_row(FILE *out, const answers_t *answers, int64_t row) {
  int64_t first = row * answers->outputs, end = first + answers->outputs;
  fprintf(out, "%" PRId64, row);
  if (answers->is_classes) {
    fputc(',', out);
    put_name(out, "", answers, class_of(answers, row));
  }
  for (int64_t i = first; i < end; i++) fprintf(out, ",%.9g", (double)answers->values[i]);
  for (int d = 0; d < DEVIATIONS; d++)
    for (int64_t i = first; i < end && is_known(answers, &deviations[d]); i++)
      fprintf(out, ",%.9g", (double)deviation_at(answers, &deviations[d], i));
  fputc('\n', out);
}

static void put_table(FILE *out, const answers_t *answers) {
  put_header(out, answers);
  for (int64_t row = 0; row < answers->rows; row++) put_row(out, answers, row);
}

static ls_status write_csv(const char *path, const answers_t *answers, ls_error *error) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %s", path);
  put_table(out, answers);
  ls_status status = fclose(out) == 0 ? store_write_file(path, text, error)
                                      : error_set(error, LS_NO_MEMORY,
                                                  "no memory for %s; HDF5 (--out FILE.h5) takes less", path);
  free(text);
  return status;
}

static ls_status write_classes(store_t *store, const answers_t *answers, ls_error *error) {
  int32_t *classes = malloc((size_t)answers->rows * sizeof *classes);
  if (classes == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " classes", answers->rows);
  for (int64_t row = 0; row < answers->rows; row++) classes[row] = class_of(answers, row);
  ls_status status = store_write(store, "class", STORE_I32, 1, &answers->rows, classes, error);
  free(classes);
  return status;
}

static ls_status write_deviations(store_t *store, const answers_t *answers, ls_error *error) {
  const int64_t shape[] = {answers->rows, answers->outputs};
  int64_t n = shape[0] * shape[1];
  float *values = malloc((size_t)n * sizeof *values + 1);
  ls_status status = LS_OK;
  if (values == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " deviations", n);
  for (int d = 0; d < DEVIATIONS && status == LS_OK; d++) {
    if (!is_known(answers, &deviations[d])) continue;
    for (int64_t i = 0; i < n; i++) values[i] = deviation_at(answers, &deviations[d], i);
    status = store_write(store, deviations[d].name, STORE_F32, 2, shape, values, error);
  }
  free(values);
  return status;
}

/* The columns of a part, as an array of their own. */
static ls_status write_part(store_t *store, const answers_t *answers, const loss_part_t *part,
                            ls_error *error) {
  const int64_t shape[] = {answers->rows, part->width};
  if (part->width == answers->outputs)
    return store_write(store, part->name, STORE_F32, 2, shape, answers->values, error);
  float *values = malloc((size_t)(answers->rows * part->width) * sizeof *values + 1);
  if (values == NULL) return error_set(error, LS_NO_MEMORY, "no memory for predictions");
  for (int64_t i = 0; i < answers->rows; i++)
    memcpy(values + i * part->width, answers->values + i * answers->outputs + part->first,
           (size_t)part->width * sizeof *values);
  ls_status status = store_write(store, part->name, STORE_F32, 2, shape, values, error);
  free(values);
  return status;
}

static ls_status write_arrays(store_t *store, const answers_t *answers, ls_error *error) {
  const model_t *model = answers->model;
  loss_part_t part;
  for (size_t i = 0; value_part(answers, i, &part); i++) TRY(write_part(store, answers, &part, error));
  TRY(write_deviations(store, answers, error));
  TRY(store_write_text(store, "/", "parameters_checksum", model->checksum, error));
  if (!answers->is_classes) return LS_OK;
  if (answers->names != NULL)
    TRY(store_write_texts(store, "/", "class_names", (const char *const *)answers->names, model->n_classes,
                          error));
  return write_classes(store, answers, error);
}

static ls_status write_hdf5(const char *path, const answers_t *answers, ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = write_arrays(store, answers, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

/* ---- what is predicted ---- */

/* The array of features: as named, else the first usual one that is there. Not collective. */
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

/* All ranks' rows of an array, one after the other, into rank 0's `all`. Collective. */
static ls_status collect(const session_t *session, const split_t *split, size_t row_bytes, const float *mine,
                         float *all, ls_error *error) {
  int n = world_size(session->world), shards = split->partition.shards;
  size_t *sizes = malloc((size_t)n * sizeof *sizes);
  ls_status status = LS_OK;
  if (sizes == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
  status = world_agree(session->world, status, error);
  for (int r = 0; r < n && status == LS_OK; r++) {
    int first = rank_first_shard(shards, n, r);
    sizes[r] = row_bytes * (size_t)(shard_first(split->partition, first + rank_shards(shards, n, r)) -
                                    shard_first(split->partition, first));
  }
  if (status == LS_OK) status = world_gather_pieces(session->world, mine, sizes, all, 0, error);
  free(sizes);
  return status;
}

/* Rank 0 gets the predictions of all rows. Collective. */
static ls_status collect_all(const session_t *session, const split_t *split, const predictions_t *mine,
                             predictions_t *all, ls_error *error) {
  const float *const from[] = {mine->mean, mine->aleatoric, mine->epistemic};
  float **const to[] = {&all->mean, &all->aleatoric, &all->epistemic};
  all->rows = session->is_root ? split->partition.rows : 0;
  all->outputs = mine->outputs;
  for (size_t i = 0; i < sizeof from / sizeof from[0]; i++) {
    if (from[i] == NULL) continue; /* the same on all ranks */
    ls_status status = LS_OK;
    *to[i] = arena_new(&all->arena, (size_t)(all->rows * all->outputs), sizeof(float));
    if (*to[i] == NULL)
      status = error_set(error, LS_NO_MEMORY, "no memory for the predictions of %" PRId64 " rows", all->rows);
    TRY(world_agree(session->world, status, error));
    TRY(collect(session, split, (size_t)mine->outputs * sizeof(float), from[i], *to[i], error));
  }
  return LS_OK;
}

static ls_status predict_rows(const session_t *session, const predict_arguments_t *a, ready_t *ready,
                              const split_t *split, ls_error *error) {
  predictions_t mine = {0}, all = {0};
  ls_status status = predictions_make(ready->model, ready->evaluator, split, ready->layout.threads,
                                      &a->asking, &mine, error);
  status = world_agree(session->world, status, error);
  if (status == LS_OK) status = collect_all(session, split, &mine, &all, error);
  if (status == LS_OK) {
    if (session->is_root) {
      answers_t answers = answers_of(ready->model, &all);
      status = is_hdf5(a->out) ? write_hdf5(a->out, &answers, error) : write_csv(a->out, &answers, error);
    }
    status = world_agree(session->world, status, error);
  }
  predictions_free(&mine);
  predictions_free(&all);
  return status;
}

static ls_status predict(const session_t *session, const predict_arguments_t *a, ready_t *ready,
                         ls_error *error) {
  const char *file = a->arguments.words[1], *x = NULL;
  dataset_t *data = NULL;
  TRY(world_agree(session->world, find_x(file, a->x, &x, error), error));
  TRY(dataset_load_features(session->world, file, x, ready->model->features.columns,
                            ready->model->features.fill != NULL, ready->layout.shards,
                            ready->settings->data.memory_limit, &data, error));
  ls_status status = predict_rows(session, a, ready, &data->test, error);
  if (status == LS_OK)
    log_info(&session->log, "%" PRId64 " rows of %s (%s) predicted: %s", data->test.partition.rows, file, x,
             a->out);
  dataset_destroy(&data);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const predict_arguments_t *a = input;
  ready_t ready = {0};
  TRY(ready_open(session, a->arguments.words[0], a->arguments.words + 2, a->arguments.n - 2, &ready, error));
  ls_status status = predict(session, a, &ready, error);
  ready_close(&ready);
  return status;
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "MODEL DATA.h5 --out FILE [SECTION.KEY=VALUE...]",
    .doc = "Applies a trained model to rows: classes and probabilities, or targets in their original units.\v"
           "MODEL is a model file, a checkpoint or a run directory. A CSV file has a line for every row: its "
           "number from 0, the class, a column for every output. An HDF5 file has the arrays `class` and "
           "`probability` or `score`, or `prediction`. Where the model knows how sure it is, standard "
           "deviations "
           "follow: std of a prediction, aleatoric_std and epistemic_std its parts."};

const command_t command_predict = {
    .name = "predict",
    .meaning = "apply a model to new rows",
    .argp = &argp,
    .options_size = sizeof(predict_arguments_t),
    .fewest = 2,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .run = run,
};
