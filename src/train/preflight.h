/* Checks the hosts before training: reports each kind of host, and warns of what may disappoint. */
#ifndef TRAIN_PREFLIGHT_H
#define TRAIN_PREFLIGHT_H

#include "base/log.h"
#include "comm/world.h"
#include "config/settings.h"
#include "model/graph.h"
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

/* A command that starts ranks on these hosts, without the program. */
typedef struct {
  char text[128];
  int cores, cores_used; /* of a host, as the launcher counts them; those that threads would run on */
} launch_line_t;

/* Finds the launch command that uses most cores: a rank on every core, or as many ranks as shards allow with
 * threads on the remaining cores; ranks with parallel.threads (or OMP_NUM_THREADS) threads if that is given;
 * ranks that fill nodes of parallel.ranks_per_node. Inside a SLURM job the cores are those of the job. Only
 * rank 0 needs to call it. */
void preflight_launch_line(const world_t *world, const layout_t *layout, const settings_t *settings,
                           launch_line_t *out);

/* The words that start ranks with the MPI library of this program, each on cores of its own, or is_crowded:
 * more of them than cores, on one host. */
void preflight_mpirun(int ranks, int threads, int cores, bool is_crowded, char *out, size_t size);

#endif
