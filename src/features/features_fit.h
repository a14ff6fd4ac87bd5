/* Fits features and target scalers to the training rows. Sums over rows are computed shard by shard and added
 * by the tree, so the bits do not depend on the layout. All functions are collective. */
#ifndef FEATURES_FEATURES_FIT_H
#define FEATURES_FEATURES_FIT_H

#include "comm/world.h"
#include "data/dataset.h"
#include "features/features.h"

/* Fits the features to the training rows of all ranks. LS_BAD_SETTINGS if the settings name a column that
 * does not exist. LS_BAD_DATA if a column cannot be scaled, or if a one-hot column holds numbers that are not
 * whole. *out is caller-owned. */
ls_status features_fit(world_t *world, const settings_t *settings, const dataset_t *data, features_t *out,
                       ls_error *error);

/* The same without a loaded dataset: reads the training rows for the fit. */
ls_status features_fit_file(world_t *world, const settings_t *settings, int shards, features_t *out,
                            ls_error *error);

/* Features of which the widths and the tables of vectors are there. If they depend on the rows, it reads the
 * training rows, divided into `shards` shards. *out is caller-owned (features_free). Collective. */
ls_status features_find_width(world_t *world, const settings_t *settings, const dataset_shape_t *shape,
                              int shards, features_t *out, ls_error *error);

/* Fits on the training rows of all ranks. standard: mean and population standard deviation in two passes
 * (mean first, then squares of differences from it), sums per shard in double, added by the tree: the same
 * bits on any layout, sound for huge offsets. robust: quartiles are exact, found by counting
 * (features/scaler_fit.h). A constant column gets scale 1, so that it becomes the offset (with maxabs: 1, -1
 * or 0). Of windows, a column is fitted on all training steps, and scaled so at every step of the horizon;
 * the scaler is for whole rows of targets. Collective. */
ls_status scaler_fit_targets(world_t *world, const scaling_settings_t *settings, const split_t *train,
                             scaler_t *out, ls_error *error);

#endif
