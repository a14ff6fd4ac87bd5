/* A kernel density as a fit (cluster/fit.h): one Gaussian of variance h^2 around each training row, or around
 * some of them. Nothing is improved from epoch to epoch but the bandwidth h: each epoch tries the next one of
 * density.bandwidth, in the order of the settings. The objective of an epoch is the negative log-density of
 * the rows by the kernels of the other rows (cross.h), so the epoch with the lowest has the bandwidth that
 * suits the rows best, and it becomes the model. `lockstep density` sets cluster.k to the number of kernels
 * and train.epochs to the number of bandwidths. */
#ifndef CLUSTER_KERNEL_DENSITY_H
#define CLUSTER_KERNEL_DENSITY_H

#include "cluster/fit.h"

extern const fit_method_t kernels_method;

/* Completes settings by what follows from the rows: as many kernels as there are training rows, or as
 * density.rows says, and as many epochs as bandwidths. *out borrows from `settings` and `layer`, the layer of
 * the network. LS_BAD_SETTINGS for another method or network. Reads the headers of the data. Collective. */
ls_status kernels_complete(world_t *world, const settings_t *settings, layer_settings_t *layer,
                           settings_t *out, ls_error *error);

/* How many bandwidths the settings try. Pure. */
int64_t kernels_epochs(const settings_t *settings);

#endif
