/* Fitting the scaling of columns on training rows alone, and keeping it in files. Targets have a scaler
 * (math/scaler.h); that of features is part of features_t (features/features.h). */
#ifndef FEATURES_SCALING_H
#define FEATURES_SCALING_H

#include "comm/world.h"
#include "config/settings.h"
#include "data/dataset.h"
#include "math/scaler.h"
#include "store/store.h"

/* Fits on the training rows of all ranks. standard: mean and population standard deviation in two passes
 * (mean first, then squares of differences from it), sums per shard in double, added by the tree: the same
 * bits on any layout, sound for huge offsets. robust: quartiles are exact, found by counting
 * (features/scaler_fit.h). A constant column gets scale 1, so that it becomes the offset (with maxabs: 1, -1
 * or 0). Of windows, a column is fitted on all training steps, and scaled so at every step of the horizon;
 * the scaler is for whole rows of targets. Collective. */
ls_status scaler_fit_targets(world_t *world, const scaling_settings_t *settings, const split_t *train,
                             scaler_t *out, ls_error *error);

/* Arrays group/shift, group/scale, group/offset and attribute name. */
ls_status scaler_write(const scaler_t *scaler, store_t *store, const char *group, ls_error *error);
ls_status scaler_read(const store_t *store, const char *group, scaler_t *out, ls_error *error);

bool scaling_choice(size_t i, choice_t *out);

#endif
