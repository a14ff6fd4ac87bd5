/* The state of an optimiser in parts: any rank finds its ranges, whichever rank has written them, and nothing
 * is taken from a part that is not the one that was written. */
#include "train/fixture.h"

#include "run/checkpoint_part.h"

TestSuite(checkpoint_part, .init = place_make, .fini = place_remove);

enum { FLOATS = 1000, PARTS = 3 };
static const char checkpoint[] = "./checkpoint-00000007.h5";

static float value(int k, int64_t i) {
  return (float)(10000 * (k + 1) + i);
}

/* Part 1 holds three ranges, in another order than the vector's. */
static const part_range_t ranges[] = {{1, 600, 150}, {1, 0, 100}, {2, 100, 500}, {1, 750, 50}, {3, 800, 200}};
enum { RANGES = sizeof ranges / sizeof ranges[0] };

static part_list_t write_parts(void) {
  part_list_t list = {0};
  const optimizer_t *adam = optimizer_find("adam");
  OK(part_list_create(PARTS, RANGES, &list, error));
  memcpy(list.ranges, ranges, sizeof ranges);
  for (int64_t part = 1; part <= PARTS; part++) {
    static float values[2][FLOATS];
    const float *const states[] = {values[0], values[1]};
    char path[64];
    int64_t n = 0;
    for (int r = 0; r < RANGES; r++)
      for (int64_t i = 0; ranges[r].part == part && i < ranges[r].count; i++, n++)
        for (int k = 0; k < 2; k++) values[k][n] = value(k, ranges[r].first + i);
    part_path(checkpoint, part, PARTS, path, sizeof path);
    OK(part_write(path, adam, states, n, error));
    OK(store_seal(path, &list.seals[part - 1], error));
  }
  return list;
}

Test(checkpoint_part, names_follow_the_checkpoint) {
  char path[64];
  part_path("runs/a/checkpoint-00000007.h5", 2, 12, path, sizeof path);
  cr_expect_str_eq(path, "runs/a/checkpoint-00000007-part-2-of-12.h5");
}

Test(checkpoint_part, ranges_of_any_layout_are_found) {
  static const struct {
    size_t n;
    state_range_t own[3];
  } layouts[] = {
      {1, {{0, FLOATS}}}, {2, {{590, 170}, {99, 2}}}, {3, {{0, 0}, {999, 1}, {300, 0}}}, {0, {{0}}}};
  part_list_t list = write_parts();
  OK(part_list_check(&list, checkpoint, error));
  for (size_t l = 0; l < 4; l++) {
    float found[2][FLOATS] = {{0}};
    float *const states[] = {found[0], found[1]};
    OK(part_list_load(&list, checkpoint, optimizer_find("adam"), layouts[l].own, layouts[l].n, states,
                      error));
    for (int k = 0; k < 2; k++)
      for (size_t j = 0, at = 0; j < layouts[l].n; j++)
        for (size_t i = 0; i < layouts[l].own[j].count; i++, at++)
          cr_assert_eq(found[k][at], value(k, (int64_t)(layouts[l].own[j].first + i)));
  }
  part_list_free(&list);
}

Test(checkpoint_part, a_list_comes_back_from_its_checkpoint) {
  part_list_t list = write_parts(), back = {0};
  store_t *store = NULL;
  OK(store_create("list.h5", &store, error));
  OK(part_list_write(&list, store, error));
  OK(store_publish(&store, error));
  OK(store_open("list.h5", &store, error));
  OK(part_list_read(store, &back, error));
  store_close(&store);
  cr_expect(back.n == list.n && back.n_ranges == list.n_ranges);
  cr_expect_arr_eq(back.seals, list.seals, PARTS * sizeof *list.seals);
  cr_expect_arr_eq(back.ranges, list.ranges, sizeof ranges);
  part_list_free(&back);
  part_list_free(&list);
}

Test(checkpoint_part, damage_is_noticed) {
  static const char *const harms[] = {
      "printf x | dd of=checkpoint-00000007-part-2-of-3.h5 bs=1 seek=3000 conv=notrunc status=none",
      "rm checkpoint-00000007-part-3-of-3.h5",
      "cp checkpoint-00000007-part-1-of-3.h5 checkpoint-00000007-part-2-of-3.h5",
      "truncate -s 2000 checkpoint-00000007-part-1-of-3.h5"};
  for (size_t h = 0; h < 4; h++) {
    part_list_t list = write_parts();
    ls_error problem = {0};
    cr_assert_eq(system(harms[h]), 0);
    cr_expect_eq(part_list_check(&list, checkpoint, &problem), LS_BAD_DATA, "%s", harms[h]);
    cr_expect_not_null(strstr(problem.message, "-part-"), "%s", problem.message);
    part_list_free(&list);
  }
}

Test(checkpoint_part, a_value_that_no_part_has_is_an_error) {
  part_list_t list = write_parts();
  float found[2][FLOATS];
  float *const states[] = {found[0], found[1]};
  const state_range_t beyond = {990, 20};
  ls_error problem = {0};
  cr_expect_eq(part_list_load(&list, checkpoint, optimizer_find("adam"), &beyond, 1, states, &problem),
               LS_BAD_DATA);
  list.n_ranges = 2;
  const state_range_t all = {0, FLOATS};
  cr_expect_eq(part_list_load(&list, checkpoint, optimizer_find("adam"), &all, 1, states, &problem),
               LS_BAD_DATA);
  part_list_free(&list);
}
