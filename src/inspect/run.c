#include "inspect/run.h"

#include "base/clock.h"
#include "base/listing.h"
#include "base/show.h"
#include "base/terminal.h"
#include "inspect/names.h"
#include "inspect/run_facts.h"
#include "inspect/run_files.h"
#include "model/graph.h"
#include "score/model_file.h"
#include "train/choices.h"
#include "run/stop.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  run_facts_t facts;
  epochs_t epochs;
  run_files_t files;
  arena_t *arena;
} run_view_t;

/* ---- the head ---- */

__attribute__((format(printf, 2, 3))) static void line(const char *label, const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("%-12s ", label);
  show_args(stdout, format, args);
  putchar('\n');
  va_end(args);
}

static void print_state(const run_view_t *view) {
  const run_facts_t *facts = &view->facts;
  const double *figures = facts->figures;
  char when[CLOCK_TEXT_SIZE];
  clock_local(figures[FIGURE_ENDED], when);
  line("run", "%s, in %s", facts->name, facts->path);
  if (facts->owner != NULL)
    line("status", "running: it belongs to %s", facts->owner);
  else
    line("status", "%s: %s", run_state_name(facts->state), run_facts_reason(facts));
  if (when[0] != '\0') line(facts->state == RUN_INTERRUPTED ? "last event" : "ended", "%s", when);
  if (!isnan(figures[FIGURE_STEPS])) {
    printf("%-12s %.0f steps", "progress", figures[FIGURE_STEPS]);
    if (!isnan(figures[FIGURE_EPOCHS])) printf(", %.0f", figures[FIGURE_EPOCHS]);
    if (!isnan(figures[FIGURE_EPOCHS]) && !isnan(figures[FIGURE_ASKED]))
      printf(" of %.0f", figures[FIGURE_ASKED]);
    puts(isnan(figures[FIGURE_EPOCHS]) ? "" : " epochs");
  }
}

static void print_facts(const run_view_t *view) {
  const run_facts_t *facts = &view->facts;
  const double *figures = facts->figures;
  const char *data = run_settings_value(&facts->settings, "data.file");
  const char *isa = document_text(facts->summary, "isa");
  line("data", "%s", data == NULL ? "not known" : data);
  if (!isnan(figures[FIGURE_ROWS])) line("rows", "%.0f of training", figures[FIGURE_ROWS]);
  if (facts->log.layout[0] != '\0')
    line("layout", "%s%s%s", facts->log.layout, isa == NULL ? "" : ", ", isa == NULL ? "" : isa);
  if (!isnan(figures[FIGURE_SECONDS])) {
    printf("%-12s %.4g s", "speed", figures[FIGURE_SECONDS]);
    if (!isnan(figures[FIGURE_ROWS_PER_SECOND]))
      printf("; training %.0f rows/s", figures[FIGURE_ROWS_PER_SECOND]);
    puts("");
  }
  if (facts->checksum != NULL)
    line("parameters", "checksum %s%s", facts->checksum,
         view->files.has_model && facts->summary != NULL ? ", in model.h5" : ", of the last epoch");
  if (facts->note != NULL) line("note", "%s", facts->note);
}

/* ---- the network ---- */

/* Prints the table of layers, on a terminal that is too narrow without its last column, the FLOPs. */
static ls_status print_layers(const graph_t *graph, ls_error *error) {
  enum { ALL = 71, WITHOUT_FLOPS = 56 };
  char *text = NULL, *rest = NULL, *row = NULL;
  size_t size = 0, width = terminal_width(stdout);
  FILE *out = open_memstream(&text, &size);
  if (out == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of layers");
  graph_print(graph, out);
  bool is_whole = fclose(out) == 0;
  rest = text;
  while (is_whole && (row = strsep(&rest, "\n")) != NULL && rest != NULL)
    printf("%.*s\n", width > 0 && width < ALL ? WITHOUT_FLOPS : (int)size, row);
  free(text);
  return is_whole ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the table of layers");
}

/* Without the parameters, which may be large. */
static ls_status print_network(const run_view_t *view, ls_error *error) {
  features_t features = {0};
  scaler_t targets = {0};
  settings_t *settings = NULL;
  graph_t *graph = NULL;
  ls_error why = {0};
  if (view->files.model[0] == '\0') {
    puts("\nThe network is known with the first checkpoint.");
    return LS_OK;
  }
  ls_status status =
      model_read_features(view->files.model, settings_choices(), &features, &targets, &settings, &why);
  if (status == LS_OK)
    status = graph_create_with_tables(settings->model.layers, settings->model.n_layers, features.inputs,
                                      features.tables, features.n_lookups, &graph, &why);
  puts("");
  if (status == LS_OK)
    status = print_layers(graph, &why);
  else
    line("note", "%s", why.message);
  graph_destroy(&graph);
  features_free(&features);
  scaler_free(&targets);
  settings_destroy(&settings);
  return status == LS_NO_MEMORY ? error_set(error, status, "%s", why.message) : LS_OK;
}

/* ---- settings ---- */

/* Told elsewhere: by the first lines, and by the network. */
static bool is_told(const char *key) {
  return strcmp(key, "name") == 0 || strcmp(key, "data.file") == 0 || strncmp(key, "model.layers[", 13) == 0;
}

/* The default of a key; the keys of all heads have the same. */
static const char *default_of(const run_settings_t *defaults, const char *key) {
  char plain[256];
  const char *end = strchr(key, ']');
  if (strncmp(key, "loss[", 5) != 0 || end == NULL) return run_settings_value(defaults, key);
  snprintf(plain, sizeof plain, "loss%s", end + 1);
  return run_settings_value(defaults, plain);
}

static ls_status print_settings(const run_view_t *view, ls_error *error) {
  const run_settings_t *settings = &view->facts.settings;
  run_settings_t defaults = {0};
  if (settings->n == 0) return LS_OK;
  TRY(run_settings_default(view->arena, &defaults, error));
  puts("\nSettings that are not the defaults:");
  for (size_t i = 0; i < settings->n; i++) {
    const char *key = settings->items[i].key, *usual = default_of(&defaults, key);
    bool is_loss = strncmp(key, "loss", 4) == 0 && strstr(key, ".name") != NULL;
    if (is_told(key) || (!is_loss && usual != NULL && strcmp(usual, settings->items[i].value) == 0)) continue;
    show(stdout, "  %-30s %s\n", key, settings->items[i].value);
  }
  return LS_OK;
}

/* ---- progress and results ---- */

enum { EPOCH_LABEL, EPOCH_RATE = 13, EPOCH_COLUMNS };
static const listing_column_t epoch_columns[EPOCH_COLUMNS] = {
    {.name = "", .kind = LISTING_WORDS},
    {.name = "epoch", .kind = LISTING_INTEGER, .importance = 50},
    {.name = "step", .kind = LISTING_INTEGER, .importance = 10},
    {.name = "train_loss", .kind = LISTING_NUMBER, .digits = 5, .importance = 30},
    {.name = "valid_loss", .kind = LISTING_NUMBER, .digits = 5, .importance = 40},
    {.name = "valid_accuracy", .kind = LISTING_NUMBER, .digits = 4, .importance = 35},
    {.name = "valid_r2", .kind = LISTING_NUMBER, .digits = 4, .importance = 35},
    {.name = "valid_rmse", .kind = LISTING_NUMBER, .digits = 5, .importance = 25},
    {.name = "valid_mae", .kind = LISTING_NUMBER, .digits = 5, .importance = 5},
    {.name = "valid_persistence_accuracy", .kind = LISTING_NUMBER, .digits = 4, .importance = 1},
    {.name = "valid_persistence_rmse", .kind = LISTING_NUMBER, .digits = 5, .importance = 1},
    {.name = "learning_rate", .kind = LISTING_NUMBER, .digits = 4, .importance = 8},
    {.name = "gradient_norm", .kind = LISTING_NUMBER, .digits = 4, .importance = 7},
    {.name = "rows/s", .kind = LISTING_NUMBER, .importance = 6},
};

static ls_status add_epoch(listing_t *listing, const epochs_t *epochs, const char *label, size_t e,
                           ls_error *error) {
  const double *rows = epochs_column(epochs, "rows"), *seconds = epochs_column(epochs, "seconds");
  TRY(listing_add_row(listing, error));
  TRY(listing_text(listing, EPOCH_LABEL, label, error));
  for (size_t c = EPOCH_LABEL + 1; c < EPOCH_RATE; c++) {
    const double *values = epochs_column(epochs, epoch_columns[c].name);
    if (values != NULL) listing_number(listing, c, values[e]);
  }
  if (rows != NULL && seconds != NULL && seconds[e] > 0)
    listing_number(listing, EPOCH_RATE, rows[e] / seconds[e]);
  return LS_OK;
}

static ls_status print_epochs(const run_view_t *view, ls_error *error) {
  const epochs_t *epochs = &view->epochs;
  listing_t *listing = NULL;
  if (epochs->n == 0) return LS_OK;
  size_t last = epochs->n - 1, best = run_facts_best(&view->facts, epochs);
  bool has_best = !isnan(view->facts.figures[FIGURE_MODEL_STEP]);
  TRY(listing_create(epoch_columns, EPOCH_COLUMNS, &listing, error));
  ls_status status =
      last > 0 ? add_epoch(listing, epochs, has_best && best == 0 ? "first, best" : "first", 0, error)
               : LS_OK;
  if (status == LS_OK && has_best && best > 0 && best < last)
    status = add_epoch(listing, epochs, "best", best, error);
  if (status == LS_OK)
    status = add_epoch(listing, epochs, has_best && best == last ? "last, best" : "last", last, error);
  puts("");
  if (status == LS_OK) listing_print(listing, LISTING_TEXT, terminal_width(stdout), stdout);
  listing_destroy(&listing);
  return status;
}

/* "test         loss 0.16527, accuracy 0.9444" */
static void print_test(const yaml_value_t *summary) {
  bool is_first = true;
  for (const yaml_value_t *item = summary == NULL ? NULL : summary->first; item != NULL; item = item->next) {
    double value = document_number(summary, item->key);
    if (strncmp(item->key, "test_", 5) != 0 || isnan(value)) continue;
    if (is_first) printf("\n%-12s ", "test");
    show(stdout, "%s%s %.5g", is_first ? "" : ", ", item->key + 5, value);
    is_first = false;
  }
  if (!is_first) puts("");
}

enum { HEAD_NAME, HEAD_LOSS, HEAD_NUMBERS, HEAD_COLUMNS = 10 };
static const listing_column_t head_columns[HEAD_COLUMNS] = {
    {.name = "head", .kind = LISTING_WORDS},
    {.name = "loss", .kind = LISTING_WORDS, .importance = 1},
    {.name = "weight", .kind = LISTING_NUMBER, .digits = 4, .importance = 1},
    {.name = "train_loss", .kind = LISTING_NUMBER, .digits = 5, .importance = 3},
    {.name = "valid_loss", .kind = LISTING_NUMBER, .digits = 5, .importance = 4},
    {.name = "test_loss", .kind = LISTING_NUMBER, .digits = 5, .importance = 5},
    {.name = "test_accuracy", .kind = LISTING_NUMBER, .digits = 4, .importance = 5},
    {.name = "test_r2", .kind = LISTING_NUMBER, .digits = 4, .importance = 5},
    {.name = "test_rmse", .kind = LISTING_NUMBER, .digits = 5, .importance = 2},
    {.name = "test_mae", .kind = LISTING_NUMBER, .digits = 5, .importance = 1},
};

static ls_status add_head(listing_t *listing, const yaml_value_t *head, ls_error *error) {
  TRY(listing_add_row(listing, error));
  TRY(listing_text(listing, HEAD_NAME, document_text(head, "head"), error));
  TRY(listing_text(listing, HEAD_LOSS, document_text(head, "loss"), error));
  for (size_t c = HEAD_NUMBERS; c < HEAD_COLUMNS; c++)
    listing_number(listing, c, document_number(head, head_columns[c].name));
  return LS_OK;
}

static ls_status print_heads(const yaml_value_t *summary, ls_error *error) {
  const yaml_value_t *heads = document_find(summary, "heads");
  listing_t *listing = NULL;
  if (heads == NULL || heads->kind != YAML_LIST || heads->n == 0) return LS_OK;
  TRY(listing_create(head_columns, HEAD_COLUMNS, &listing, error));
  ls_status status = LS_OK;
  for (const yaml_value_t *head = heads->first; head != NULL && status == LS_OK; head = head->next)
    status = add_head(listing, head, error);
  puts("");
  if (status == LS_OK) listing_print(listing, LISTING_TEXT, terminal_width(stdout), stdout);
  listing_destroy(&listing);
  return status;
}

/* ---- how to go on ---- */

/* The command that trains with the settings of this run. A directory that was renamed (NAME.1) is named,
 * because its settings have its former name. */
static void print_train(const run_facts_t *facts, const char *rest) {
  const char *name = run_settings_value(&facts->settings, "name"), *slash = strrchr(facts->path, '/');
  const char *runs = run_settings_value(&facts->settings, "runs");
  char text[NAMED_PATH_SIZE + 16], folder[NAMED_PATH_SIZE];
  snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - facts->path),
           slash == NULL ? "." : facts->path);
  fputs("lockstep train ", stdout);
  snprintf(text, sizeof text, "%s/config.yaml", facts->path);
  show_word(stdout, text);
  if (name == NULL || strcmp(name, facts->name) != 0) {
    snprintf(text, sizeof text, " name=%s", facts->name);
    putchar(' ');
    show_word(stdout, text + 1);
  }
  if (runs == NULL || strcmp(runs, folder) != 0) {
    snprintf(text, sizeof text, "runs=%s", folder);
    putchar(' ');
    show_word(stdout, text);
  }
  puts(rest);
}

static void print_next(const run_view_t *view) {
  const run_facts_t *facts = &view->facts;
  char rest[64];
  double asked = facts->figures[FIGURE_ASKED];
  bool can_resume = view->files.newest >= 0;
  if (facts->state == RUN_RUNNING || facts->settings.n == 0) return;
  puts("");
  if (facts->state == RUN_FINISHED && view->files.has_model) {
    printf("%-12s lockstep predict ", "predict");
    show_word(stdout, facts->path);
    puts(" DATA --out predictions.csv");
  }
  if (facts->state == RUN_FINISHED && can_resume && facts->is_trained && asked >= 1 && asked < 1e9) {
    snprintf(rest, sizeof rest, " --resume train.epochs=%.0f", 2 * asked);
    printf("%-12s ", "train on");
    print_train(facts, rest);
  }
  if (facts->state == RUN_FINISHED) return;
  printf("%-12s ", can_resume ? "continue" : "start anew");
  print_train(facts, can_resume ? " --resume" : "");
}

/* ---- the whole ---- */

static ls_status print_view(const run_view_t *view, ls_error *error) {
  print_state(view);
  print_facts(view);
  TRY(print_network(view, error));
  TRY(print_settings(view, error));
  TRY(print_epochs(view, error));
  print_test(view->facts.summary);
  TRY(print_heads(view->facts.summary, error));
  puts("");
  TRY(run_files_print(view->facts.path, error));
  print_next(view);
  return LS_OK;
}

ls_status inspect_run(const char *directory, ls_error *error) {
  char path[NAMED_PATH_SIZE];
  arena_t arena = {0};
  run_view_t view = {.arena = &arena};
  TRY(run_named(directory, path, error));
  if (!run_is_one(path))
    return error_set(
        error, LS_USAGE,
        "%.200s is not the directory of a run: none of the files of a run is in it; `lockstep runs %.200s` "
        "lists the runs in it",
        path, path);
  TRY(run_files_find(path, &view.files, error));
  ls_status status = run_facts_read(path, false, &arena, &view.facts, &view.epochs, error);
  if (status == LS_OK) {
    status = print_view(&view, error);
    epochs_free(&view.epochs);
  }
  arena_free(&arena);
  return status;
}
