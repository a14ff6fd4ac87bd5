/* lockstep density: a kernel density, as a run. The number of kernels and of epochs follow from the rows and
 * the bandwidths, so they are set here, before the trainer begins; cluster/kernel_density.h does the rest. */
#include "cli/run_options.h"

#include "cluster/kernel_density.h"
#include "data/dataset.h"

#include <inttypes.h>
#include <string.h>

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

static ls_status check_kernels(const settings_t *settings, int64_t n, ls_error *error) {
  enum { MOST = 1000000 };
  if (strcmp(settings->cluster.method, "kernels") != 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "cluster.method: `lockstep density` puts a kernel around each row: leave it out, or use "
                     "`lockstep cluster`");
  if (settings->model.n_layers != 1 || settings->model.layers->kind != LAYER_GAUSSIANS)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.layers: a kernel density is one layer, gaussians, and follows: leave it out");
  if (n > MOST)
    return error_set(error, LS_BAD_SETTINGS,
                     "density.rows: %" PRId64 " kernels are more than %d: take some of the rows, as in "
                     "density.rows=10000",
                     n, MOST);
  return LS_OK;
}

/* One kernel for each training row, or for as many as density.rows says; one epoch for each bandwidth. */
static ls_status fit(const session_t *session, const settings_t *settings, const train_options_t *train,
                     ls_error *error) {
  dataset_shape_t shape = {0};
  TRY(dataset_describe(session->world, settings, &shape, error));
  const int64_t n = settings->density.rows == SETTINGS_ALL ? shape.train_rows : settings->density.rows;
  TRY(check_kernels(settings, n, error)); /* the same on all ranks */
  layer_settings_t layer = *settings->model.layers;
  settings_t own = *settings; /* borrows all but a few numbers */
  layer.units = n;
  layer.covariance = "spherical";
  own.model.layers = &layer;
  own.cluster.k = n;
  own.cluster.starts = 1;
  own.train.epochs = kernels_epochs(settings);
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
