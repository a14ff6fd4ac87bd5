/* Ranks, nodes and lanes: the grouping, the collectives, and the agreement on errors. */
#include "comm/transfer.h"

#include "mpi/check.h"

#include <stdlib.h>
#include <string.h>

/* All ranks of the test share one host; nodes are groups of at most `per_node` of them. */
static void check_group(world_t *world, int per_node) {
  ls_error error = {0};
  int size = world_size(world), rank = world_rank(world);
  int full = per_node == 0 || per_node > size ? size : per_node, nodes = (size + full - 1) / full;
  CHECK(world_nodes(world) == nodes, "%d nodes of %d ranks, %d per node", world_nodes(world), size, per_node);
  CHECK(world_node(world) == rank / full && world_place(world) == rank % full, "rank %d is on %d at %d", rank,
        world_node(world), world_place(world));
  int last = size - (nodes - 1) * full;
  CHECK(world_places(world) == (world_node(world) == nodes - 1 ? last : full), "%d places",
        world_places(world));
  CHECK(world_lanes(world) == last, "%d lanes", world_lanes(world));
  CHECK(world_host_ranks(world) == size, "%d ranks on the host", world_host_ranks(world));
  for (int r = 0; r < size; r++) {
    CHECK(world_node_of(world, r) == r / full, "rank %d is on node %d", r, world_node_of(world, r));
    CHECK(strcmp(world_host(world, r), world_host(world, rank)) == 0, "%s", world_host(world, r));
  }
  CHECK_OK(world_barrier(world, &error));
}

/* Parts are worlds of their own: ranks counted from 0, neighbours together, sums within. */
static void check_parts(world_t *world, int parts) {
  ls_error error = {0};
  world_t *own = NULL;
  int part = -1, size = world_size(world), before = 0, count = 0;
  CHECK_OK(world_split(world, parts, &part, &own, &error));
  for (int r = 0; r < size; r++) {
    int of_r = r * parts / size;
    count += of_r == part;
    before += of_r == part && r < world_rank(world);
  }
  CHECK(part == world_rank(world) * parts / size, "rank %d is in part %d", world_rank(world), part);
  CHECK(world_size(own) == count && world_rank(own) == before, "%d of %d", world_rank(own), world_size(own));
  int64_t sum = 1;
  CHECK_OK(world_sum_i64(own, &sum, 1, &error));
  CHECK(sum == count, "%d ranks, not %d", (int)sum, count);
  world_destroy(&own);
  CHECK_OK(world_barrier(world, &error));
}

/* Whoever fails, all get the status and the message of the lowest rank that failed, and its number. */
static void check_agreement(world_t *world) {
  int size = world_size(world), rank = world_rank(world);
  for (int first = 0; first < size; first++)
    for (int second = first; second < size; second++) {
      ls_error error = {0};
      ls_status status = LS_OK;
      char expected[64];
      if (rank == first) status = error_set(&error, LS_BAD_DATA, "file %d is missing", rank);
      if (rank == second && second != first) status = error_set(&error, LS_IO, "disk %d is full", rank);
      status = world_agree(world, status, &error);
      snprintf(expected, sizeof expected, "file %d is missing", first);
      CHECK(status == LS_BAD_DATA && error.status == LS_BAD_DATA, "rank %d got %d", rank, (int)status);
      CHECK(strncmp(error.message, expected, strlen(expected)) == 0, "rank %d: %s", rank, error.message);
      snprintf(expected, sizeof expected, "(rank %d on %s)", first, world_host(world, first));
      CHECK((strstr(error.message, expected) != NULL) == (size > 1), "rank %d: %s", rank, error.message);
    }
  ls_error error = {0};
  CHECK(world_agree(world, LS_OK, &error) == LS_OK && error.status == LS_OK && error.message[0] == '\0', "%s",
        error.message);
  CHECK(world_agree(world, rank == size - 1 ? LS_NO_MEMORY : LS_OK, NULL) == LS_NO_MEMORY,
        "without a message");
}

static void check_reductions(world_t *world) {
  ls_error error = {0};
  int64_t size = world_size(world), rank = world_rank(world);
  int64_t sum[] = {rank, 1}, most[] = {rank, -rank}, least[] = {rank, -rank};
  float sums[] = {(float)rank, 0.5f};
  CHECK_OK(world_sum_i64(world, sum, 2, &error));
  CHECK_OK(world_max_i64(world, most, 2, &error));
  CHECK_OK(world_min_i64(world, least, 2, &error));
  CHECK_OK(world_sum_f32(world, sums, 2, &error));
  CHECK(sum[0] == size * (size - 1) / 2 && sum[1] == size, "%ld %ld", (long)sum[0], (long)sum[1]);
  CHECK(most[0] == size - 1 && most[1] == 0, "%ld %ld", (long)most[0], (long)most[1]);
  CHECK(least[0] == 0 && least[1] == 1 - size, "%ld %ld", (long)least[0], (long)least[1]);
  CHECK(sums[0] == (float)(size * (size - 1) / 2) && sums[1] == 0.5f * (float)size, "%g", (double)sums[0]);
}

/* Rank r gives r numbers; rank 0 none. */
static void check_gathering(world_t *world) {
  ls_error error = {0};
  int size = world_size(world), rank = world_rank(world);
  int *mine = calloc((size_t)size + 1, sizeof *mine), *all = calloc((size_t)(size * size) + 1, sizeof *all);
  size_t *sizes = calloc((size_t)size, sizeof *sizes);
  CHECK_OK(world_gather(world, &rank, sizeof rank, all, &error));
  for (int r = 0; r < size; r++) CHECK(all[r] == r, "%d at %d", all[r], r);
  for (int r = 0; r < size; r++) sizes[r] = (size_t)r * sizeof(int);
  for (int i = 0; i < rank; i++) mine[i] = 100 * rank + i;
  for (int root = -1; root < size; root++) {
    bool gets = root < 0 || root == rank;
    memset(all, 0, (size_t)(size * size) * sizeof *all);
    CHECK_OK(world_gather_pieces(world, mine, sizes, gets ? all : NULL, root, &error));
    int at = 0;
    for (int r = 0; r < size && gets; r++)
      for (int i = 0; i < r; i++, at++) CHECK(all[at] == 100 * r + i, "%d at %d", all[at], at);
  }
  for (int root = 0; root < size; root++) {
    int value = rank == root ? 7 + root : 0;
    CHECK_OK(world_broadcast(world, &value, sizeof value, root, &error));
    CHECK(value == 7 + root, "%d", value);
  }
  free(sizes);
  free(all);
  free(mine);
}

static int piece(int from, int to) {
  return (2 * from + 3 * to) % 4; /* some are empty */
}

static float mark(int lane, int from, int to, int k) {
  return (float)(1000 * lane + 100 * from + 10 * to + k);
}

/* The same by messages that are begun and looked at, two for each node: they are counted until they end. */
static void check_transfers(world_t *world) {
  enum { MOST_NODES = 16, N = 3 };
  ls_error error = {0};
  transfer_t *transfer = NULL;
  float send[MOST_NODES][2][N], receive[MOST_NODES][2][N];
  int nodes = world_nodes(world), me = world_node(world), lane = world_place(world);
  CHECK_OK(transfer_create(world, 4 * MOST_NODES, &transfer, &error));
  for (int round = 0; round < 2; round++) {
    int sending = 0, receiving[MOST_NODES] = {0}, open = 2 * 2 * (nodes - 1);
    memset(receive, 0, sizeof receive);
    for (int n = 0; n < nodes; n++)
      for (int k = 0; k < 2 && n != me; k++) {
        for (int i = 0; i < N; i++) send[n][k][i] = mark(lane, me, n, k * N + i) + (float)round;
        CHECK_OK(transfer_receive(transfer, n, k, receive[n][k], N, &receiving[n], &error));
        CHECK_OK(transfer_send(transfer, n, k, send[n][k], N, &sending, &error));
      }
    while (open > 0) {
      bool ended = false;
      int before = open;
      CHECK_OK(transfer_look(transfer, &ended, &error));
      open = sending;
      for (int n = 0; n < nodes; n++) open += receiving[n];
      CHECK(ended == (open < before), "%d messages of %d are open", open, before);
    }
    for (int n = 0; n < nodes; n++)
      for (int i = 0; i < 2 * N && n != me; i++)
        CHECK(receive[n][i / N][i % N] == mark(lane, n, me, i) + (float)round, "%d from node %d", i, n);
  }
  transfer_destroy(&transfer);
}

static void check_lane_gather(world_t *world) {
  enum { MOST_NODES = 16, MOST = 3 * MOST_NODES };
  ls_error error = {0};
  int counts[MOST_NODES], at = 0, nodes = world_nodes(world), me = world_node(world),
                          lane = world_place(world);
  float all[MOST] = {0};
  double wide[MOST] = {0};
  for (int n = 0; n < nodes; n++) {
    counts[n] = piece(n, 1);
    for (int k = 0; k < counts[n]; k++, at++)
      if (n == me) wide[at] = (double)(all[at] = mark(lane, n, 0, k));
  }
  CHECK_OK(world_lane_gather(world, all, counts, &error));
  CHECK_OK(world_lane_gather_f64(world, wide, counts, &error));
  at = 0;
  for (int n = 0; n < nodes; n++)
    for (int k = 0; k < counts[n]; k++, at++)
      CHECK(all[at] == mark(lane, n, 0, k) && wide[at] == (double)all[at], "%g of node %d", (double)all[at],
            n);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  check_group(world, 0);
  for (int parts = 1; parts <= world_size(world); parts++) check_parts(world, parts);
  for (int per_node = 0; per_node <= 4; per_node++) {
    CHECK_OK(world_group(world, per_node, &error));
    check_group(world, per_node);
    check_agreement(world);
    check_reductions(world);
    check_gathering(world);
    if (world_place(world) < world_lanes(world)) {
      check_lane_gather(world);
      check_transfers(world);
    }
  }
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
