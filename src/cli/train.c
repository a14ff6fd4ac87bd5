/* lockstep train. */
#include "cli/command.h"

#include "train/trainer.h"

#include <stdio.h>

enum { KEY_RESUME = FIRST_KEY, KEY_REPLACE, KEY_TIMING };

typedef struct {
  arguments_t arguments;
  bool resume, replace, timing;
} train_arguments_t;

static const struct argp_option options[] = {
    {"resume", KEY_RESUME, NULL, 0,
     "resume from the newest valid checkpoint of the run; start if there is none", 0},
    {"replace", KEY_REPLACE, NULL, 0,
     "remove an earlier run of this name, even a finished one, instead of keeping it as runs/NAME.1, NAME.2, "
     "...",
     0},
    {"timing", KEY_TIMING, NULL, 0, "write the time of every step, by phase, to runs/NAME/timing.h5", 0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  train_arguments_t *a = state->input;
  if (key == KEY_RESUME)
    a->resume = true;
  else if (key == KEY_REPLACE)
    a->replace = true;
  else if (key == KEY_TIMING)
    a->timing = true;
  else
    return arguments_key(key, arg, state);
  return 0;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const train_arguments_t *a = input;
  settings_t *settings = NULL;
  if (a->resume && a->replace)
    return error_set(error, LS_USAGE,
                     "--resume continues the earlier run and --replace removes it: choose one");
  TRY(settings_everywhere(session, &a->arguments, &settings, error));
  train_options_t train = {.resume = a->resume,
                           .replace = a->replace,
                           .timing = a->timing,
                           .log = &session->log,
                           .results = &session->results,
                           .job_end = launch_job_end()};
  ls_status status = train_run(session->world, settings, &train, error);
  return settings_end(&settings, status, error);
}

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc = "Trains the network of a settings file; the results are in runs/NAME.\vUnder mpirun or srun all "
           "ranks train together; the result has the same bits on any layout. A SIGTERM, SIGINT or SIGUSR1 "
           "to any rank, train.time_limit, or the end of a SLURM job makes the run save a checkpoint and end "
           "with exit code 75; --resume continues the run to the same bits. The results are printed on the "
           "standard output, progress and messages on the standard error."};

const command_t command_train = {
    .name = "train",
    .meaning = "train a network and keep the run",
    .argp = &argp,
    .options_size = sizeof(train_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .takes_signals = true,
    .run = run,
};
