#include "cluster/maximize.h"

#include "math/cholesky.h"
#include "math/panels.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is made of the moments, in double. */
typedef struct {
  double *weight;   /* (k) */
  double *mean;     /* (k, d) */
  double *step;     /* (k, d): m' - m */
  double *factor;   /* as in gaussians_floats_t */
  double *log_root; /* (k): log |det U| */
  double *moments;  /* (width, width): scratch of one sum of products */
  double *square;   /* (d, d): scratch of one covariance */
  double *inverse;  /* (d, d): scratch of one U */
  arena_t arena;
} result_t;

static ls_status result_create(const maximize_t *in, result_t *out, ls_error *error) {
  const bool is_square = in->covariance <= COVARIANCE_TIED;
  const size_t k = (size_t)in->k, d = (size_t)in->d, area = is_square ? d * d : 0;
  const size_t width = is_square ? (size_t)gaussians_width(in->d) : 0;
  arena_t *arena = &out->arena;
  out->weight = arena_new(arena, k, sizeof(double));
  out->mean = arena_new(arena, k * d, sizeof(double));
  out->step = arena_new(arena, k * d, sizeof(double));
  out->factor =
      arena_new(arena, (size_t)gaussians_factor_values(in->covariance, in->k, in->d), sizeof(double));
  out->log_root = arena_new(arena, k, sizeof(double));
  out->moments = arena_new(arena, width * width, sizeof(double));
  out->square = arena_new(arena, area, sizeof(double));
  out->inverse = arena_new(arena, area, sizeof(double));
  bool all = out->weight != NULL && out->mean != NULL && out->step != NULL && out->factor != NULL &&
             out->log_root != NULL && out->moments != NULL && out->square != NULL && out->inverse != NULL;
  return all ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for the covariances of a mixture");
}

/* N_k, never zero. */
static double rows_of(const maximize_t *in, int64_t component) {
  return in->moments->shares[component] + 10 * DBL_EPSILON;
}

static void find_means(const maximize_t *in, result_t *result) {
  const int64_t width = gaussians_width(in->d);
  double all = 0;
  for (int64_t i = 0; i < in->k; i++) all += rows_of(in, i);
  for (int64_t i = 0; i < in->k; i++) {
    result->weight[i] = rows_of(in, i) / all;
    for (int64_t c = 0; c < in->d; c++) {
      const double step = in->moments->sums[i * width + c] / rows_of(in, i);
      result->step[i * in->d + c] = step;
      result->mean[i * in->d + c] = in->mean[i * width + c] + step;
    }
  }
}

static ls_status singular(const maximize_t *in, int64_t component, ls_error *error) {
  char which[64] = "the tied covariance";
  if (in->covariance != COVARIANCE_TIED)
    snprintf(which, sizeof which, "the covariance of component %" PRId64, component);
  return error_set(
      error, LS_BAD_DATA,
      "%s is singular: its rows have columns that are constant or linear combinations of others, "
      "or they are too few different rows. Add more to the diagonal (cluster.regularization=%g), "
      "take fewer components (cluster.k)%s",
      which, in->regularization > 0 ? 100 * in->regularization : 1e-6,
      in->covariance <= COVARIANCE_TIED ? " or a simpler covariance (cluster.covariance=diagonal)" : "");
}

/* ---- covariances that are matrices ---- */

/* square (d, d) = Q_k / N_k - step stepᵀ + e I, on and below the diagonal */
static void full_covariance(const maximize_t *in, int64_t component, result_t *result) {
  const int64_t d = in->d, width = gaussians_width(d);
  const double *step = result->step + component * d, rows = rows_of(in, component);
  triangle_unpack(width, in->moments->squares + (size_t)component * triangle_elements(width),
                  result->moments);
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j <= i; j++)
      result->square[i * d + j] =
          result->moments[i * width + j] / rows - step[i] * step[j] + (i == j ? in->regularization : 0);
}

static void tied_covariance(const maximize_t *in, result_t *result) {
  const int64_t d = in->d, width = gaussians_width(d);
  const double rows = *in->moments->weight;
  triangle_unpack(width, in->scatter->scatter, result->moments);
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j <= i; j++) {
      double between = 0;
      for (int64_t k = 0; k < in->k; k++)
        between += result->weight[k] * (result->mean[k * d + i] - in->scatter->centre[i]) *
                   (result->mean[k * d + j] - in->scatter->centre[j]);
      result->square[i * d + j] =
          result->moments[i * width + j] / rows - between + (i == j ? in->regularization : 0);
    }
}

/* Parameters are floats: a density whose constant belongs to the rounded factor has the integral 1. */
static double log_rounded(double value) {
  return log((double)(float)value);
}

/* C = L Lᵀ, U = L^-1, log |det U| = sum of log u_ii. Returns the last. Not finite: C is singular. */
static double invert(const maximize_t *in, result_t *result) {
  double log_root = 0;
  if (cholesky_factor(in->d, result->square) < in->d) return NAN;
  cholesky_invert(in->d, result->square, result->inverse);
  for (int64_t i = 0; i < in->d; i++) log_root += log_rounded(result->inverse[i * in->d + i]);
  return log_root;
}

static ls_status find_full(const maximize_t *in, result_t *result, ls_error *error) {
  const size_t area = (size_t)(in->d * in->d);
  for (int64_t k = 0; k < in->k; k++) {
    full_covariance(in, k, result);
    result->log_root[k] = invert(in, result);
    if (!isfinite(result->log_root[k])) return singular(in, k, error);
    memcpy(result->factor + (size_t)k * area, result->inverse, area * sizeof(double));
  }
  return LS_OK;
}

static ls_status find_tied(const maximize_t *in, result_t *result, ls_error *error) {
  tied_covariance(in, result);
  const double log_root = invert(in, result);
  if (!isfinite(log_root)) return singular(in, 0, error);
  memcpy(result->factor, result->inverse, (size_t)(in->d * in->d) * sizeof(double));
  for (int64_t k = 0; k < in->k; k++) result->log_root[k] = log_root;
  return LS_OK;
}

/* ---- covariances that are diagonals ---- */

/* Q_k / N_k - step² + e, of column c */
static double variance_of(const maximize_t *in, const result_t *result, int64_t component, int64_t c) {
  const double step = result->step[component * in->d + c];
  const double square = in->moments->squares[component * gaussians_width(in->d) + c];
  return square / rows_of(in, component) - step * step + in->regularization;
}

static ls_status find_diagonal(const maximize_t *in, result_t *result, ls_error *error) {
  for (int64_t k = 0; k < in->k; k++)
    for (int64_t c = 0; c < in->d; c++) {
      const double variance = variance_of(in, result, k, c);
      if (!(variance > 0)) return singular(in, k, error);
      result->factor[k * in->d + c] = 1 / sqrt(variance);
      result->log_root[k] += log_rounded(1 / sqrt(variance));
    }
  return LS_OK;
}

static ls_status find_spherical(const maximize_t *in, result_t *result, ls_error *error) {
  for (int64_t k = 0; k < in->k; k++) {
    double sum = 0;
    for (int64_t c = 0; c < in->d; c++) sum += variance_of(in, result, k, c);
    const double variance = sum / (double)in->d;
    if (!(variance > 0)) return singular(in, k, error);
    result->factor[k] = 1 / sqrt(variance);
    result->log_root[k] = (double)in->d * log_rounded(1 / sqrt(variance));
  }
  return LS_OK;
}

/* ---- the result ---- */

static void store(const maximize_t *in, const result_t *result, gaussians_floats_t *out) {
  const double log_two_pi = 1.8378770664093454836;
  const int64_t values = gaussians_factor_values(in->covariance, in->k, in->d);
  for (int64_t i = 0; i < in->k * in->d; i++) out->mean[i] = (float)result->mean[i];
  for (int64_t i = 0; i < values; i++) out->factor[i] = (float)result->factor[i];
  for (int64_t k = 0; k < in->k; k++)
    out->offset[k] = (float)(log(result->weight[k]) + result->log_root[k] - 0.5 * (double)in->d * log_two_pi);
}

ls_status gaussians_maximize(const maximize_t *inputs, gaussians_floats_t *out, ls_error *error) {
  static ls_status (*const find[])(const maximize_t *, result_t *,
                                   ls_error *) = {[COVARIANCE_FULL] = find_full,
                                                  [COVARIANCE_TIED] = find_tied,
                                                  [COVARIANCE_DIAGONAL] = find_diagonal,
                                                  [COVARIANCE_SPHERICAL] = find_spherical};
  result_t result = {0};
  ls_status status = result_create(inputs, &result, error);
  if (status == LS_OK) {
    find_means(inputs, &result);
    status = find[inputs->covariance](inputs, &result, error);
  }
  if (status == LS_OK) store(inputs, &result, out);
  arena_free(&result.arena);
  return status;
}
