/* The rules for a sensible number of ranks, against figures worked out by hand and shards dealt out one by
 * one. */
#include "study/plan_limits.h"

#include <criterion/criterion.h>
#include <math.h>

/* A thousand rows of 1 MFLOP take a core of 20 GFLOP/s 50 ms. */
static const plan_work_t usual = {.batch = 1000,
                                  .shards = 64,
                                  .threads = 1,
                                  .ranks_per_node = 1,
                                  .flops_per_row = 1e6,
                                  .parameter_bytes = 1e6};

Test(plan_limits, balance_is_that_of_shards_dealt_out_one_by_one) {
  enum { BATCH = 1003, SHARDS = 21 };
  for (int ranks = 1; ranks <= SHARDS; ranks++) {
    int64_t most = 0;
    for (int r = 0, shard = 0; r < ranks; r++) {
      int64_t rows = 0;
      int own = SHARDS / ranks + (r < SHARDS % ranks);
      for (int end = shard + own; shard < end; shard++)
        for (int64_t row = shard; row < BATCH; row += SHARDS) rows++;
      if (rows > most) most = rows;
    }
    cr_expect_float_eq(plan_balance(BATCH, SHARDS, ranks), (double)most * ranks / BATCH, 1e-12, "%d ranks",
                       ranks);
  }
  cr_expect_float_eq(plan_balance(64, 64, 48), 1.5, 1e-12);
}

Test(plan_limits, a_thread_computes_for_50_us_or_longer) {
  plan_work_t work = usual;
  cr_expect_float_eq(plan_step_seconds(&work), 0.05, 1e-15);
  cr_expect_eq(plan_limits(&work).by_meetings, 64); /* 1000 threads would do; there are 64 shards */
  work.batch = 11;                                  /* 0.55 ms */
  work.shards = 11;
  cr_expect_eq(plan_limits(&work).by_meetings, 11);
  work.threads = 2;
  cr_expect_eq(plan_limits(&work).by_meetings, 5);
  work.ranks_per_node = 64;
  cr_expect(plan_is_worth(&work, 5));
  cr_expect_not(plan_is_worth(&work, 6));
  work.threads = 64;
  cr_expect_eq(plan_limits(&work).by_meetings, 1);
}

Test(plan_limits, nodes_exchange_no_longer_than_they_compute) {
  plan_work_t work = usual;
  cr_expect_float_eq(plan_exchange_bytes(&work, 2), 1e6, 1e-6);
  cr_expect_float_eq(plan_exchange_bytes(&work, 4), 1.5e6, 1e-6);
  cr_expect_float_eq(plan_exchange_seconds(&work, 2), 1e-3, 1e-12);
  cr_expect_eq(plan_exchange_bytes(&work, 1), 0);
  work.batch = 128,
  work.flops_per_row =
      1e8 / 128; /* 5 ms: 2.5 on each of 2 nodes, 1.67 against 1.33 on 3, 1.25 against 1.5 on 4 */
  cr_expect_eq(plan_limits(&work).nodes, 3);
  work.ranks_per_node = 2; /* 1.25 against 1 on 2, 0.83 against 1.33 on 3 */
  cr_expect_eq(plan_limits(&work).nodes, 2);
  cr_expect_eq(plan_limits(&work).ranks, 4);
  cr_expect(plan_is_worth(&work, 4));
  cr_expect_not(plan_is_worth(&work, 5));
  work.parameter_bytes = 1e9;
  cr_expect_eq(plan_limits(&work).nodes, 1);
  work.parameter_bytes = 1;
  cr_expect_eq(plan_limits(&work).nodes, 32, "no more than have a shard");
}

Test(plan_limits, sensible_ranks_keep_to_all_rules) {
  plan_work_t work = usual;
  work.parameter_bytes = 1;
  cr_expect_eq(plan_limits(&work).ranks, 64);
  work.batch = 50 * 64; /* 51 ranks compute long enough, but some have 2 shards as with 32 */
  work.flops_per_row = 51 * 50e-6 * PLAN_CORE_FLOPS / (double)work.batch * 1.001;
  plan_limits_t limits = plan_limits(&work);
  cr_expect_eq(limits.by_meetings, 51);
  cr_expect_eq(limits.ranks, 32);
  work.flops_per_row = 1;
  cr_expect_eq(plan_limits(&work).ranks, 1);
}

Test(plan_limits, even_ranks_divide_the_shards) {
  static const struct {
    int shards, ranks, below, above;
  } cases[] = {{64, 48, 32, 64}, {12, 5, 4, 6}, {12, 6, 6, 6}, {7, 20, 7, 7}, {7, 2, 1, 7}, {1, 1, 1, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int below = 0, above = 0;
    plan_even_ranks(cases[i].shards, cases[i].ranks, &below, &above);
    cr_expect_eq(below, cases[i].below, "%zu: %d", i, below);
    cr_expect_eq(above, cases[i].above, "%zu: %d", i, above);
  }
}
