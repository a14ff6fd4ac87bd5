/* The schedules at points where their closed forms are known. */
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
        .learning_rate = 0.5, .warmup_steps = 10, .total_steps = 100, .every_steps = 50, .factor = 0.1};
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

Test(schedule, names) {
  cr_assert_null(schedule_find("linear"));
  cr_assert_str_eq(schedule_find("step")->name, "step");
}
