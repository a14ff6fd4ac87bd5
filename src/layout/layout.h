/* The layout of a job: threads per rank, cores that each rank may use, shards. */
#ifndef LAYOUT_LAYOUT_H
#define LAYOUT_LAYOUT_H

#include "base/log.h"
#include "comm/crew.h"
#include "comm/world.h"
#include "config/settings.h"

#include <stdbool.h>

typedef struct {
  int threads;        /* per rank; this rank's */
  const char *openmp; /* the variable of OpenMP that gave their number, or NULL; static */
  int shards;         /* S */
  int first_shard;    /* this rank's shards are [first_shard, first_shard + own_shards) */
  int own_shards;
  int cores_allowed; /* this rank may run on */
  int cores_host;    /* all ranks of this host together may run on */
  int cores_online;  /* the host lets a job use: all, or those of a container */
  char advice[256];  /* what to do when threads exceed the cores that binding allows, or when binding leaves
                        cores  idle; empty when all is well */
} layout_t;

/* Copies the settings and replaces `train.global_batch_size: all` by the number of training rows. The copy
 * borrows the memory of the original. */
settings_t settings_for_rows(const settings_t *settings, int64_t training_rows);

/* The number of shards: `stored` when > 0 (of a model or checkpoint), else parallel.shards, else by the batch
 * and the training rows (shards_auto). LS_BAD_SETTINGS when it does not suit the batch. `settings` are those
 * of settings_for_rows. Not collective. */
ls_status layout_shards(const settings_t *settings, int stored, int64_t rows, int *out, ls_error *error);

/* Does work for which there are `shards` shards: with all ranks, or with as many as there are shards, after a
 * message in the log (crew_run). Collective. */
ls_status layout_crew(world_t *world, int shards, const log_t *log, crew_work_t *work, void *context,
                      ls_error *error);

/* Threads: parallel.threads, or OMP_NUM_THREADS (up to OMP_THREAD_LIMIT), or what SLURM gives to a task, or
 * the cores of the host divided among its ranks. LS_BAD_SETTINGS when they are far more than cores, LS_USAGE
 * when SLURM gave another number of CPUs. shards: at least as many as ranks. Collective. */
ls_status layout_plan(world_t *world, const settings_t *settings, int shards, layout_t *out, ls_error *error);

/* The same for the present rank of a world that is only planned (comm/imagine.h), on hosts with `cores` cores
 * that no launcher binds ranks to and outside SLURM. Not collective. */
ls_status layout_imagine(const world_t *world, const settings_t *settings, int shards, int cores,
                         layout_t *out, ls_error *error);

#endif
