/* lockstep eval: evaluates a trained model on rows of its own dataset file or of another one. */
#include "cli/command.h"
#include "answers/row_losses.h"
#include "request/table_input.h"

#include "base/progress.h"
#include "base/text.h"
#include "data/stream.h"
#include "inspect/evaluation.h"
#include "inspect/importance_table.h"
#include "inspect/names.h"
#include "layout/validation.h"
#include "score/match.h"
#include "score/unseen.h"
#include "store/store.h"
#include "features/row_weights.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  KEY_SPLIT = FIRST_KEY,
  KEY_X,
  KEY_Y,
  KEY_JSON,
  KEY_TEMPERATURE,
  KEY_LABEL,
  KEY_ROWS,
  KEY_IMPORTANCE,
  KEY_OUT
};
enum { GROUP_PATH_SIZE = 512 };

typedef struct {
  arguments_t arguments;
  const char *split, *x, *y, *json;
  const char *rows;        /* file for the loss of each row, or NULL */
  int64_t importance;      /* permutations of each column; 0: importance is not asked for */
  const char *out;         /* file for it, or NULL */
  const char *temperature; /* as for temperatures_parse, or "fit": fitted on the validation rows */
  const char *data;        /* NULL: the dataset file the model was trained on */
  const char *label;       /* of a table */
  const char *table;       /* the table that the rows came from, for messages; NULL: a dataset file */
} eval_arguments_t;

static const struct argp_option options[] = {
    {"split", KEY_SPLIT, "NAME", 0, "test, valid or train; default: the first of these that exists", 0},
    {"x", KEY_X, "PATH", 0, "array of features to evaluate, instead of a split", 0},
    {"y", KEY_Y, "PATH", 0, "array of labels or targets for --x; data.weights=PATH names weights, if any", 0},
    {"label", KEY_LABEL, "COLUMNS", 0,
     "DATA is a table: the column of labels, or of targets, by name or index", 0},
    {"json", KEY_JSON, "FILE", 0, "also write the figures to FILE as JSON", 0},
    {"rows", KEY_ROWS, "FILE", 0, "also write the loss of each row to FILE.csv or FILE.h5", 0},
    {"importance", KEY_IMPORTANCE, "R", OPTION_ARG_OPTIONAL,
     "permutation importance: how much worse the model gets when a column of x is permuted; mean over R "
     "permutations, 5 by default",
     0},
    {"out", KEY_OUT, "FILE", 0, "with --importance: also write it to FILE.csv or FILE.h5", 0},
    {"temperature", KEY_TEMPERATURE, "T", 0,
     "divide logits by T; fit: by the T with the least loss on the validation rows, for each head; several "
     "heads: also HEAD=T,HEAD=T",
     0},
    {0},
};

/* The keys that say which rows are evaluated, and how the work is divided. */
static const char *const uses[] = {"data.file",
                                   "data.x",
                                   "data.y",
                                   "data.valid_x",
                                   "data.valid_y",
                                   "data.test_x",
                                   "data.test_y",
                                   "data.weights",
                                   "data.valid_weights",
                                   "data.test_weights",
                                   "data.validation",
                                   "data.validation_seed",
                                   "data.folds",
                                   "data.fold",
                                   "data.missing",
                                   "data.external",
                                   "data.memory_limit",
                                   "data.window.stride",
                                   "data.window.season",
                                   "data.window.test",
                                   "data.window.series",
                                   "train.seed", /* chooses validation rows too */
                                   "train.top_k",
                                   "train.progress_every",
                                   "parallel.threads",
                                   "parallel.shards",
                                   "parallel.timeout",
                                   NULL};

/* Whether an override gives this key. */
static bool is_overridden(const eval_arguments_t *a, const char *key) {
  size_t length = strlen(key);
  for (size_t i = 1; i < a->arguments.n; i++)
    if (strncmp(a->arguments.words[i], key, length) == 0 && a->arguments.words[i][length] == '=') return true;
  return false;
}

/* Keys that name rows, which --x or DATA does. Another file may have its arrays elsewhere. */
static error_t check_overrides(eval_arguments_t *a) {
  static const char *const rows[] = {
      "data.x",          "data.y",      "data.valid_x",      "data.valid_y",
      "data.test_x",     "data.test_y", "data.test_weights", "data.valid_weights",
      "data.validation", "data.folds",  "data.fold",         "data.window.test"};
  if (a->data != NULL && is_overridden(a, "data.file"))
    return arguments_refuse(&a->arguments,
                            "'%.80s' and data.file both name the file of the rows: leave one out", a->data);
  for (size_t i = 0; a->x != NULL && i < sizeof rows / sizeof rows[0]; i++)
    if (is_overridden(a, rows[i]))
      return arguments_refuse(
          &a->arguments, "--x names the rows, so %s has no effect: leave it out%s", rows[i],
          strstr(rows[i], "weights") != NULL ? ", or name their weights with data.weights" : "");
  return 0;
}

/* The first word after the model is a dataset file unless it contains '='. */
static void take_data(eval_arguments_t *a) {
  if (a->arguments.n < 2 || strchr(a->arguments.words[1], '=') != NULL) return;
  a->data = a->arguments.words[1];
  a->arguments.words[1] = a->arguments.words[0];
  a->arguments.words++;
  a->arguments.n--;
}

static bool ends_in(const char *path, const char *end) {
  const char *dot = strrchr(path, '.');
  return dot != NULL && strcmp(dot, end) == 0;
}

/* A table or an HDF5 file, by its name. */
static error_t check_name(eval_arguments_t *a, const char *option, const char *path) {
  if (path == NULL || ends_in(path, ".csv") || ends_in(path, ".h5") || ends_in(path, ".hdf5")) return 0;
  return arguments_refuse(&a->arguments, "--%s: '%.200s' ends neither in .csv nor in .h5", option, path);
}

static error_t check_outputs(eval_arguments_t *a) {
  if (a->out != NULL && a->importance == 0)
    return arguments_refuse(&a->arguments, "--out is for --importance: add it, or leave --out out");
  const error_t refused = check_name(a, "rows", a->rows);
  return refused != 0 ? refused : check_name(a, "out", a->out);
}

static error_t parse_importance(eval_arguments_t *a, const char *repeats) {
  enum { USUAL = 5, MOST = 10000 };
  a->importance = USUAL;
  return repeats == NULL ? 0 : arguments_count(&a->arguments, "importance", repeats, 1, MOST, &a->importance);
}

static error_t check_end(eval_arguments_t *a) {
  if ((a->x == NULL) != (a->y == NULL)) return arguments_refuse(&a->arguments, "--x and --y go together");
  if (a->x != NULL && a->split != NULL)
    return arguments_refuse(&a->arguments, "--split and --x exclude each other");
  take_data(a);
  const error_t refused = check_outputs(a);
  return refused != 0 ? refused : check_overrides(a);
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  eval_arguments_t *a = state->input;
  switch (key) {
  case KEY_ROWS:
    a->rows = arg;
    return 0;
  case KEY_IMPORTANCE:
    return parse_importance(a, arg);
  case KEY_OUT:
    a->out = arg;
    return 0;
  case KEY_SPLIT:
    a->split = arg;
    return 0;
  case KEY_X:
    a->x = arg;
    return 0;
  case KEY_Y:
    a->y = arg;
    return 0;
  case KEY_JSON:
    a->json = arg;
    return 0;
  case KEY_LABEL:
    a->label = arg;
    return 0;
  case KEY_TEMPERATURE:
    a->temperature = arg;
    return 0;
  case ARGP_KEY_END:
    return check_end(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- which rows ---- */

/* A split: its name, and where the settings locate its rows. */
typedef struct {
  const char *name;
  int bit; /* SPLIT_ */
  char x[GROUP_PATH_SIZE], y[GROUP_PATH_SIZE];
  const char *weights;
} split_place_t;

enum { PLACES = 3 };

static void list_places(const settings_t *settings, split_place_t places[PLACES]) {
  const char *group = settings->data.validation.group;
  memset(places, 0, PLACES * sizeof *places);
  places[0] = (split_place_t){.name = "test", .bit = SPLIT_TEST, .weights = settings->data.test_weights};
  places[1] = (split_place_t){.name = "valid", .bit = SPLIT_VALID, .weights = settings->data.valid_weights};
  places[2] = (split_place_t){.name = "train", .bit = SPLIT_TRAIN, .weights = settings->data.weights};
  snprintf(places[0].x, GROUP_PATH_SIZE, "%s", settings->data.test_x);
  snprintf(places[0].y, GROUP_PATH_SIZE, "%s", settings->data.test_y);
  snprintf(places[1].x, GROUP_PATH_SIZE, "%s%s", group != NULL ? group : settings->data.valid_x,
           group != NULL ? "/x" : "");
  snprintf(places[1].y, GROUP_PATH_SIZE, "%s%s", group != NULL ? group : settings->data.valid_y,
           group != NULL ? "/y" : "");
  snprintf(places[2].x, GROUP_PATH_SIZE, "%s", settings->data.x);
  snprintf(places[2].y, GROUP_PATH_SIZE, "%s", settings->data.y);
}

/* Chooses the requested split, otherwise the first one that is available. `in_train` holds the SPLIT_ bits of
 * the splits whose rows are part of the training rows. */
static ls_status choose_place(const settings_t *settings, const char *split, int in_train, split_place_t *out,
                              ls_error *error) {
  split_place_t places[PLACES];
  store_t *store = NULL;
  list_places(settings, places);
  if (split == NULL) TRY(store_open(settings->data.file, &store, error));
  for (int i = 0; i < PLACES; i++) {
    bool taken = split != NULL ? strcmp(split, places[i].name) == 0
                               : store_has(store, places[i].x) || (in_train & places[i].bit) != 0;
    if (!taken) continue;
    *out = places[i];
    store_close(&store);
    return LS_OK;
  }
  store_close(&store);
  if (split != NULL)
    return error_set(error, LS_USAGE, "--split: '%.60s' is none of test, valid, train", split);
  return error_set(
      error, LS_BAD_DATA,
      "%s holds none of %s, %s, %s; name the arrays with --x and --y (`lockstep info` lists them)",
      settings->data.file, places[0].x, places[1].x, places[2].x);
}

/* Makes these the only arrays that the settings name. */
static void name_arrays(settings_t *settings, const char *x, const char *y, const char *weights) {
  settings->data.x = settings->data.valid_x = settings->data.test_x = x;
  settings->data.y = settings->data.valid_y = settings->data.test_y = y;
  settings->data.weights = settings->data.valid_weights = settings->data.test_weights = weights;
  settings->data.window.test = 0;
  settings->data.validation = (validation_settings_t){.seed = SETTINGS_AUTO};
}

/* What replaces missing values comes from training rows, so only a model that was trained with such a rule
 * can apply one. */
static ls_status check_missing(const ready_t *ready, ls_error *error) {
  const char *rule = ready->settings->data.missing;
  bool is_filling = strcmp(rule, "error") != 0 && strcmp(rule, "drop") != 0;
  if (!is_filling || ready->model->features.fill != NULL) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "%s: data.missing: the model has no values to fill in, because it was trained with "
                   "data.missing=%s",
                   settings_where(ready->settings, "data.missing"), ready->model->settings->data.missing);
}

/* Decides which rows are evaluated: changes ready->settings, and sets *place to the SPLIT_ bit to load and
 * the name to print. */
static ls_status choose_rows(const eval_arguments_t *a, ready_t *ready, split_place_t *place,
                             ls_error *error) {
  settings_t *settings = ready->settings;
  if (a->data != NULL) settings->data.file = a->data;
  bool test_in_train = settings->data.window.length > 0 && settings->data.window.test > 0;
  int in_train = (validation_splits_training(settings) ? SPLIT_VALID : 0) | (test_in_train ? SPLIT_TEST : 0);
  if (a->data != NULL && a->split == NULL) in_train = 0; /* another file: all of its rows */
  if (a->x != NULL) {
    const char *weights = is_overridden(a, "data.weights") ? settings->data.weights : "none";
    *place = (split_place_t){.name = a->x, .bit = SPLIT_TRAIN};
    name_arrays(settings, a->x, a->y, weights);
    return LS_OK;
  }
  TRY(choose_place(settings, a->split, in_train, place, error));
  if ((in_train & place->bit) != 0 || (in_train != 0 && place->bit == SPLIT_TRAIN)) return LS_OK;
  name_arrays(settings, place->x, place->y, place->weights);
  place->bit = SPLIT_TRAIN;
  return LS_OK;
}

/* ---- results ---- */

static void print_temperatures(const objective_t *objective, const double *temperatures) {
  for (size_t h = 0; h < objective->n; h++) {
    if (temperatures[h] <= 0) continue;
    bool is_only = objective->n == 1;
    printf("temperature%s%s %.6g\n", is_only ? "" : " of ", is_only ? "" : objective->heads[h].name,
           temperatures[h]);
  }
}

/* What was found, on rank 0. */
typedef struct {
  const char *place; /* name of the rows */
  const double *temperatures;
  metrics_t metrics;
  importance_t importance; /* columns 0: not asked for */
  row_losses_t losses;     /* losses NULL: not asked for */
} findings_t;

static ls_status write_findings(const eval_arguments_t *a, const ready_t *ready, const dataset_t *data,
                                const findings_t *found, ls_error *error) {
  const bool has_importance = found->importance.columns > 0;
  const evaluation_facts_t facts = {.file = a->table != NULL ? a->table : ready->settings->data.file,
                                    .rows = found->place,
                                    .class_names = ready->model->class_names,
                                    .temperatures = found->temperatures,
                                    .metrics = &found->metrics,
                                    .importance = has_importance ? &found->importance : NULL,
                                    .columns = data->feature_names};
  print_temperatures(&ready->model->objective, found->temperatures);
  printf("%s, %s: ", facts.file, facts.rows);
  metrics_print(&found->metrics, facts.class_names, stdout);
  if (has_importance) TRY(importance_print(facts.importance, facts.columns, stdout, error));
  if (a->rows != NULL) row_losses_print(&found->losses, stdout);
  if (a->rows != NULL) TRY(row_losses_write(a->rows, &found->losses, error));
  if (a->out != NULL) TRY(importance_write(a->out, facts.importance, facts.columns, error));
  return a->json != NULL ? evaluation_write_json(a->json, &facts, error) : LS_OK;
}

/* ---- the command ---- */

static split_t *loaded_split(dataset_t *data, int bit) {
  return bit == SPLIT_TRAIN ? &data->train : bit == SPLIT_VALID ? &data->valid : &data->test;
}

static ls_status load(const session_t *session, const ready_t *ready, int bit, dataset_t **data,
                      ls_error *error) {
  const model_t *model = ready->model;
  const char *file = ready->settings->data.file;
  progress_begin(0, NULL, "reading the rows of %s", file);
  TRY(dataset_load(session->world, ready->settings, bit, objective_request(&model->objective),
                   ready->layout.shards, data, error));
  progress_end();
  TRY(ready_check_features(ready, file, (*data)->features, error)); /* same result on all ranks */
  ls_status status = match_features(ready->model, file, *data, error);
  split_t *split = loaded_split(*data, bit);
  if (status == LS_OK) status = match_classes(model, file, *data, split, error);
  TRY(world_agree(session->world, status, error));
  if (split->partition.rows == 0) return error_set(error, LS_BAD_DATA, "%s: the split has no rows", file);
  TRY(unseen_report(session->world, &model->features, *data, split, file, &session->log, error));
  status = split_scale_targets(split, &model->targets, &(*data)->arena, error);
  TRY(world_agree(session->world, status, error));
  return row_weights_apply(session->world, &model->class_weights, &model->objective, *data, split, error);
}

/* Fits, for each head with probabilities, the temperature with the least loss on the validation rows that
 * training set aside. Collective. */
static ls_status fit_temperatures(const session_t *session, const ready_t *ready, const mixture_t *mixture,
                                  double temperatures[MOST_HEADS], ls_error *error) {
  dataset_t *data = NULL;
  const objective_t *objective = &ready->model->objective;
  ls_status status = load(session, ready, SPLIT_VALID, &data, error);
  if (status != LS_OK) error_prefix(error, status, "--temperature fit needs validation rows");
  for (size_t h = 0; h < objective->n && status == LS_OK; h++)
    if (loss_gives_probabilities(objective->heads[h].loss))
      status = evaluator_fit_temperature(ready->evaluator, session->world, &data->valid, mixture, h,
                                         &temperatures[h], error);
  dataset_destroy(&data);
  return status;
}

/* Evaluates the option --temperature. Must run before rows are chosen, because choosing rows changes the
 * settings. Collective. */
static ls_status find_temperatures(const session_t *session, const eval_arguments_t *a, const ready_t *ready,
                                   const mixture_t *mixture, double temperatures[MOST_HEADS],
                                   ls_error *error) {
  const objective_t *objective = &ready->model->objective;
  if (a->temperature == NULL) return LS_OK;
  TRY(temperatures_check(objective, error));
  if (strcmp(a->temperature, "fit") == 0)
    return fit_temperatures(session, ready, mixture, temperatures, error);
  ls_status status = temperatures_parse(objective, a->temperature, temperatures, error);
  return status == LS_OK ? LS_OK : error_prefix(error, status, "--temperature takes fit, T or HEAD=T,HEAD=T");
}

/* Evaluates the rows, and collects the loss of each of them if it is wanted. Collective. */
static ls_status find_losses(const session_t *session, const ready_t *ready, const eval_arguments_t *a,
                             const dataset_t *data, split_t *split, const mixture_t *mixture,
                             findings_t *found, ls_error *error) {
  const objective_t *objective = &ready->model->objective;
  const size_t row_bytes = objective->n * sizeof(double);
  const size_t all_rows = session->is_root ? (size_t)split->partition.rows : 0;
  double *own = NULL, *all = NULL;
  int64_t *numbers = NULL;
  ls_status status = LS_OK;
  if (a->rows == NULL)
    return evaluator_run(ready->evaluator, session->world, split, mixture, &found->metrics, error);
  TRY(row_losses_number(session->world, ready->settings, objective, data, split, &numbers, error));
  own = malloc((size_t)split->rows * row_bytes + 1);
  all = malloc(all_rows * row_bytes + 1);
  if (own == NULL || all == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the losses of rows");
  TRY_OR_DONE(world_agree(session->world, status, error));
  evaluator_keep_losses(ready->evaluator, own);
  status = evaluator_run(ready->evaluator, session->world, split, mixture, &found->metrics, error);
  evaluator_keep_losses(ready->evaluator, NULL);
  if (status == LS_OK) status = rows_collect(session->world, split, row_bytes, own, all, error);
done:
  free(own);
  found->losses = (row_losses_t){.objective = objective,
                                 .rows = split->partition.rows,
                                 .losses = all,
                                 .numbers = numbers,
                                 .windows = split->windows};
  return status;
}

/* Everything that is asked for, of rows that are loaded. Collective. */
static ls_status find_all(const session_t *session, const ready_t *ready, const eval_arguments_t *a,
                          const dataset_t *data, split_t *split, const mixture_t *mixture, findings_t *found,
                          ls_error *error) {
  const importance_options_t permutations = {a->importance, ready->settings->train.seed};
  TRY(find_losses(session, ready, a, data, split, mixture, found, error));
  if (a->importance > 0)
    TRY(importance_run(ready->evaluator, session->world, split,
                       features_file_columns(&ready->model->features), mixture, &permutations,
                       &found->importance, error));
  return world_agree(session->world, session->is_root ? write_findings(a, ready, data, found, error) : LS_OK,
                     error);
}

static void findings_free(findings_t *found) {
  metrics_free(&found->metrics);
  importance_free(&found->importance);
  free((void *)found->losses.losses);
  free((void *)found->losses.numbers);
}

/* Fails unless all files can be written, each at a place of its own. Collective. */
static ls_status check_places(const session_t *session, const eval_arguments_t *a, const ready_t *ready,
                              ls_error *error) {
  char path[4096];
  const char *const names[] = {"json", "rows", "out"}, *const places[] = {a->json, a->rows, a->out};
  TRY(world_agree(session->world, model_path(a->arguments.words[0], path, sizeof path, error), error));
  const char *taken[2 + 3] = {path, a->data != NULL ? a->data : ready->settings->data.file};
  size_t n = 2;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    for (size_t k = 2; k < n && places[i] != NULL; k++)
      if (strcmp(places[i], taken[k]) == 0)
        return error_set(error, LS_USAGE, "--%s: %.200s is the file of another option too", names[i],
                         places[i]);
    TRY(output_check(session, names[i], places[i], taken, 2, error));
    if (places[i] != NULL) taken[n++] = places[i];
  }
  return LS_OK;
}

static ls_status evaluate_rows(const session_t *session, ready_t *ready, const eval_arguments_t *a,
                               ls_error *error) {
  split_place_t place = {0};
  dataset_t *data = NULL;
  const model_t *model = ready->model;
  mixture_t mixture = {.members = (const float *const *)model->members,
                       .n_members = model->n_members,
                       .posterior = model->posterior.inputs > 0 ? &model->posterior : NULL};
  double temperatures[MOST_HEADS] = {0};
  findings_t found = {.temperatures = temperatures};
  TRY(check_places(session, a, ready, error));
  TRY(check_missing(ready, error)); /* same result on all ranks */
  if (is_overridden(a, "train.top_k"))
    TRY(objective_check_top_k(&model->objective, ready->settings->train.top_k, error));
  TRY(find_temperatures(session, a, ready, &mixture, temperatures, error));
  mixture.temperatures = temperatures;
  ls_status status = world_agree(session->world, choose_rows(a, ready, &place, error), error);
  if (status == LS_OK) status = load(session, ready, place.bit, &data, error);
  found.place = place.name;
  if (status == LS_OK)
    status = find_all(session, ready, a, data, loaded_split(data, place.bit), &mixture, &found, error);
  findings_free(&found);
  dataset_destroy(&data);
  return status;
}

static ls_status check_label(const eval_arguments_t *a, const table_input_t *input, ls_error *error) {
  bool is_table = input->folder[0] != '\0';
  if (is_table && a->label == NULL)
    return error_set(error, LS_USAGE, "%s is a table: name its column of labels or targets with --label",
                     a->data);
  if (!is_table && a->label != NULL)
    return error_set(error, LS_USAGE, "--label is for a table, but the rows come from a dataset file");
  return LS_OK;
}

static ls_status evaluate(const session_t *session, ready_t *ready, void *context, ls_error *error) {
  eval_arguments_t a = *(const eval_arguments_t *)context;
  table_input_t input = {0};
  ls_status status = LS_OK;
  if (a.data != NULL) status = table_input_open(session, ready->model, a.data, a.label, &input, error);
  if (status == LS_OK) status = check_label(&a, &input, error); /* the same on all ranks */
  if (input.folder[0] != '\0') a.table = a.data;
  if (a.data != NULL) a.data = input.path;
  if (status == LS_OK) status = evaluate_rows(session, ready, &a, error);
  table_input_close(session, &input);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const arguments_t *a = &((const eval_arguments_t *)input)->arguments;
  const model_request_t request = {a->words[0], a->words + 1, a->n - 1, uses};
  return ready_run(session, &request, evaluate, input, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "MODEL [DATA] [SECTION.KEY=VALUE...]",
    .doc = "Computes the loss and metrics of a trained model on a split of the dataset it was trained on, or "
           "of another dataset file.\vMODEL is a model file, a checkpoint or a run directory. DATA is a "
           "dataset file, or a table "
           "(CSV) whose columns have the names of the model's features; --label names the column of labels."};

const command_t command_eval = {
    .name = "eval",
    .meaning = "compute loss and metrics of a model on a dataset",
    .argp = &argp,
    .options_size = sizeof(eval_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
