/* Checks the hosts before training: reports each kind of host, and warns of what may disappoint. */
#ifndef HOST_PREFLIGHT_H
#define HOST_PREFLIGHT_H

#include "base/log.h"
#include "comm/world.h"
#include "layout/layout.h"

#include <stdio.h>

/* What this rank still needs, in bytes. */
typedef struct {
  const char *directory; /* directory of runs; need not exist yet; NULL: none */
  const char *precision; /* precision of training, a name of math/precision.h; NULL: no training */
  double files;          /* rank 0: checkpoints and model in that directory */
  double memory;         /* including the shared part */
  double shared;         /* in memory shared by ranks */
} preflight_needs_t;

/* Rank 0 prints to `out` (may be NULL) one line for each kind of host: the hosts of that kind, ranks,
 * threads, cores, memory, CPU and instruction set; and a line with the libraries. It warns in the log if CPUs
 * or libraries differ, if the precision is slow here, if the system denies AMX, and if memory, shared memory
 * or disk space is too small. Collective. */
ls_status preflight_hosts(world_t *world, const layout_t *layout, const preflight_needs_t *needs, FILE *out,
                          const log_t *log, ls_error *error);

#endif
