/* lockstep sweep. */
#include "cli/command.h"

#include "sweep/sweep.h"

#include <stdio.h>
#include <string.h>

enum { KEY_RANDOM = FIRST_KEY, KEY_REPEAT, KEY_FOLDS, KEY_HALVING, KEY_METRIC, KEY_PART, KEY_RESUME };

typedef struct {
  arguments_t arguments;
  sweep_options_t sweep;
  const session_t *session;
} sweep_arguments_t;

static const struct argp_option options[] = {
    {"random", KEY_RANDOM, "N", 0,
     "draw N combinations instead of trying all; values may then also be ranges: log(1e-4,1e-1), "
     "uniform(0,0.5), int(16,256)",
     0},
    {"repeat", KEY_REPEAT, "N", 0, "train each combination with N seeds: train.seed, train.seed + 1, ...", 0},
    {"folds", KEY_FOLDS, "K", 0,
     "cross-validation: train each combination K times, each time validated with another K-th of the "
     "training rows; replaces data.validation",
     0},
    {"halving", KEY_HALVING, "ETA", 0,
     "successive halving: train all combinations for a few epochs, the best 1/ETA for ETA times as many, and "
     "so on up to train.epochs",
     0},
    {"metric", KEY_METRIC, "NAME", 0,
     "what combinations are compared by, as in stop.metric; default valid_accuracy for classes, otherwise "
     "valid_loss",
     0},
    {"part", KEY_PART, "I/N", 0,
     "train only trials I, I + N, ... for jobs that share a sweep; at the end --resume writes the result", 0},
    {"resume", KEY_RESUME, NULL, 0, "go on with the earlier sweep; start if there is none", 0},
    {0},
};

static error_t read_part(sweep_arguments_t *a, const char *text) {
  int end = 0, part = 0, parts = 0;
  bool is_part = sscanf(text, "%d/%d%n", &part, &parts, &end) == 2 && text[end] == '\0';
  if (!is_part || part < 1 || part > parts)
    return arguments_refuse(&a->arguments, "--part: '%.60s' is not I/N with I from 1 to N", text);
  a->sweep.part = part;
  a->sweep.parts = parts;
  return 0;
}

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  sweep_arguments_t *a = state->input;
  switch (key) {
  case KEY_RANDOM:
    return arguments_count(&a->arguments, "random", arg, 1, MOST_COUNT, &a->sweep.random);
  case KEY_REPEAT:
    return arguments_count(&a->arguments, "repeat", arg, 1, 1000, &a->sweep.repeat);
  case KEY_FOLDS:
    return arguments_count(&a->arguments, "folds", arg, 2, 1000, &a->sweep.folds);
  case KEY_HALVING:
    return arguments_count(&a->arguments, "halving", arg, 2, MOST_COUNT, &a->sweep.eta);
  case KEY_METRIC:
    a->sweep.metric = arg;
    return 0;
  case KEY_PART:
    return read_part(a, arg);
  case KEY_RESUME:
    a->sweep.resume = true;
    return 0;
  case ARGP_KEY_END:
    if (a->sweep.repeat == 0) a->sweep.repeat = 1;
    if (a->sweep.parts > 0 && a->sweep.eta > 0)
      return arguments_refuse(&a->arguments, "--halving compares all trials, so it cannot work with --part");
    return 0;
  default:
    return arguments_key(key, arg, state);
  }
}

/* The settings file with other overrides. */
static ls_status load(void *context, char *const *overrides, size_t n, settings_t **out, ls_error *error) {
  const sweep_arguments_t *a = context;
  arena_t scratch = {0};
  arguments_t arguments = {
      .words = arena_new(&scratch, n + 1, sizeof(char *)), .n = n + 1, .command = a->arguments.command};
  ls_status status =
      arguments.words == NULL ? error_set(error, LS_NO_MEMORY, "no memory for settings") : LS_OK;
  status = world_agree(a->session->world, status, error);
  if (status == LS_OK) {
    arguments.words[0] = a->arguments.words[0];
    memcpy(arguments.words + 1, overrides, n * sizeof *overrides);
    status = settings_everywhere(a->session, &arguments, out, error);
  }
  arena_free(&scratch);
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  sweep_arguments_t *a = input;
  a->session = session;
  a->sweep.config = a->arguments.words[0];
  a->sweep.words = a->arguments.words + 1;
  a->sweep.n_words = a->arguments.n - 1;
  a->sweep.load = load;
  a->sweep.context = a;
  a->sweep.log = &session->log;
  a->sweep.job_end = launch_job_end();
  return sweep_run(session->world, &a->sweep, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG SECTION.KEY=VALUE,VALUE... [SECTION.KEY=VALUE...]",
    .doc =
        "Trains all combinations of some values of settings and compares them.\vA key with several values, "
        "separated by commas, is varied; a key with one value is set for all. Each training is an ordinary "
        "run in runs/NAME-sweep. Groups of ranks train side by side; the result has the same bits on any "
        "layout. A training that diverges is noted, and the sweep goes on. A signal, train.time_limit "
        "(for the whole sweep) or the end of a SLURM job ends the sweep with exit code 75; --resume goes "
        "on."};

const command_t command_sweep = {
    .name = "sweep",
    .meaning = "try several settings and compare them, with cross-validation",
    .argp = &argp,
    .options_size = sizeof(sweep_arguments_t),
    .fewest = 2,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .takes_signals = true,
    .run = run,
};
