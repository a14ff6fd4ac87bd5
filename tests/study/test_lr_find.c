/* What is read off a curve of the range test, on curves whose steepest, smallest and breaking points are
 * known. */
#include "study/lr_find.h"

#include <criterion/criterion.h>
#include <math.h>

enum { STEPS = 100 };

static double rates[STEPS], losses[STEPS], smooth[STEPS];

/* Rates from 1e-6 to 10; x = log10 of the rate, from -6 to 1. */
static lr_find_t judged(double (*loss)(double x), int64_t n) {
  for (int i = 0; i < STEPS; i++) {
    double x = -6 + 7.0 * i / (STEPS - 1);
    rates[i] = pow(10, x);
    losses[i] = loss(x);
  }
  lr_find_t result = {.n = n, .rates = rates, .losses = losses, .smooth = smooth};
  lr_find_judge(&result, STEPS);
  return result;
}

/* Falls from 2 to 0.5 around 1e-3, steepest there, and explodes from 1 on. */
static double usual(double x) {
  return 0.5 + 1.5 / (1 + exp(4 * (x + 3))) + (x > 0 ? exp(30 * x) - 1 : 0);
}

/* The same shifted below zero, as a likelihood may be. */
static double negative(double x) {
  return usual(x) - 5;
}

/* Falls nearly to zero, and climbs a little before it explodes: many times its smallest value, but little of
 * what it had fallen by. */
static double climbs_a_little(double x) {
  return 0.01 + 2 / (1 + exp(4 * (x + 3))) + (x > -1 ? 0.1 : 0) + (x > 0 ? exp(30 * x) - 1 : 0);
}

static double flat(double x) {
  (void)x;
  return 1;
}

static double rising(double x) {
  return 10 + x;
}

static double breaks_at_once(double x) {
  return x < -0.5 ? 2 - 0.1 * x : NAN;
}

/* One step is 0.07 in x; smoothing reaches three steps far. */
static void expect_near(double rate, double x, double reach, const char *what) {
  cr_expect_float_eq(log10(rate), x, reach, "%s is at 10^%.2f, not 10^%.2f", what, log10(rate), x);
}

Test(lr_find, the_three_rates_of_a_curve) {
  lr_find_t result = judged(usual, STEPS);
  expect_near(result.steepest, -3, 0.08, "the steepest fall");
  expect_near(result.smallest, -0.25, 0.25, "the smallest loss"); /* nearly flat before 1 */
  expect_near(result.divergence, 0, 0.22, "divergence");
  cr_expect_lt(result.smallest, result.divergence);
}

static double line(double x) {
  return x;
}

/* A mean over three steps to either side, over fewer at both ends. */
Test(lr_find, losses_are_smoothed_up_to_both_ends) {
  enum { REACH = 3 };
  judged(line, STEPS);
  for (int i = 0; i < STEPS; i++) {
    double sum = 0;
    int n = 0;
    for (int k = i - REACH; k <= i + REACH; k++)
      if (k >= 0 && k < STEPS) sum += losses[k], n++;
    cr_expect_float_eq(smooth[i], sum / n, 1e-12, "step %d: %g, not %g", i, smooth[i], sum / n);
  }
}

Test(lr_find, of_losses_below_zero) {
  lr_find_t result = judged(negative, STEPS);
  expect_near(result.steepest, -3, 0.08, "the steepest fall");
  expect_near(result.divergence, 0, 0.25, "divergence");
}

Test(lr_find, a_small_climb_behind_a_long_fall_is_no_divergence) {
  lr_find_t result = judged(climbs_a_little, STEPS);
  expect_near(result.divergence, 0, 0.22, "divergence");
  expect_near(result.smallest, -1.25, 0.25, "the smallest loss");
}

Test(lr_find, a_curve_that_never_falls_has_none) {
  lr_find_t level = judged(flat, STEPS), up = judged(rising, STEPS);
  cr_expect(isnan(level.steepest) && isnan(level.smallest) && isnan(level.divergence));
  cr_expect(isnan(up.steepest) && isnan(up.smallest));
}

Test(lr_find, a_loss_that_is_no_number_is_divergence) {
  lr_find_t result = judged(breaks_at_once, STEPS);
  cr_expect_float_eq(log10(result.divergence), -0.5, 0.07);
  cr_expect(isfinite(result.smallest) && result.smallest < result.divergence);
}

Test(lr_find, a_test_cut_short_has_no_divergence) {
  lr_find_t result = judged(usual, 70); /* up to 10^-1.1 */
  cr_expect(isnan(result.divergence));
  expect_near(result.steepest, -3, 0.08, "the steepest fall");
  cr_expect_leq(result.smallest, rates[69]);
}
