/* lockstep eval: evaluates a trained model on rows of its own dataset file or of another one. */
#include "cli/command.h"
#include "base/show.h"
#include "answers/row_losses.h"
#include "request/asked_rows.h"
#include "request/clusters.h"
#include "request/evaluation.h"
#include "request/table_input.h"

#include "inspect/importance_table.h"
#include "inspect/names.h"

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
  KEY_LABELS,
  KEY_ROWS,
  KEY_IMPORTANCE,
  KEY_OUT
};

typedef struct {
  arguments_t arguments;
  asked_rows_t asked;
  const char *json;
  const char *rows;        /* file for the loss of each row, or NULL */
  int64_t importance;      /* permutations of each column; 0: importance is not asked for */
  const char *out;         /* file for it, or NULL */
  const char *temperature; /* as for temperatures_parse, or "fit": fitted on the validation rows */
  const char *label;       /* of a table */
  const char *labels;      /* array to compare clusters with, "none", or NULL */
  const char *table;       /* the table that the rows came from, for messages; NULL: a dataset file */
} eval_arguments_t;

static const struct argp_option options[] = {
    {"split", KEY_SPLIT, "NAME", 0, "test, valid or train; default: the first of these that exists", 0},
    {"x", KEY_X, "PATH", 0, "array of features to evaluate, instead of a split", 0},
    {"y", KEY_Y, "PATH", 0, "array of labels or targets for --x; data.weights=PATH names weights, if any", 0},
    {"label", KEY_LABEL, "COLUMNS", 0,
     "DATA is a table: the column of labels, or of targets, by name or index", 0},
    {"labels", KEY_LABELS, "PATH", 0,
     "model of clusters: array of labels to compare them with; default: whole numbers in the y of the split; "
     "none: no comparison",
     0},
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
  if (a->asked.x == NULL && a->asked.y != NULL)
    return arguments_refuse(&a->arguments, "--x and --y go together");
  if (a->asked.x != NULL && a->asked.split != NULL)
    return arguments_refuse(&a->arguments, "--split and --x exclude each other");
  asked_rows_take_data(&a->arguments, &a->asked);
  const error_t refused = check_outputs(a);
  return refused != 0 ? refused : asked_rows_check_overrides(&a->arguments, &a->asked);
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
    a->asked.split = arg;
    return 0;
  case KEY_X:
    a->asked.x = arg;
    return 0;
  case KEY_Y:
    a->asked.y = arg;
    return 0;
  case KEY_JSON:
    a->json = arg;
    return 0;
  case KEY_LABEL:
    a->label = arg;
    return 0;
  case KEY_LABELS:
    a->labels = arg;
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

/* ---- results ---- */

static void print_temperatures(const objective_t *objective, const double *temperatures) {
  for (size_t h = 0; h < objective->n; h++) {
    if (temperatures[h] <= 0) continue;
    bool is_only = objective->n == 1;
    show(stdout, "temperature%s%s %.6g\n", is_only ? "" : " of ", is_only ? "" : objective->heads[h].name,
         temperatures[h]);
  }
}

/* What was found, on rank 0. */
typedef struct {
  asked_place_t place;
  const double *temperatures;
  metrics_t metrics;
  quality_t quality;       /* clusters 0: the model has none */
  importance_t importance; /* columns 0: not asked for */
  row_losses_t losses;     /* losses NULL: not asked for */
} findings_t;

static ls_status write_findings(const eval_arguments_t *a, const ready_t *ready, const dataset_t *data,
                                const findings_t *found, ls_error *error) {
  const bool has_importance = found->importance.columns > 0, has_clusters = found->quality.clusters > 0;
  const evaluation_facts_t facts = {.file = a->table != NULL ? a->table : ready->settings->data.file,
                                    .rows = found->place.name,
                                    .class_names = ready->model->class_names,
                                    .temperatures = found->temperatures,
                                    .metrics = &found->metrics,
                                    .quality = has_clusters ? &found->quality : NULL,
                                    .importance = has_importance ? &found->importance : NULL,
                                    .columns = data->feature_names};
  print_temperatures(&ready->model->objective, found->temperatures);
  show(stdout, "%s, %s: ", facts.file, facts.rows);
  metrics_print(&found->metrics, facts.class_names, stdout);
  if (has_clusters) quality_print(&found->quality, stdout);
  if (has_importance) TRY(importance_print(facts.importance, facts.columns, stdout, error));
  if (a->rows != NULL) row_losses_print(&found->losses, stdout);
  if (a->rows != NULL) TRY(row_losses_write(a->rows, &found->losses, error));
  if (a->out != NULL) TRY(importance_write(a->out, facts.importance, facts.columns, error));
  return a->json != NULL ? evaluation_write_json(a->json, &facts, error) : LS_OK;
}

/* ---- the command ---- */

/* Fits, for each head with probabilities, the temperature with the least loss on the validation rows that
 * training set aside. Collective. */
static ls_status fit_temperatures(const session_t *session, const ready_t *ready, const mixture_t *mixture,
                                  double temperatures[MOST_HEADS], ls_error *error) {
  dataset_t *data = NULL;
  const objective_t *objective = &ready->model->objective;
  ls_status status = asked_rows_load(session, ready, SPLIT_VALID, LABELS_NONE, &data, error);
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
  double *own = NULL, *all = NULL;
  int64_t *numbers = NULL;
  ls_status status = LS_OK;
  if (a->rows == NULL)
    return evaluator_run(ready->evaluator, session->world, split, mixture, &found->metrics, error);
  status = row_losses_number(session->world, ready->settings, objective, data, split, &numbers, error);
  if (status != LS_OK) return error_prefix(error, status, "--rows");
  status = asked_rows_measure(session, ready, split, mixture, &found->metrics, &own, error);
  if (status == LS_OK) status = asked_rows_collect_losses(session, ready, split, own, &all, error);
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
  if (clusters_are_known(ready->model))
    TRY(clusters_judge(session, ready, split, &found->place, found->metrics.loss, &found->quality, error));
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
  const char *taken[2 + 3] = {path, a->asked.data != NULL ? a->asked.data : ready->settings->data.file};
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
  dataset_t *data = NULL;
  const model_t *model = ready->model;
  mixture_t mixture = asked_rows_mixture(model);
  double temperatures[MOST_HEADS] = {0};
  findings_t found = {.temperatures = temperatures};
  TRY(check_places(session, a, ready, error));
  TRY(asked_rows_check_missing(ready, error)); /* same result on all ranks */
  if (asked_rows_is_overridden(&a->arguments, "train.top_k"))
    TRY(objective_check_top_k(&model->objective, ready->settings->train.top_k, error));
  TRY(find_temperatures(session, a, ready, &mixture, temperatures, error));
  mixture.temperatures = temperatures;
  const char *labels = a->labels == NULL && clusters_are_known(model) ? a->asked.y : a->labels;
  ls_status status = asked_rows_choose(&a->arguments, &a->asked, ready, &found.place, error);
  if (status == LS_OK) status = clusters_choose_labels(labels, ready, &found.place, error);
  status = world_agree(session->world, status, error);
  const asked_place_t *place = &found.place;
  if (status == LS_OK) status = asked_rows_load(session, ready, place->bit, place->labels, &data, error);
  if (status == LS_OK)
    status = find_all(session, ready, a, data, asked_rows_split(data, place->bit), &mixture, &found, error);
  findings_free(&found);
  dataset_destroy(&data);
  return status;
}

static ls_status check_label(const ready_t *ready, const eval_arguments_t *a, const table_input_t *input,
                             ls_error *error) {
  bool is_table = input->folder[0] != '\0';
  if (is_table && a->label == NULL && !clusters_are_known(ready->model))
    return error_set(error, LS_USAGE, "%s is a table: name its column of labels or targets with --label",
                     a->asked.data);
  if (!is_table && a->label != NULL)
    return error_set(error, LS_USAGE, "--label is for a table, but the rows come from a dataset file");
  return LS_OK;
}

/* Rows of --x alone suffice for a model that needs no targets. */
static ls_status check_targets(const ready_t *ready, eval_arguments_t *a, ls_error *error) {
  if (a->asked.x == NULL || a->asked.y != NULL) return LS_OK;
  if (!clusters_are_known(ready->model)) return error_set(error, LS_USAGE, "--x and --y go together");
  a->asked.y = a->asked.x; /* not read */
  if (a->labels == NULL) a->labels = "none";
  return LS_OK;
}

static ls_status evaluate(const session_t *session, ready_t *ready, void *context, ls_error *error) {
  eval_arguments_t a = *(const eval_arguments_t *)context;
  table_input_t input = {0};
  ls_status status = check_targets(ready, &a, error); /* the same on all ranks */
  if (status == LS_OK && a.asked.data != NULL)
    status = table_input_open(session, ready->model, a.asked.data, a.label, &input, error);
  if (status == LS_OK) status = check_label(ready, &a, &input, error); /* the same on all ranks */
  if (input.folder[0] != '\0') a.table = a.asked.data;
  if (a.asked.data != NULL) a.asked.data = input.path;
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
