/* What a run will stand on, host by host, and what about it is likely to disappoint: looked at before
 * training. */
#ifndef TRAIN_PREFLIGHT_H
#define TRAIN_PREFLIGHT_H

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"
#include "model/graph.h"
#include "step/layout.h"

#include <stdio.h>

/* What this rank will still take, in bytes. */
typedef struct {
  const char *directory; /* of runs; it need not be there yet */
  const char *precision; /* of training, a name of math/precision.h; NULL: nothing is trained */
  double files;          /* rank 0: checkpoints and model in that directory */
  double memory;         /* with the shared part */
  double shared;         /* in memory that ranks share */
} preflight_needs_t;

/* Rank 0 prints a line for each kind of host to `out` (may be NULL), with the hosts that are of it: ranks,
 * threads, cores, memory, CPU with its instruction set; and the libraries. Its log warns of CPUs or libraries
 * that differ, of a precision that is slow here, of AMX that the system denies, of too little memory, shared
 * memory or room for files. Collective. */
ls_status preflight_hosts(world_t *world, const layout_t *layout, const preflight_needs_t *needs, FILE *out,
                          const log_t *log, ls_error *error);

/* The command that puts a rank on every core of these hosts, or as many as shards allow, with threads on the
 * rest. Rank 0 alone needs it. */
void preflight_launch_line(const world_t *world, const layout_t *layout, char *out, size_t size);

#endif
