/* lockstep cluster. */
#include "cli/run_options.h"

static const struct argp_option options[] = {RUN_OPTIONS, {0}};

static ls_status fit(const session_t *session, const settings_t *settings, const train_options_t *train,
                     ls_error *error) {
  if (settings->cluster.k == 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "cluster.k: say how many clusters there are, as in `cluster: {k: 10}`");
  return train_run(session->world, settings, train, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  return run_with_options(session, input, fit, error);
}

/* Only where cluster.k is missing, so that the message is about that key: otherwise these follow from it. */
static const char *const defaults[] = {"model.layers=[centres: 1]", "loss=distortion", NULL};

static const struct argp argp = {
    .options = options,
    .parser = run_options_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc =
        "Finds clusters in rows without labels: k-means, also with mini-batches, or a Gaussian mixture, by "
        "the section `cluster` of a settings file. The model and its history are in runs/NAME, as after "
        "training; `predict` tells the cluster of a row.\vAn iteration is an epoch: a line of the output, a "
        "row of the history, and a "
        "place where a run can stop and be resumed. The result has the same bits on any number of nodes, "
        "ranks and threads. A SIGTERM, SIGINT or SIGUSR1 to any rank, train.time_limit, or the end of a "
        "SLURM job makes the run save a checkpoint of its last whole iteration and end with exit code 75; "
        "--resume "
        "continues the run to the same bits."};

const command_t command_cluster = {
    .name = "cluster",
    .meaning = "find clusters of rows without labels",
    .argp = &argp,
    .options_size = sizeof(run_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .takes_signals = true,
    .defaults = defaults,
    .run = run,
};
