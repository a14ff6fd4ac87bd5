/* The schedules at points where their closed forms are known, and beside PyTorch's. */
#include "figures/schedules.h"
#include "optim/schedule.h"

#include <criterion/criterion.h>
#include <math.h>

static double rate(const char *name, schedule_plan_t plan, int64_t step) {
  return schedule_learning_rate(schedule_find(name), &plan, step);
}

Test(schedule, constant_stays) {
  schedule_plan_t plan = {.learning_rate = 0.3, .total_steps = 100};
  for (int64_t t = 0; t < 200; t++) cr_assert_eq(rate("constant", plan, t), 0.3);
}

Test(schedule, warm_up_is_linear_and_ends_at_the_base_rate) {
  choice_t choice;
  for (size_t i = 0; schedule_choice(i, &choice); i++) {
    schedule_plan_t plan = {
        .learning_rate = 0.5,
        .warmup_steps = 10,
        .total_steps = 100,
        .start = 1,
        .rise_steps = 20,
        .power = 1,
        .every_steps = 50,
        .factor = 0.1,
        .plateau = 1,
    };
    for (int64_t t = 0; t < 10; t++)
      cr_assert_float_eq(rate(choice.name, plan, t), 0.5 * (double)(t + 1) / 10.0, 1e-15, "%s", choice.name);
    cr_assert_float_eq(rate(choice.name, plan, 10), 0.5, 1e-15, "%s", choice.name);
  }
}

Test(schedule, a_fraction_of_a_step_never_warms_above_the_base_rate) {
  schedule_plan_t plan = {.learning_rate = 1.0, .warmup_steps = 2.5, .total_steps = 10};
  cr_assert_float_eq(rate("constant", plan, 1), 0.8, 1e-15);
  cr_assert_eq(rate("constant", plan, 2), 1.0);
}

Test(schedule, cosine_passes_its_known_points) {
  schedule_plan_t plan = {.learning_rate = 2.0, .warmup_steps = 20, .total_steps = 140, .final = 0.1};
  const double pi = acos(-1.0);
  cr_assert_float_eq(rate("cosine", plan, 20), 2.0, 1e-14);
  cr_assert_float_eq(rate("cosine", plan, 20 + 40), 2.0 * (0.1 + 0.9 * 0.75), 1e-14); /* cos(pi/3) = 1/2 */
  cr_assert_float_eq(rate("cosine", plan, 20 + 60), 2.0 * 0.55, 1e-14);
  cr_assert_float_eq(rate("cosine", plan, 20 + 80), 2.0 * (0.1 + 0.9 * 0.25), 1e-14);
  cr_assert_float_eq(rate("cosine", plan, 139), 2.0 * (0.1 + 0.45 * (1 + cos(pi * 119 / 120))), 1e-14);
  for (int64_t t = 140; t < 150; t++) cr_assert_float_eq(rate("cosine", plan, t), 0.2, 1e-14);
}

Test(schedule, warm_up_as_long_as_the_run_leaves_cosine_at_its_end) {
  schedule_plan_t plan = {.learning_rate = 1.0, .warmup_steps = 10, .total_steps = 10, .final = 0.25};
  cr_assert_eq(rate("cosine", plan, 9), 1.0);
  cr_assert_eq(rate("cosine", plan, 10), 0.25);
}

Test(schedule, step_drops_every_so_many_steps) {
  schedule_plan_t plan = {.learning_rate = 1.0, .every_steps = 7, .factor = 0.5, .warmup_steps = 3};
  for (int64_t t = 3; t < 60; t++) {
    double expected = 1.0;
    for (int64_t k = 0; k < (t - 3) / 7; k++) expected *= 0.5;
    cr_assert_eq(rate("step", plan, t), expected);
  }
}

Test(schedule, a_rounding_in_the_period_does_not_delay_a_drop) {
  schedule_plan_t plan = {
      .learning_rate = 1.0, .every_steps = 0.07 * 100, .factor = 0.5}; /* 7.000000000000001 */
  cr_assert_eq(rate("step", plan, 6), 1.0);
  cr_assert_eq(rate("step", plan, 7), 0.5);
  cr_assert_eq(rate("step", plan, 700), pow(0.5, 100));
}

static void check_torch(const char *name, schedule_plan_t plan, const double *figures) {
  plan.learning_rate = 0.5;
  for (int64_t t = 0; t < 30; t++)
    cr_expect_float_eq(rate(name, plan, t), figures[t], 1e-12, "%s, step %d: %.9g, not %.9g", name, (int)t,
                       rate(name, plan, t), figures[t]);
}

#define PLAN(...)                                                                                            \
  (schedule_plan_t) {                                                                                        \
    __VA_ARGS__                                                                                              \
  }

Test(schedule, rates_are_those_of_pytorch) {
  check_torch("cosine", PLAN(.total_steps = 25, .final = 0.1), torch_cosine);
  check_torch("step", PLAN(.every_steps = 7, .factor = 0.3), torch_step);
  check_torch("exponential", PLAN(.every_steps = 2, .factor = 0.81), torch_exponential);
  check_torch("polynomial", PLAN(.total_steps = 25, .power = 2), torch_polynomial);
  check_torch("one_cycle", PLAN(.total_steps = 29, .start = 0.1, .rise_steps = 8, .final = 0.02),
              torch_one_cycle);
  check_torch("cyclic", PLAN(.every_steps = 8, .start = 0.2), torch_cyclic);
}

Test(schedule, a_plateau_is_found_where_pytorch_finds_it) {
  const plateau_rule_t rule = {.patience = 4, .threshold = 1e-3, .factor = 0.5, .final = 0.2};
  double strided[2 * 30];
  for (size_t i = 0; i < 30; i++) strided[2 * i] = torch_losses[i];
  for (size_t n = 0; n < 30; n++) {
    schedule_plan_t plan = {.learning_rate = 0.5, .plateau = plateau_share(&rule, strided, n, 2)};
    cr_expect_float_eq(rate("reduce_on_plateau", plan, (int64_t)n), torch_reduce_on_plateau[n], 1e-15,
                       "after %zu epochs: %g", n, rate("reduce_on_plateau", plan, (int64_t)n));
  }
}

/* A share of a negative loss is a fall too, never a rise. */
Test(schedule, a_plateau_of_negative_losses) {
  const plateau_rule_t rule = {.patience = 2, .threshold = 0.1, .factor = 0.5};
  const double falls[] = {-1, -1.2, -1.4, -1.6}, stays[] = {-1, -0.95, -1.05, -1.09};
  cr_assert_eq(plateau_share(&rule, falls, 4, 1), 1.0);
  cr_assert_eq(plateau_share(&rule, stays, 4, 1), 0.5);
}

Test(schedule, a_polynomial_ends_at_final) {
  schedule_plan_t plan = {
      .learning_rate = 2, .warmup_steps = 4, .total_steps = 14, .final = 0.25, .power = 1};
  cr_assert_float_eq(rate("polynomial", plan, 4 + 5), 2 * (0.25 + 0.75 * 0.5), 1e-15);
  cr_assert_float_eq(rate("polynomial", plan, 20), 0.5, 1e-15);
}

Test(schedule, the_base_rate_follows_the_batch) {
  cr_assert_eq(rate_scaling_find("none")->scale(4), 1);
  cr_assert_eq(rate_scaling_find("linear")->scale(4), 4);
  cr_assert_eq(rate_scaling_find("sqrt")->scale(4), 2);
  cr_assert_null(rate_scaling_find("square"));
}

Test(schedule, names) {
  cr_assert_null(schedule_find("linear"));
  cr_assert_str_eq(schedule_find("step")->name, "step");
}
