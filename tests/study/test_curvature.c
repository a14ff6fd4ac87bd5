/* The small matrix of the method of Lanczos, and the limit of the learning rate, which descent itself tells.
 */
#include "study/curvature.h"

#include <criterion/criterion.h>
#include <math.h>

/* 2 on the diagonal and -1 beside it: the eigenvalues are 2 - 2 cos(k pi / (n + 1)). */
Test(curvature, largest_eigenvalue_of_a_chain) {
  enum { MOST = 30 };
  double diagonal[MOST], beside[MOST];
  for (int i = 0; i < MOST; i++) {
    diagonal[i] = 2;
    beside[i] = -1;
  }
  for (int n = 1; n <= MOST; n++) {
    const double largest = 2 - 2 * cos(n * acos(-1) / (n + 1));
    cr_expect_float_eq(curvature_of_tridiagonal(diagonal, beside, n), largest, 1e-12, "%d", n);
  }
}

Test(curvature, largest_eigenvalue_is_not_that_of_largest_size) {
  const double diagonal[] = {-9, 1, -3}, beside[] = {0, 0};
  cr_expect_float_eq(curvature_of_tridiagonal(diagonal, beside, 3), 1, 1e-12);
}

/* Whether sgd on lambda x^2 / 2 ends nearer to 0 than it began. */
static bool converges(const optimizer_settings_t *optimizer, double lambda, double rate) {
  double x = 1, b = 0;
  for (int t = 0; t < 20000 && fabs(x) < 1e6; t++) {
    const double g = lambda * x;
    b = optimizer->momentum * b + g;
    x -= rate * (optimizer->nesterov ? g + optimizer->momentum * b : b);
  }
  return fabs(x) < 1e-3;
}

Test(curvature, descent_diverges_just_above_the_limit) {
  static const struct {
    double momentum;
    bool nesterov;
  } cases[] = {{0, false}, {0, true}, {0.5, true}, {0.9, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const optimizer_settings_t sgd = {.momentum = cases[i].momentum, .nesterov = cases[i].nesterov};
    const double limit = curvature_limit(&sgd, 3.5);
    cr_expect(converges(&sgd, 3.5, 0.99 * limit), "momentum %g", cases[i].momentum);
    cr_expect_not(converges(&sgd, 3.5, 1.01 * limit), "momentum %g", cases[i].momentum);
  }
  const optimizer_settings_t heavy = {.momentum = 0.9};
  cr_expect_float_eq(curvature_limit(&heavy, 4), 0.5, 1e-15, "no more than without momentum");
  cr_expect(converges(&heavy, 4, 0.5));
  cr_expect(isnan(curvature_limit(&heavy, -1)));
  cr_expect(isnan(curvature_limit(&heavy, NAN)));
}
