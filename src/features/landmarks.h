/* Basis functions made ready for the training rows: some stand on rows of them. */
#ifndef FEATURES_LANDMARKS_H
#define FEATURES_LANDMARKS_H

#include "features/features_fit.h"

/* Makes features->basis and ->inputs, the rest being complete. Landmarks are a random subset of the training
 * rows by their numbers (train.seed), in order: whoever holds one gives its scaled features to all.
 * Collective. */
ls_status landmarks_fit(world_t *world, const settings_t *settings, const split_t *train,
                        features_t *features, ls_error *error);

#endif
