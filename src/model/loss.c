/* The losses. Each has a fast form in float, whose terms are added up in double, and its definition in double
 * for one row. Those that compare value by value share one loop: the row of the table is the term. */
#include "model/loss.h"

#include <assert.h>
#include <math.h>

/* ---- value by value: L = sum over rows of (1/k) sum over the k outputs of term(z, t) ---- */

/* term(z, t) and *slope = d term / dz. */
typedef float (*term_t)(const loss_params_t *params, float z, float t, float *slope);

/* Terms are added in eight interleaved sums, so that an addition need not wait for the one before it. */
static inline double sum_terms(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                               const float *t, float *delta, term_t term) {
  const float share = 1.0F / (float)width;
  double sums[8] = {0};
  for (int64_t i = 0; i < rows * width; i++) {
    float slope = 0;
    sums[i % 8] += (double)term(params, z[i], t[i], &slope);
    if (delta != NULL) delta[i] = slope * share;
  }
  double all = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  return all / (double)width;
}

/* (z - t)^2 */
static inline float mse_term(const loss_params_t *params, float z, float t, float *slope) {
  (void)params;
  float d = z - t;
  *slope = 2.0F * d;
  return d * d;
}

static double mse(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                  float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, mse_term);
}

static double mse_reference(const loss_params_t *params, int64_t width, const double *z,
                            const double *target) {
  (void)params;
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += (z[i] - target[i]) * (z[i] - target[i]);
  return sum / (double)width;
}

/* |z - t|, slope 0 where they are equal */
static inline float mae_term(const loss_params_t *params, float z, float t, float *slope) {
  (void)params;
  float d = z - t;
  *slope = (float)((d > 0) - (d < 0));
  return fabsf(d);
}

static double mae(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                  float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, mae_term);
}

static double mae_reference(const loss_params_t *params, int64_t width, const double *z,
                            const double *target) {
  (void)params;
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += fabs(z[i] - target[i]);
  return sum / (double)width;
}

/* d^2/2 for |d| <= delta, else delta (|d| - delta/2), d = z - t (Huber 1964): with c the nearest number to d
 * in
 * [-delta, delta] that is c (d - c/2), and its slope is c */
static inline float huber_term(const loss_params_t *params, float z, float t, float *slope) {
  float delta = (float)params->delta, d = z - t;
  float c = d > delta ? delta : d;
  c = c < -delta ? -delta : c;
  *slope = c;
  return c * (d - 0.5F * c);
}

static double huber(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                    float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, huber_term);
}

static double huber_reference(const loss_params_t *params, int64_t width, const double *z,
                              const double *target) {
  double sum = 0;
  for (int64_t i = 0; i < width; i++) {
    double d = fabs(z[i] - target[i]);
    sum += d <= params->delta ? d * d / 2 : params->delta * (d - params->delta / 2);
  }
  return sum / (double)width;
}

/* The logistic function from e = exp(-|z|), which cannot overflow. */
static inline float logistic(float z, float e) {
  return (z >= 0 ? 1.0F : e) / (1.0F + e);
}

/* -t log s(z) - (1 - t) log(1 - s(z)) = max(z, 0) - z t + log(1 + exp(-|z|)), s the logistic function */
static inline float bce_term(const loss_params_t *params, float z, float t, float *slope) {
  (void)params;
  float e = expf(-fabsf(z));
  *slope = logistic(z, e) - t;
  return (z > 0 ? z : 0.0F) - z * t + log1pf(e);
}

static double bce(const loss_params_t *params, int64_t rows, int64_t width, const float *z, target_t target,
                  float *delta) {
  return sum_terms(params, rows, width, z, target.values, delta, bce_term);
}

static double bce_reference(const loss_params_t *params, int64_t width, const double *z,
                            const double *target) {
  (void)params;
  double sum = 0;
  for (int64_t i = 0; i < width; i++)
    sum += target[i] * log1p(exp(-z[i])) + (1 - target[i]) * log1p(exp(z[i]));
  return sum / (double)width;
}

/* ---- cross-entropy: -log p_c with p = softmax(z) and c the label ---- */

/* p = exp(z - m), m = max z, so that nothing overflows; returns the sum of p, and m. p may be z. */
static float exponentials(int64_t width, const float *z, float *p, float *m) {
  float largest = z[0], sum = 0;
  for (int64_t i = 1; i < width; i++) largest = z[i] > largest ? z[i] : largest;
  for (int64_t i = 0; i < width; i++) {
    float e = expf(z[i] - largest);
    if (p != NULL) p[i] = e;
    sum += e;
  }
  *m = largest;
  return sum;
}

/* -log p_c = m + log sum_i exp(z_i - m) - z_c;  dL/dz_i = p_i - [i = c] */
static double cross_entropy(const loss_params_t *params, int64_t rows, int64_t width, const float *z,
                            target_t target, float *delta) {
  (void)params;
  double total = 0;
  for (int64_t r = 0; r < rows; r++) {
    const float *zr = z + r * width;
    float *dr = delta == NULL ? NULL : delta + r * width;
    int32_t label = target.labels[r];
    assert(label >= 0 && label < width);
    float m = 0, sum = exponentials(width, zr, dr, &m);
    total += log((double)sum) + ((double)m - (double)zr[label]);
    if (dr == NULL) continue;
    float scale = 1.0F / sum;
    for (int64_t i = 0; i < width; i++) dr[i] *= scale;
    dr[label] -= 1.0F;
  }
  return total;
}

static double cross_entropy_reference(const loss_params_t *params, int64_t width, const double *z,
                                      const double *target) {
  (void)params;
  double sum = 0;
  for (int64_t i = 0; i < width; i++) sum += exp(z[i]);
  return log(sum) - z[(int64_t)target[0]];
}

/* ---- the table ---- */

static const loss_t loss_table[] = {
    {"mse", "mean squared error, (z - t)^2", TARGET_VALUES, mse, mse_reference, false},
    {"mae", "mean absolute error, |z - t|", TARGET_VALUES, mae, mae_reference, false},
    {"huber", "square up to |z - t| = delta, a line beyond (Huber 1964)", TARGET_VALUES, huber,
     huber_reference, false},
    {"cross_entropy", "-log softmax(z)[label], for classes; outputs are logits", TARGET_LABELS, cross_entropy,
     cross_entropy_reference, true},
    {"binary_cross_entropy", "-t log s(z) - (1 - t) log(1 - s(z)), targets in [0, 1]; outputs are logits",
     TARGET_VALUES, bce, bce_reference, true},
};

bool loss_choice(size_t i, choice_t *out) {
  if (i >= sizeof loss_table / sizeof loss_table[0]) return false;
  *out = (choice_t){.name = loss_table[i].name, .meaning = loss_table[i].meaning};
  return true;
}

const loss_t *loss_find(const char *name) {
  int i = choice_find(loss_choice, name);
  return i < 0 ? NULL : &loss_table[i];
}

void loss_predict(const loss_t *loss, int64_t rows, int64_t width, float *z) {
  if (loss->evaluate == bce)
    for (int64_t i = 0; i < rows * width; i++) z[i] = logistic(z[i], expf(-fabsf(z[i])));
  if (loss->evaluate == cross_entropy)
    for (int64_t r = 0; r < rows; r++) {
      float m = 0, sum = exponentials(width, z + r * width, z + r * width, &m);
      for (int64_t i = 0; i < width; i++) z[r * width + i] /= sum;
    }
}
