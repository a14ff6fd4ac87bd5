/* Whether a run is resumed with the data that it began with (data/identity.h). */
#ifndef RUN_DATA_CHECK_H
#define RUN_DATA_CHECK_H

#include "base/log.h"
#include "comm/world.h"
#include "data/dataset.h"

/* Adds the digests of training and validation rows in memory to dataset->identity, on rank 0. Before targets
 * are scaled. `threads` work on the shards of a rank. Collective. */
ls_status data_digest(world_t *world, int threads, dataset_t *dataset, ls_error *error);

/* LS_BAD_DATA, naming the array and what differs, when the checkpoint was trained on other data than
 * `identity`. A checkpoint that does not say is accepted with a message. For rank 0; not collective. */
ls_status data_check(const char *checkpoint, const char *file, const data_identity_t *identity,
                     const log_t *log, ls_error *error);

#endif
