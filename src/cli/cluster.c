/* lockstep cluster. */
#include "cli/command.h"

#include "train/trainer.h"

enum { KEY_RESUME = FIRST_KEY, KEY_REPLACE };

typedef struct {
  arguments_t arguments;
  bool resume, replace;
} cluster_arguments_t;

static const struct argp_option options[] = {
    {"resume", KEY_RESUME, NULL, 0,
     "resume from the newest valid checkpoint of the run; start if there is none", 0},
    {"replace", KEY_REPLACE, NULL, 0,
     "remove an earlier run of this name, even a finished one, instead of keeping it as runs/NAME.1, NAME.2, "
     "...",
     0},
    {0},
};

static error_t parse_key(int key, char *arg, struct argp_state *state) {
  cluster_arguments_t *a = state->input;
  if (key == KEY_RESUME)
    a->resume = true;
  else if (key == KEY_REPLACE)
    a->replace = true;
  else
    return arguments_key(key, arg, state);
  return 0;
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  const cluster_arguments_t *a = input;
  settings_t *settings = NULL;
  ls_status status = LS_OK;
  if (a->resume && a->replace)
    return error_set(error, LS_USAGE,
                     "--resume continues the earlier run and --replace removes it: choose one");
  TRY(settings_everywhere(session, &a->arguments, &settings, error));
  if (settings->cluster.k == 0)
    status = error_set(error, LS_BAD_SETTINGS,
                       "cluster.k: say how many clusters there are, as in `cluster: {k: 10}`");
  const train_options_t train = {.resume = a->resume,
                                 .replace = a->replace,
                                 .log = &session->log,
                                 .results = &session->results,
                                 .job_end = launch_job_end()};
  if (status == LS_OK) status = train_run(session->world, settings, &train, error);
  return settings_end(&settings, status, error);
}

/* Only where cluster.k is missing, so that the message is about that key: otherwise these follow from it. */
static const char *const defaults[] = {"model.layers=[centres: 1]", "loss=distortion", NULL};

static const struct argp argp = {
    .options = options,
    .parser = parse_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc =
        "Finds clusters in rows without labels: k-means, also with mini-batches, or a Gaussian mixture, by "
        "the section `cluster` of a "
        "settings file. The model and its history are in runs/NAME, as after training; `predict` tells the "
        "cluster of a row.\vAn iteration is an epoch: a line of the output, a row of the history, and a "
        "place where a run can stop and be resumed. The result has the same bits on any number of nodes, "
        "ranks and threads. A SIGTERM, SIGINT or SIGUSR1 to any rank, train.time_limit, or the end of a "
        "SLURM "
        "job makes the run save a checkpoint after the present iteration and end with exit code 75; --resume "
        "continues the run to the same bits."};

const command_t command_cluster = {
    .name = "cluster",
    .meaning = "find clusters of rows without labels",
    .argp = &argp,
    .options_size = sizeof(cluster_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .takes_signals = true,
    .defaults = defaults,
    .run = run,
};
