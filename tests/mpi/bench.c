/* Figures of a benchmark over ranks that are not equal: sums, means of ranks, means of threads. */
#include "study/bench_impl.h"

#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>

static void check(double found, double expected, const char *what) {
  CHECK(fabs(found - expected) <= 1e-12 * fabs(expected), "%s: %g, not %g", what, found, expected);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  const int size = world_size(world), rank = world_rank(world);
  double found = 0, sum = 0, threads = 0;
  for (int r = 0; r < size; r++) sum += (r + 1) * (r + 1), threads += r + 2;
  const double mine = (rank + 1) * (rank + 1);
  CHECK_OK(sum_over_ranks(world, mine, &found, &error));
  check(found, sum, "sum");
  CHECK_OK(mean_over_ranks(world, mine, 1, &found, &error));
  check(found, sum / size, "mean of ranks");
  CHECK_OK(mean_over_ranks(world, mine, rank + 2, &found, &error));
  check(found, sum / threads, "mean of threads");
  team_t team = {.threads = 0};
  CHECK_OK(world_group(world, 2, &error)); /* rank r has r + 1 threads; two ranks a node */
  CHECK_OK(team_create(world, rank + 1, 0.1, &team, &error));
  int first = world_place(world) * rank, all = 0;
  for (int r = 0; r < size; r++) all += world_node_of(world, r) == world_node(world) ? r + 1 : 0;
  CHECK(team.first == first && team.all == all, "rank %d begins at %d of %d threads", rank, team.first,
        team.all);
  team_destroy(&team);
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
