/* The fit of latency and bandwidth against lines that are known. */
#include "study/interconnect.h"

#include <criterion/criterion.h>
#include <math.h>

static interconnect_line_t line_of(double alpha, double beta, const double factors[INTERCONNECT_SIZES]) {
  interconnect_line_t line = {.sizes = INTERCONNECT_SIZES};
  for (int i = 0; i < INTERCONNECT_SIZES; i++) {
    line.bytes[i] = 8 * pow(4, i);
    line.seconds[i] = (alpha + beta * line.bytes[i]) * factors[i];
  }
  return line;
}

Test(interconnect, a_straight_line_is_found_again) {
  const double exact[INTERCONNECT_SIZES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  interconnect_line_t line = line_of(2e-6, 1e-10, exact);
  interconnect_fit(&line);
  cr_assert_float_eq(line.alpha, 2e-6, 1e-14);
  cr_assert_float_eq(line.beta, 1e-10, 1e-18);
}

static double relative_squares(const interconnect_line_t *line, double alpha, double beta) {
  double sum = 0;
  for (int i = 0; i < line->sizes; i++)
    sum += pow((alpha + beta * line->bytes[i] - line->seconds[i]) / line->seconds[i], 2);
  return sum;
}

/* Any small change of alpha and beta makes the relative errors larger. */
Test(interconnect, the_fit_has_the_least_relative_squares) {
  const double noisy[INTERCONNECT_SIZES] = {1.1, 0.9, 1.05, 0.97, 1.2, 0.85, 1, 1.1, 0.95, 1.04, 0.9};
  interconnect_line_t line = line_of(2e-6, 1e-10, noisy);
  interconnect_fit(&line);
  double least = relative_squares(&line, line.alpha, line.beta);
  for (int a = -1; a <= 1; a++)
    for (int b = -1; b <= 1; b++)
      if (a != 0 || b != 0)
        cr_expect_lt(least, relative_squares(&line, line.alpha * (1 + 0.01 * a), line.beta * (1 + 0.01 * b)));
}
