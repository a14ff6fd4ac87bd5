/* Silent corruption: copies of the parameters that differ (health/copies.h). With train.verify_every: N they
 * are compared every N steps, and also at the end of every epoch and before every checkpoint.
 *
 * Copies that the majority does not share are named, and the run returns to its last checkpoint, within the
 * process. All of its checkpoints were written when the copies agreed. After VERIFY_RETURNS returns the run
 * ends.
 *
 * What is found is a difference between copies. An error that all nodes compute with, such as a wrong bit in
 * the share of the only node that updates it, which passes it on, makes no difference. */
#ifndef TRAIN_VERIFY_H
#define TRAIN_VERIFY_H

#include "train/trainer_impl.h"

enum { VERIFY_RETURNS = 3 };

/* Compares the copies if train.verify_every is set and there are several. If they differ, returns to the last
 * checkpoint, or to the beginning, and sets guard.returned: the caller leaves the epoch at once. LS_FAILED
 * after too many returns. Collective. */
ls_status verify_copies(trainer_t *trainer, ls_error *error);

#endif
