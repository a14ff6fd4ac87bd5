/* Iterations of EM against scikit-learn's (tests/figures/mixtures.py), closed forms and bad covariances. */
#include "cluster/maximize.h"
#include "figures/mixtures.h"
#include "math/cholesky.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { K = MIXTURE_COMPONENTS, D = MIXTURE_COLUMNS, ROWS = MIXTURE_ROWS, BLOCK = 64 };

typedef struct {
  covariance_form_t covariance;
  double regularization;
  float x[ROWS * D], mean[K * D], factor[K * D * D], offset[K];
  gaussians_t gaussians;
  moments_worker_t worker;
  _Alignas(64) double scatter[64];
  double centre[D];
  arena_t arena;
} fit_t;

static gaussians_floats_t floats_of(fit_t *fit) {
  return (gaussians_floats_t){fit->mean, fit->factor, fit->offset};
}

static void fit_begin(fit_t *fit, covariance_form_t covariance, double offset) {
  memset(fit, 0, sizeof *fit);
  fit->covariance = covariance;
  fit->regularization = 1e-6;
  for (int i = 0; i < ROWS * D; i++) fit->x[i] = (float)(mixture_x[i] + offset);
  cr_assert_eq(gaussians_create(covariance, K, D, &fit->arena, &fit->gaussians, NULL), LS_OK);
  cr_assert_eq(moments_worker_create(&fit->gaussians, BLOCK, &fit->arena, &fit->worker, NULL), LS_OK);
  for (int c = 0; c < D; c++) fit->centre[c] = 1 + offset;
  for (int at = 0; at < ROWS; at += BLOCK)
    scatter_add(D, &fit->worker, ROWS - at < BLOCK ? ROWS - at : BLOCK, fit->x + at * D, NULL, fit->centre,
                fit->scatter);
}

/* One pass over the rows and the parameters that follow. Returns the mean log-density before. */
static double iterate(fit_t *fit, const gaussians_t *gaussians, bool is_hard, const float *weights,
                      ls_status *status) {
  const size_t elements = moments_elements(fit->covariance, K, D);
  double *leaf = arena_new(&fit->arena, elements, sizeof *leaf);
  const moments_pass_t pass = {gaussians, fit->covariance, is_hard, BLOCK};
  gaussians_floats_t floats = floats_of(fit);
  for (int at = 0; at < ROWS; at += BLOCK)
    moments_add(&pass, &fit->worker, ROWS - at < BLOCK ? ROWS - at : BLOCK, fit->x + at * D,
                weights == NULL ? NULL : weights + at, leaf);
  const component_sums_t moments = moments_of(fit->covariance, K, D, leaf);
  const scatter_t scatter = {fit->centre, fit->scatter};
  const maximize_t inputs = {.covariance = fit->covariance,
                             .k = K,
                             .d = D,
                             .regularization = fit->regularization,
                             .mean = gaussians->mean,
                             .moments = &moments,
                             .scatter = &scatter};
  *status = gaussians_maximize(&inputs, &floats, NULL);
  return *moments.log_density / *moments.weight;
}

static ls_status start(fit_t *fit, double offset, const float *weights) {
  gaussians_t centres;
  float start[K * D];
  ls_status status;
  for (int i = 0; i < K * D; i++) start[i] = (float)(mixture_start[i] + offset);
  cr_assert_eq(gaussians_create(COVARIANCE_DIAGONAL, K, D, &fit->arena, &centres, NULL), LS_OK);
  gaussians_take_centres(&centres, start);
  iterate(fit, &centres, true, weights, &status);
  return status;
}

static double advance(fit_t *fit, const float *weights) {
  ls_status status;
  const gaussians_floats_t floats = floats_of(fit);
  gaussians_read(&fit->gaussians, &floats);
  const double mean = iterate(fit, &fit->gaussians, false, weights, &status);
  cr_assert_eq(status, LS_OK);
  return mean;
}

/* Element (i, j) of the precision UᵀU of component k. */
static double precision_at(const fit_t *fit, int k, int i, int j) {
  const float *u = fit->factor + (fit->covariance == COVARIANCE_FULL ? k * D * D : 0);
  double sum = 0;
  if (fit->covariance == COVARIANCE_DIAGONAL) return i == j ? pow((double)fit->factor[k * D + i], 2) : 0;
  if (fit->covariance == COVARIANCE_SPHERICAL) return i == j ? pow((double)fit->factor[k], 2) : 0;
  for (int r = 0; r < D; r++) sum += (double)u[r * D + i] * (double)u[r * D + j];
  return sum;
}

static double covariance_at(const fit_t *fit, const double *covariances, int k, int i, int j) {
  switch (fit->covariance) {
  case COVARIANCE_FULL:
    return covariances[(k * D + i) * D + j];
  case COVARIANCE_TIED:
    return covariances[i * D + j];
  case COVARIANCE_DIAGONAL:
    return i == j ? covariances[k * D + i] : 0;
  default:
    return i == j ? covariances[k] : 0;
  }
}

/* Precision times covariance is the identity. */
static void check_covariances(const fit_t *fit, const double *covariances) {
  for (int k = 0; k < K; k++)
    for (int i = 0; i < D; i++)
      for (int j = 0; j < D; j++) {
        double sum = 0;
        for (int l = 0; l < D; l++)
          sum += precision_at(fit, k, i, l) * covariance_at(fit, covariances, k, l, j);
        cr_expect_float_eq(sum, i == j, 3e-6, "component %d, (%d, %d): %g", k, i, j, sum);
      }
}

static void check(covariance_form_t covariance, double offset, const double *logs, const double *means,
                  const double *covariances) {
  fit_t fit;
  fit_begin(&fit, covariance, offset);
  cr_assert_eq(start(&fit, offset, NULL), LS_OK);
  for (int i = 0; i < MIXTURE_ITERATIONS; i++) {
    const double mean = advance(&fit, NULL);
    cr_expect_float_eq(mean, logs[i], 1e-6 * fabs(logs[i]), "iteration %d: %.12g, not %.12g", i, mean,
                       logs[i]);
  }
  for (int i = 0; i < K * D; i++)
    cr_expect_float_eq((double)fit.mean[i] - offset, means[i], offset > 0 ? 5e-4 : 2e-6);
  if (offset <= 0) check_covariances(&fit, covariances);
  arena_free(&fit.arena);
}

#define ALL_KINDS(offset)                                                                                    \
  check(COVARIANCE_FULL, offset, mixture_full_log, mixture_full_means, mixture_full_covariances);            \
  check(COVARIANCE_TIED, offset, mixture_tied_log, mixture_tied_means, mixture_tied_covariances);            \
  check(COVARIANCE_DIAGONAL, offset, mixture_diagonal_log, mixture_diagonal_means,                           \
        mixture_diagonal_covariances);                                                                       \
  check(COVARIANCE_SPHERICAL, offset, mixture_spherical_log, mixture_spherical_means,                        \
        mixture_spherical_covariances)

Test(gaussians, iterations_are_those_of_scikit_learn) {
  ALL_KINDS(0);
}

/* Floats near 4096 have steps of 5e-4, so that much of each mean is rounded away. */
Test(gaussians, a_large_offset_of_the_data_changes_little) {
  fit_t plain, moved;
  for (covariance_form_t kind = COVARIANCE_FULL; kind <= COVARIANCE_SPHERICAL; kind++) {
    fit_begin(&plain, kind, 0);
    fit_begin(&moved, kind, 4096);
    cr_assert_eq(start(&plain, 0, NULL), LS_OK);
    cr_assert_eq(start(&moved, 4096, NULL), LS_OK);
    for (int i = 0; i < MIXTURE_ITERATIONS; i++)
      cr_expect_float_eq(advance(&plain, NULL), advance(&moved, NULL), 1e-4);
    arena_free(&plain.arena);
    arena_free(&moved.arena);
  }
}

/* A row of weight 2 is a row that is there twice; one of weight 0 is none. */
Test(gaussians, rows_count_by_their_weights) {
  fit_t fit, twice;
  float weights[ROWS], ones[ROWS];
  for (covariance_form_t kind = COVARIANCE_FULL; kind <= COVARIANCE_SPHERICAL; kind++) {
    fit_begin(&fit, kind, 0);
    fit_begin(&twice, kind, 0);
    for (int r = 0; r < ROWS; r++) {
      const int third = ROWS / 3, from = r < third ? r : r - third; /* the first third is there twice */
      weights[r] = r < third ? 2 : r < 2 * third ? 1 : 0;
      ones[r] = 1;
      memcpy(twice.x + r * D, fit.x + from * D, D * sizeof *fit.x);
    }
    memset(fit.scatter, 0, sizeof fit.scatter);
    memset(twice.scatter, 0, sizeof twice.scatter);
    for (int at = 0; at < ROWS; at += BLOCK) {
      const int n = ROWS - at < BLOCK ? ROWS - at : BLOCK;
      scatter_add(D, &fit.worker, n, fit.x + at * D, weights + at, fit.centre, fit.scatter);
      scatter_add(D, &twice.worker, n, twice.x + at * D, ones + at, fit.centre, twice.scatter);
    }
    cr_assert_eq(start(&fit, 0, weights), LS_OK);
    cr_assert_eq(start(&twice, 0, ones), LS_OK);
    for (int i = 0; i < 4; i++)
      cr_expect_float_eq(advance(&fit, weights), advance(&twice, ones), 1e-6, "kind %d", (int)kind);
    arena_free(&fit.arena);
    arena_free(&twice.arena);
  }
}

Test(gaussians, a_singular_covariance_is_refused_by_name) {
  fit_t fit;
  for (covariance_form_t kind = COVARIANCE_FULL; kind <= COVARIANCE_SPHERICAL; kind++) {
    fit_begin(&fit, kind, 0);
    fit.regularization = 0;
    for (int r = 0; r < ROWS; r++) fit.x[r * D + 2] = 0.5F; /* a constant column */
    memset(fit.scatter, 0, sizeof fit.scatter);
    for (int at = 0; at < ROWS; at += BLOCK)
      scatter_add(D, &fit.worker, ROWS - at < BLOCK ? ROWS - at : BLOCK, fit.x + at * D, NULL, fit.centre,
                  fit.scatter);
    memset(fit.offset, 7, sizeof fit.offset);
    const float before = fit.offset[0];
    const ls_status expected = kind == COVARIANCE_SPHERICAL ? LS_OK : LS_BAD_DATA;
    cr_expect_eq(start(&fit, 0, NULL), expected, "kind %d", (int)kind);
    if (expected != LS_OK) cr_expect_eq(fit.offset[0], before, "untouched on failure");
    arena_free(&fit.arena);
  }
}

/* One component of all rows: the mean and the covariance of the rows, after one iteration from anywhere. */
Test(gaussians, one_component_is_the_mean_and_covariance) {
  arena_t arena = {0};
  gaussians_t gaussians;
  moments_worker_t worker;
  float x[20], mean = 100, factor = 0, offset = 0;
  double sum = 0, square = 0;
  for (int r = 0; r < 20; r++) x[r] = (float)(r * r % 7);
  for (int r = 0; r < 20; r++) sum += (double)x[r] / 20;
  for (int r = 0; r < 20; r++) square += pow((double)x[r] - sum, 2) / 20;
  cr_assert_eq(gaussians_create(COVARIANCE_DIAGONAL, 1, 1, &arena, &gaussians, NULL), LS_OK);
  cr_assert_eq(moments_worker_create(&gaussians, 20, &arena, &worker, NULL), LS_OK);
  cr_assert_leq(moments_elements(COVARIANCE_DIAGONAL, 1, 1), 64);
  gaussians_take_centres(&gaussians, &mean);
  const moments_pass_t pass = {&gaussians, COVARIANCE_DIAGONAL, false, 20};
  double *aligned = arena_new(&arena, 64, sizeof *aligned);
  moments_add(&pass, &worker, 20, x, NULL, aligned);
  const component_sums_t moments = moments_of(COVARIANCE_DIAGONAL, 1, 1, aligned);
  const maximize_t inputs = {
      .covariance = COVARIANCE_DIAGONAL, .k = 1, .d = 1, .mean = gaussians.mean, .moments = &moments};
  gaussians_floats_t floats = {&mean, &factor, &offset};
  cr_assert_eq(gaussians_maximize(&inputs, &floats, NULL), LS_OK);
  cr_expect_float_eq((double)mean, sum, 1e-6);
  cr_expect_float_eq((double)factor, 1 / sqrt(square), 1e-6);
  cr_expect_float_eq((double)offset, -0.5 * log(2 * 3.14159265358979 * square), 1e-6);
  arena_free(&arena);
}

/* offset - ½ |U (x - m)|², from the floats */
static double log_density_of(covariance_form_t form, int64_t d, const gaussians_floats_t *floats, int64_t k,
                             const float *x) {
  double sum = 0;
  for (int64_t i = 0; i < d; i++) {
    double turned = 0;
    for (int64_t j = 0; j < d; j++) {
      const double u = (double)(form == COVARIANCE_FULL       ? floats->factor[(k * d + i) * d + j]
                                : form == COVARIANCE_TIED     ? floats->factor[i * d + j]
                                : form == COVARIANCE_DIAGONAL ? floats->factor[k * d + i]
                                                              : floats->factor[k]);
      if (form <= COVARIANCE_TIED || i == j) turned += u * ((double)x[j] - (double)floats->mean[k * d + j]);
    }
    sum += turned * turned;
  }
  return (double)floats->offset[k] - 0.5 * sum;
}

/* More columns than a panel, more rows than a group, and neither a multiple. */
Test(gaussians, log_densities_are_their_definition) {
  enum { WIDE = 35, SOME = 21, TWO = 2, PADDED = 40 };
  static float mean[TWO * WIDE], factor[TWO * WIDE * WIDE], offset[TWO] = {-1.5F, 2};
  static double z[SOME * TWO];
  const gaussians_floats_t floats = {mean, factor, offset};
  for (int i = 0; i < TWO * WIDE; i++) mean[i] = (float)(i * 37 % 11) / 7;
  for (int i = 0; i < TWO * WIDE * WIDE; i++)
    factor[i] = i % WIDE <= i / WIDE % WIDE ? (float)(i % 13) / 5 : 0;
  for (covariance_form_t form = COVARIANCE_FULL; form <= COVARIANCE_SPHERICAL; form++) {
    arena_t arena = {0};
    gaussians_t gaussians;
    cr_assert_eq(gaussians_create(form, TWO, WIDE, &arena, &gaussians, NULL), LS_OK);
    cr_assert_eq(gaussians.width, PADDED);
    float *x = arena_new(&arena, SOME * PADDED, sizeof *x);
    double *scratch = arena_new(&arena, (size_t)gaussians_scratch(&gaussians, SOME), sizeof *scratch);
    for (int r = 0; r < SOME; r++)
      for (int c = 0; c < WIDE; c++) x[r * PADDED + c] = (float)((r * 17 + c * 5) % 23) / 9;
    gaussians_read(&gaussians, &floats);
    gaussians_logs(&gaussians, SOME, x, scratch, z);
    for (int i = 0; i < SOME * TWO; i++) {
      const double expected = log_density_of(form, WIDE, &floats, i % TWO, x + i / TWO * PADDED);
      const double tolerance = form <= COVARIANCE_TIED ? 1e-12 : 1e-6; /* double, float */
      cr_expect_float_eq(z[i], expected, tolerance * fabs(expected), "form %d: %.17g, not %.17g", (int)form,
                         z[i], expected);
    }
    arena_free(&arena);
  }
}

Test(cholesky, factors_multiply_to_the_matrix) {
  enum { N = 21 };
  static double a[N * N], l[N * N], u[N * N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) l[i * N + j] = a[i * N + j] = 1.0 / (1 + abs(i - j)) + (i == j);
  cr_assert_eq(cholesky_factor(N, l), N);
  cholesky_invert(N, l, u);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) { /* UᵀU A = I */
      double sum = 0;
      for (int k = 0; k < N; k++)
        for (int r = 0; r < N; r++) sum += u[r * N + i] * u[r * N + k] * a[k * N + j];
      cr_expect_float_eq(sum, i == j, 1e-12);
    }
}

Test(cholesky, says_which_row_is_a_combination_of_others) {
  double a[] = {1, 0, 0, 2, 5, 0, 3, 8, 13}; /* the last row is the sum of the others */
  cr_expect_eq(cholesky_factor(3, a), 2);
}
