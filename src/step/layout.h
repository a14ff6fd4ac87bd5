/* How a job lies on the machine: threads per rank, cores that each rank may use, shards. */
#ifndef STEP_LAYOUT_H
#define STEP_LAYOUT_H

#include "comm/world.h"
#include "config/settings.h"

typedef struct {
  int threads;     /* per rank; this rank's */
  int shards;      /* S */
  int first_shard; /* this rank's shards are [first_shard, first_shard + own_shards) */
  int own_shards;
  int cores_allowed; /* this rank may run on */
  int cores_host;    /* all ranks of this host together may run on */
  int cores_online;  /* the host has */
  char advice[256];  /* what to do when threads exceed the cores that binding allows, or when binding leaves
                        cores  idle; empty when all is well */
} layout_t;

/* The settings with the number of training rows for `train.global_batch_size: all`, once it is known. A copy,
 * which borrows what the original owns. */
settings_t settings_for_rows(const settings_t *settings, int64_t training_rows);

/* Threads: parallel.threads, or what SLURM gives to a task, or the cores of the host divided among its ranks.
 * Shards: `stored_shards` when > 0 (of a checkpoint), else parallel.shards, else by the batch.
 * LS_BAD_SETTINGS when shards do not suit, LS_USAGE when SLURM gave another number of CPUs. Collective. */
ls_status layout_plan(world_t *world, const settings_t *settings, int stored_shards, layout_t *out,
                      ls_error *error);

#endif
