/* Closed forms against what they mean: normal equations that are met, the solution of smallest norm, and a
 * posterior that is the inverse of its precision matrix and has the largest evidence. */
#include "model/regression.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { ROWS = 40, INPUTS = 3, OUTPUTS = 2, COLUMNS = INPUTS + OUTPUTS };

static double x[ROWS][INPUTS], y[ROWS][OUTPUTS];
static double weight[ROWS], mean[COLUMNS], products[COLUMNS * COLUMNS];

static double value(int r, int c) {
  return c < INPUTS ? x[r][c] : y[r][c - INPUTS];
}

/* y_0 = 3 + x_0 - 2 x_1 + 0.5 x_2 and something, y_1 = -1 + 4 x_1 and something. Rows have the weight 1, or
 * weights of their own. */
static normal_equations_t equations(bool with_twin, bool with_weights) {
  double all = 0, logarithms = 0;
  for (int r = 0; r < ROWS; r++) {
    weight[r] = with_weights ? 0.2 + r % 7 : 1;
    all += weight[r];
    logarithms += log(weight[r]);
    for (int c = 0; c < INPUTS; c++) x[r][c] = sin(1.7 * r * (c + 1) + 2.9 * c * c) + c;
    if (with_twin) x[r][2] = 2 * x[r][0];
    double noise = 0.3 * sin(91.0 * r * r);
    y[r][0] = 3 + x[r][0] - 2 * x[r][1] + 0.5 * x[r][2] + noise;
    y[r][1] = -1 + 4 * x[r][1] - noise * noise;
  }
  for (int c = 0; c < COLUMNS; c++) {
    mean[c] = 0;
    for (int r = 0; r < ROWS; r++) mean[c] += weight[r] * value(r, c) / all;
  }
  for (int c = 0; c < COLUMNS; c++)
    for (int d = 0; d < COLUMNS; d++) {
      products[c * COLUMNS + d] = d > c ? NAN : 0;
      for (int r = 0; r < ROWS; r++)
        products[c * COLUMNS + d] += weight[r] * (value(r, c) - mean[c]) * (value(r, d) - mean[d]);
    }
  return (normal_equations_t){ROWS, INPUTS, OUTPUTS, true, COLUMNS, mean, products, all, logarithms};
}

static regression_t fit(const char *method, double lambda, const normal_equations_t *e) {
  ls_error error = {0};
  regression_t out = {0};
  cr_assert_eq(regression_fit(method, lambda, e, &out, &error), LS_OK, "%s", error.message);
  return out;
}

/* The gradient of sum (W x + b - y)^2 + lambda |W|^2 at the solution is zero, for b (no penalty) too. */
static void expect_no_slope(const regression_t *found, double lambda) {
  for (int k = 0; k < OUTPUTS; k++) {
    double slope[INPUTS + 1] = {0};
    for (int r = 0; r < ROWS; r++) {
      double e = found->bias[k] - y[r][k];
      for (int c = 0; c < INPUTS; c++) e += found->weights[k * INPUTS + c] * x[r][c];
      for (int c = 0; c < INPUTS; c++) slope[c] += e * x[r][c];
      slope[INPUTS] += e;
    }
    for (int c = 0; c < INPUTS; c++) slope[c] += lambda * found->weights[k * INPUTS + c];
    for (int c = 0; c <= INPUTS; c++) cr_expect_float_eq(slope[c], 0, 1e-11, "target %d, slope %d", k, c);
  }
}

Test(regression, least_squares_and_ridge_stand_where_the_error_is_flat) {
  normal_equations_t e = equations(false, false);
  regression_t squares = fit("least_squares", 5, &e), ridge = fit("ridge", 5, &e);
  expect_no_slope(&squares, 0);
  expect_no_slope(&ridge, 5);
  cr_expect_eq(squares.rank, INPUTS);
  cr_expect(squares.condition > 1 && squares.condition < 100, "%g", squares.condition);
  regression_free(&squares);
  regression_free(&ridge);
}

/* With x_2 = 2 x_0 the smallest weights that do the same are in the ratio 1 : 2. */
Test(regression, of_many_solutions_the_smallest_is_taken) {
  normal_equations_t e = equations(true, false);
  regression_t found = fit("least_squares", 0, &e);
  cr_expect_eq(found.rank, INPUTS - 1);
  cr_expect(isinf(found.condition));
  expect_no_slope(&found, 0);
  for (int k = 0; k < OUTPUTS; k++)
    cr_expect_float_eq(found.weights[k * INPUTS + 2], 2 * found.weights[k * INPUTS], 1e-12);
  regression_free(&found);
}

/* log p(y | alpha, beta) from its definition: y - mean(y) is normal with covariance W⁻¹/beta + X
 * Xᵀ/alpha, where W has the weights of rows (Bishop 3.77, by elimination in double). */
static double evidence(int k, double alpha, double beta) {
  static double c[ROWS][ROWS + 1];
  double logdet = 0, square = 0;
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < ROWS; j++) {
      c[i][j] = i == j ? 1 / (beta * weight[i]) : 0;
      for (int m = 0; m < INPUTS; m++) c[i][j] += (x[i][m] - mean[m]) * (x[j][m] - mean[m]) / alpha;
    }
    c[i][ROWS] = y[i][k] - mean[INPUTS + k];
  }
  for (int i = 0; i < ROWS; i++) { /* Gauss: rows below lose column i; pivots multiply to the determinant */
    logdet += log(c[i][i]);
    square += c[i][ROWS] * c[i][ROWS] / c[i][i];
    for (int r = i + 1; r < ROWS; r++) {
      double f = c[r][i] / c[i][i];
      for (int j = i; j <= ROWS; j++) c[r][j] -= f * c[i][j];
    }
  }
  return -0.5 * (logdet + square + ROWS * log(2 * acos(-1.0)));
}

static void check_evidence(bool with_weights) {
  normal_equations_t e = equations(false, with_weights);
  regression_t found = fit("bayesian", 0, &e);
  for (int k = 0; k < OUTPUTS; k++) {
    double a = found.alpha[k], b = found.beta[k], best = evidence(k, a, b);
    cr_expect_float_eq(found.evidence[k], best, 1e-9 * fabs(best), "%.15g, %.15g", found.evidence[k], best);
    cr_expect_gt(best, evidence(k, 1.02 * a, b));
    cr_expect_gt(best, evidence(k, a / 1.02, b));
    cr_expect_gt(best, evidence(k, a, 1.02 * b));
    cr_expect_gt(best, evidence(k, a, b / 1.02));
  }
  regression_free(&found);
}

Test(regression, the_evidence_is_that_of_its_definition_and_largest) {
  check_evidence(false);
  check_evidence(true);
}

/* The weights are ridge's with lambda = alpha / beta, and the covariance times the precision alpha I + beta
 * XᵀX is the unit matrix. */
static void check_posterior(bool with_weights) {
  normal_equations_t e = equations(false, with_weights);
  regression_t found = fit("bayesian", 0, &e);
  const posterior_t *p = &found.posterior;
  for (int k = 0; k < OUTPUTS; k++) {
    double a = found.alpha[k], b = found.beta[k], s[INPUTS][INPUTS] = {{0}};
    regression_t ridge = fit("ridge", a / b, &e);
    for (int c = 0; c < INPUTS; c++)
      cr_expect_float_eq(found.weights[k * INPUTS + c], ridge.weights[k * INPUTS + c], 1e-11);
    regression_free(&ridge);
    for (int i = 0; i < INPUTS; i++)
      for (int c = 0; c < INPUTS; c++)
        for (int d = 0; d < INPUTS; d++)
          s[c][d] += p->variance[k * INPUTS + i] * p->vectors[i * INPUTS + c] * p->vectors[i * INPUTS + d];
    for (int c = 0; c < INPUTS; c++)
      for (int d = 0; d < INPUTS; d++) {
        double unit = a * s[c][d];
        for (int m = 0; m < INPUTS; m++)
          unit += b * s[c][m] * (m >= d ? products[m * COLUMNS + d] : products[d * COLUMNS + m]);
        cr_expect_float_eq(unit, c == d, 1e-10, "target %d (%d, %d): %g", k, c, d, unit);
      }
    float at[INPUTS] = {1, -2, 3};
    double scratch[INPUTS], variance[OUTPUTS], expected = 1 / (b * e.weight);
    posterior_variance(p, at, scratch, variance);
    for (int c = 0; c < INPUTS; c++)
      for (int d = 0; d < INPUTS; d++) expected += (at[c] - mean[c]) * s[c][d] * (at[d] - mean[d]);
    cr_expect_float_eq(variance[k], expected, 1e-12 * expected);
    cr_expect_float_eq(p->noise[k], 1 / b, 1e-15 / b);
  }
  regression_free(&found);
}

Test(regression, the_posterior_is_the_inverse_of_its_precision) {
  check_posterior(false);
  check_posterior(true);
}

Test(regression, a_constant_target_has_no_evidence) {
  normal_equations_t e = equations(false, false);
  ls_error error = {0};
  regression_t out = {0};
  products[4 * COLUMNS + 4] = 1e-30;
  cr_expect_eq(regression_fit("bayesian", 0, &e, &out, &error), LS_BAD_DATA);
  cr_expect_not_null(strstr(error.message, "target 1"), "%s", error.message);
}
