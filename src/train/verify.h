/* Silent corruption. Every node has a copy of all parameters (with parallel.reduce=mpi every rank has one,
 * and all of the optimiser's state). These copies must have the same bits. With train.verify_every, and then
 * also before every checkpoint, each copy's checksum is computed by all threads of the ranks that share it,
 * and compared with the others.
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

/* Warns if train.verify_every has no effect, because there is only one copy. */
void verify_advise(const trainer_t *trainer, const log_t *log);

/* Compares the copies if train.verify_every is set and there are several. If they differ, returns to the last
 * checkpoint, or to the beginning, and sets guard.returned: the caller leaves the epoch at once. LS_FAILED
 * after too many returns. Collective. */
ls_status verify_copies(trainer_t *trainer, ls_error *error);

/* For verify_copies, and for tests of it. The copies are numbered from 0; sums[c] (world_size at most) is the
 * checksum of copy c, the same on every rank. Returns their number. Collective. */
ls_status verify_sums(trainer_t *trainer, uint64_t *sums, int *copies, ls_error *error);

/* Writes the copies that differ from the majority to `out`, as words for users; all of them if there is no
 * majority. Returns whether there are any. `ranks`: a copy is a rank's, otherwise a node's. Pure but for
 * names of hosts. */
bool verify_describe(const world_t *world, const uint64_t *sums, int copies, bool ranks, char *out,
                     size_t size);

#endif
