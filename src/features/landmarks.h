/* Creates the basis functions of a run. The centres of some kinds are training rows, the landmarks. */
#ifndef FEATURES_LANDMARKS_H
#define FEATURES_LANDMARKS_H

#include "features/features_fit.h"

/* Sets features->basis and features->inputs; the other members must be complete. Landmarks are a random
 * subset of the training rows (train.seed), in ascending order. The rank that holds a landmark sends its
 * scaled features to all ranks. Collective. */
ls_status landmarks_fit(world_t *world, const settings_t *settings, const split_t *train,
                        features_t *features, ls_error *error);

#endif
