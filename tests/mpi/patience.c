/* Ranks wait longer than the timeout for one that shows progress, on their node and on another one. Ranks
 * that hang are a matter of tests/faults and tests/cluster: they end the job. */
#include "base/activity.h"
#include "base/clock.h"
#include "comm/launch.h"
#include "comm/watch.h"

#include "mpi/check.h"

#include <stdlib.h>
#include <time.h>

static const double TIMEOUT = 2;

/* The last rank works for twice the timeout while the others wait. */
static void check_work(world_t *world) {
  ls_error error = {0};
  CHECK_OK(world_barrier(world, &error));
  const double began = clock_seconds(), until = began + 2 * TIMEOUT;
  while (world_size(world) > 1 && world_rank(world) == world_size(world) - 1 && clock_seconds() < until) {
    activity_beat();
    nanosleep(&(struct timespec){0, 20000000}, NULL);
  }
  CHECK_OK(world_agree(world, LS_OK, &error));
  /* a rank may leave the barrier later than the last rank */
  CHECK(world_size(world) == 1 || clock_seconds() > began + 1.5 * TIMEOUT,
        "the work took no longer than the timeout");
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  const launch_t launch = launch_read();
  watch_begin(launch.rank, launch.launcher != NULL);
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  world_set_timeout(world, TIMEOUT);
  check_work(world);
  CHECK_OK(world_group(world, 1, &error));
  check_work(world);
  world_destroy(&world);
  watch_end();
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
