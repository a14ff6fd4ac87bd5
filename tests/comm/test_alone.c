/* The world of a process without MPI: one rank, to which every collective call gives back what is its own. */
#include "comm/window.h"
#include "comm/world.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static world_t *world;
static ls_error error;

static void set_up(void) {
  cr_assert_eq(world_alone(&world, &error), LS_OK, "%s", error.message);
}

static void tear_down(void) {
  world_destroy(&world);
  cr_assert_null(world);
}

TestSuite(alone, .init = set_up, .fini = tear_down);

static void expect_one_rank(const world_t *w) {
  char host[64] = "";
  gethostname(host, sizeof host - 1);
  cr_expect_eq(world_rank(w), 0);
  cr_expect_eq(world_given_rank(w), 0);
  cr_expect_eq(world_size(w), 1);
  cr_expect_eq(world_node(w), 0);
  cr_expect_eq(world_nodes(w), 1);
  cr_expect_eq(world_place(w), 0);
  cr_expect_eq(world_places(w), 1);
  cr_expect_eq(world_lanes(w), 1);
  cr_expect_eq(world_node_of(w, 0), 0);
  cr_expect_eq(world_hosts(w), 1);
  cr_expect_eq(world_host_ranks(w), 1);
  cr_expect_str_eq(world_host(w, 0), host);
  cr_expect(world_reports(w));
}

Test(alone, world_has_one_rank_however_it_is_grouped_and_split) {
  world_t *part = NULL;
  int number = -1;
  expect_one_rank(world);
  cr_expect_eq(world_group(world, 3, &error), LS_OK, "%s", error.message);
  expect_one_rank(world);
  cr_assert_eq(world_split(world, 1, &number, &part, &error), LS_OK, "%s", error.message);
  cr_expect_eq(number, 0);
  expect_one_rank(part);
  world_destroy(&part);
  expect_one_rank(world);
}

Test(alone, errors_stay_as_they_are) {
  cr_expect_eq(world_agree(world, LS_OK, &error), LS_OK);
  error_set(&error, LS_BAD_DATA, "a row without an end");
  cr_expect_eq(world_agree(world, LS_BAD_DATA, &error), LS_BAD_DATA);
  cr_expect_str_eq(error.message, "a row without an end");
  error = (ls_error){0};
  cr_expect_eq(world_agree(world, LS_IO, &error), LS_IO);
  cr_expect_str_eq(error.message, ls_status_text(LS_IO));
}

Test(alone, collective_calls_give_back_what_they_get) {
  float floats[] = {1.5F, -2}, lane[] = {3, 4};
  int64_t whole[] = {7, -9}, gathered[] = {0, 0};
  double doubles[] = {0.25};
  const size_t sizes[] = {sizeof whole};
  const int counts[] = {2}, one[] = {1};
  cr_expect_eq(world_barrier(world, &error), LS_OK);
  cr_expect_eq(world_broadcast(world, whole, sizeof whole, 0, &error), LS_OK);
  cr_expect_eq(world_gather(world, whole, sizeof whole, gathered, &error), LS_OK);
  cr_expect_arr_eq(gathered, whole, sizeof whole);
  for (int root = -1; root <= 0; root++) {
    memset(gathered, 0, sizeof gathered);
    cr_expect_eq(world_gather_pieces(world, whole, sizes, gathered, root, &error), LS_OK);
    cr_expect_arr_eq(gathered, whole, sizeof whole);
  }
  cr_expect_eq(world_sum_f32(world, floats, 2, &error), LS_OK);
  cr_expect(floats[0] == 1.5F && floats[1] == -2);
  cr_expect_eq(world_sum_i64(world, whole, 2, &error), LS_OK);
  cr_expect_eq(world_max_i64(world, whole, 2, &error), LS_OK);
  cr_expect_eq(world_min_i64(world, whole, 2, &error), LS_OK);
  cr_expect_arr_eq(gathered, whole, sizeof whole);
  cr_expect_eq(world_lane_gather(world, lane, counts, &error), LS_OK);
  cr_expect_eq(world_lane_gather_f64(world, doubles, one, &error), LS_OK);
  cr_expect(lane[0] == 3 && lane[1] == 4 && doubles[0] == 0.25);
}

Test(alone, a_window_is_memory_of_its_own) {
  window_t *window = NULL;
  cr_assert_eq(window_create(world, 1000, "a test", &window, &error), LS_OK, "%s", error.message);
  unsigned char *bytes = window_segment(window, 0);
  for (int i = 0; i < 1000; i++) {
    cr_assert_eq(bytes[i], 0);
    bytes[i] = (unsigned char)i;
  }
  window_destroy(&window);
  cr_expect_null(window);
}
