/* The table of activation functions. Each has a reference definition in double and loops over floats. If the
 * output determines the derivative, a dense layer applies the function itself and need not keep its input. At
 * a kink the derivative is the one from the left.
 *
 * This file is compiled once for each instruction set (variant.h). All copies give the same bits. */
#include "math/activation.h"

#include "math/elementary.h"
#include "math/variant.h"

#include <math.h>
#include <string.h>

/* Klambauer, Unterthiner, Mayr, Hochreiter: "Self-normalizing neural networks", 2017. */
#define SELU_ALPHA  1.6732632423543772848170429916717
#define SELU_SCALE  1.0507009873554804934193349852946
#define LEAKY_SLOPE 0.01

/* ---- f and f' in double ---- */

static double identity(double x) {
  return x;
}

static double one(double x) {
  (void)x;
  return 1;
}

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

/* s' = s (1 - s), with 1 - s(x) = s(-x) to avoid cancellation */
static double sigmoid_derivative(double x) {
  return sigmoid(x) * sigmoid(-x);
}

static double tanh_derivative(double x) {
  return 1 / (cosh(x) * cosh(x));
}

static double relu(double x) {
  return x > 0 ? x : 0;
}

static double relu_derivative(double x) {
  return x > 0;
}

static double leaky_relu(double x) {
  return x > 0 ? x : LEAKY_SLOPE * x;
}

static double leaky_relu_derivative(double x) {
  return x > 0 ? 1 : LEAKY_SLOPE;
}

static double elu(double x) {
  return x > 0 ? x : expm1(x);
}

static double elu_derivative(double x) {
  return x > 0 ? 1 : exp(x);
}

static double selu(double x) {
  return SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1(x));
}

static double selu_derivative(double x) {
  return SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * exp(x));
}

/* Phi(x), the cumulative normal distribution */
static double normal_below(double x) {
  return 0.5 * erfc(-x * 0.70710678118654752440);
}

static double gelu(double x) {
  return x * normal_below(x);
}

/* Phi(x) + x phi(x), phi the normal density */
static double gelu_derivative(double x) {
  return normal_below(x) + x * 0.39894228040143267794 * exp(-0.5 * x * x);
}

static double silu(double x) {
  return x * sigmoid(x);
}

/* s (1 + x (1 - s)) */
static double silu_derivative(double x) {
  return sigmoid(x) * (1 + x * sigmoid(-x));
}

/* log(1 + exp(x)) without overflow */
static double softplus(double x) {
  return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* Misra, "Mish: a self regularized non-monotonic activation function", 2019. */
static double mish(double x) {
  return x * tanh(softplus(x));
}

/* t + x (1 - t^2) s with t = tanh(softplus(x)) and s = softplus'(x), the logistic function */
static double mish_derivative(double x) {
  double t = tanh(softplus(x));
  return t + x * (1 - t) * (1 + t) * sigmoid(x);
}

/* The logistic function approximated by three straight lines (Courbariaux, Bengio, David 2015; slope 1/6 from
 * Howard et al. 2019). */
static double hard_sigmoid(double x) {
  return x > 3 ? 1 : x > -3 ? x / 6 + 0.5 : 0;
}

static double hard_sigmoid_derivative(double x) {
  return x > -3 && x <= 3 ? 1.0 / 6 : 0;
}

/* silu with hard_sigmoid in place of the logistic function (Howard et al.: "Searching for MobileNetV3",
 * 2019). */
static double hard_swish(double x) {
  return x * hard_sigmoid(x);
}

static double hard_swish_derivative(double x) {
  return x > 3 ? 1 : x > -3 ? x / 3 + 0.5 : 0;
}

static double step(double x) {
  return x > 0;
}

/* ---- loops ----
 *
 * A body is an expression of vectors: arithmetic and comparisons of C, choose, absolute, every, clamp and
 * logistic below, and the functions at the end of elementary.h (exp, expm1, log1p, tanh, cos). There is no
 * square root. Numbers are floats: 0.5F. */

INLINE vector_t choose(mask_t where, vector_t a, vector_t b) {
  return (vector_t)(((mask_t)a & where) | ((mask_t)b & ~where));
}

INLINE vector_t absolute(vector_t x) {
  return (vector_t)((mask_t)x & 0x7fffffff);
}

INLINE vector_t every(float x) {
  return x - (vector_t){0};
}

/* y_i = f(x_i, other_i) for n values. The last values, if fewer than a vector, are padded with zeros. */
INLINE void map(size_t n, const float *x, const float *other, float *y, vector_t (*f)(vector_t, vector_t)) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    *(loose_t *)(y + i) = f(*(const loose_t *)(x + i), *(const loose_t *)(other + i));
  if (i == n) return;
  vector_t a = {0}, b = {0};
  memcpy(&a, x + i, (n - i) * sizeof *x);
  memcpy(&b, other + i, (n - i) * sizeof *other);
  a = f(a, b);
  memcpy(y + i, &a, (n - i) * sizeof *y);
}

/* Defines the loop y = f(x) of `name`; `body` is f(x). */
#define FORWARD(name, body)                                                                                  \
  INLINE vector_t name##_value(vector_t x, vector_t same) {                                                  \
    (void)same;                                                                                              \
    return body;                                                                                             \
  }                                                                                                          \
  static void name##_forward(size_t n, const float *x, float *y) {                                           \
    map(n, x, x, y, name##_value);                                                                           \
  }

/* Defines the loop dx = dy f'(x); `body` is f'(x). */
#define BACKWARD(name, body)                                                                                 \
  INLINE vector_t name##_slope(vector_t x, vector_t dy) {                                                    \
    (void)x;                                                                                                 \
    return dy * (body);                                                                                      \
  }                                                                                                          \
  static void name##_backward(size_t n, const float *x, const float *dy, float *dx) {                        \
    map(n, x, dy, dx, name##_slope);                                                                         \
  }

/* Defines the loop delta *= f'(x); `body` is f' as a function of y = f(x). */
#define FROM_OUTPUT(name, body)                                                                              \
  INLINE vector_t name##_slope_of_output(vector_t y, vector_t delta) {                                       \
    return delta * (body);                                                                                   \
  }                                                                                                          \
  static void name##_from_output(size_t n, const float *y, float *delta) {                                   \
    map(n, y, delta, delta, name##_slope_of_output);                                                         \
  }

/* 1 / (1 + exp(-x)). If exp overflows, the quotient is 0, as it should be. */
INLINE vector_t logistic(vector_t x) {
  return 1.0F / (1.0F + elementary_exp(-x));
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) */
INLINE vector_t smooth_ramp(vector_t x) {
  return choose(x > 0.0F, x, every(0)) + elementary_log1p(elementary_exp(-absolute(x)));
}

/* Returns tanh(log(1 + exp(x))); *rest is one minus that. With e = exp(-|x|) it is a / (a + b), where a = 1 +
 * 2e and b = 2e^2 for x > 0, otherwise a = e^2 + 2e and b = 2. */
INLINE vector_t mish_gate(vector_t x, vector_t *rest) {
  vector_t e = elementary_exp(-absolute(x)), square = e * e;
  mask_t positive = x > 0.0F;
  vector_t a = choose(positive, 1.0F + 2.0F * e, square + 2.0F * e);
  vector_t b = choose(positive, 2.0F * square, every(2));
  *rest = b / (a + b);
  return a / (a + b);
}

INLINE vector_t mish_of(vector_t x) {
  vector_t rest;
  return x * mish_gate(x, &rest);
}

/* t + x (1 - t) (1 + t) s, s the logistic function */
INLINE vector_t mish_slope_of(vector_t x) {
  vector_t rest, t = mish_gate(x, &rest);
  return t + x * (rest * (1.0F + t)) * logistic(x);
}

/* Phi(x), given bell = exp(-x^2 / 2). For x < 0 it is bell times a polynomial in 1 / (1 + 0.27 |x|), as
 * Hastings has it (Abramowitz and Stegun, 26.2.17), here with nine terms, interpolated at Chebyshev's nodes
 * for |x| <= 14: the relative error is 3e-8 before rounding. It is not SLEEF's erf, since versions 3.5
 * and 3.6 of that differ in bits. */
INLINE vector_t normal_below_of(vector_t x, vector_t bell) {
  static const float terms[] = {0.107722093F,   0.107518603F, 0.101980367F,  0.0714060626F, 0.109277206F,
                                -0.0712139170F, 0.171444687F, -0.127242120F, 0.0291070282F};
  vector_t u = 1.0F / (1.0F + 0.27F * absolute(x)), sum = every(0);
  for (int k = 8; k >= 0; k--) sum = (sum + terms[k]) * u;
  vector_t tail = bell * sum;
  return choose(x > 0.0F, 1.0F - tail, tail);
}

INLINE vector_t bell_of(vector_t x) {
  return elementary_exp(-0.5F * x * x);
}

INLINE vector_t gelu_slope_of(vector_t x) {
  vector_t bell = bell_of(x);
  return normal_below_of(x, bell) + x * 0.39894228F * bell;
}

INLINE vector_t clamp(vector_t x) {
  x = choose(x < 1.0F, x, every(1));
  return choose(x > 0.0F, x, every(0));
}

static void identity_forward(size_t n, const float *x, float *y) {
  memmove(y, x, n * sizeof *y);
}
BACKWARD(identity, every(1))
static void identity_from_output(size_t n, const float *y, float *delta) {
  (void)n, (void)y, (void)delta;
}

FORWARD(sigmoid, logistic(x))
BACKWARD(sigmoid, logistic(x) * logistic(-x))
FROM_OUTPUT(sigmoid, y *(1.0F - y))

FORWARD(tanh, elementary_tanh(x))
BACKWARD(tanh, (1.0F - elementary_tanh(x)) * (1.0F + elementary_tanh(x)))
FROM_OUTPUT(tanh, (1.0F - y) * (1.0F + y)) /* loses less than 1 - y * y near y = 1 */

FORWARD(relu, rectify(x, 0))
BACKWARD(relu, choose(x > 0.0F, every(1), every(0)))
FROM_OUTPUT(relu, choose(y > 0.0F, every(1), every(0)))

/* y has the sign of x */
FORWARD(leaky_relu, rectify(x, (float)LEAKY_SLOPE))
BACKWARD(leaky_relu, choose(x > 0.0F, every(1), every((float)LEAKY_SLOPE)))
FROM_OUTPUT(leaky_relu, choose(y > 0.0F, every(1), every((float)LEAKY_SLOPE)))

/* f' = 1 for y > 0, otherwise exp(x) = y + 1 */
FORWARD(elu, choose(x > 0.0F, x, elementary_expm1(x)))
BACKWARD(elu, choose(x > 0.0F, every(1), elementary_exp(x)))
FROM_OUTPUT(elu, choose(y > 0.0F, every(1), y + 1.0F))

/* f' = scale for y > 0, otherwise scale alpha exp(x) = y + scale alpha */
FORWARD(selu, (float)SELU_SCALE *choose(x > 0.0F, x, (float)SELU_ALPHA *elementary_expm1(x)))
BACKWARD(selu, (float)SELU_SCALE *choose(x > 0.0F, every(1), (float)SELU_ALPHA *elementary_exp(x)))
FROM_OUTPUT(selu, choose(y > 0.0F, every((float)SELU_SCALE), y + (float)(SELU_SCALE * SELU_ALPHA)))

FORWARD(gelu, x *normal_below_of(x, bell_of(x)))
BACKWARD(gelu, gelu_slope_of(x))

FORWARD(silu, x *logistic(x))
BACKWARD(silu, logistic(x) * (1.0F + x * logistic(-x)))

FORWARD(softplus, smooth_ramp(x))
BACKWARD(softplus, logistic(x))

FORWARD(mish, mish_of(x))
BACKWARD(mish, mish_slope_of(x))

FORWARD(hard_sigmoid, clamp(x *(1.0F / 6.0F) + 0.5F))
BACKWARD(hard_sigmoid, (vector_t)((mask_t)every(1.0F / 6.0F) & (x > -3.0F) & (x <= 3.0F)))

FORWARD(hard_swish, x *clamp(x *(1.0F / 6.0F) + 0.5F))
BACKWARD(hard_swish, choose(x > 3.0F, every(1), choose(x > -3.0F, x *(1.0F / 3.0F) + 0.5F, every(0))))

FORWARD(step, choose(x > 0.0F, every(1), every(0)))

/* ---- the table ---- */

#define LOOPS(name) .forward = name##_forward, .backward = name##_backward
#define FUSED(name) LOOPS(name), .backward_from_output = name##_from_output

const activation_t VARIANT(activation_table)[] = {
    {"identity", "x", identity, one, "glorot_uniform", FUSED(identity), .rectifies = true, .slope = 1},
    {"sigmoid", "1 / (1 + exp(-x))", sigmoid, sigmoid_derivative, "glorot_uniform", FUSED(sigmoid)},
    {"tanh", "tanh(x)", tanh, tanh_derivative, "glorot_uniform", FUSED(tanh)},
    {"relu", "max(x, 0)", relu, relu_derivative, "he_normal", FUSED(relu), .rectifies = true},
    {"leaky_relu", "x for x > 0, else 0.01 x", leaky_relu, leaky_relu_derivative, "he_normal",
     FUSED(leaky_relu), .rectifies = true, .slope = (float)LEAKY_SLOPE},
    {"elu", "x for x > 0, else exp(x) - 1", elu, elu_derivative, "he_normal", FUSED(elu)},
    {"selu", "1.0507 x for x > 0, else 1.0507 * 1.6733 (exp(x) - 1)", selu, selu_derivative, "lecun_normal",
     FUSED(selu)},
    {"gelu", "x Phi(x), Phi the normal distribution function", gelu, gelu_derivative, "he_normal",
     LOOPS(gelu)},
    {"silu", "x / (1 + exp(-x))", silu, silu_derivative, "he_normal", LOOPS(silu)},
    {"softplus", "log(1 + exp(x))", softplus, sigmoid, "he_normal", LOOPS(softplus)},
    {"mish", "x tanh(log(1 + exp(x)))", mish, mish_derivative, "he_normal", LOOPS(mish)},
    {"hard_sigmoid", "x/6 + 1/2, cut to [0, 1]", hard_sigmoid, hard_sigmoid_derivative, "glorot_uniform",
     LOOPS(hard_sigmoid)},
    {"hard_swish", "x hard_sigmoid(x)", hard_swish, hard_swish_derivative, "he_normal", LOOPS(hard_swish)},
    {"step", "1 for x > 0, else 0; has no slope, so nothing before it can be trained", step, NULL,
     "glorot_uniform", .forward = step_forward},
    {.name = NULL},
};
