/* lockstep lr-find. */
#include "cli/command.h"

#include "study/lr_find.h"
#include "train/training.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { KEY_LOW = FIRST_KEY, KEY_HIGH, KEY_STEPS, KEY_OUT };

typedef struct {
  arguments_t arguments;
  lr_find_options_t find; /* 0: the default */
  const char *out;
} lr_find_arguments_t;

static const struct argp_option options[] = {
    {"low", KEY_LOW, "RATE", 0, "first rate; default 1e-6", 0},
    {"high", KEY_HIGH, "RATE", 0, "last rate; default 10", 0},
    {"steps", KEY_STEPS, "N", 0, "steps from the first rate to the last; default 100", 0},
    {"out", KEY_OUT, "FILE", 0, "HDF5 file for the curve; default lr-find.h5", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  lr_find_arguments_t *a = state->input;
  switch (key) {
  case KEY_LOW:
    return arguments_positive(&a->arguments, "low", arg, &a->find.low);
  case KEY_HIGH:
    return arguments_positive(&a->arguments, "high", arg, &a->find.high);
  case KEY_STEPS:
    return arguments_count(&a->arguments, "steps", arg, 2, MOST_COUNT, &a->find.steps);
  case KEY_OUT:
    a->out = arg;
    return 0;
  case ARGP_KEY_END:
    if (a->find.low == 0) a->find.low = 1e-6;
    if (a->find.high == 0) a->find.high = 10;
    if (a->find.steps == 0) a->find.steps = 100;
    if (a->out == NULL) a->out = "lr-find.h5";
    if (a->find.low < a->find.high) return 0;
    return arguments_refuse(&a->arguments, "--low %g is not below --high %g", a->find.low, a->find.high);
  default:
    return arguments_key(key, arg, state);
  }
}

static void print_rate(const char *what, double rate) {
  if (isnan(rate))
    printf("%-16s %s\n", what, "none");
  else
    printf("%-16s %.3g\n", what, rate);
}

static ls_status show(const lr_find_arguments_t *a, const lr_find_t *found, ls_error *error) {
  TRY(lr_find_write(found, a->out, error));
  printf("%-16s %" PRId64 ", rates from %.3g to %.3g\n", "steps", found->n, found->rates[0],
         found->rates[found->n - 1]);
  print_rate("steepest fall at", found->steepest);
  print_rate("smallest loss at", found->smallest);
  print_rate("divergence at", found->divergence);
  if (!isnan(found->limit))
    printf("%-16s %.3g: plain gradient descent diverges above it where the loss is quadratic (largest "
           "curvature %.4g)\n",
           "limit", found->limit, found->curvature);
  print_rate("suggested", found->suggested);
  printf("%-16s %s\n", "curve", a->out);
  return LS_OK;
}

typedef struct {
  const session_t *session;
  const lr_find_arguments_t *arguments;
  const settings_t *settings;
} lr_find_work_t;

static ls_status find_and_show(world_t *world, void *context, ls_error *error) {
  const lr_find_work_t *work = context;
  lr_find_t found = {0};
  ls_status status = lr_find_run(world, work->settings, &work->arguments->find, &found, error);
  if (status == LS_OK)
    status = world_agree(world, work->session->is_root ? show(work->arguments, &found, error) : LS_OK, error);
  lr_find_free(&found);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const lr_find_arguments_t *a = input;
  settings_t *settings = NULL;
  TRY(settings_everywhere(session, &a->arguments, &settings, error));
  const char *const inputs[] = {a->arguments.words[0], settings->data.file};
  lr_find_work_t work = {session, a, settings};
  ls_status status = output_check(session, "out", a->out, inputs, 2, error);
  if (status == LS_OK)
    status = training_crew(session->world, settings, &session->log, find_and_show, &work, error);
  return settings_end(&settings, status, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc =
        "Trains for some steps with a learning rate that grows at every step, and reports at which rate "
        "the loss falls fastest, where it is smallest, and where training diverges (Smith 2017). For sgd it "
        "also measures the largest curvature of the loss, which limits the rate.\vThe "
        "network is trained in memory; existing runs and models are not changed. scripts/plot_lr_find.py "
        "draws the curve."};

const command_t command_lr_find = {
    .name = "lr-find",
    .meaning = "find a learning rate with the range test",
    .argp = &argp,
    .options_size = sizeof(lr_find_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .run = run,
};
