/* The layout of a job: threads per rank, cores that each rank may use, shards. */
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

/* Copies the settings and replaces `train.global_batch_size: all` by the number of training rows. The copy
 * borrows the memory of the original. */
settings_t settings_for_rows(const settings_t *settings, int64_t training_rows);

/* Decides threads and shards. Threads: parallel.threads, or the CPUs of a SLURM task, or the cores of the
 * host divided among its ranks. Shards: `stored_shards` (of a checkpoint) if > 0, otherwise parallel.shards,
 * otherwise a default for the batch. LS_BAD_SETTINGS if the shards do not suit the job, LS_USAGE if SLURM
 * gave another number of CPUs. Collective. */
ls_status layout_plan(world_t *world, const settings_t *settings, int stored_shards, layout_t *out,
                      ls_error *error);

#endif
