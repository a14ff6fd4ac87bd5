/* lockstep connect. */
#include "cli/command.h"

#include "base/listing.h"
#include "inspect/names.h"
#include "landscape/connect.h"
#include "train/training.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  KEY_CURVES = FIRST_KEY,
  KEY_ALIGN,
  KEY_POINTS,
  KEY_ROWS,
  KEY_EPOCHS,
  KEY_OPTIMIZER,
  KEY_RATE,
  KEY_OUT,
  KEY_MODEL,
  KEY_RESUME
};

typedef struct {
  arguments_t arguments;
  connect_options_t connect;
  const char *curves, *optimizer;
} connect_arguments_t;

static const struct argp_option options[] = {
    {"curves", KEY_CURVES, "NAME,...", 0, "straight, bend, bezier; default: all three", 0},
    {"align", KEY_ALIGN, NULL, 0,
     "put the hidden units of B in the order of A's first; adds the curve aligned, and bend and bezier lead "
     "to "
     "B in this order",
     0},
    {"points", KEY_POINTS, "N", 0, "points of each curve at which loss and metrics are computed; default 21",
     0},
    {"rows", KEY_ROWS, "N", 0, "only the first N rows of each split; default: all", 0},
    {"epochs", KEY_EPOCHS, "N", 0, "passes over the training rows in the search of a curve; default 30", 0},
    {"optimizer", KEY_OPTIMIZER, "NAME", 0, "of the search: adam or sgd; default adam", 0},
    {"learning-rate", KEY_RATE, "RATE", 0, "of the search; default 0.005, for sgd 0.05", 0},
    {"out", KEY_OUT, "FILE", 0, "HDF5 file for the curves; default connect.h5", 0},
    {"model", KEY_MODEL, "FILE", 0, "also write the network in the middle of the bend, or of another curve",
     0},
    {"resume", KEY_RESUME, NULL, 0, "go on with a search that was stopped; start if there is none", 0},
    {0},
};

/* The keys that say which rows there are, how batches are made, and how the work is divided. */
static const char *const uses[] = {"data.file",
                                   "data.external",
                                   "data.memory_limit",
                                   "train.seed",
                                   "train.global_batch_size",
                                   "train.progress_every",
                                   "parallel.threads",
                                   "parallel.shards",
                                   "parallel.reduce",
                                   "parallel.ranks_per_node",
                                   "parallel.timeout",
                                   NULL};

/* ---- arguments ---- */

/* Reads NAME,NAME,... */
static error_t take_curves(connect_arguments_t *a) {
  const char *text = a->curves != NULL ? a->curves : "straight,bend,bezier";
  while (*text != '\0') {
    const size_t length = strcspn(text, ",");
    size_t k = 0;
    while (k < CURVES && (curves[k].is_aligned || strlen(curves[k].name) != length ||
                          strncmp(curves[k].name, text, length) != 0))
      k++;
    if (k == CURVES)
      return arguments_refuse(&a->arguments, "--curves: '%.*s' is none of straight, bend, bezier",
                              (int)length, text);
    a->connect.curves[k] = true;
    text += length + (text[length] == ',');
  }
  for (size_t k = 0; k < CURVES; k++)
    if (curves[k].is_aligned) a->connect.curves[k] = a->connect.align;
  return 0;
}

static error_t finish(connect_arguments_t *a) {
  connect_options_t *connect = &a->connect;
  const char *optimizer = a->optimizer != NULL ? a->optimizer : "adam";
  if (search_default_rate(optimizer) == 0)
    return arguments_refuse(&a->arguments, "--optimizer: '%s' is none of adam, sgd", optimizer);
  connect->search.optimizer = optimizer_find(optimizer);
  if (connect->search.learning_rate == 0) connect->search.learning_rate = search_default_rate(optimizer);
  if (connect->search.epochs == 0) connect->search.epochs = 30;
  if (connect->points == 0) connect->points = 21;
  if (connect->out == NULL) connect->out = "connect.h5";
  return take_curves(a);
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  connect_arguments_t *a = state->input;
  connect_options_t *connect = &a->connect;
  switch (key) {
  case KEY_CURVES:
    a->curves = arg;
    return 0;
  case KEY_ALIGN:
    connect->align = true;
    return 0;
  case KEY_POINTS:
    return arguments_count(&a->arguments, "points", arg, 3, 100000, &connect->points);
  case KEY_ROWS:
    return arguments_count(&a->arguments, "rows", arg, 1, MOST_COUNT, &connect->rows);
  case KEY_EPOCHS:
    return arguments_count(&a->arguments, "epochs", arg, 1, MOST_COUNT, &connect->search.epochs);
  case KEY_OPTIMIZER:
    a->optimizer = arg;
    return 0;
  case KEY_RATE:
    return arguments_positive(&a->arguments, "learning-rate", arg, &connect->search.learning_rate);
  case KEY_OUT:
    connect->out = arg;
    return 0;
  case KEY_MODEL:
    connect->model = arg;
    return 0;
  case KEY_RESUME:
    connect->resume = true;
    return 0;
  case ARGP_KEY_END:
    return finish(a);
  default:
    return arguments_key(key, arg, state);
  }
}

static choice_list_t choices(int key) {
  return key == KEY_OPTIMIZER ? search_choice : NULL;
}

/* ---- the tables ---- */

/* A table of all points. */
static ls_status show_points(const connect_t *connect, ls_error *error) {
  listing_column_t columns[2 + CONNECT_VALUES] = {{.name = "curve", .kind = LISTING_WORDS},
                                                  {.name = "t", .kind = LISTING_NUMBER, .digits = 4}};
  int values[CONNECT_VALUES];
  char names[CONNECT_VALUES][32];
  size_t n = 2;
  for (int v = 0; v < CONNECT_VALUES; v++) {
    connect_value_name(connect, v, names[n - 2], sizeof names[0]);
    if (names[n - 2][0] == '\0') continue;
    values[n - 2] = v;
    columns[n] = (listing_column_t){.name = names[n - 2], .kind = LISTING_NUMBER, .digits = 5};
    n++;
  }
  listing_t *listing = NULL;
  TRY(listing_create(columns, n, &listing, error));
  ls_status status = LS_OK;
  for (size_t k = 0; k < CURVES; k++)
    for (int64_t i = 0; i < connect->options->points && connect->options->curves[k] && status == LS_OK; i++) {
      status = listing_add_row(listing, error);
      if (status == LS_OK) status = listing_text(listing, 0, curves[k].name, error);
      if (status != LS_OK) break;
      listing_number(listing, 1, connect->t[i]);
      for (size_t c = 2; c < n; c++) listing_number(listing, c, connect->curves[k].values[values[c - 2]][i]);
    }
  if (status == LS_OK) listing_print(listing, LISTING_TEXT, 0, stdout);
  listing_destroy(&listing);
  return status;
}

/* The barriers, with the place of each. */
static ls_status show_barriers(const connect_t *connect, ls_error *error) {
  static const char *const headings[] = {"train_barrier", "at_t", "test_barrier", "at_t"};
  listing_column_t columns[5] = {{.name = "curve", .kind = LISTING_WORDS}};
  const size_t n = connect->test[0] != '\0' ? 5 : 3;
  listing_t *listing = NULL;
  for (size_t c = 1; c < n; c++)
    columns[c] = (listing_column_t){.name = headings[c - 1], .kind = LISTING_NUMBER, .digits = 4};
  TRY(listing_create(columns, n, &listing, error));
  ls_status status = LS_OK;
  for (size_t k = 0; k < CURVES && status == LS_OK; k++) {
    if (!connect->options->curves[k]) continue;
    status = listing_add_row(listing, error);
    if (status == LS_OK) status = listing_text(listing, 0, curves[k].name, error);
    for (size_t s = 0; status == LS_OK && 1 + 2 * s < n; s++) {
      listing_number(listing, 1 + 2 * s, connect->curves[k].barriers[s].height);
      listing_number(listing, 2 + 2 * s, connect->t[connect->curves[k].barriers[s].at]);
    }
  }
  if (status == LS_OK) listing_print(listing, LISTING_TEXT, 0, stdout);
  listing_destroy(&listing);
  return status;
}

static ls_status show(const connect_t *connect, ls_error *error) {
  const connect_options_t *a = connect->options;
  TRY(show_points(connect, error));
  printf(
      "\nThe barrier is the most by which the loss rises above the straight line between the losses of both "
      "ends.\n\n");
  TRY(show_barriers(connect, error));
  printf("\n%-8s %" PRId64 " training rows", "rows", point_rows(connect->point, POINT_TRAIN));
  if (connect->test[0] != '\0')
    printf(", %" PRId64 " %s rows", point_rows(connect->point, POINT_TEST), connect->test);
  putchar('\n');
  printf("%-8s %s\n", "curves", a->out);
  if (a->model != NULL) printf("%-8s %s\n", "model", a->model);
  return LS_OK;
}

/* ---- the command ---- */

typedef struct {
  const session_t *session;
  const connect_options_t *options;
  const settings_t *settings;
} connect_work_t;

static ls_status connect_and_show(world_t *world, void *context, ls_error *error) {
  const connect_work_t *work = context;
  connect_t *connect = NULL;
  TRY(connect_run(world, work->settings, work->options, &connect, error));
  ls_status status = work->session->is_root ? show(connect, error) : LS_OK;
  connect_free(&connect);
  return world_agree(world, status, error);
}

typedef struct {
  char first[NAMED_PATH_SIZE], second[NAMED_PATH_SIZE];
} model_paths_t;

/* Finds the model files, and reads the settings of the first. */
static ls_status read_settings(const arguments_t *arguments, model_paths_t *paths, settings_t **out,
                               ls_error *error) {
  TRY(model_path(arguments->words[0], paths->first, sizeof paths->first, error));
  TRY(model_path(arguments->words[1], paths->second, sizeof paths->second, error));
  return point_settings(paths->first, arguments->words + 2, arguments->n - 2, uses, out, error);
}

static ls_status connect_models(const session_t *session, const connect_options_t *connect,
                                settings_t *settings, ls_error *error) {
  const char *const inputs[] = {connect->first, connect->second, settings->data.file};
  connect_work_t work = {session, connect, settings};
  TRY(output_check(session, "out", connect->out, inputs, 3, error));
  TRY(output_check(session, "model", connect->model, inputs, 3, error));
  connect_settle(settings);
  settings_settle(session, settings);
  return training_crew(session->world, settings, &session->log, connect_and_show, &work, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  connect_arguments_t *a = input;
  connect_options_t *connect = &a->connect;
  model_paths_t paths;
  settings_t *settings = NULL;
  connect->first = paths.first;
  connect->second = paths.second;
  connect->log = &session->log;
  connect->job_end = launch_job_end();
  TRY(world_agree(session->world, read_settings(&a->arguments, &paths, &settings, error), error));
  return settings_end(&settings, connect_models(session, connect, settings, error), error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "A B [SECTION.KEY=VALUE...]",
    .doc =
        "Looks for a curve between two trained networks A and B along which the loss stays low (Garipov et "
        "al. 2018), and compares it with the straight line. A and B are model files, or runs.\vRows, "
        "batches and penalties are those of A. One pass over the rows is an epoch of the search. A signal, "
        "or the end of a SLURM job, ends the search with exit code 75; --resume goes on. "
        "scripts/plot_connect.py draws the curves."};

const command_t command_connect = {
    .name = "connect",
    .meaning = "find a path of low loss between two models",
    .argp = &argp,
    .options_size = sizeof(connect_arguments_t),
    .fewest = 2,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .takes_signals = true,
    .choices = choices,
    .run = run,
};
