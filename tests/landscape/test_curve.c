/* Curves between two networks: their ends and their middle, the weight of the trained point against
 * differences, and the barrier of losses that are known. */
#include "landscape/curve.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 3 };
static const float first[N] = {1, -0.3f, 5}, theta[N] = {0.7f, 4, -2}, second[N] = {-1, 0.1f, 8};

static const curve_t *find(const char *name) {
  const int i = choice_find(curve_choice, name);
  cr_assert(i >= 0, "%s", name);
  return &curves[i];
}

static void point(const curve_t *curve, double t, const float *middle, float *out) {
  curve_point(curve->at(t), N, first, middle, second, out);
}

Test(curve, begins_and_ends_with_the_networks) {
  for (size_t c = 0; c < CURVES; c++) {
    float out[N];
    point(&curves[c], 0, curves[c].is_trained ? theta : NULL, out);
    cr_expect_arr_eq(out, first, sizeof out, "%s", curves[c].name);
    point(&curves[c], 1, curves[c].is_trained ? theta : NULL, out);
    cr_expect_arr_eq(out, second, sizeof out, "%s", curves[c].name);
    for (int i = 0; i <= 20; i++) {
      const curve_weights_t weights = curves[c].at(i / 20.0);
      cr_expect_float_eq(weights.first + weights.theta + weights.second, 1, 1e-15, "%s", curves[c].name);
      cr_expect_eq(weights.theta != 0, curves[c].is_trained && i > 0 && i < 20, "%s", curves[c].name);
    }
  }
}

Test(curve, bend_is_two_straight_lines_through_theta) {
  float out[N];
  point(find("bend"), 0.5, theta, out);
  cr_expect_arr_eq(out, theta, sizeof out);
  point(find("bend"), 0.125, theta, out);
  for (int i = 0; i < N; i++) cr_expect_float_eq(out[i], 0.75f * first[i] + 0.25f * theta[i], 1e-6);
  point(find("bend"), 0.875, theta, out);
  for (int i = 0; i < N; i++) cr_expect_float_eq(out[i], 0.25f * theta[i] + 0.75f * second[i], 1e-6);
}

/* By the construction of de Casteljau: a line between points of two lines. */
Test(curve, bezier_is_a_line_between_lines) {
  for (double t = 0.1; t < 1; t += 0.2) {
    float out[N];
    point(find("bezier"), t, theta, out);
    for (int i = 0; i < N; i++) {
      const double a = (1 - t) * (double)first[i] + t * (double)theta[i],
                   b = (1 - t) * (double)theta[i] + t * (double)second[i];
      cr_expect_float_eq((double)out[i], (1 - t) * a + t * b, 1e-6, "t = %g", t);
    }
  }
}

Test(curve, weight_of_theta_is_the_slope_of_the_point) {
  for (size_t c = 0; c < CURVES; c++)
    for (double t = 0.05; t < 1; t += 0.15) {
      float more[N], out[N], moved[N];
      for (int i = 0; i < N; i++) moved[i] = theta[i] + 1;
      point(&curves[c], t, theta, out);
      point(&curves[c], t, moved, more);
      for (int i = 0; i < N; i++)
        cr_expect_float_eq((double)(more[i] - out[i]), curves[c].at(t).theta, 2e-6, "%s at %g",
                           curves[c].name, t);
    }
}

Test(curve, barrier_is_the_height_above_the_line_between_the_ends) {
  static const double t[] = {0, 0.25, 0.5, 0.75, 1};
  static const struct {
    double losses[5], height;
    size_t at;
  } cases[] = {{{1, 1, 1, 1, 1}, 0, 0},           {{1, 0.5, 0, 0.5, 1}, 0, 0},
               {{0, 1, 2, 3, 4}, 0, 0},           {{0, 1, 2.5, 3.75, 4}, 0.75, 3},
               {{4, 3, 2.25, 1, 0}, 0.25, 2},     {{0, 0, INFINITY, 0, 0}, INFINITY, 2},
               {{0, NAN, INFINITY, 3, 0}, NAN, 1}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    const curve_barrier_t barrier = curve_barrier(5, t, cases[c].losses);
    if (isfinite(cases[c].height))
      cr_expect_float_eq(barrier.height, cases[c].height, 1e-15, "case %zu", c);
    else
      cr_expect(memcmp(&barrier.height, &cases[c].height, sizeof(double)) == 0 || isnan(cases[c].height));
    cr_expect_eq(isnan(barrier.height), isnan(cases[c].height), "case %zu", c);
    cr_expect_eq(barrier.at, cases[c].at, "case %zu: at %zu", c, barrier.at);
  }
}
