/* The cores of a host are those of all its ranks, and what one rank cannot have is refused on all. */
#include "layout/layout.h"

#include "mpi/check.h"

#include <sched.h>
#include <stdlib.h>

/* The number-th of the cores that this process may use; there are at least two. */
static void bind_to(const cpu_set_t *allowed, int number) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (size_t c = 0; c < CPU_SETSIZE; c++)
    if (CPU_ISSET(c, allowed) && number-- == 0) CPU_SET(c, &one);
  sched_setaffinity(0, sizeof one, &one);
}

/* Rank 0 is bound to one core, the others share another one. */
static void check_cores(world_t *world, const settings_t *settings) {
  ls_error error = {0};
  layout_t layout;
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof allowed, &allowed);
  int64_t cores = CPU_COUNT(&allowed);
  CHECK_OK(world_min_i64(world, &cores, 1, &error));
  if (cores < 2) return;
  bind_to(&allowed, world_rank(world) > 0);
  CHECK_OK(layout_plan(world, settings, 4, &layout, &error));
  sched_setaffinity(0, sizeof allowed, &allowed);
  CHECK(layout.cores_allowed == 1, "%d cores of rank %d", layout.cores_allowed, world_rank(world));
  CHECK(layout.cores_host == (world_size(world) > 1 ? 2 : 1), "%d cores of the host", layout.cores_host);
  CHECK(layout.threads == 1, "%d threads", layout.threads);
}

/* SLURM gives one rank after the other fewer CPUs than the settings want threads. */
static void check_each_rank(world_t *world, settings_t *settings) {
  settings->parallel.threads = 2;
  for (int r = 0; r < world_size(world); r++) {
    ls_error error = {0};
    layout_t layout;
    if (world_rank(world) == r) setenv("SLURM_CPUS_PER_TASK", "1", 1);
    ls_status status = layout_plan(world, settings, 4, &layout, &error);
    unsetenv("SLURM_CPUS_PER_TASK");
    CHECK(status == LS_USAGE, "rank %d goes on with %d", world_rank(world), (int)status);
  }
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  settings_t settings = {.parallel.threads = SETTINGS_AUTO};
  unsetenv("OMP_NUM_THREADS");
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  world_set_timeout(world, 20);
  check_cores(world, &settings);
  check_each_rank(world, &settings);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
