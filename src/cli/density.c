/* lockstep density: a kernel density, as a run. cluster/kernel_density.h does the work. */
#include "cli/run_options.h"

#include "cluster/kernel_density.h"

static const struct argp_option options[] = {RUN_OPTIONS, {0}};

/* The network is one layer, whose units follow from the rows. */
static const char *const defaults[] = {"model.layers=[gaussians: {units: 1, covariance: spherical}]",
                                       "loss=density",
                                       "cluster.method=kernels",
                                       "cluster.k=1",
                                       "cluster.starts=1",
                                       "train.global_batch_size=all",
                                       "checkpoint.best=train_loss",
                                       NULL};

static ls_status fit(const session_t *session, const settings_t *settings, const train_options_t *train,
                     ls_error *error) {
  layer_settings_t layer;
  settings_t own;
  TRY(kernels_complete(session->world, settings, &layer, &own, error));
  return train_run(session->world, &own, train, error);
}

static ls_status run(const session_t *session, void *input, ls_error *error) {
  return run_with_options(session, input, fit, error);
}

static const struct argp argp = {
    .options = options,
    .parser = run_options_key,
    .args_doc = "CONFIG [SECTION.KEY=VALUE...]",
    .doc =
        "Estimates the density of rows by a Gaussian around each training row, of the bandwidth "
        "density.bandwidth: a rule, a number, or several, of which the one is taken under which rows are "
        "most likely by the kernels of the others. The results are in runs/NAME, as after training; each "
        "bandwidth is an epoch.\vThe file needs `data` alone; the network follows. `lockstep predict` "
        "writes the log-density of rows, `lockstep sample` draws rows, `lockstep anomalies` finds rows where "
        "the density is low."};

const command_t command_density = {
    .name = "density",
    .meaning = "estimate the density of rows by kernels",
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
