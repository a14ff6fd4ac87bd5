/* Tells the user about categories that no training row held. */
#ifndef SCORE_UNSEEN_H
#define SCORE_UNSEEN_H

#include "base/log.h"
#include "comm/world.h"
#include "data/dataset.h"
#include "features/features.h"

/* A warning for each column in which rows of a split hold values that the model does not know: how many rows,
 * and the first of the names. Such a value counts as no category. LS_BAD_DATA where it would be a number (a
 * column with ordered categories) and the model fills no missing values in. `rows` names the rows in
 * messages. The features are matched with the dataset. Collective. */
ls_status unseen_report(world_t *world, const features_t *features, const dataset_t *dataset,
                        const split_t *split, const char *rows, const log_t *log, ls_error *error);

#endif
