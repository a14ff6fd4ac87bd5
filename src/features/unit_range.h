/* Whether features lie between 0 and 1, as the loss binary_cross_entropy asks of them if they are its targets
 * (data.targets: x): outside, the loss has no least value, and outputs grow without end. */
#ifndef FEATURES_UNIT_RANGE_H
#define FEATURES_UNIT_RANGE_H

#include "features/features.h"
#include "loss/objective.h"

/* LS_BAD_DATA for a value of the training rows outside, as the network sees it; one that rounding has put
 * there is none. For other losses nothing is read. Validation and test rows may lie outside by as much as
 * they differ from the training rows. Collective. */
ls_status unit_range_check(world_t *world, const split_t *train, const features_t *features,
                           const objective_t *objective, const char *file, ls_error *error);

#endif
