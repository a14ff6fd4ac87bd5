/* Losses for values: regression, counts, and yes/no for each output. Losses that compare value by value share
 * one loop, which takes the term as an argument. */
#include "loss/loss_impl.h"

#include "math/functions.h"

#include <math.h>
#include <string.h>

/* ---- value by value: L = sum over rows of (1/k) sum over the k outputs of term(z, t) ---- */

/* The arguments of a term: an output, its target, and what `prepare` computed for the output. */
typedef struct {
  float z, t, exponential, logarithm;
} value_t;

/* Returns the term and sets *slope = d term / dz. */
typedef float (*term_t)(const loss_params_t *params, value_t value, float *slope);

/* Computes elementary functions of n outputs. */
typedef void (*prepare_t)(size_t n, const float *z, float *exponentials, float *logarithms);

/* Adds terms to eight interleaved sums, so that an addition need not wait for the previous one. */
static inline double sum_terms(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                               const float *t, float *delta, prepare_t prepare, term_t term) {
  enum { SOME = 64 };
  const float share = 1.0F / (float)width;
  const int64_t all = rows * width;
  float exponentials[SOME] = {0}, logarithms[SOME] = {0};
  double sums[8] = {0};
  for (int64_t first = 0; first < all; first += SOME) {
    const int64_t n = all - first < SOME ? all - first : SOME;
    if (prepare != NULL) prepare((size_t)n, z + first, exponentials, logarithms);
    for (int64_t k = 0; k < n; k++) {
      const int64_t i = first + k;
      float slope = 0;
      sums[i % 8] += (double)term(params, (value_t){z[i], t[i], exponentials[k], logarithms[k]}, &slope);
      if (delta != NULL) delta[i] = slope * share;
    }
  }
  double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  return sum / (double)width;
}

/* (z - t)^2 */
static inline float mse_term(const loss_params_t *params, value_t value, float *slope) {
  (void)params;
  float d = value.z - value.t;
  *slope = 2.0F * d;
  return d * d;
}

double loss_mse(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, NULL, mse_term);
}

double loss_mse_reference(const loss_params_t *params, int64_t width, const double *z, const double *target) {
  (void)params;
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += (z[i] - target[i]) * (z[i] - target[i]);
  return sum / (double)width;
}

/* |z - t|, with slope 0 at z = t */
static inline float mae_term(const loss_params_t *params, value_t value, float *slope) {
  (void)params;
  float d = value.z - value.t;
  *slope = (float)((d > 0) - (d < 0));
  return fabsf(d);
}

double loss_mae(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, NULL, mae_term);
}

double loss_mae_reference(const loss_params_t *params, int64_t width, const double *z, const double *target) {
  (void)params;
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += fabs(z[i] - target[i]);
  return sum / (double)width;
}

/* d^2/2 for |d| <= delta, otherwise delta (|d| - delta/2), with d = z - t (Huber 1964). With c = d clamped to
 * [-delta, delta] this is c (d - c/2), and its slope is c. */
static inline float huber_term(const loss_params_t *params, value_t value, float *slope) {
  float delta = (float)params->delta, d = value.z - value.t;
  float c = d > delta ? delta : d;
  c = c < -delta ? -delta : c;
  *slope = c;
  return c * (d - 0.5F * c);
}

double loss_huber(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                  float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, NULL, huber_term);
}

double loss_huber_reference(const loss_params_t *params, int64_t width, const double *z,
                            const double *target) {
  double sum = 0;
  for (int64_t i = 0; i < width; i++) {
    double d = fabs(z[i] - target[i]);
    sum += d <= params->delta ? d * d / 2 : params->delta * (d - params->delta / 2);
  }
  return sum / (double)width;
}

/* The logistic function of z from e = exp(-|z|), which cannot overflow. */
static inline float logistic(float z, float e) {
  return (z >= 0 ? 1.0F : e) / (1.0F + e);
}

/* exp(-|z|), and log(1 + exp(-|z|)) */
static void bce_prepare(size_t n, const float *z, float *exponentials, float *logarithms) {
  for (size_t i = 0; i < n; i++) exponentials[i] = -fabsf(z[i]);
  floats_exp(n, exponentials, exponentials);
  floats_log1p(n, exponentials, logarithms);
}

/* -t log s(z) - (1 - t) log(1 - s(z)) = max(z, 0) - z t + log(1 + exp(-|z|)), with s the logistic function.
 * With smoothing a, t becomes (1 - a) t + a/2. */
static inline float bce_term(const loss_params_t *params, value_t value, float *slope) {
  float smooth = (float)params->label_smoothing, z = value.z;
  float t = (1.0F - smooth) * value.t + 0.5F * smooth;
  *slope = logistic(z, value.exponential) - t;
  return (z > 0 ? z : 0.0F) - z * t + value.logarithm;
}

double loss_bce(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, bce_prepare, bce_term);
}

double loss_bce_reference(const loss_params_t *params, int64_t width, const double *z, const double *target) {
  double sum = 0, smooth = params->label_smoothing;
  for (int64_t i = 0; i < width; i++) {
    double t = (1 - smooth) * target[i] + smooth / 2;
    sum += t * log1p(exp(-z[i])) + (1 - t) * log1p(exp(z[i]));
  }
  return sum / (double)width;
}

void loss_bce_predict(const loss_params_t *params, int64_t width, float *z) {
  (void)params;
  enum { SOME = 64 };
  float e[SOME];
  for (int64_t first = 0; first < width; first += SOME) {
    int64_t n = width - first < SOME ? width - first : SOME;
    for (int64_t i = 0; i < n; i++) e[i] = -fabsf(z[first + i]);
    floats_exp((size_t)n, e, e);
    for (int64_t i = 0; i < n; i++) z[first + i] = logistic(z[first + i], e[i]);
  }
}

void loss_bce_slope(int64_t width, const float *p, int64_t k, float *slopes) {
  memset(slopes, 0, (size_t)width * sizeof *slopes);
  slopes[k] = p[k] * (1 - p[k]);
}

/* ---- counts: the target has a Poisson distribution with rate exp(z) ---- */

static void poisson_prepare(size_t n, const float *z, float *exponentials, float *logarithms) {
  (void)logarithms;
  floats_exp(n, z, exponentials);
}

/* exp(z) - t z: the terms of -log p(t) that depend on z */
static inline float poisson_term(const loss_params_t *params, value_t value, float *slope) {
  (void)params;
  *slope = value.exponential - value.t;
  return value.exponential - value.t * value.z;
}

double loss_poisson(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                    float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, poisson_prepare, poisson_term);
}

double loss_poisson_reference(const loss_params_t *params, int64_t width, const double *z,
                              const double *target) {
  (void)params;
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += exp(z[i]) - target[i] * z[i];
  return sum / (double)width;
}

void loss_poisson_predict(const loss_params_t *params, int64_t width, float *z) {
  (void)params;
  floats_exp((size_t)width, z, z);
}

void loss_poisson_slope(int64_t width, const float *p, int64_t k, float *slopes) {
  memset(slopes, 0, (size_t)width * sizeof *slopes);
  slopes[k] = p[k];
}

/* ---- several outputs per target ---- */

/* The target has a normal distribution (Nix and Weigend 1994). Outputs are the k means m, then the k log
 * variances s = log v. L = (1/k) sum (s + (t - m)^2 exp(-s)) / 2, which is -log p(t) without its constant.
 * dL/dm = (m - t) exp(-s) / k, dL/ds = (1 - (t - m)^2 exp(-s)) / 2k. */
double loss_gaussian(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                     target_t target, float *delta) {
  (void)params;
  enum { SOME = 64 };
  float precisions[SOME];
  int64_t k = width / 2;
  const float *t = target.values, share = 1.0F / (float)k;
  double sum = 0;
  for (int64_t r = 0; r < rows; r++, z += width, t += k)
    for (int64_t first = 0; first < k; first += SOME) {
      const int64_t end = first + SOME < k ? first + SOME : k;
      for (int64_t i = first; i < end; i++) precisions[i - first] = -z[k + i];
      floats_exp((size_t)(end - first), precisions, precisions);
      for (int64_t i = first; i < end; i++) {
        float d = z[i] - t[i], precision = precisions[i - first], square = d * d * precision;
        sum += 0.5 * ((double)z[k + i] + (double)square);
        if (delta == NULL) continue;
        delta[r * width + i] = share * d * precision;
        delta[r * width + k + i] = share * 0.5F * (1.0F - square);
      }
    }
  return sum / (double)k;
}

double loss_gaussian_reference(const loss_params_t *params, int64_t width, const double *z,
                               const double *target) {
  (void)params;
  int64_t k = width / 2;
  double sum = 0;
  for (int64_t i = 0; i < k; i++)
    sum += (z[k + i] + (target[i] - z[i]) * (target[i] - z[i]) * exp(-z[k + i])) / 2;
  return sum / (double)k;
}

/* Keeps the means and converts log variances to standard deviations. */
void loss_gaussian_predict(const loss_params_t *params, int64_t width, float *z) {
  (void)params;
  for (int64_t i = width / 2; i < width; i++) z[i] *= 0.5F;
  floats_exp((size_t)(width - width / 2), z + width / 2, z + width / 2);
}

/* With d = t - z, the term of level q is q d for d > 0, otherwise (q - 1) d (Koenker and Bassett 1978). It is
 * minimal when a share q of the targets is below z. Outputs are k values of the first level, then k of the
 * second, … L is the mean over all outputs. The slope is 0 at z = t. */
double loss_quantile(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                     target_t target, float *delta) {
  int64_t k = width / (int64_t)params->n_levels;
  const float *t = target.values, share = 1.0F / (float)width;
  double sum = 0;
  for (int64_t r = 0; r < rows; r++, z += width, t += k)
    for (int64_t i = 0; i < width; i++) {
      float level = (float)params->levels[i / k], d = t[i % k] - z[i];
      sum += (double)(d > 0 ? level * d : (level - 1.0F) * d);
      if (delta != NULL) delta[r * width + i] = share * ((d < 0 ? 1.0F : 0.0F) - (d != 0 ? level : 0.0F));
    }
  return sum / (double)width;
}

double loss_quantile_reference(const loss_params_t *params, int64_t width, const double *z,
                               const double *target) {
  int64_t k = width / (int64_t)params->n_levels;
  double sum = 0;
  for (int64_t i = 0; i < width; i++) {
    double d = target[i % k] - z[i];
    sum += fmax(params->levels[i / k] * d, (params->levels[i / k] - 1) * d);
  }
  return sum / (double)width;
}
