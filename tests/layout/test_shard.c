/* The partition: for many sizes, every row is in one shard, in one slice of an epoch, with one rank, and
 * sizes are as even as they can be. Counted out here, not computed. */
#include "layout/shard.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 130 };

static const int64_t some_rows[] = {0, 1, 2, 5, 7, 31, 64, 100, 150, 997, 1024, 4099};
static const int some_shards[] = {1, 2, 3, 5, 6, 8, 12, 64, 127};
static const int64_t some_batches[] = {1, 2, 7, 32, 100, 128, 5000};

#define EACH(type, item, list)                                                                               \
  for (size_t item##_i = 0; item##_i < sizeof(list) / sizeof(list)[0]; item##_i++)                           \
    for (type item = (list)[item##_i], *item##_once = &item; item##_once != NULL; item##_once = NULL)

Test(shard, shards_cut_the_rows_into_even_contiguous_blocks) {
  EACH(int64_t, rows, some_rows) EACH(int, shards, some_shards) {
    partition_t p = {rows, shards};
    int64_t next = 0, least = INT64_MAX, most = 0;
    for (int j = 0; j < shards; j++) {
      int64_t n = shard_rows(p, j);
      cr_assert_eq(shard_first(p, j), next);
      next += n;
      least = n < least ? n : least;
      most = n > most ? n : most;
    }
    cr_assert_eq(next, rows);
    cr_assert_leq(most - least, 1);
  }
}

static void check_epoch(partition_t p, int64_t batch) {
  int64_t total = 0, steps = epoch_steps(p, batch);
  for (int64_t t = 0; t < steps; t++) {
    int64_t sum = 0, least = INT64_MAX, most = 0;
    for (int j = 0; j < p.shards; j++) {
      int64_t n = slice_begin(p, batch, j, t + 1) - slice_begin(p, batch, j, t);
      least = n < least ? n : least;
      most = n > most ? n : most;
      sum += n;
    }
    cr_assert_eq(sum, step_rows(p, batch, t));
    cr_assert(t == steps - 1 ? sum >= 1 && sum <= batch : sum == batch);
    cr_assert(least >= 0 && most - least <= 1 && most <= slice_rows(batch, p.shards));
    total += sum;
  }
  cr_assert_eq(total, p.rows);
  for (int j = 0; j < p.shards; j++) {
    cr_assert_eq(slice_begin(p, batch, j, 0), 0);
    cr_assert_eq(slice_begin(p, batch, j, steps), shard_rows(p, j), "shard %d gives all its rows once", j);
  }
}

Test(shard, an_epoch_takes_every_row_once_and_from_every_shard_evenly) {
  EACH(int64_t, rows, some_rows) EACH(int, shards, some_shards) EACH(int64_t, batch, some_batches) {
    check_epoch((partition_t){rows, shards}, batch);
  }
}

Test(shard, ranks_own_all_shards_contiguously_and_evenly) {
  for (int shards = 1; shards <= MOST_PARTS; shards++)
    for (int ranks = 1; ranks <= shards; ranks++) {
      int next = 0;
      for (int r = 0; r < ranks; r++) {
        cr_assert_eq(rank_first_shard(shards, ranks, r), next);
        int n = rank_shards(shards, ranks, r);
        cr_assert(n == shards / ranks || n == shards / ranks + 1);
        next += n;
      }
      cr_assert_eq(next, shards);
    }
}

/* Batch, training rows, shards. */
Test(shard, automatic_number_of_shards) {
  const int64_t expected[][3] = {{1, 9000, 1},
                                 {15, 9000, 1},
                                 {16, 9000, 2},
                                 {31, 9000, 2},
                                 {32, 9000, 4},
                                 {64, 9000, 4},
                                 {128, 9000, 4},
                                 {255, 9000, 4},
                                 {256, 9000, 8},
                                 {512, 9000, 16},
                                 {2047, 9000, 32},
                                 {2048, 9000, 64},
                                 {8192, 9000, 64},
                                 {16384, 1 << 20, 64},
                                 {16385, 1 << 20, 128},
                                 {32768, 1 << 20, 128},
                                 {32769, 1 << 20, 256},
                                 {512, 120, 4},
                                 {32, 12, 1},
                                 {100000, 300, 8},
                                 {4, 4, 1},
                                 {32, 0, 1}};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    cr_expect_eq(shards_auto(expected[i][0], expected[i][1], false), expected[i][2], "batch %ld of %ld rows",
                 (long)expected[i][0], (long)expected[i][1]);
}

/* Whatever the batch: powers of two, and between 8 and 256 rows a shard where there is more than one. */
Test(shard, automatic_shards_have_neither_too_few_nor_too_many_rows) {
  for (int64_t batch = 1; batch < 40000; batch++) {
    int shards = shards_auto(batch, INT64_MAX, false), normalising = shards_auto(batch, INT64_MAX, true);
    cr_assert_eq(shards & (shards - 1), 0);
    cr_assert_eq(normalising & (normalising - 1), 0);
    cr_assert(normalising <= shards && (normalising == 1 || batch / normalising >= 32), "batch %ld",
              (long)batch);
    cr_assert_eq(normalising, batch < 128 ? (batch < 64 ? 1 : 2) : shards, "batch %ld", (long)batch);
    cr_assert(shards == 1 || batch / shards >= (shards <= 4 ? 8 : 32), "batch %ld", (long)batch);
    cr_assert(slice_rows(batch, shards) <= 256, "batch %ld", (long)batch);
  }
}

Test(shard, checks_name_the_remedy) {
  ls_error error = {0};
  cr_assert_eq(shards_check(128, 4, &error), LS_OK);
  cr_assert_eq(shards_check(7, 7, &error), LS_OK);
  cr_assert_eq(shards_check(16, 17, &error), LS_BAD_SETTINGS);
  cr_assert_not_null(strstr(error.message, "parallel.shards=2, which makes 8 rows"), "%s", error.message);
  cr_assert_eq(shards_check(16, 0, &error), LS_BAD_SETTINGS);
  cr_assert_eq(shards_check(0, 1, &error), LS_BAD_SETTINGS);
}

static void check_permutation(const uint32_t *order, int64_t n) {
  bool *seen = calloc((size_t)n + 1, sizeof *seen);
  for (int64_t i = 0; i < n; i++) {
    cr_assert(order[i] < n && !seen[order[i]]);
    seen[order[i]] = true;
  }
  free(seen);
}

Test(shard, every_order_visits_every_row_once_and_is_a_function_of_its_arguments) {
  enum { MOST = 5000 };
  static uint32_t a[MOST], b[MOST];
  const int64_t counts[] = {0, 1, 2, 1023, 1024, 1025, 2049, MOST};
  const order_t orders[] = {ORDER_NONE, ORDER_BLOCKS, ORDER_FULL};
  EACH(order_t, order, orders) EACH(int64_t, n, counts) {
    order_fill(order, 7, 3, 5, n, a);
    order_fill(order, 7, 3, 5, n, b);
    check_permutation(a, n);
    cr_assert_eq(memcmp(a, b, (size_t)n * sizeof *a), 0);
    if (order == ORDER_NONE || n < 1000) continue;
    const int other[][3] = {{8, 3, 5}, {7, 4, 5}, {7, 3, 6}};
    for (int k = 0; k < 3; k++) {
      order_fill(order, (uint64_t)other[k][0], other[k][1], other[k][2], n, b);
      cr_assert_neq(memcmp(a, b, (size_t)n * sizeof *a), 0, "seed, epoch and shard all matter");
    }
  }
}

Test(shard, an_order_block_by_block_is_the_same_order) {
  enum { MOST = 5000 };
  static uint32_t whole[MOST], blocks[MOST], block_order[MOST];
  const int64_t counts[] = {0, 1, 1023, 1024, 1025, MOST};
  const order_t orders[] = {ORDER_NONE, ORDER_BLOCKS, ORDER_FULL};
  EACH(order_t, order, orders) EACH(int64_t, n, counts) {
    order_walk_t walk;
    int64_t at = 0, count = 0;
    order_fill(order, 7, 3, 5, n, whole);
    order_begin(&walk, order, 7, 3, 5, n, block_order);
    for (int64_t rows; (rows = order_next(&walk, blocks + at)) > 0; at += rows, count++)
      cr_assert_leq(rows, order_block_rows(order, n));
    cr_assert(at == n && count == order_blocks(order, n));
    cr_assert_eq(memcmp(whole, blocks, (size_t)n * sizeof *whole), 0);
  }
}

Test(shard, order_none_is_as_they_lie_and_blocks_stay_together) {
  enum { N = 4 * ORDER_BLOCK_ROWS + 100 };
  static uint32_t order[N];
  order_fill(ORDER_NONE, 1, 1, 1, N, order);
  for (uint32_t i = 0; i < N; i++) cr_assert_eq(order[i], i);
  order_fill(ORDER_BLOCKS, 1, 1, 1, N, order);
  int changes = 0, moved = 0;
  for (int i = 1; i < N; i++) {
    changes += order[i] / ORDER_BLOCK_ROWS != order[i - 1] / ORDER_BLOCK_ROWS;
    moved += order[i] != order[i - 1] + 1;
  }
  cr_assert_eq(changes, 4);
  cr_assert_gt(moved, N / 2);
}

Test(shard, blocks_are_permuted_differently_from_each_other) {
  enum { N = 2 * ORDER_BLOCK_ROWS };
  static uint32_t order[N];
  int same = 0;
  order_fill(ORDER_BLOCKS, 1, 1, 0, N, order);
  for (int i = 0; i < ORDER_BLOCK_ROWS; i++)
    same += order[i] % ORDER_BLOCK_ROWS == order[i + ORDER_BLOCK_ROWS] % ORDER_BLOCK_ROWS;
  cr_assert_lt(same, 20);
}

Test(shard, orders_are_found_by_name) {
  order_t order = ORDER_NONE;
  ls_error error = {0};
  cr_assert(order_parse("full", &order, &error) == LS_OK && order == ORDER_FULL);
  cr_assert(order_parse("blocks", &order, &error) == LS_OK && order == ORDER_BLOCKS);
  cr_assert(order_parse("none", &order, &error) == LS_OK && order == ORDER_NONE);
  cr_assert_eq(order_parse("ful", &order, &error), LS_BAD_SETTINGS);
  cr_assert_not_null(strstr(error.message, "none, blocks, full"), "%s", error.message);
}
