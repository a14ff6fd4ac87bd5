/* lockstep train. */
#include "cli/run_options.h"

static const struct argp_option options[] = {
    RUN_OPTIONS,
    {"timing", KEY_TIMING, NULL, 0, "write the time of every step, by phase, to runs/NAME/timing.h5", 0},
    {0},
};

static ls_status train(const session_t *session, const settings_t *settings, const train_options_t *how,
                       ls_error *error) {
  return train_run(session->world, settings, how, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  return run_with_options(session, input, train, error);
}

static const struct argp argp = {
    .options = options,
    .parser = run_options_key,
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
    .options_size = sizeof(run_arguments_t),
    .fewest = 1,
    .most = ANY_NUMBER,
    .is_parallel = true,
    .shows_settings = true,
    .fills_job = true,
    .takes_signals = true,
    .run = run,
};
