/* lockstep info: shows what is in a dataset file, a model, a checkpoint or a run directory. */
#include "cli/command.h"

#include "data/dataset.h"
#include "features/features_fit.h"
#include "features/scaling.h"
#include "store/store.h"
#include "study/lr_find.h"
#include "train/choices.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { KEY_SETTINGS = FIRST_KEY, KEY_REFERENCE, KEY_GRAPH, KEY_DOT };

typedef struct {
  arguments_t arguments;
  bool settings, reference, graph, dot;
} info_arguments_t;

static const struct argp_option options[] = {
    {"settings", KEY_SETTINGS, NULL, 0, "print the settings stored in a model, as YAML", 0},
    {"graph", KEY_GRAPH, NULL, 0,
     "print the computation graph, forward and backward, of a model or of a settings file (.yaml), which "
     "SECTION.KEY=VALUE may follow",
     0},
    {"dot", KEY_DOT, NULL, 0, "with --graph: print it in Graphviz format", 0},
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
  if (a->reference + a->settings + a->graph > 1)
    return arguments_refuse(&a->arguments, "--reference, --settings and --graph exclude each other");
  if (a->reference && given->n > 0)
    return arguments_refuse(&a->arguments, "'%.80s' is one argument too many: --reference takes none",
                            given->words[0]);
  if (given->n > 1 && !(a->graph && is_yaml(given->words[0])))
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
  case ARGP_KEY_END:
    return check_words(a);
  default:
    return arguments_key(key, arg, state);
  }
}

/* ---- any file of arrays ---- */

static ls_status print_array(const char *name, const store_array_t *array, void *context, ls_error *error) {
  const char *kind = !array->is_integer ? "float" : array->is_signed ? "int" : "uint";
  (void)context;
  (void)error;
  printf("  %-40s %s%zu (", name, kind, 8 * array->element_bytes);
  for (int i = 0; i < array->dims; i++) printf("%s%" PRId64, i > 0 ? ", " : "", array->shape[i]);
  puts(")");
  return LS_OK;
}

static ls_status print_text(const store_t *store, const char *key, ls_error *error) {
  char *text = NULL;
  if (!store_has_attribute(store, "/", key)) return LS_OK;
  TRY(store_read_text(store, "/", key, &text, error));
  printf("%-20s %s\n", key, text);
  free(text);
  return LS_OK;
}

static ls_status print_texts(const store_t *store, const char *key, ls_error *error) {
  char **texts = NULL;
  size_t n = 0;
  if (!store_has_attribute(store, "/", key)) return LS_OK;
  TRY(store_read_texts(store, "/", key, &texts, &n, error));
  printf("%-20s %zu: ", key, n);
  for (size_t i = 0; i < n; i++) printf("%s%s", i > 0 ? ", " : "", texts[i]);
  putchar('\n');
  free(texts);
  return LS_OK;
}

/* Prints the class names of the columns of y. */
static ls_status print_column_names(const store_t *store, ls_error *error) {
  store_array_t y = {0};
  if (!store_has(store, "train/y")) return LS_OK;
  TRY(store_describe(store, "train/y", &y, error));
  for (int64_t c = 0; y.dims == 2 && c < y.shape[1]; c++) {
    char key[CLASS_NAMES_KEY_SIZE];
    class_names_key(c, key);
    TRY(print_texts(store, key, error));
  }
  return LS_OK;
}

/* A line for each column of categories: "categories of 3     35, ordered: small, medium, ...". */
static void print_categories(int64_t column, char *const *names, size_t n, bool is_ordered) {
  enum { SHOWN = 6 };
  char what[40];
  snprintf(what, sizeof what, "categories of %" PRId64, column);
  printf("%-20s %zu%s: ", what, n, is_ordered ? ", ordered" : "");
  for (size_t i = 0; i < n && i < SHOWN; i++) printf("%s%s", i == 0 ? "" : ", ", names[i]);
  puts(n > SHOWN ? ", ..." : "");
}

/* Of the columns of train/x. */
static ls_status print_dataset_categories(const store_t *store, ls_error *error) {
  store_array_t x = {0};
  int64_t columns = 1;
  if (!store_has(store, "categories") || !store_has(store, "train/x")) return LS_OK;
  TRY(store_describe(store, "train/x", &x, error));
  for (int i = 1; i < x.dims; i++) columns *= x.shape[i];
  for (int64_t c = 0; c < columns; c++) {
    char name[40], **names = NULL;
    int64_t ordered = 0;
    size_t n = 0;
    snprintf(name, sizeof name, "categories/%" PRId64, c);
    if (!store_has(store, name)) continue;
    if (store_has_attribute(store, name, "ordered"))
      TRY(store_read_int(store, name, "ordered", &ordered, error));
    TRY(store_read_text_array(store, name, &names, &n, error));
    print_categories(c, names, n, ordered != 0);
    free(names);
  }
  return LS_OK;
}

static void print_model_categories(const features_t *features) {
  for (int64_t c = 0; c < features_file_columns(features) && features->codes != NULL; c++) {
    const category_names_t *names = &features->codes[c].names;
    if (names->n > 0) print_categories(c, names->names, names->n, names->is_ordered);
  }
}

static ls_status print_arrays(const store_t *store, ls_error *error) {
  TRY(print_text(store, "source", error));
  TRY(print_texts(store, "class_names", error));
  TRY(print_column_names(store, error));
  TRY(print_texts(store, "feature_names", error));
  TRY(print_dataset_categories(store, error));
  puts("arrays");
  return store_visit(store, print_array, NULL, error);
}

/* ---- models and checkpoints ---- */

static void print_scaler(const char *what, const scaler_t *scaler) {
  if (scaler->n == 0) return;
  printf("%-20s %s, %" PRId64 " columns; the first: (x - %.9g) * %.9g + %.9g\n", what, scaler->name,
         scaler->n, scaler->shift[0], scaler->scale[0], scaler->offset[0]);
}

static void print_heads(const model_t *model) {
  const objective_t *objective = &model->objective;
  for (size_t h = 0; h < objective->n && objective->n > 1; h++) {
    const head_t *head = &objective->heads[h];
    printf("%-20s %s, weight %g, outputs %" PRId64 " to %" PRId64, head->name, head->loss->name, head->weight,
           head->first, head->first + head->outputs - 1);
    for (int64_t c = 0; c < head->classes && model->class_names[h] != NULL; c++)
      printf("%s%s", c == 0 ? ": " : ", ", model->class_names[h][c]);
    putchar('\n');
  }
}

static ls_status print_model(const store_t *store, ls_error *error) {
  model_t *model = NULL;
  char text[32];
  TRY(model_read(store_path(store), settings_choices(), &model, error));
  ls_status status = print_text(store, "format", error);
  printf("%-20s %s\n", "name", model->settings->name);
  printf("%-20s %" PRId64 ", after %" PRId64 " epochs\n", "step", model->step, model->epoch);
  printf("%-20s %" PRId64 ", outputs %" PRId64 ", loss %s\n", "inputs", model->features.inputs,
         graph_outputs(model->graph), objective_name(&model->objective, text));
  print_heads(model);
  printf("%-20s %d\n", "shards", model->shards);
  if (model->n_members > 1) printf("%-20s %" PRId64 "\n", "members", model->n_members);
  printf("%-20s %s\n", "parameters_checksum", model->checksum);
  if (status == LS_OK) status = print_text(store, "libraries", error);
  if (status == LS_OK) status = print_text(store, "cpu", error);
  if (status == LS_OK) status = print_texts(store, "class_names", error);
  print_scaler("feature scaling", &model->features.scaler);
  print_model_categories(&model->features);
  const basis_t *basis = &model->features.basis;
  if (basis->kind != NULL)
    printf("%-20s %s, %" PRId64 " functions of %" PRId64 " features\n", "basis",
           model->settings->data.basis.name, basis->outputs, basis->inputs);
  print_scaler("target scaling", &model->targets);
  putchar('\n');
  graph_print(model->graph, stdout);
  model_destroy(&model);
  return status;
}

static ls_status print_settings(const store_t *store, ls_error *error) {
  char *text = NULL;
  TRY(store_read_text(store, "/", "settings", &text, error));
  fputs(text, stdout);
  free(text);
  return LS_OK;
}

/* ---- any file ---- */

static const struct {
  const char *format;
  ls_status (*print)(const store_t *store, ls_error *error);
} kinds[] = {{MODEL_FORMAT, print_model}, {CHECKPOINT_FORMAT, print_model}, {LR_FIND_FORMAT, print_arrays}};

/* What a file is, says its format. A dataset, which other programs write too, has none of lockstep. */
static ls_status print_kind(const store_t *store, ls_error *error) {
  const char *path = store_path(store);
  char *format = NULL;
  ls_error ignored;
  if (store_has_attribute(store, "/", "format") &&
      store_read_text(store, "/", "format", &format, &ignored) != LS_OK)
    format = NULL;
  bool is_model = store_has_attribute(store, "/", "settings") && store_has(store, "parameters");
  bool is_ours = format != NULL && strncmp(format, "lockstep ", strlen("lockstep ")) == 0;
  size_t k = 0, n = sizeof kinds / sizeof kinds[0];
  while (k < n && (format == NULL || strcmp(format, kinds[k].format) != 0)) k++;
  ls_status status = LS_OK;
  if (k < n)
    status = kinds[k].print(store, error);
  else if (is_model)
    status =
        error_set(error, LS_BAD_DATA,
                  "%s is damaged: it has the settings and parameters of a model, but not its format", path);
  else if (is_ours)
    status =
        error_set(error, LS_BAD_DATA, "%s has the format \"%.60s\", which is not known here", path, format);
  else
    status = print_arrays(store, error);
  free(format);
  return status;
}

static ls_status print_file(const char *path, bool settings, ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(path, &store, error));
  ls_status status = settings ? print_settings(store, error) : print_kind(store, error);
  store_close(&store);
  return status;
}

/* ---- run directories ---- */

/* Prints summary.json as it is: it is short and readable. */
static void print_summary(const char *directory) {
  char path[4096], line[4096];
  snprintf(path, sizeof path, "%s/summary.json", directory);
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    puts("no summary.json: the run has not ended");
    return;
  }
  while (fgets(line, sizeof line, file) != NULL) fputs(line, stdout);
  fclose(file);
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static ls_status print_run(const char *directory, ls_error *error) {
  struct dirent **entries = NULL;
  int n = scandir(directory, &entries, is_visible, versionsort);
  if (n < 0) return error_set(error, LS_IO, "%s: cannot be listed: %s", directory, strerror(errno));
  print_summary(directory);
  puts("files");
  for (int i = 0; i < n; i++) {
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
    if (stat(path, &info) == 0) printf("  %-40s %12jd bytes\n", entries[i]->d_name, (intmax_t)info.st_size);
    free(entries[i]);
  }
  free(entries);
  return LS_OK;
}

/* ---- the computation graph ---- */

/* `features`: the number of features that the basis functions, if any, are computed from. */
static void put_graph(const graph_t *graph, const basis_settings_t *basis, int64_t features, bool dot) {
  char text[256];
  choice_t kind = {0};
  basis_choice((size_t)choice_find(basis_choice, basis->name), &kind);
  snprintf(text, sizeof text, "input: phi of %" PRId64 " features x by the basis %s, %s", features, kind.name,
           kind.meaning);
  const char *origin = strcmp(basis->name, "none") == 0 ? NULL : text;
  if (dot)
    graph_print_dot(graph, origin, stdout);
  else
    graph_print_passes(graph, origin, stdout);
}

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
  if (status == LS_OK && session->is_root) put_graph(graph, &settings->data.basis, width.encoded, a->dot);
  graph_destroy(&graph);
  features_free(&width);
  return settings_end(&settings, status, error);
}

static ls_status graph_of_model(const char *word, bool dot, ls_error *error) {
  model_t *model = NULL;
  char path[4096];
  TRY(model_path(word, path, sizeof path, error));
  TRY(model_read(path, settings_choices(), &model, error));
  put_graph(model->graph, &model->settings->data.basis, model->features.encoded, dot);
  model_destroy(&model);
  return LS_OK;
}

/* ---- the command ---- */

/* Called on rank 0 only. */
static ls_status show(const info_arguments_t *a, ls_error *error) {
  struct stat info;
  char path[4096];
  if (a->reference) {
    settings_reference(stdout, settings_choices(), REFERENCE_MARKDOWN);
    return LS_OK;
  }
  const char *word = a->arguments.words[0];
  bool is_directory = stat(word, &info) == 0 && S_ISDIR(info.st_mode);
  if (is_directory && !a->settings) return print_run(word, error);
  TRY(model_path(word, path, sizeof path, error));
  return print_file(path, a->settings, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const info_arguments_t *a = input;
  const char *word = a->arguments.n > 0 ? a->arguments.words[0] : "";
  if (a->graph && is_yaml(word)) return graph_of_settings(session, a, error);
  ls_status status = LS_OK;
  if (session->is_root) status = a->graph ? graph_of_model(word, a->dot, error) : show(a, error);
  return world_agree(session->world, status, error);
}

static const struct argp argp = {.options = options,
                                 .parser = parse_key,
                                 .args_doc = "FILE [SECTION.KEY=VALUE...]",
                                 .doc = "Shows what is in a dataset file, a model, a checkpoint or a run "
                                        "directory."};

const command_t command_info = {
    .name = "info",
    .meaning = "show what is in a dataset, model, checkpoint or run",
    .argp = &argp,
    .options_size = sizeof(info_arguments_t),
    .most = ANY_NUMBER,
    .is_parallel = true,
    .run = run,
};
