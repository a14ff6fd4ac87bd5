/* lockstep info: shows what is in a dataset file, a model, a checkpoint or a run directory. */
#include "cli/command.h"

#include "data/dataset.h"
#include "features/features_fit.h"
#include "inspect/file.h"
#include "inspect/graph.h"
#include "inspect/names.h"
#include "inspect/run.h"
#include "study/worked.h"
#include "train/choices.h"
#include "train/training.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_SETTINGS = FIRST_KEY, KEY_REFERENCE, KEY_GRAPH, KEY_DOT, KEY_ROW, KEY_FULL };

typedef struct {
  arguments_t arguments;
  bool settings, reference, graph, dot, full;
  const char *row_text; /* NULL: no worked example */
  int64_t row;
} info_arguments_t;

static const struct argp_option options[] = {
    {"settings", KEY_SETTINGS, NULL, 0, "print the settings stored in a model, as YAML", 0},
    {"graph", KEY_GRAPH, NULL, 0,
     "print the computation graph, forward and backward, of a model or of a settings file (.yaml), which "
     "SECTION.KEY=VALUE may follow",
     0},
    {"dot", KEY_DOT, NULL, 0, "with --graph: print it in Graphviz format", 0},
    {"row", KEY_ROW, "K", 0,
     "with --graph: work through training row K with all numbers: z, a, loss, deltas, gradients, and one "
     "step "
     "of gradient descent",
     0},
    {"full", KEY_FULL, NULL, 0, "with --row: do not shorten wide layers", 0},
    {"reference", KEY_REFERENCE, NULL, 0, "print the reference of all settings, as Markdown", 0},
    {0},
};

static bool is_yaml(const char *word) {
  const char *dot = strrchr(word, '.');
  return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* Refuses words and options that the command would not use. */
static error_t check_words(info_arguments_t *a) {
  const arguments_t *given = &a->arguments;
  if (a->dot && !a->graph) return arguments_refuse(&a->arguments, "--dot works only with --graph");
  if (a->row_text != NULL && !a->graph)
    return arguments_refuse(&a->arguments, "--row works only with --graph");
  if (a->row_text != NULL && a->dot)
    return arguments_refuse(&a->arguments, "--row and --dot exclude each other");
  if (a->full && a->row_text == NULL) return arguments_refuse(&a->arguments, "--full works only with --row");
  if (a->reference + a->settings + a->graph > 1)
    return arguments_refuse(&a->arguments, "--reference, --settings and --graph exclude each other");
  if (a->reference && given->n > 0)
    return arguments_refuse(&a->arguments, "'%.80s' is one argument too many: --reference takes none",
                            given->words[0]);
  if (given->n > 1 && !(a->graph && (is_yaml(given->words[0]) || a->row_text != NULL)))
    return arguments_refuse(&a->arguments, "'%.80s' is one argument too many", given->words[1]);
  if (given->n == 0 && !a->reference)
    return arguments_refuse(&a->arguments, "name a dataset, model, checkpoint or run directory");
  return 0;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  info_arguments_t *a = state->input;
  switch (key) {
  case KEY_SETTINGS:
    a->settings = true;
    return 0;
  case KEY_REFERENCE:
    a->reference = true;
    return 0;
  case KEY_GRAPH:
    a->graph = true;
    return 0;
  case KEY_DOT:
    a->dot = true;
    return 0;
  case KEY_ROW:
    a->row_text = arg;
    return arguments_count(&a->arguments, "row", arg, 0, INT64_MAX, &a->row);
  case KEY_FULL:
    a->full = true;
    return 0;
  case ARGP_KEY_END:
    return check_words(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- the computation graph ---- */

/* Prints the graph of a settings file. The number of inputs comes from the dataset. Collective. */
static ls_status graph_of_settings(const session_t *session, const info_arguments_t *a, ls_error *error) {
  settings_t *settings = NULL;
  graph_t *graph = NULL;
  dataset_shape_t shape = {0};
  features_t width = {0};
  TRY(settings_everywhere(session, &a->arguments, &settings, error));
  ls_status status = dataset_describe(session->world, settings, &shape, error);
  if (status == LS_OK)
    status = features_find_width(session->world, settings, &shape, world_size(session->world), &width, error);
  if (status == LS_OK)
    status = graph_create_with_tables(settings->model.layers, settings->model.n_layers, width.inputs,
                                      width.tables, width.n_lookups, &graph, error);
  if (status == LS_OK && session->is_root) inspect_graph(graph, &settings->data.basis, width.encoded, a->dot);
  graph_destroy(&graph);
  features_free(&width);
  return settings_end(&settings, status, error);
}

static ls_status graph_of_model(const char *word, bool dot, ls_error *error) {
  model_t *model = NULL;
  char path[4096];
  TRY(model_path(word, path, sizeof path, error));
  TRY(model_read(path, settings_choices(), &model, error));
  inspect_graph(model->graph, &model->settings->data.basis, model->features.encoded, dot);
  model_destroy(&model);
  return LS_OK;
}

/* ---- the worked example ---- */

/* The settings of a model with overrides, such as data.file, for a training that begins with the model. */
static ls_status settings_of_model(const session_t *session, const arguments_t *a, const char *path,
                                   settings_t **out, ls_error *error) {
  model_t *model = NULL;
  char *text = NULL;
  TRY(unused_check(a->command, a->words + 1, a->n - 1, error));
  ls_status status = model_read(path, settings_choices(), &model, error);
  if (status == LS_OK) status = settings_dump(model->settings, &text, error);
  if (status == LS_OK)
    status =
        settings_restore(text, strlen(text), path, a->words + 1, a->n - 1, settings_choices(), out, error);
  free(text);
  model_destroy(&model);
  status = world_agree(session->world, status, error);
  if (status != LS_OK) return status;
  (*out)->model.init_from = path;
  (*out)->model.init_layers = "all";
  (*out)->model.init_values.n = 0;
  settings_settle(session, *out);
  return LS_OK;
}

typedef struct {
  settings_t settings;
  worked_options_t options;
} worked_work_t;

static ls_status work_row(world_t *world, void *context, ls_error *error) {
  const worked_work_t *work = context;
  return worked_run(world, &work->settings, &work->options, stdout, error);
}

static ls_status show_row(const session_t *session, const info_arguments_t *a, ls_error *error) {
  static const command_t with_row = {.name = "info --row"}; /* which settings it uses, unused.c knows */
  arguments_t given = a->arguments;
  given.command = &with_row;
  const char *word = given.words[0];
  settings_t *settings = NULL;
  char path[4096];
  if (is_yaml(word)) {
    TRY(settings_everywhere(session, &given, &settings, error));
  } else {
    TRY(world_agree(session->world, model_path(word, path, sizeof path, error), error));
    TRY(settings_of_model(session, &given, path, &settings, error));
  }
  worked_work_t work = {worked_settings(settings), {a->row, a->full}};
  ls_status status = training_crew(session->world, &work.settings, &session->log, work_row, &work, error);
  return settings_end(&settings, status, error);
}

/* ---- the command ---- */

/* Called on rank 0 only. */
static ls_status show(const info_arguments_t *a, ls_error *error) {
  char path[NAMED_PATH_SIZE];
  if (a->reference) {
    settings_reference(stdout, settings_choices(), REFERENCE_MARKDOWN);
    return LS_OK;
  }
  const char *word = a->arguments.words[0];
  if (!a->settings && run_find(word, path)) return inspect_run(path, error);
  TRY(model_path(word, path, sizeof path, error));
  return inspect_file(path, a->settings, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const info_arguments_t *a = input;
  const char *word = a->arguments.n > 0 ? a->arguments.words[0] : "";
  if (a->row_text != NULL) return show_row(session, a, error);
  if (a->graph && is_yaml(word)) return graph_of_settings(session, a, error);
  ls_status status = LS_OK;
  if (session->is_root) status = a->graph ? graph_of_model(word, a->dot, error) : show(a, error);
  return world_agree(session->world, status, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "FILE [SECTION.KEY=VALUE...]",
    .doc = "Shows what is in a dataset file, a model, a checkpoint, or the directory or name of "
           "a run."};

const command_t command_info = {
    .name = "info",
    .meaning = "show what is in a dataset, model, checkpoint or run",
    .argp = &argp,
    .options_size = sizeof(info_arguments_t),
    .most = ANY_NUMBER,
    .is_parallel = true,
    .run = run,
};
