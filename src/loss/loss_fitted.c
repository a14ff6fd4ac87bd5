/* Losses without targets: what the layers centres and gaussians are fitted for. They look at the scores z of
 * a row alone, one for each cluster or component. */
#include "loss/loss_impl.h"

#include "math/functions.h"

#include <math.h>
#include <string.h>

enum { LANES = 16 }; /* maxima and sums that run side by side, because a kernel density has many scores */

/* The largest score. *sound: 0, or NaN if any score is NaN. */
static float largest_of(int64_t width, const float *z, float *sound) {
  float most[LANES], bad[LANES] = {0};
  int64_t k = 0;
  for (int j = 0; j < LANES; j++) most[j] = z[0];
  for (; k + LANES <= width; k += LANES)
    for (int j = 0; j < LANES; j++) {
      const float one = z[k + j];
      most[j] = one > most[j] ? one : most[j];
      bad[j] = one != one ? one : bad[j];
    }
  for (int j = 0; k + j < width; j++) {
    most[j] = z[k + j] > most[j] ? z[k + j] : most[j];
    bad[j] = isnan(z[k + j]) ? z[k + j] : bad[j];
  }
  for (int j = 1; j < LANES; j++) {
    most[0] = most[j] > most[0] ? most[j] : most[0];
    bad[0] = isnan(bad[j]) ? bad[j] : bad[0];
  }
  *sound = bad[0];
  return most[0];
}

/* The first of the largest scores: the row's cluster. *most is that score, or NaN if any score is NaN. */
static int64_t best_of(int64_t width, const float *z, float *most) {
  float sound = 0;
  const float largest = largest_of(width, z, &sound);
  int64_t best = 0;
  while (best + 1 < width && z[best] != largest) best++;
  *most = largest + sound;
  return best;
}

/* ---- distortion: min_k |x - c_k|^2 = -2 max_k z_k, with z_k = -|x - c_k|^2 / 2 (Lloyd 1982) ---- */

double loss_distortion(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                       target_t target, float *delta) {
  (void)params;
  (void)target;
  double total = 0;
  for (int64_t r = 0; r < rows; r++, z += width) {
    float most = 0;
    const int64_t best = best_of(width, z, &most);
    total += -2.0 * (double)most;
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
  float most = 0;
  out[PART_CLUSTER] = (double)best_of(width, z, &most);
  out[PART_VALUE] = sqrt(-2.0 * (double)most);
}

/* d distance / d z_k = -1 / distance for the cluster, and 0 at its centre, where there is a kink. */
void loss_distortion_slope(int64_t width, const float *z, int64_t column, float *slopes) {
  float most = 0;
  const int64_t best = best_of(width, z, &most);
  const float distance = sqrtf(-2.0F * most);
  memset(slopes, 0, (size_t)width * sizeof *slopes);
  if (column == PART_VALUE && distance > 0) slopes[best] = -1.0F / distance;
}

/* ---- density: -log sum_k exp(z_k), with z_k = log w_k + log N(x; m_k, C_k) ---- */

/* The sum of exp(z - m), in double. p: the terms, or NULL. */
static double exponentials(int64_t width, const float *z, float m, float *p) {
  enum { SOME = 64, SUMS = 8 };
  float some[SOME];
  double sums[SUMS] = {0};
  for (int64_t first = 0; first < width; first += SOME) {
    const int64_t n = width - first < SOME ? width - first : SOME;
    for (int64_t i = 0; i < n; i++) some[i] = z[first + i] - m;
    floats_exp((size_t)n, some, some);
    if (p != NULL) memcpy(p + first, some, (size_t)n * sizeof *p);
    for (int64_t i = n; i < SOME; i++) some[i] = 0;
    for (int64_t i = 0; i < SOME; i += SUMS)
      for (int j = 0; j < SUMS; j++) sums[j] += (double)some[i + j];
  }
  for (int half = SUMS / 2; half > 0; half /= 2)
    for (int j = 0; j < half; j++) sums[j] += sums[j + half];
  return sums[0];
}

/* log sum exp of the scores. p: NULL, or the softmax of z. A row so far away that all scores are -infinity
 * has the density 0, and equal shares. */
static double log_density(int64_t width, const float *z, float *p) {
  float sound = 0;
  const float m = largest_of(width, z, &sound);
  if (isinf(m) && m < 0 && sound == 0) {
    for (int64_t k = 0; k < width && p != NULL; k++) p[k] = 1 / (float)width;
    return -INFINITY;
  }
  const double sum = exponentials(width, z, m, p);
  const float scale = (float)(1 / sum);
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
  float most = 0;
  const double density = log_density(width, z, NULL);
  out[PART_CLUSTER] = (double)best_of(width, z, &most);
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
