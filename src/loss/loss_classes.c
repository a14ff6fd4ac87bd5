/* Losses for classes: cross-entropy of probabilities, and margins between scores. */
#include "loss/loss_impl.h"

#include "math/functions.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- cross-entropy: -log p_c with p = softmax(z) and c the label ---- */

static float largest_of(int64_t width, const float *z) {
  float largest = z[0];
  for (int64_t i = 1; i < width; i++) largest = z[i] > largest ? z[i] : largest;
  return largest;
}

/* p = exp(z - m) with m = max z, to avoid overflow. Returns the sum of p and sets *m. p may be z. */
static float exponentials(int64_t width, const float *z, float *p, float *m) {
  float largest = largest_of(width, z), sum = 0;
  for (int64_t i = 0; i < width; i++) p[i] = z[i] - largest;
  floats_exp((size_t)width, p, p);
  for (int64_t i = 0; i < width; i++) sum += p[i];
  *m = largest;
  return sum;
}

/* The same sum without storing p. */
static float sum_of_exponentials(int64_t width, const float *z, float *m) {
  enum { SOME = 64 };
  float p[SOME], largest = largest_of(width, z), sum = 0;
  for (int64_t first = 0; first < width; first += SOME) {
    int64_t n = width - first < SOME ? width - first : SOME;
    for (int64_t i = 0; i < n; i++) p[i] = z[first + i] - largest;
    floats_exp((size_t)n, p, p);
    for (int64_t i = 0; i < n; i++) sum += p[i];
  }
  *m = largest;
  return sum;
}

/* sum_i t_i z_i, with t the smoothed label */
static double expected_logit(double smooth, int64_t width, const float *z, int32_t label) {
  if (smooth == 0) return (double)z[label];
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += (double)z[i];
  return (1 - smooth) * (double)z[label] + smooth * sum / (double)width;
}

/* L = -sum_i t_i log p_i = m + log sum_i exp(z_i - m) - sum_i t_i z_i;  dL/dz_i = p_i - t_i. t_i is 1 for the
 * label and 0 for the others; with smoothing a, it is (1 - a) t_i + a/K (Szegedy et al. 2016). */
double loss_cross_entropy(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                          target_t target, float *delta) {
  double total = 0, smooth = params->label_smoothing;
  const float hit = (float)(1 - smooth), any = (float)(smooth / (double)width);
  for (int64_t r = 0; r < rows; r++) {
    const float *zr = z + r * width;
    float *dr = delta == NULL ? NULL : delta + r * width;
    int32_t label = target.labels[r];
    assert(label >= 0 && label < width);
    float m = 0, sum = dr == NULL ? sum_of_exponentials(width, zr, &m) : exponentials(width, zr, dr, &m);
    total += log((double)sum) + ((double)m - expected_logit(smooth, width, zr, label));
    if (dr == NULL) continue;
    float scale = 1.0F / sum;
    for (int64_t i = 0; i < width; i++) dr[i] = dr[i] * scale - any;
    dr[label] -= hit;
  }
  return total;
}

double loss_cross_entropy_reference(const loss_params_t *params, int64_t width, const double *z,
                                    const double *target) {
  double sum = 0, loss = 0, smooth = params->label_smoothing;
  for (int64_t i = 0; i < width; i++) sum += exp(z[i]);
  for (int64_t i = 0; i < width; i++) {
    double t = (1 - smooth) * (i == (int64_t)target[0]) + smooth / (double)width;
    loss -= t * (z[i] - log(sum));
  }
  return loss;
}

void loss_cross_entropy_predict(const loss_params_t *params, int64_t width, float *z) {
  (void)params;
  float m = 0, sum = exponentials(width, z, z, &m);
  for (int64_t i = 0; i < width; i++) z[i] /= sum;
}

/* d p_k / d z_j = p_k ([j = k] - p_j) */
void loss_cross_entropy_slope(int64_t width, const float *p, int64_t k, float *slopes) {
  for (int64_t j = 0; j < width; j++) slopes[j] = p[k] * ((j == k ? 1.0F : 0.0F) - p[j]);
}

/* ---- margins: by how much the label's score leads ----
 *
 * The sign of a single output separates two classes: with t = -1 for label 0 and t = 1 for label 1, the lead
 * is t z. With several outputs the lead is z_c - z_i, with c the label and i the largest other output. */

/* Returns the lead of the label. delta, unless NULL, is dL/dz of a loss that falls by 1 as the lead grows by
 * 1. */
static float lead(int64_t width, const float *z, int32_t label, float *delta) {
  if (width == 1) {
    float t = label > 0 ? 1.0F : -1.0F;
    if (delta != NULL) delta[0] = -t;
    return t * z[0];
  }
  int64_t rival = label == 0 ? 1 : 0;
  float all = 0; /* 0, or NaN when any z is not finite */
  for (int64_t i = 0; i < width; i++) {
    all += 0.0F * z[i];
    if (i != label && z[i] > z[rival]) rival = i;
  }
  if (delta != NULL) {
    memset(delta, 0, (size_t)width * sizeof *delta);
    delta[rival] = 1.0F;
    delta[label] = -1.0F;
  }
  return z[label] - z[rival] + all;
}

/* max(0, margin - lead). Rows with a lead equal to the margin still have a gradient. */
static double margin_loss(float margin, int64_t rows, int64_t width, const float *z, target_t target,
                          float *delta) {
  double total = 0;
  for (int64_t r = 0; r < rows; r++) {
    float *dr = delta == NULL ? NULL : delta + r * width;
    float ahead = lead(width, z + r * width, target.labels[r], dr);
    bool far = ahead > margin;
    if (!far) total += (double)margin - (double)ahead;
    if (far && dr != NULL) memset(dr, 0, (size_t)width * sizeof *dr);
  }
  return total;
}

/* Cortes and Vapnik 1995; Crammer and Singer 2001 for several classes. */
double loss_hinge(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                  float *delta) {
  (void)params;
  return margin_loss(1.0F, rows, width, z, target, delta);
}

/* Rosenblatt 1958: w changes by t x where t z <= 0. Plain SGD with rate 1 on single rows does the same. */
double loss_perceptron(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                       target_t target, float *delta) {
  (void)params;
  return margin_loss(0.0F, rows, width, z, target, delta);
}

static double margin_reference(double margin, int64_t width, const double *z, int64_t label) {
  if (width == 1) return fmax(0, margin - (label > 0 ? z[0] : -z[0]));
  double loss = 0;
  for (int64_t i = 0; i < width; i++)
    if (i != label) loss = fmax(loss, margin - (z[label] - z[i]));
  return loss;
}

double loss_hinge_reference(const loss_params_t *params, int64_t width, const double *z,
                            const double *target) {
  (void)params;
  return margin_reference(1, width, z, (int64_t)target[0]);
}

double loss_perceptron_reference(const loss_params_t *params, int64_t width, const double *z,
                                 const double *target) {
  (void)params;
  return margin_reference(0, width, z, (int64_t)target[0]);
}
