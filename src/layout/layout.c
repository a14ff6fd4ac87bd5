/* Threads and cores: the cores that the launcher bound each rank to, and the number of threads. */
#include "layout/layout.h"

#include "comm/launch.h"
#include "layout/shard.h"

#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS_PER_CORE = 64 };

/* The cores that the system would let this process use if no launcher had bound it: of a mask with all cores,
 * the kernel takes those that the process's cpuset (of a container, or a job) has. */
static int count_permitted(void) {
  cpu_set_t own, all;
  int n = (int)sysconf(_SC_NPROCESSORS_ONLN);
  if (sched_getaffinity(0, sizeof own, &own) != 0) return n;
  memset(&all, 0xff, sizeof all);
  if (sched_setaffinity(0, sizeof all, &all) == 0 && sched_getaffinity(0, sizeof all, &all) == 0)
    n = CPU_COUNT(&all);
  sched_setaffinity(0, sizeof own, &own);
  return n;
}

/* The cores that all ranks of this host may run on, and those of this rank alone. */
static ls_status count_cores(world_t *world, layout_t *layout, ls_error *error) {
  cpu_set_t own, host, *all = malloc((size_t)world_size(world) * sizeof *all);
  ls_status status = all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of cores") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  CPU_ZERO(&own);
  CPU_ZERO(&host);
  layout->cores_online = count_permitted();
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

/* Tells what to change at the launch so that every thread has a core, and, if the number of threads is
 * automatic, every core a thread. */
static void advise(const world_t *world, bool is_auto, layout_t *layout) {
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
  else if (is_auto && layout->threads < fair && layout->cores_allowed < fair)
    snprintf(
        layout->advice, sizeof layout->advice,
        "the launcher binds each rank to %d of its %d cores; start with `mpirun --bind-to none` or `mpirun "
        "--map-by slot:PE=%d --bind-to core` to use them all, with srun `--cpus-per-task=%d`",
        layout->cores_allowed, fair, fair, fair);
}

static const char *threads_key(const layout_t *layout) {
  return layout->openmp != NULL ? layout->openmp : "parallel.threads";
}

static int threads_auto(const world_t *world, const layout_t *layout) {
  int share = layout->cores_host / world_host_ranks(world);
  if (share > layout->cores_allowed) share = layout->cores_allowed;
  return share < 1 ? 1 : share;
}

/* Under SLURM a rank's threads are the CPUs of its task. OMP_NUM_THREADS may ask for fewer. */
static ls_status check_cpus(const layout_t *layout, int cpus, ls_error *error) {
  if (cpus == 0) return LS_OK;
  if (layout->threads > cpus || (layout->threads < cpus && layout->openmp == NULL))
    return error_set(
        error, LS_USAGE,
        "%s=%d, but SLURM gives each task %d CPU(s): leave %s out, or ask for --cpus-per-task=%d; if %d are "
        "meant, say so with SLURM_CPUS_PER_TASK=%d in front of the command",
        threads_key(layout), layout->threads, cpus, threads_key(layout), layout->threads, layout->threads,
        layout->threads);
  if (layout->cores_allowed >= layout->threads) return LS_OK;
  return error_set(
      error, LS_USAGE,
      "SLURM gives each task %d CPUs, but this rank is bound to %d: give --cpus-per-task=%d to srun "
      "too, which does not take it from sbatch; with mpirun of Open MPI --map-by slot:PE=%d "
      "--bind-to core",
      cpus, layout->cores_allowed, cpus, cpus);
}

/* A system refuses to start threads at some number of them, and a rank would end without a message. */
static ls_status check_threads(const layout_t *layout, ls_error *error) {
  int most = MOST_THREADS_PER_CORE * layout->cores_online, limit = omp_get_thread_limit();
  if (layout->threads > limit)
    return error_set(error, LS_USAGE, "%s: %d threads, but OMP_THREAD_LIMIT allows %d", threads_key(layout),
                     layout->threads, limit);
  if (layout->threads <= most) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "%s: %d threads are far more than the %d core(s) of a host; at most %d can be had",
                   threads_key(layout), layout->threads, layout->cores_online, most);
}

static void choose_threads(const world_t *world, const settings_t *settings, int cpus, layout_t *layout) {
  const int asked = launch_openmp_threads(), limit = omp_get_thread_limit();
  if (settings->parallel.threads != SETTINGS_AUTO) {
    layout->threads = (int)settings->parallel.threads;
  } else if (asked > 0) {
    layout->threads = asked;
    layout->openmp = "OMP_NUM_THREADS";
  } else {
    layout->threads = cpus > 0 ? cpus : threads_auto(world, layout);
  }
  if (settings->parallel.threads == SETTINGS_AUTO && layout->threads > limit) {
    layout->threads = limit;
    layout->openmp = "OMP_THREAD_LIMIT";
  }
}

settings_t settings_for_rows(const settings_t *settings, int64_t training_rows) {
  settings_t own = *settings;
  if (own.train.global_batch_size == SETTINGS_ALL) own.train.global_batch_size = training_rows;
  return own;
}

static bool has_batch_norm(const layer_settings_t *layers, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (layers[i].kind == LAYER_BATCH_NORM || has_batch_norm(layers[i].layers, layers[i].n_layers))
      return true;
  return false;
}

ls_status layout_shards(const settings_t *settings, int stored, int64_t rows, int *out, ls_error *error) {
  const bool normalises = has_batch_norm(settings->model.layers, settings->model.n_layers);
  int64_t batch = settings->train.global_batch_size;
  int shards = stored > 0                                   ? stored
               : settings->parallel.shards == SETTINGS_AUTO ? shards_auto(batch, rows, normalises)
                                                            : (int)settings->parallel.shards;
  TRY(shards_check(batch, shards, error));
  *out = shards;
  return LS_OK;
}

ls_status layout_crew(world_t *world, int shards, const log_t *log, crew_work_t *work, void *context,
                      ls_error *error) {
  int idle = world_size(world) - shards;
  if (idle > 0)
    log_info(log,
             "%d of %d ranks %s idle, because there %s %d shard%s to share: start %d rank%s, or set "
             "parallel.shards, which changes the bits",
             idle, world_size(world), idle == 1 ? "is" : "are", shards == 1 ? "is" : "are", shards,
             shards == 1 ? "" : "s", shards, shards == 1 ? "" : "s");
  return crew_run(world, shards, work, context, error);
}

/* Once the threads are known: the rank's shards, and advice. */
static void finish(const world_t *world, const settings_t *settings, layout_t *layout) {
  const int ranks = world_size(world), rank = world_rank(world);
  layout->first_shard = rank_first_shard(layout->shards, ranks, rank);
  layout->own_shards = rank_shards(layout->shards, ranks, rank);
  advise(world, settings->parallel.threads == SETTINGS_AUTO && layout->openmp == NULL, layout);
}

ls_status layout_plan(world_t *world, const settings_t *settings, int shards, layout_t *out,
                      ls_error *error) {
  layout_t layout = {.shards = shards};
  TRY(count_cores(world, &layout, error));
  int cpus = launch_cpus_per_task();
  choose_threads(world, settings, cpus, &layout);
  ls_status status = check_cpus(&layout, cpus, error);
  if (status == LS_OK) status = check_threads(&layout, error);
  TRY(world_agree(world, status, error));
  finish(world, settings, &layout);
  *out = layout;
  return LS_OK;
}

ls_status layout_imagine(const world_t *world, const settings_t *settings, int shards, int cores,
                         layout_t *out, ls_error *error) {
  layout_t layout = {.shards = shards, .cores_allowed = cores, .cores_host = cores, .cores_online = cores};
  choose_threads(world, settings, 0, &layout);
  TRY(check_threads(&layout, error));
  finish(world, settings, &layout);
  *out = layout;
  return LS_OK;
}
