/* The table of activation functions. The library's kernels compute most of them (eltwise.c); here are their
 * plain definitions, the loops of those that the library has not or not everywhere, and the derivatives of
 * those that can be read off the output, so that a fused dense layer need not keep its input. Where a
 * function has a kink, its derivative at the kink is the one from the left, as in the kernels.
 */
#include "math/activation.h"

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

/* s' = s (1 - s), with 1 - s(x) = s(-x) so that nothing cancels */
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

/* Phi(x), the normal distribution function */
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

/* t + x (1 - t^2) s with t = tanh(softplus(x)) and s = softplus'(x) the logistic function */
static double mish_derivative(double x) {
  double t = tanh(softplus(x));
  return t + x * (1 - t) * (1 + t) * sigmoid(x);
}

/* The logistic function in three straight pieces (Courbariaux, Bengio, David 2015, with the slope 1/6 that
 * Howard et al. 2019 give it). */
static double hard_sigmoid(double x) {
  return x > 3 ? 1 : x > -3 ? x / 6 + 0.5 : 0;
}

static double hard_sigmoid_derivative(double x) {
  return x > -3 && x <= 3 ? 1.0 / 6 : 0;
}

/* Howard et al.: "Searching for MobileNetV3", 2019: silu with that in place of the logistic function. */
static double hard_swish(double x) {
  return x * hard_sigmoid(x);
}

static double hard_swish_derivative(double x) {
  return x > 3 ? 1 : x > -3 ? x / 3 + 0.5 : 0;
}

static double step(double x) {
  return x > 0;
}

/* ---- loops of their own: y = f(x), dx = dy f'(x) ---- */

static inline float hard_sigmoid_f32(float x) {
  float y = x * (1.0f / 6.0f) + 0.5f;
  y = y < 1.0f ? y : 1.0f;
  return y > 0.0f ? y : 0.0f;
}

static void hard_sigmoid_forward(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = hard_sigmoid_f32(x[i]);
}

static void hard_sigmoid_backward(size_t n, const float *x, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) dx[i] = dy[i] * (x[i] > -3.0f && x[i] <= 3.0f ? 1.0f / 6.0f : 0.0f);
}

static void hard_swish_forward(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] * hard_sigmoid_f32(x[i]);
}

static void hard_swish_backward(size_t n, const float *x, const float *dy, float *dx) {
  for (size_t i = 0; i < n; i++) {
    float slope = x[i] * (1.0f / 3.0f) + 0.5f;
    slope = x[i] > -3.0f ? slope : 0.0f;
    dx[i] = dy[i] * (x[i] > 3.0f ? 1.0f : slope);
  }
}

static void step_forward(size_t n, const float *x, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] > 0.0f ? 1.0f : 0.0f;
}

/* ---- delta *= f'(x), f' from y = f(x) ---- */

/* f' = 1 */
static void identity_backward(const activation_t *row, size_t n, const float *y, float *delta) {
  (void)row, (void)n, (void)y, (void)delta;
}

/* f' = y (1 - y) */
static void sigmoid_backward(const activation_t *row, size_t n, const float *restrict y,
                             float *restrict delta) {
  (void)row;
  for (size_t i = 0; i < n; i++) delta[i] *= y[i] * (1.0f - y[i]);
}

/* f' = 1 - y^2, as (1 - y)(1 + y) so that little cancels near one */
static void tanh_backward(const activation_t *row, size_t n, const float *restrict y, float *restrict delta) {
  (void)row;
  for (size_t i = 0; i < n; i++) delta[i] *= (1.0f - y[i]) * (1.0f + y[i]);
}

/* f' = 1 for y > 0, else alpha; y has the sign of x because alpha >= 0 */
static void relu_backward(const activation_t *row, size_t n, const float *restrict y, float *restrict delta) {
  const float alpha = row->alpha;
  for (size_t i = 0; i < n; i++) delta[i] *= y[i] > 0.0f ? 1.0f : alpha;
}

/* f = s x for x > 0, else s alpha (exp(x) - 1); so f' = s for y > 0, else s alpha exp(x) = y + s alpha */
static void elu_backward(const activation_t *row, size_t n, const float *restrict y, float *restrict delta) {
  const float scale = row->scale, shift = row->scale * row->alpha;
  for (size_t i = 0; i < n; i++) delta[i] *= y[i] > 0.0f ? scale : y[i] + shift;
}

/* ---- the table ---- */

static const activation_t activation_table[] = {
    {"identity", "x", ELTWISE_IDENTITY, 1, 1, identity_backward, identity, one, .init = "glorot_uniform"},
    {"sigmoid", "1 / (1 + exp(-x))", ELTWISE_LOGISTIC, 0, 1, sigmoid_backward, sigmoid, sigmoid_derivative,
     .init = "glorot_uniform"},
    {"tanh", "tanh(x)", ELTWISE_TANH, 0, 1, tanh_backward, tanh, tanh_derivative, .init = "glorot_uniform"},
    {"relu", "max(x, 0)", ELTWISE_RELU, 0, 1, relu_backward, relu, relu_derivative, .init = "he_normal"},
    {"leaky_relu", "x for x > 0, else 0.01 x", ELTWISE_RELU, (float)LEAKY_SLOPE, 1, relu_backward, leaky_relu,
     leaky_relu_derivative, .init = "he_normal"},
    {"elu", "x for x > 0, else exp(x) - 1", ELTWISE_ELU, 1, 1, elu_backward, elu, elu_derivative,
     .init = "he_normal"},
    {"selu", "1.0507 x for x > 0, else 1.0507 * 1.6733 (exp(x) - 1)", ELTWISE_ELU, (float)SELU_ALPHA,
     (float)SELU_SCALE, elu_backward, selu, selu_derivative, .init = "lecun_normal"},
    {"gelu", "x Phi(x), Phi the normal distribution function", ELTWISE_GELU_ERF, 0, 1, NULL, gelu,
     gelu_derivative, .init = "he_normal"},
    {"silu", "x / (1 + exp(-x))", ELTWISE_SWISH, 1, 1, NULL, silu, silu_derivative, .init = "he_normal"},
    {"softplus", "log(1 + exp(x))", ELTWISE_SOFT_RELU, 1, 1, NULL, softplus, sigmoid, .init = "he_normal"},
    {"mish", "x tanh(log(1 + exp(x)))", ELTWISE_MISH, 0, 1, NULL, mish, mish_derivative, .init = "he_normal"},
    {"hard_sigmoid", "x/6 + 1/2, cut to [0, 1]", ELTWISE_OWN, 0, 1, NULL, hard_sigmoid,
     hard_sigmoid_derivative, .init = "glorot_uniform", .forward = hard_sigmoid_forward,
     .backward = hard_sigmoid_backward},
    {"hard_swish", "x hard_sigmoid(x)", ELTWISE_OWN, 0, 1, NULL, hard_swish, hard_swish_derivative,
     .init = "he_normal", .forward = hard_swish_forward, .backward = hard_swish_backward},
    {"step", "1 for x > 0, else 0; has no slope, so nothing before it can be trained", ELTWISE_OWN, 0, 1,
     NULL, step, NULL, .init = "glorot_uniform", .forward = step_forward},
};

enum { N_ACTIVATIONS = sizeof activation_table / sizeof activation_table[0] };

const activation_t *activation_find(const char *name) {
  for (size_t i = 0; i < N_ACTIVATIONS; i++)
    if (strcmp(activation_table[i].name, name) == 0) return &activation_table[i];
  return NULL;
}

bool activation_choice(size_t i, choice_t *out) {
  if (i >= N_ACTIVATIONS) return false;
  *out = (choice_t){activation_table[i].name, activation_table[i].meaning};
  return true;
}
