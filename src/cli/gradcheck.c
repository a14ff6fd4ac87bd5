/* lockstep gradcheck. */
#include "cli/command.h"

#include "study/gradcheck.h"
#include "train/training.h"

#include <stdio.h>
#include <string.h>

enum { KEY_ROWS = FIRST_KEY, KEY_ELEMENTS, KEY_TOLERANCE };

typedef struct {
  arguments_t arguments;
  int64_t rows, elements; /* 0: the default */
  bool all;
  double tolerance;
} gradcheck_arguments_t;

static const struct argp_option options[] = {
    {"rows", KEY_ROWS, "N", 0,
     "rows in the batch whose gradient is checked; default 32, or the batch if it is smaller", 0},
    {"elements", KEY_ELEMENTS, "N|all", 0, "number of parameters to check in each block; default 20", 0},
    {"tolerance", KEY_TOLERANCE, "X", 0,
     "largest error, as a share of the block's largest gradient; default 1e-4", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  gradcheck_arguments_t *a = state->input;
  switch (key) {
  case KEY_ROWS:
    return arguments_count(&a->arguments, "rows", arg, 1, MOST_COUNT, &a->rows);
  case KEY_ELEMENTS:
    a->all = strcmp(arg, "all") == 0;
    return a->all ? 0 : arguments_count(&a->arguments, "elements", arg, 1, MOST_COUNT, &a->elements);
  case KEY_TOLERANCE:
    return arguments_positive(&a->arguments, "tolerance", arg, &a->tolerance);
  default:
    return arguments_key(key, arg, state);
  }
}

enum { MOST_SHARDS = 16 };

enum { USUAL_ROWS = 32 };

/* Sets the rows of the batch: as many as the user asks for, otherwise few (rows 0), because the loss is
 * recomputed for each parameter. Keeps enough shards for several ranks. */
static void set_rows(settings_t *settings, int64_t rows) {
  int64_t *batch = &settings->train.global_batch_size;
  if (rows > 0)
    *batch = rows;
  else if (*batch > USUAL_ROWS || *batch == SETTINGS_ALL)
    *batch = USUAL_ROWS;
  rows = *batch;
  if (settings->parallel.shards == SETTINGS_AUTO || settings->parallel.shards > rows)
    settings->parallel.shards = rows < MOST_SHARDS ? rows : MOST_SHARDS;
}

typedef struct {
  const settings_t *settings;
  gradcheck_options_t options;
} gradcheck_work_t;

static ls_status check_gradient(world_t *world, void *context, ls_error *error) {
  const gradcheck_work_t *work = context;
  return gradcheck_run(world, work->settings, &work->options, stdout, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const gradcheck_arguments_t *a = input;
  const gradcheck_options_t check = {.elements = a->all            ? 0
                                                 : a->elements > 0 ? a->elements
                                                                   : 20,
                                     .tolerance = a->tolerance > 0 ? a->tolerance : 1e-4};
  settings_t *settings = NULL;
  TRY(settings_everywhere(session, &a->arguments, &settings, error));
  set_rows(settings, a->rows);
  settings->train.l1 = settings->train.l2 = 0; /* the check covers the network without penalties */
  settings->model.freeze.n = 0;                /* the gradient of every layer is checked */
  settings->optimizer.name = "sgd";            /* no update happens, and lbfgs would require full batches */
  settings->train.precision = "fp32";          /* rounding to bf16 alone exceeds the tolerance by far */
  gradcheck_work_t work = {settings, check};
  ls_status status = training_crew(session->world, settings, &session->log, check_gradient, &work, error);
  return settings_end(&settings, status, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc = "Compares the gradient of the network in a settings file, at its initial parameters and on its "
           "own data, with central differences of the loss in double precision.\vPrints the worst of the "
           "checked parameters for each block. `kinks` counts the parameters where the loss has no "
           "derivative (a relu at 0); they are skipped. The exit code is 1 if a gradient is wrong."};

const command_t command_gradcheck = {
    .name = "gradcheck",
    .meaning = "check a network's gradient against central differences",
    .argp = &argp,
    .options_size = sizeof(gradcheck_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
