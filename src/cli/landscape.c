/* lockstep landscape. */
#include "cli/command.h"

#include "base/clock.h"
#include "inspect/names.h"
#include "landscape/eigenvalues.h"
#include "landscape/landscape.h"
#include "study/curvature.h"
#include "train/training.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  KEY_WEIGHT = FIRST_KEY,
  KEY_RANDOM,
  KEY_TOWARDS,
  KEY_TRAJECTORY,
  KEY_EIGENVALUES,
  KEY_X,
  KEY_Y,
  KEY_RELATIVE,
  KEY_SEED,
  KEY_NORM,
  KEY_BIASES,
  KEY_ROWS,
  KEY_TEST,
  KEY_OUT,
  KEY_RESUME
};

typedef struct {
  arguments_t arguments;
  const char *weights[2], *models[2];
  int64_t n_weights, n_models;
  int64_t random;      /* directions; 0: not given */
  int64_t eigenvalues; /* 0: not given */
  bool trajectory;
  const char *x, *y, *norm;
  int64_t rows, seed;
  landscape_options_t landscape;
} landscape_arguments_t;

static const struct argp_option options[] = {
    {"weight", KEY_WEIGHT, "NAME", 0,
     "along a weight, such as dense1.weight[0,0]; given twice: over the plane of two weights", 0},
    {"random", KEY_RANDOM, "1|2", 0, "along random directions; the default, with 2", 0},
    {"towards", KEY_TOWARDS, "MODEL", 0,
     "along the line to another model; given twice: over the plane through three models", 0},
    {"trajectory", KEY_TRAJECTORY, NULL, 0,
     "over the two principal directions of the run's checkpoints, with the way of the weights on it", 0},
    {"eigenvalues", KEY_EIGENVALUES, "K", 0,
     "instead: the K largest eigenvalues of the Hessian, the smallest, and the learning rate that they allow",
     0},
    {"x", KEY_X, "LOW:HIGH:N", 0,
     "N values from LOW to HIGH along the first direction; default -1:1:51 for random directions, 51 values "
     "around the trajectory or the weight, -0.5:1.5:51 between models; 101 along a line",
     0},
    {"y", KEY_Y, "LOW:HIGH:N", 0, "the same along the second direction", 0},
    {"relative", KEY_RELATIVE, NULL, 0, "--x and --y are changes of the weights, not their values", 0},
    {"seed", KEY_SEED, "N", 0, "seed of random directions; default train.seed", 0},
    {"norm", KEY_NORM, "NAME", 0, "how random directions are scaled to the weights; default filter", 0},
    {"with-biases", KEY_BIASES, NULL, 0,
     "random directions change biases, scales and shifts too, each by its own value", 0},
    {"rows", KEY_ROWS, "N", 0, "only the first N rows of training and test", 0},
    {"test", KEY_TEST, NULL, 0, "also on the test rows, or the validation rows if there are no test rows", 0},
    {"out", KEY_OUT, "FILE", 0, "HDF5 file for the result; default landscape.h5, or eigenvalues.h5", 0},
    {"resume", KEY_RESUME, NULL, 0, "go on with the landscape in the file; start if there is none", 0},
    {0},
};

/* The keys that override those of a model. */
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
                                   "data.external",
                                   "data.memory_limit",
                                   "train.progress_every",
                                   "parallel.threads",
                                   "parallel.shards",
                                   "parallel.timeout",
                                   "parallel.ranks_per_node",
                                   NULL};

static bool is_repeated(int key) {
  return key == KEY_WEIGHT || key == KEY_TOWARDS;
}

static choice_list_t choices_of(int key) {
  return key == KEY_NORM ? norm_choice : NULL;
}

/* ---- arguments ---- */

/* Adds a word to a list of at most two. */
static error_t add_word(landscape_arguments_t *a, const char *option, char *word, const char *words[2],
                        int64_t *n) {
  if (*n == 2)
    return arguments_refuse(&a->arguments, "--%s can be given twice at most: a plane has two directions",
                            option);
  words[(*n)++] = word;
  return 0;
}

static error_t parse_norm(landscape_arguments_t *a, const char *word) {
  const int norm = choice_find(norm_choice, word);
  char names[128];
  choice_names(norm_choice, names, sizeof names);
  if (norm < 0) return arguments_refuse(&a->arguments, "--norm: '%.60s' is none of %s", word, names);
  a->norm = word;
  a->landscape.plane.norm = (norm_t)norm;
  return 0;
}

static error_t refuse_axis(landscape_arguments_t *a, const char *what, const char *text, coordinates_t *out) {
  ls_error error = {0};
  if (text == NULL || axis_parse(what, text, out, &error) == LS_OK) return 0;
  return arguments_refuse(&a->arguments, "%s", error.message);
}

/* Which directions the options ask for, one kind of them. */
static error_t choose_kind(landscape_arguments_t *a) {
  plane_options_t *plane = &a->landscape.plane;
  const int kinds =
      (a->n_weights > 0) + (a->random > 0) + (a->n_models > 0) + a->trajectory + (a->eigenvalues > 0);
  if (kinds > 1)
    return arguments_refuse(&a->arguments,
                            "--weight, --random, --towards, --trajectory and --eigenvalues exclude "
                            "each other");
  plane->kind = a->n_weights > 0  ? PLANE_WEIGHTS
                : a->n_models > 0 ? PLANE_MODELS
                : a->trajectory   ? PLANE_TRAJECTORY
                                  : PLANE_RANDOM;
  plane->axes = a->random == 1 ? 1 : 2;
  for (int i = 0; i < 2; i++) plane->words[i] = a->n_weights > 0 ? a->weights[i] : a->models[i];
  return 0;
}

/* Options that would have no effect. */
static error_t check_effects(landscape_arguments_t *a) {
  const plane_options_t *plane = &a->landscape.plane;
  const bool is_random = plane->kind == PLANE_RANDOM && a->eigenvalues == 0;
  const bool is_line = a->n_weights == 1 || a->n_models == 1 || a->random == 1;
  const struct {
    bool is_given, has_effect;
    const char *option, *use;
  } rules[] = {{a->seed >= 0, is_random, "--seed", "random directions"},
               {a->norm != NULL, is_random, "--norm", "random directions"},
               {plane->with_biases, is_random, "--with-biases", "random directions"},
               {plane->is_relative, a->n_weights > 0, "--relative", "--weight"},
               {a->y != NULL, !is_line && a->eigenvalues == 0, "--y", "a plane"},
               {a->x != NULL, a->eigenvalues == 0, "--x", "lines and planes"},
               {a->landscape.with_test, a->eigenvalues == 0, "--test", "lines and planes"},
               {a->landscape.resume, a->eigenvalues == 0, "--resume", "lines and planes"}};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (rules[i].is_given && !rules[i].has_effect)
      return arguments_refuse(&a->arguments, "%s is for %s, and has no effect here: leave it out",
                              rules[i].option, rules[i].use);
  return 0;
}

static error_t finish(landscape_arguments_t *a) {
  error_t code = choose_kind(a);
  if (code == 0) code = check_effects(a);
  if (code == 0) code = refuse_axis(a, "--x", a->x, &a->landscape.axis[0]);
  if (code == 0) code = refuse_axis(a, "--y", a->y, &a->landscape.axis[1]);
  if (a->landscape.out == NULL) a->landscape.out = a->eigenvalues > 0 ? "eigenvalues.h5" : "landscape.h5";
  return code;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  landscape_arguments_t *a = state->input;
  landscape_options_t *landscape = &a->landscape;
  switch (key) {
  case ARGP_KEY_INIT:
    a->seed = -1;
    return 0;
  case KEY_WEIGHT:
    return add_word(a, "weight", arg, a->weights, &a->n_weights);
  case KEY_TOWARDS:
    return add_word(a, "towards", arg, a->models, &a->n_models);
  case KEY_RANDOM:
    return arguments_count(&a->arguments, "random", arg, 1, 2, &a->random);
  case KEY_EIGENVALUES:
    return arguments_count(&a->arguments, "eigenvalues", arg, 1, SPECTRUM_MOST, &a->eigenvalues);
  case KEY_SEED:
    return arguments_count(&a->arguments, "seed", arg, 0, MOST_COUNT, &a->seed);
  case KEY_ROWS:
    return arguments_count(&a->arguments, "rows", arg, 1, MOST_COUNT, &a->rows);
  case KEY_NORM:
    return parse_norm(a, arg);
  case ARGP_KEY_END:
    return finish(a);
  default:
    break;
  }
  if (key < FIRST_KEY || key > KEY_RESUME) return arguments_key(key, arg, state);
  if (key == KEY_TRAJECTORY) a->trajectory = true;
  if (key == KEY_X) a->x = arg;
  if (key == KEY_Y) a->y = arg;
  if (key == KEY_RELATIVE) landscape->plane.is_relative = true;
  if (key == KEY_BIASES) landscape->plane.with_biases = true;
  if (key == KEY_TEST) landscape->with_test = true;
  if (key == KEY_OUT) landscape->out = arg;
  if (key == KEY_RESUME) landscape->resume = true;
  return 0;
}

/* ---- results, on rank 0 ---- */

static void print_axis(const char *name, const landscape_t *found, int a) {
  const coordinates_t *axis = &found->axis[a];
  printf("%-16s %s, %" PRId64 " values from %.6g to %.6g\n", name, found->plane.name[a], axis->n, axis->low,
         axis->high);
}

static void print_landscape(const landscape_t *found, const char *out) {
  const double *loss = found->figures[POINT_TRAIN][FIGURE_LOSS];
  const int64_t least = landscape_least(found);
  int64_t infinite = 0;
  double largest = -INFINITY, x = 0, y = 0;
  for (int64_t i = 0; i < found->points; i++) {
    infinite += !isfinite(loss[i]);
    if (isfinite(loss[i])) largest = fmax(largest, loss[i]);
  }
  print_axis("x", found, 0);
  if (found->plane.axes == 2) print_axis("y", found, 1);
  printf("%-16s %.6g\n", "loss at origin", found->loss_at_origin);
  if (least >= 0) {
    landscape_at(found, least, &x, &y);
    printf("%-16s %.6g at x = %.6g", "least loss", loss[least], x);
    if (found->plane.axes == 2) printf(", y = %.6g", y);
    printf("\n%-16s %.6g\n", "largest loss", largest);
  }
  if (infinite > 0) printf("%-16s %" PRId64 " points have no finite loss\n", "not finite", infinite);
  printf("%-16s %s\n", "landscape", out);
}

static void print_eigenvalues(const eigenvalues_t *found, const settings_t *settings, const char *out) {
  const spectrum_t *spectrum = &found->spectrum;
  const optimizer_settings_t *optimizer = &settings->optimizer;
  printf("%-16s", "eigenvalues");
  for (int64_t i = 0; i < spectrum->k; i++) printf(" %.5g", spectrum->values[i]);
  printf("\n%-16s %.5g\n", "smallest", spectrum->smallest);
  printf("%-16s %.6g\n", "training loss", found->loss);
  if (!isnan(found->limit))
    printf("%-16s %.4g = 2/%.5g: plain gradient descent diverges above it where the loss is quadratic\n",
           "limit", found->limit, spectrum->values[0]);
  printf("%-16s %.4g (%s)\n", "learning rate", optimizer->learning_rate, optimizer->name);
  printf("%-16s %" PRId64 ", of %" PRId64 " parameters%s\n", "products", spectrum->products,
         spectrum->parameters,
         spectrum->has_converged ? "" : "; not all of these eigenvalues have converged");
  printf("%-16s %s\n", "file", out);
}

/* ---- the work ---- */

typedef struct {
  const session_t *session;
  const landscape_arguments_t *arguments;
  const settings_t *settings;
  const char *model; /* NULL: initial weights */
  const char *run;   /* of --trajectory */
} landscape_work_t;

static ls_status find_eigenvalues(point_t *point, const landscape_work_t *work, world_t *world,
                                  ls_error *error) {
  const char *out = work->arguments->landscape.out;
  eigenvalues_t found;
  TRY(eigenvalues_find(point, work->arguments->eigenvalues, &found, error));
  const bool is_root = world_rank(world) == 0;
  TRY(world_agree(world, is_root ? eigenvalues_write(&found, point, out, error) : LS_OK, error));
  if (is_root) print_eigenvalues(&found, work->settings, out);
  return LS_OK;
}

static ls_status find_landscape(point_t *point, const landscape_work_t *work, world_t *world,
                                ls_error *error) {
  landscape_options_t choice = work->arguments->landscape;
  landscape_t found = {0};
  choice.log = &work->session->log;
  choice.job_end = launch_job_end();
  choice.plane.run = work->run;
  choice.plane.seed =
      work->arguments->seed >= 0 ? (uint64_t)work->arguments->seed : work->settings->train.seed;
  TRY(landscape_run(point, &choice, &found, error));
  if (world_rank(world) == 0) print_landscape(&found, choice.out);
  landscape_free(&found);
  return LS_OK;
}

static ls_status do_work(world_t *world, void *context, ls_error *error) {
  const landscape_work_t *work = context;
  const landscape_arguments_t *a = work->arguments;
  const point_inputs_t inputs = {.world = world,
                                 .settings = work->settings,
                                 .model = work->model,
                                 .rows = a->rows,
                                 .wants_gradient = a->eigenvalues > 0,
                                 .alone = a->eigenvalues == 0};
  point_t *point = NULL;
  TRY(point_open(&inputs, &point, error));
  ls_status status = a->eigenvalues > 0 ? find_eigenvalues(point, work, world, error)
                                        : find_landscape(point, work, world, error);
  point_close(&point);
  return status;
}

/* Whether the first word names a settings file, not a model or a run. */
static bool is_config(const char *word) {
  const char *dot = strrchr(word, '.');
  return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* The settings, and the model if there is one. Collective. */
static ls_status read_settings(const session_t *session, const arguments_t *a, char model[NAMED_PATH_SIZE],
                               settings_t **out, ls_error *error) {
  model[0] = '\0';
  if (is_config(a->words[0])) {
    TRY(settings_everywhere(session, a, out, error));
    point_settle(*out);
    return LS_OK;
  }
  ls_status status = model_path(a->words[0], model, NAMED_PATH_SIZE, error);
  if (status == LS_OK) status = point_settings(model, a->words + 1, a->n - 1, uses, out, error);
  TRY(world_agree(session->world, status, error));
  settings_settle(session, *out);
  return LS_OK;
}

/* The run directory whose checkpoints make the trajectory. The same on every rank. */
static ls_status find_run(const landscape_arguments_t *a, char run[NAMED_PATH_SIZE], ls_error *error) {
  run[0] = '\0';
  if (!a->trajectory) return LS_OK;
  if (is_config(a->arguments.words[0]))
    return error_set(error, LS_USAGE, "--trajectory takes a run, which has checkpoints, not a settings file");
  return run_named(a->arguments.words[0], run, error);
}

/* Names the model files of --towards. */
static ls_status find_models(landscape_arguments_t *a, char models[2][NAMED_PATH_SIZE], ls_error *error) {
  for (int64_t i = 0; i < a->n_models; i++) {
    TRY(model_path(a->models[i], models[i], NAMED_PATH_SIZE, error));
    a->landscape.plane.words[i] = models[i];
  }
  return LS_OK;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  landscape_arguments_t *a = input;
  settings_t *settings = NULL;
  char model[NAMED_PATH_SIZE], run_path[NAMED_PATH_SIZE], models[2][NAMED_PATH_SIZE];
  TRY(world_agree(session->world, find_run(a, run_path, error), error));
  TRY(world_agree(session->world, find_models(a, models, error), error));
  TRY(read_settings(session, &a->arguments, model, &settings, error));
  landscape_work_t work = {.session = session,
                           .arguments = a,
                           .settings = settings,
                           .model = model[0] != '\0' ? model : NULL,
                           .run = run_path};
  const char *const inputs[] = {work.model, settings->data.file, a->landscape.plane.words[0],
                                a->landscape.plane.words[1]};
  const size_t n = a->n_models > 0 ? 2 + (size_t)a->n_models : 2;
  ls_status status = output_check(session, "out", a->landscape.out, work.model != NULL ? inputs : inputs + 1,
                                  work.model != NULL ? n : n - 1, error);
  if (status == LS_OK) status = training_crew(session->world, settings, &session->log, do_work, &work, error);
  return settings_end(&settings, status, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "MODEL|CONFIG [SECTION.KEY=VALUE...]",
    .doc =
        "Computes the loss of a network along a line or over a plane of its parameters: two weights, random "
        "directions (Li et al. 2018), other models, or the trajectory of its training.\vMODEL is a model "
        "file, "
        "a checkpoint or a run; CONFIG is a settings file (.yaml), whose initial weights are taken. Points "
        "are "
        "computed by all ranks and published every few seconds; a signal ends the work with exit code 75, "
        "and "
        "--resume goes on. scripts/plot_landscape.py draws the result."};

const command_t command_landscape = {
    .name = "landscape",
    .meaning = "compute the loss over weights, directions or a trajectory",
    .argp = &argp,
    .options_size = sizeof(landscape_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .takes_signals = true,
    .may_repeat = is_repeated,
    .choices = choices_of,
    .run = run,
};
