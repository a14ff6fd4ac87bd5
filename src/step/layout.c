/* Threads and cores: the cores that the launcher bound each rank to, and the number of threads. */
#include "step/layout.h"

#include "comm/launch.h"
#include "data/shard.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The cores that all ranks of this host may run on, and those of this rank alone. */
static ls_status count_cores(world_t *world, layout_t *layout, ls_error *error) {
  cpu_set_t own, host, *all = malloc((size_t)world_size(world) * sizeof *all);
  ls_status status = all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of cores") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  CPU_ZERO(&own);
  CPU_ZERO(&host);
  layout->cores_online = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (sched_getaffinity(0, sizeof own, &own) != 0) /* more cores than a cpu_set_t holds: take them all */
    for (int c = 0; c < layout->cores_online && c < CPU_SETSIZE; c++) CPU_SET((size_t)c, &own);
  TRY_OR_DONE(world_gather(world, &own, sizeof own, all, error));
  const char *name = world_host(world, world_rank(world));
  for (int r = 0; r < world_size(world); r++)
    if (strcmp(world_host(world, r), name) == 0) CPU_OR(&host, &host, &all[r]);
  layout->cores_allowed = CPU_COUNT(&own);
  layout->cores_host = CPU_COUNT(&host);
done:
  free(all);
  return status;
}

/* Tells what to change at the launch so that every thread has a core. */
static void advise(const world_t *world, layout_t *layout) {
  int ranks = world_host_ranks(world), fair = layout->cores_online / ranks;
  if (fair < 1) fair = 1;
  layout->advice[0] = '\0';
  if (layout->threads > layout->cores_allowed && layout->cores_allowed < fair)
    snprintf(
        layout->advice, sizeof layout->advice,
        "%d threads share %d core(s): the launcher binds ranks to cores; start with `mpirun --bind-to none` "
        "or `mpirun --map-by slot:PE=%d --bind-to core`, with srun `--cpus-per-task=%d`",
        layout->threads, layout->cores_allowed, fair, fair);
  else if (layout->threads > layout->cores_allowed || layout->threads * ranks > layout->cores_online)
    snprintf(layout->advice, sizeof layout->advice,
             "%d rank(s) x %d thread(s) on %d core(s): no more ranks than cores, and parallel.threads=%d, "
             "are faster",
             ranks, layout->threads, layout->cores_online, fair);
  else if (layout->threads < fair && layout->cores_allowed < fair)
    snprintf(
        layout->advice, sizeof layout->advice,
        "the launcher binds each rank to %d of its %d cores; start with `mpirun --bind-to none` or `mpirun "
        "--map-by slot:PE=%d --bind-to core` to use them all, with srun `--cpus-per-task=%d`",
        layout->cores_allowed, fair, fair, fair);
}

static int threads_auto(const world_t *world, const layout_t *layout) {
  int share = layout->cores_host / world_host_ranks(world);
  if (share > layout->cores_allowed) share = layout->cores_allowed;
  return share < 1 ? 1 : share;
}

/* Under SLURM a rank's threads are the CPUs of its task. */
static ls_status check_cpus(const layout_t *layout, int cpus, ls_error *error) {
  if (cpus == 0) return LS_OK;
  if (layout->threads != cpus)
    return error_set(
        error, LS_USAGE,
        "parallel.threads=%d, but SLURM gives each task %d CPU(s): leave parallel.threads out, or ask "
        "for --cpus-per-task=%d; if %d are meant, say so with SLURM_CPUS_PER_TASK=%d in front of the "
        "command",
        layout->threads, cpus, layout->threads, layout->threads, layout->threads);
  if (layout->cores_allowed >= cpus) return LS_OK;
  return error_set(
      error, LS_USAGE,
      "SLURM gives each task %d CPUs, but this rank is bound to %d: give --cpus-per-task=%d to srun "
      "too, which does not take it from sbatch; with mpirun of Open MPI --map-by slot:PE=%d "
      "--bind-to core",
      cpus, layout->cores_allowed, cpus, cpus);
}

settings_t settings_for_rows(const settings_t *settings, int64_t training_rows) {
  settings_t own = *settings;
  if (own.train.global_batch_size == SETTINGS_ALL) own.train.global_batch_size = training_rows;
  return own;
}

ls_status layout_plan(world_t *world, const settings_t *settings, int stored_shards, layout_t *out,
                      ls_error *error) {
  layout_t layout = {0};
  TRY(count_cores(world, &layout, error));
  int64_t batch = settings->train.global_batch_size;
  int cpus = launch_cpus_per_task(), fair = cpus > 0 ? cpus : threads_auto(world, &layout);
  layout.threads = settings->parallel.threads == SETTINGS_AUTO ? fair : (int)settings->parallel.threads;
  TRY(world_agree(world, check_cpus(&layout, cpus, error), error));
  layout.shards = stored_shards > 0                            ? stored_shards
                  : settings->parallel.shards == SETTINGS_AUTO ? shards_auto(batch)
                                                               : (int)settings->parallel.shards;
  TRY(shards_check(batch, layout.shards, world_size(world), error));
  layout.first_shard = rank_first_shard(layout.shards, world_size(world), world_rank(world));
  layout.own_shards = rank_shards(layout.shards, world_size(world), world_rank(world));
  advise(world, &layout);
  *out = layout;
  return LS_OK;
}
