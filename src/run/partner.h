/* Copies of checkpoints on the disks of other hosts, the partners of rank 0's host (the partner scheme of
 * SCR: Moody et al., Design, modeling, and evaluation of a scalable multi-level checkpointing system, SC
 * 2010, section 3).
 *
 *   host of rank 0       runs/NAME/checkpoint-00000200.h5        written by the saver
 *   host of a partner    runs/NAME.copy/checkpoint-00000200.h5   the same bytes
 *                        runs/NAME.copy/config.yaml                 the settings, as in runs/NAME
 *   any other host       nothing
 *
 * This is for run directories on a disk of the host itself, which is lost with the host. Where all hosts see
 * rank 0's directory there are no partners. A rank that does not see the directory is called blind.
 *
 * Copies travel through MPI, between two steps, so training pauses for them. */
#ifndef RUN_PARTNER_H
#define RUN_PARTNER_H

#include "comm/world.h"
#include "run/run_directory.h"

/* All are borrowed for the life of the partner. The same on all ranks, but for the lock in `run`. */
typedef struct {
  world_t *world;
  const run_directory_t *run;
  const settings_t *settings;
  const log_t *log;
  bool resumes;  /* copies that are there belong to this run */
  bool replaces; /* if not: they may be removed */
} partner_inputs_t;

typedef struct {
  partner_inputs_t in;
  int *ranks;          /* (n): the ranks that keep copies */
  int n;               /* 0: there are no partners */
  run_directory_t own; /* runs/NAME.copy */
  int64_t step;        /* rank 0: the newest checkpoint that was sent; -1 */
  int64_t best_step;   /* rank 0: the best parameters that were sent; -1 */
  size_t *sizes;       /* (ranks of the world) */
  char *chunk;         /* bytes on their way */
} partner_t;

/* Before a resumed run looks for its checkpoint: finds the newest valid one on the disks of all hosts. If
 * that is not in rank 0's directory, rank 0 gets it, and so does every host that does not see the directory.
 * With the best parameters that it refers to. LS_IO if a disk does not take it. Collective. */
ls_status partner_restore(const partner_inputs_t *inputs, ls_error *error);

/* Chooses the partners and prepares their directories. An earlier run's copies are renamed like an earlier
 * run. partner_free also after a failure. Collective. */
ls_status partner_open(const partner_inputs_t *inputs, partner_t *partner, ls_error *error);
void partner_free(partner_t *partner); /* not collective */

/* Copies the checkpoint of `good_step` to all partners, if it has not been copied, with the best parameters
 * of `best_step`. Both count on rank 0 only; good_step -1: there is nothing to copy. A copy that fails is
 * reported on rank 0, and training goes on. LS_COMM. Collective. */
ls_status partner_copy(partner_t *partner, int64_t good_step, int64_t best_step, ls_error *error);

#endif
