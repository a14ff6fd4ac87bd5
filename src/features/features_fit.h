/* Fitting: what features and targets need to know of the training rows. Sums over rows are made shard by
 * shard and added by the tree, so the same bits come out on any layout. Everything here is collective. */
#ifndef FEATURES_FEATURES_FIT_H
#define FEATURES_FEATURES_FIT_H

#include "comm/world.h"
#include "data/dataset.h"
#include "features/features.h"

/* Fits on the training rows of all ranks. LS_BAD_SETTINGS for columns that are not there, LS_BAD_DATA for
 * columns that cannot be scaled, or hold no whole numbers where they should. Collective. *out is
 * caller-owned. */
ls_status features_fit(world_t *world, const settings_t *settings, const dataset_t *data, features_t *out,
                       ls_error *error);

/* The same for those who have no dataset yet: reads the training rows for it. Collective. */
ls_status features_fit_file(world_t *world, const settings_t *settings, int shards, features_t *out,
                            ls_error *error);

/* Computes the widths like features_width. If they depend on the rows, it reads the training rows, divided
 * into `shards` shards. Collective. */
ls_status features_find_width(world_t *world, const settings_t *settings, const dataset_shape_t *shape,
                              int shards, features_width_t *out, ls_error *error);

/* Fits on the training rows of all ranks. standard: mean and population standard deviation in two passes
 * (mean first, then squares of differences from it), sums per shard in double, added by the tree: the same
 * bits on any layout, sound for huge offsets. robust: quartiles are exact, found by counting
 * (features/scaler_fit.h). A constant column gets scale 1, so that it becomes the offset (with maxabs: 1, -1
 * or 0). Of windows, a column is fitted on all training steps, and scaled so at every step of the horizon;
 * the scaler is for whole rows of targets. LS_FAILED when targets are scaled already. Collective. */
ls_status scaler_fit_targets(world_t *world, const scaling_settings_t *settings, const split_t *train,
                             scaler_t *out, ls_error *error);

#endif
