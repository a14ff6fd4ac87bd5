/* Ranks that nobody has started are placed as world.h draws them, and cannot communicate. */
#include "comm/imagine.h"

#include <criterion/criterion.h>
#include <string.h>

Test(imagine, ranks_of_three_hosts_have_nodes_places_and_lanes) {
  static const int node[] = {0, 0, 0, 1, 1, 1, 2, 2}, place[] = {0, 1, 2, 0, 1, 2, 0, 1};
  const imagined_t job = {.ranks = 8, .hosts = 3, .working = 64};
  world_t *world = NULL;
  cr_assert_eq(world_imagine(&job, &world, NULL), LS_OK);
  cr_expect_eq(world_size(world), 8);
  cr_expect_eq(world_nodes(world), 3);
  cr_expect_eq(world_lanes(world), 2);
  for (int r = 0; r < 8; r++) {
    world_imagine_rank(world, r);
    cr_expect_eq(world_rank(world), r);
    cr_expect_eq(world_node(world), node[r]);
    cr_expect_eq(world_node_of(world, r), node[r]);
    cr_expect_eq(world_place(world), place[r]);
    cr_expect_eq(world_places(world), node[r] == 2 ? 2 : 3);
    cr_expect_eq(world_host_ranks(world), node[r] == 2 ? 2 : 3);
  }
  cr_expect_str_eq(world_host(world, 7), "host-2");
  world_forget(&world);
  cr_expect_null(world);
}

/* Hosts of 4 and 3 ranks, nodes of at most 3, and the last rank without work: 3 + 1, 2. */
Test(imagine, nodes_end_with_their_host_and_idle_ranks_are_left_out) {
  static const int node[] = {0, 0, 0, 1, 2, 2};
  const imagined_t job = {.ranks = 7, .hosts = 2, .ranks_per_node = 3, .working = 6};
  world_t *world = NULL;
  cr_assert_eq(world_imagine(&job, &world, NULL), LS_OK);
  cr_expect_eq(world_size(world), 6);
  cr_expect_eq(world_nodes(world), 3);
  cr_expect_eq(world_lanes(world), 1);
  cr_expect_eq(world_hosts(world), 2);
  for (int r = 0; r < 6; r++) {
    world_imagine_rank(world, r);
    cr_expect_eq(world_node(world), node[r], "rank %d", r);
    cr_expect_eq(world_host_ranks(world), r < 4 ? 4 : 2);
  }
  world_forget(&world);
}

Test(imagine, planned_ranks_cannot_communicate) {
  const imagined_t job = {.ranks = 2, .hosts = 1, .working = 2};
  world_t *world = NULL;
  ls_error error = {0};
  int64_t value = 1;
  cr_assert_eq(world_imagine(&job, &world, NULL), LS_OK);
  cr_expect_eq(world_barrier(world, &error), LS_COMM);
  cr_expect_not_null(strstr(error.message, "only planned"), "%s", error.message);
  cr_expect_eq(world_sum_i64(world, &value, 1, &error), LS_COMM);
  cr_expect_eq(world_agree(world, LS_OK, &error), LS_COMM);
  world_forget(&world);
}
