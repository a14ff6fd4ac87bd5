/* Losses without targets: what the layers centres and gaussians are fitted for. They look at the scores z of
 * a row alone, one for each cluster or component. */
#include "loss/loss_impl.h"

#include "math/functions.h"

#include <math.h>
#include <string.h>

/* The first of the largest scores: the row's cluster. *sound: 0, or NaN if any score is NaN. */
static int64_t best_of(int64_t width, const float *z, float *sound) {
  int64_t best = 0;
  *sound = 0;
  for (int64_t k = 0; k < width; k++) {
    if (isnan(z[k])) *sound = z[k];
    if (z[k] > z[best]) best = k;
  }
  return best;
}

/* ---- distortion: min_k |x - c_k|^2 = -2 max_k z_k, with z_k = -|x - c_k|^2 / 2 (Lloyd 1982) ---- */

double loss_distortion(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                       target_t target, float *delta) {
  (void)params;
  (void)target;
  double total = 0;
  for (int64_t r = 0; r < rows; r++, z += width) {
    float sound = 0;
    const int64_t best = best_of(width, z, &sound);
    total += -2.0 * (double)(z[best] + sound);
    if (delta == NULL) continue;
    memset(delta + r * width, 0, (size_t)width * sizeof *delta);
    delta[r * width + best] = -2.0F;
  }
  return total;
}

double loss_distortion_reference(const loss_params_t *params, int64_t width, const double *z,
                                 const double *target) {
  (void)params;
  (void)target;
  double most = z[0];
  for (int64_t k = 1; k < width; k++) most = fmax(most, z[k]);
  return -2 * most;
}

enum { PART_CLUSTER, PART_VALUE, PART_RESPONSIBILITY }; /* columns of predictions; the last is several */

void loss_distortion_describe(int64_t width, const float *z, double *out) {
  float sound = 0;
  const int64_t best = best_of(width, z, &sound);
  out[PART_CLUSTER] = (double)best;
  out[PART_VALUE] = sqrt(-2.0 * (double)(z[best] + sound));
}

/* d distance / d z_k = -1 / distance for the cluster, and 0 at its centre, where there is a kink. */
void loss_distortion_slope(int64_t width, const float *z, int64_t column, float *slopes) {
  float sound = 0;
  const int64_t best = best_of(width, z, &sound);
  const float distance = sqrtf(-2.0F * z[best]);
  memset(slopes, 0, (size_t)width * sizeof *slopes);
  if (column == PART_VALUE && distance > 0) slopes[best] = -1.0F / distance;
}

/* ---- density: -log sum_k exp(z_k), with z_k = log w_k + log N(x; m_k, C_k) ---- */

/* The sum of exp(z - m) with m = max z, in double, because a kernel density has many terms. p: the terms, or
 * NULL. The sum is 1 where all scores are -infinity. */
static double exponentials(int64_t width, const float *z, float m, float *p) {
  enum { SOME = 64 };
  float some[SOME];
  double sum = 0;
  for (int64_t first = 0; first < width; first += SOME) {
    const int64_t n = width - first < SOME ? width - first : SOME;
    for (int64_t i = 0; i < n; i++) some[i] = isinf(m) ? 0.0F : z[first + i] - m;
    floats_exp((size_t)n, some, some);
    for (int64_t i = 0; i < n; i++) sum += (double)some[i];
    if (p != NULL) memcpy(p + first, some, (size_t)n * sizeof *p);
  }
  return isinf(m) ? 1 : sum;
}

/* log sum exp of the scores: -infinity where all are. p: NULL, or the softmax of z. */
static double log_density(int64_t width, const float *z, float *p) {
  float sound = 0;
  const float m = z[best_of(width, z, &sound)];
  const double sum = exponentials(width, z, m, p);
  const float scale = (float)(1 / (isinf(m) ? (double)width : sum));
  for (int64_t k = 0; k < width && p != NULL; k++) p[k] = p[k] * scale + sound;
  return (double)(m + sound) + log(sum);
}

double loss_density(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                    float *delta) {
  (void)params;
  (void)target;
  double total = 0;
  for (int64_t r = 0; r < rows; r++, z += width) {
    float *p = delta == NULL ? NULL : delta + r * width;
    total -= log_density(width, z, p);
    for (int64_t k = 0; k < width && p != NULL; k++) p[k] = -p[k];
  }
  return total;
}

double loss_density_reference(const loss_params_t *params, int64_t width, const double *z,
                              const double *target) {
  (void)params;
  (void)target;
  double most = z[0], sum = 0;
  for (int64_t k = 1; k < width; k++) most = fmax(most, z[k]);
  for (int64_t k = 0; k < width; k++) sum += exp(z[k] - most);
  return -(most + log(sum));
}

void loss_density_describe(int64_t width, const float *z, double *out) {
  float sound = 0;
  const int64_t best = best_of(width, z, &sound);
  const double density = log_density(width, z, NULL);
  out[PART_CLUSTER] = (double)best;
  out[PART_VALUE] = density;
  for (int64_t k = 0; k < width && width <= LOSS_MOST_RESPONSIBILITIES; k++)
    out[PART_RESPONSIBILITY + k] = isinf(density) ? 1 / (double)width : exp((double)z[k] - density);
}

/* d log-density / d z_k = p_k, and d p_j / d z_k = p_j ([j = k] - p_k). */
void loss_density_slope(int64_t width, const float *z, int64_t column, float *slopes) {
  log_density(width, z, slopes);
  if (column == PART_VALUE) return;
  const int64_t j = column - PART_RESPONSIBILITY;
  const float p = j >= 0 ? slopes[j] : 0.0F;
  for (int64_t k = 0; k < width; k++) slopes[k] = p * ((k == j ? 1.0F : 0.0F) - slopes[k]);
}
