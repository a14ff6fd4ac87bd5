/* lockstep sweep. */
#include "cli/command.h"

#include "sweep/sweep.h"

enum { KEY_RANDOM = FIRST_KEY, KEY_REPEAT, KEY_FOLDS, KEY_HALVING, KEY_METRIC, KEY_PART, KEY_RESUME };

typedef struct {
  arguments_t arguments;
  sweep_options_t sweep;
} sweep_arguments_t;

static const struct argp_option options[] = {
    {"random", KEY_RANDOM, "N", 0,
     "draw N combinations instead of trying all; values may then be ranges: log(1e-4,1e-1), uniform(0,0.5), "
     "int(16,256)",
     0},
    {"repeat", KEY_REPEAT, "N", 0, "train each combination with N seeds: train.seed, train.seed + 1, ...", 0},
    {"folds", KEY_FOLDS, "K", 0,
     "cross-validation: train each combination K times, each time validated with another K-th of the "
     "training rows; replaces data.validation",
     0},
    {"halving", KEY_HALVING, "ETA", 0,
     "train all combinations for a few epochs, the best 1/ETA for ETA times as many, up to train.epochs", 0},
    {"metric", KEY_METRIC, "NAME", 0,
     "what is compared, as in stop.metric; default valid_accuracy for classes, otherwise valid_loss. Of "
     "clusters also bic (the default for mixtures), aic, silhouette (otherwise) and davies_bouldin",
     0},
    {"part", KEY_PART, "I/N", 0,
     "train only trials I, I + N, ... for jobs that share a sweep; at the end --resume writes the result", 0},
    {"resume", KEY_RESUME, NULL, 0, "go on with the earlier sweep; start if there is none", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  sweep_arguments_t *a = state->input;
  if (key == KEY_RANDOM)
    return arguments_count(&a->arguments, "random", arg, 1, MOST_COUNT, &a->sweep.random);
  if (key == KEY_REPEAT) return arguments_count(&a->arguments, "repeat", arg, 1, 1000, &a->sweep.repeat);
  if (key == KEY_FOLDS) return arguments_count(&a->arguments, "folds", arg, 2, 1000, &a->sweep.folds);
  if (key == KEY_HALVING) return arguments_count(&a->arguments, "halving", arg, 2, MOST_COUNT, &a->sweep.eta);
  if (key < FIRST_KEY || key > KEY_RESUME) return arguments_key(key, arg, state);
  if (key == KEY_METRIC) a->sweep.metric = arg;
  if (key == KEY_PART) a->sweep.part = arg;
  if (key == KEY_RESUME) a->sweep.resume = true;
  return 0;
}

static ls_status load(void *context, char **words, size_t n, settings_t **out, ls_error *error) {
  session_t *session = context;
  const arguments_t arguments = {.words = words, .n = n, .command = &command_sweep};
  ls_status status = settings_everywhere(session, &arguments, out, error);
  session->log.out = NULL; /* what is ignored is mentioned once, not for every combination */
  return status;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const sweep_arguments_t *a = input;
  session_t loads = *session;
  sweep_options_t sweep = a->sweep;
  sweep.words = a->arguments.words;
  sweep.n_words = a->arguments.n;
  sweep.load = load;
  sweep.context = &loads;
  sweep.log = &session->log;
  sweep.job_end = launch_job_end();
  return sweep_run(session->world, &sweep, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG SECTION.KEY=VALUE,VALUE... [SECTION.KEY=VALUE...]",
    .doc = "Trains all combinations of values of some settings and compares them.\vKeys with several values "
           "are varied, keys with one are set for all. Each training is an ordinary run in runs/NAME-sweep. "
           "Groups of ranks train side by side; the result has the same bits on any layout. A signal, "
           "train.time_limit (for the whole sweep) or the end of a SLURM job ends the sweep with exit code "
           "75; --resume goes on."};

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
