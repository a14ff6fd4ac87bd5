/* The optimisers, one table entry each. The loops are plain float arithmetic, element by element; values
 * common to all elements are computed in double before the loop. So the loops vectorise, and the bits of an
 * element depend neither on its neighbours nor on where its range begins. */
#include "optim/optimizer.h"

#include <math.h>

/* b <- mu b + g,  w <- w - lr b;  Nesterov: w <- w - lr (g + mu b).  b starts at 0. */
static void sgd_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                       const float *restrict g, float *restrict const *state) {
  float *restrict b = state[0];
  const float lr = (float)step->learning_rate, mu = (float)step->momentum;
  (void)decay;
  if (step->nesterov) {
    for (size_t i = 0; i < n; i++) {
      b[i] = mu * b[i] + g[i];
      w[i] -= lr * (g[i] + mu * b[i]);
    }
  } else {
    for (size_t i = 0; i < n; i++) {
      b[i] = mu * b[i] + g[i];
      w[i] -= lr * b[i];
    }
  }
}

/* m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,
 * w <- keep w - lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps);  m and v start at 0. */
static void adam_loop(const optimizer_step_t *step, float keep, size_t n, float *restrict w,
                      const float *restrict g, float *restrict m, float *restrict v) {
  const double t = (double)step->step;
  const float b1 = (float)step->beta1, c1 = (float)(1.0 - step->beta1);
  const float b2 = (float)step->beta2, c2 = (float)(1.0 - step->beta2);
  const float rate = (float)(step->learning_rate / (1.0 - pow(step->beta1, t)));
  const float root = (float)(1.0 / sqrt(1.0 - pow(step->beta2, t)));
  const float eps = (float)step->epsilon;
  for (size_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    w[i] = keep * w[i] - rate * m[i] / (sqrtf(v[i]) * root + eps);
  }
}

static void adam_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                        const float *restrict g, float *restrict const *state) {
  (void)decay;
  adam_loop(step, 1.0f, n, w, g, state[0], state[1]);
}

/* keep = 1 - lr lambda: the decay acts on the parameters only and is not scaled by v. */
static void adamw_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                         const float *restrict g, float *restrict const *state) {
  const float keep = decay ? (float)(1.0 - step->learning_rate * step->weight_decay) : 1.0f;
  adam_loop(step, keep, n, w, g, state[0], state[1]);
}

/* s <- s + g^2,  w <- w - lr g / (sqrt(s) + eps);  s starts at 0. */
static void adagrad_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                           const float *restrict g, float *restrict const *state) {
  float *restrict s = state[0];
  const float lr = (float)step->learning_rate, eps = (float)step->epsilon;
  (void)decay;
  for (size_t i = 0; i < n; i++) {
    s[i] += g[i] * g[i];
    w[i] -= lr * g[i] / (sqrtf(s[i]) + eps);
  }
}

/* v <- a v + (1 - a) g^2,  b <- mu b + g / (sqrt(v) + eps),  w <- w - lr b;  v and b start at 0. */
static void rmsprop_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                           const float *restrict g, float *restrict const *state) {
  float *restrict v = state[0], *restrict b = state[1];
  const float lr = (float)step->learning_rate, mu = (float)step->momentum, eps = (float)step->epsilon;
  const float a = (float)step->alpha, c = (float)(1.0 - step->alpha);
  (void)decay;
  for (size_t i = 0; i < n; i++) {
    v[i] = a * v[i] + c * (g[i] * g[i]);
    b[i] = mu * b[i] + g[i] / (sqrtf(v[i]) + eps);
    w[i] -= lr * b[i];
  }
}

/* mu_t = b1 (1 - 0.96^(0.004 t) / 2), which rises from b1/2 to b1;  P_t = mu_1 mu_2 ... mu_t. The update uses
 * (1 - mu_t) / (1 - P_t) and mu_(t+1) / (1 - P_(t+1)). Once P is below 2^-60, 1 - P is 1 in double, so the
 * product needs no more factors. */
static void nadam_prepare(optimizer_step_t *step) {
  const double slower = pow(0.96, 0.004);
  double power = slower, mu = 0, product = 1;
  for (int64_t t = 1; t <= step->step && product > 0x1p-60; t++, power *= slower)
    product *= step->beta1 * (1 - power / 2);
  double t = (double)step->step;
  mu = step->beta1 * (1 - pow(0.96, 0.004 * t) / 2);
  step->gradient_share = (1 - mu) / (1 - product);
  mu = step->beta1 * (1 - pow(0.96, 0.004 * (t + 1)) / 2);
  step->mean_share = mu / (1 - product * mu);
}

/* m and v as in adam, w <- w - lr (gradient_share g + mean_share m) / (sqrt(v) / sqrt(1 - b2^t) + eps). */
static void nadam_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                         const float *restrict g, float *restrict const *state) {
  float *restrict m = state[0], *restrict v = state[1];
  const float b1 = (float)step->beta1, c1 = (float)(1.0 - step->beta1);
  const float b2 = (float)step->beta2, c2 = (float)(1.0 - step->beta2);
  const float rate_g = (float)(step->learning_rate * step->gradient_share);
  const float rate_m = (float)(step->learning_rate * step->mean_share);
  const float root = (float)(1.0 / sqrt(1.0 - pow(step->beta2, (double)step->step)));
  const float eps = (float)step->epsilon;
  (void)decay;
  for (size_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    w[i] -= (rate_g * g[i] + rate_m * m[i]) / (sqrtf(v[i]) * root + eps);
  }
}

/* w <- S(w - lr g, lr l1) with S(v, t) = sign(v) max(|v| - t, 0), on weights; w <- w - lr g on biases. */
static void proximal_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                            const float *restrict g, float *restrict const *state) {
  const float lr = (float)step->learning_rate;
  const float threshold = decay ? (float)(step->learning_rate * step->l1) : 0.0f;
  (void)state;
  for (size_t i = 0; i < n; i++) {
    float v = w[i] - lr * g[i], size = fabsf(v) - threshold;
    w[i] = size > 0 ? copysignf(size, v) : 0.0f;
  }
}

/* ---- layer-wise ---- */

/* trust = c |w| / (|g| + lambda |w|); 1 if a norm is zero. */
static double lars_trust(const optimizer_step_t *step, double w_norm, double u_norm) {
  if (w_norm == 0 || u_norm == 0) return 1;
  return step->trust_coefficient * w_norm / (u_norm + step->weight_decay * w_norm);
}

/* b <- mu b + lr trust (g + lambda w),  w <- w - b;  b starts at 0. */
static void lars_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                        const float *restrict g, float *restrict const *state) {
  float *restrict b = state[0];
  const float rate = (float)(step->learning_rate * step->trust), mu = (float)step->momentum;
  const float lambda = decay ? (float)step->weight_decay : 0.0f;
  for (size_t i = 0; i < n; i++) {
    b[i] = mu * b[i] + rate * (g[i] + lambda * w[i]);
    w[i] -= b[i];
  }
}

/* m and v as in adam,  u = m / (1 - b1^t) / (sqrt(v) / sqrt(1 - b2^t) + eps) + lambda w. */
static void lamb_direction(const optimizer_step_t *step, bool decay, size_t n, const float *restrict w,
                           float *restrict g, float *restrict const *state) {
  float *restrict m = state[0], *restrict v = state[1];
  const double t = (double)step->step;
  const float b1 = (float)step->beta1, c1 = (float)(1.0 - step->beta1);
  const float b2 = (float)step->beta2, c2 = (float)(1.0 - step->beta2);
  const float mean = (float)(1.0 / (1.0 - pow(step->beta1, t)));
  const float root = (float)(1.0 / sqrt(1.0 - pow(step->beta2, t)));
  const float eps = (float)step->epsilon, lambda = decay ? (float)step->weight_decay : 0.0f;
  for (size_t i = 0; i < n; i++) {
    m[i] = b1 * m[i] + c1 * g[i];
    v[i] = b2 * v[i] + c2 * (g[i] * g[i]);
    g[i] = mean * m[i] / (sqrtf(v[i]) * root + eps) + lambda * w[i];
  }
}

/* trust = |w| / |u|; 1 if a norm is zero. */
static double lamb_trust(const optimizer_step_t *step, double w_norm, double u_norm) {
  (void)step;
  return w_norm == 0 || u_norm == 0 ? 1 : w_norm / u_norm;
}

/* w <- w - lr trust u. */
static void lamb_update(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                        const float *restrict u, float *restrict const *state) {
  const float rate = (float)(step->learning_rate * step->trust);
  (void)decay;
  (void)state;
  for (size_t i = 0; i < n; i++) w[i] -= rate * u[i];
}

static const optimizer_t optimizer_table[] = {
    {"sgd",
     "b <- momentum b + g, w <- w - lr b; nesterov: w <- w - lr (g + momentum b) (Sutskever et al. 2013)",
     1,
     {"momentum"},
     sgd_update,
     NULL,
     {0}},
    {"adam",
     "w <- w - lr m' / (sqrt(v') + epsilon), m' and v' the bias-corrected running means of g and g^2 with "
     "beta1 and beta2 (Kingma and Ba 2015)",
     2,
     {"m", "v"},
     adam_update,
     NULL,
     {0}},
    {"adamw",
     "adam after w <- (1 - lr weight_decay) w, on weights, not biases (Loshchilov and Hutter 2019)",
     2,
     {"m", "v"},
     adamw_update,
     NULL,
     {0}},
    {"adagrad",
     "s <- s + g^2, w <- w - lr g / (sqrt(s) + epsilon) (Duchi et al. 2011)",
     1,
     {"s"},
     adagrad_update,
     NULL,
     {0}},
    {"rmsprop",
     "v the running mean of g^2 with alpha, b <- momentum b + g / (sqrt(v) + epsilon), w <- w - lr b "
     "(Tieleman and Hinton 2012)",
     2,
     {"v", "b"},
     rmsprop_update,
     NULL,
     {0}},
    {"nadam",
     "adam with Nesterov's look ahead: the mean gradient as it will be one step later (Dozat 2016)",
     2,
     {"m", "v"},
     nadam_update,
     nadam_prepare,
     {0}},
    {"proximal",
     "w <- S(w - lr g, lr train.l1) on weights, S(v, t) = sign(v) max(|v| - t, 0): l1 makes weights zero "
     "(Daubechies et al. 2004)",
     0,
     {NULL},
     proximal_update,
     NULL,
     {0}},
    {"lars",
     "for large batches: b <- momentum b + lr r (g + weight_decay w), w <- w - b, with r = trust_coefficient "
     "|w| / "
     "(|g| + weight_decay |w|) of each weight matrix (You et al. 2017)",
     1,
     {"b"},
     lars_update,
     NULL,
     {NULL, lars_trust}},
    {"lamb",
     "for large batches: u = m' / (sqrt(v') + epsilon) + weight_decay w, w <- w - lr r u, with m' and v' of "
     "adam and "
     "r = |w| / |u| of each weight matrix (You et al. 2020)",
     2,
     {"m", "v"},
     lamb_update,
     NULL,
     {lamb_direction, lamb_trust}},
    {"lbfgs",
     "full batches: along -H g, H from the last ten changes of w and g, as far as a line search says (Liu "
     "and Nocedal "
     "1989)",
     2 * LBFGS_PAIRS,
     {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9",
      "y0", "y1", "y2", "y3", "y4", "y5", "y6", "y7", "y8", "y9"},
     NULL,
     NULL,
     {0}},
};

enum { OPTIMIZERS = sizeof optimizer_table / sizeof optimizer_table[0] };

bool optimizer_choice(size_t i, choice_t *out) {
  if (i >= OPTIMIZERS) return false;
  *out = (choice_t){optimizer_table[i].name, optimizer_table[i].meaning};
  return true;
}

const optimizer_t *optimizer_find(const char *name) {
  int i = choice_find(optimizer_choice, name);
  return i < 0 ? NULL : &optimizer_table[i];
}

bool optimizer_takes_l1(const optimizer_t *optimizer) {
  return optimizer->update == proximal_update;
}

void optimizer_prepare(const optimizer_t *optimizer, optimizer_step_t *step) {
  if (optimizer->prepare != NULL) optimizer->prepare(step);
}
