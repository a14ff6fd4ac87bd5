/* Ops on whole rows: softmax, layer normalisation and join. */
#include "math/functions.h"
#include "model/op.h"

#include <math.h>

/* ---- softmax: y_i = exp(x_i) / sum_j exp(x_j), computed with x - max(x) to avoid overflow ---- */

static void softmax_forward(const call_t *call) {
  int64_t width = call->node->width;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *x = call->x[0] + r * width;
    float *y = call->y + r * width, largest = x[0], sum = 0;
    for (int64_t i = 1; i < width; i++) largest = x[i] > largest ? x[i] : largest;
    for (int64_t i = 0; i < width; i++) y[i] = x[i] - largest;
    floats_exp((size_t)width, y, y);
    for (int64_t i = 0; i < width; i++) sum += y[i];
    for (int64_t i = 0; i < width; i++) y[i] /= sum;
  }
}

/* dy_i/dx_j = y_i ([i = j] - y_j), so dL/dx_j = y_j (dy_j - sum_i dy_i y_i) */
static void softmax_backward(const call_t *call, int input, float *dx) {
  (void)input;
  int64_t width = call->node->width;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *y = call->y + r * width, *dy = call->dy + r * width;
    float mean = 0;
    for (int64_t i = 0; i < width; i++) mean += dy[i] * y[i];
    for (int64_t i = 0; i < width; i++) dx[r * width + i] = y[i] * (dy[i] - mean);
  }
}

static void softmax_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                              const double *const *x, double *y) {
  (void)plain;
  (void)pass;
  (void)row;
  double sum = 0, largest = x[0][0];
  for (int64_t i = 1; i < node->width; i++) largest = fmax(largest, x[0][i]);
  for (int64_t i = 0; i < node->width; i++) sum += y[i] = exp(x[0][i] - largest);
  for (int64_t i = 0; i < node->width; i++) y[i] /= sum;
}

const op_t op_softmax = {.name = "softmax",
                         .formula = "y_i = exp(x_i) / sum_j exp(x_j)",
                         .derivative = "dx_i = y_i (dy_i - sum_j y_j dy_j)",
                         .n_inputs = 1,
                         .in_place = 0,
                         .forward = softmax_forward,
                         .backward = softmax_backward,
                         .reference = softmax_reference};

/* ---- layer normalisation (Ba, Kiros, Hinton 2016): y = scale h + shift, h = (x - mean) / sqrt(variance +
 * epsilon), with the mean and variance over the values of the row ---- */

/* Returns 1 / sqrt(variance + epsilon) and sets *mean. */
static float row_moments(const node_t *node, const float *x, float *mean) {
  float sum = 0, squares = 0;
  for (int64_t i = 0; i < node->width; i++) sum += x[i];
  *mean = sum / (float)node->width;
  for (int64_t i = 0; i < node->width; i++) squares += (x[i] - *mean) * (x[i] - *mean);
  return 1.0F / sqrtf(squares / (float)node->width + (float)node->epsilon);
}

static void layer_norm_forward(const call_t *call) {
  const node_t *node = call->node;
  const float *scale = call->parameters + node->norm.scale, *shift = call->parameters + node->norm.shift;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *x = call->x[0] + r * node->width;
    float *y = call->y + r * node->width, mean = 0, inverse = row_moments(node, x, &mean);
    float *h = call->factors == NULL ? y : call->factors + r * node->width;
    for (int64_t i = 0; i < node->width; i++) h[i] = (x[i] - mean) * inverse;
    for (int64_t i = 0; i < node->width; i++) y[i] = scale[i] * h[i] + shift[i];
  }
}

/* With g = scale dy: dx = (g - mean(g) - h mean(g h)) / sqrt(variance + epsilon). */
static void layer_norm_backward(const call_t *call, int input, float *dx) {
  (void)input;
  const node_t *node = call->node;
  const float *scale = call->parameters + node->norm.scale;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *x = call->x[0] + r * node->width, *dy = call->dy + r * node->width;
    const float *h = call->factors + r * node->width;
    float mean = 0, inverse = row_moments(node, x, &mean), sum = 0, product = 0;
    for (int64_t i = 0; i < node->width; i++) {
      sum += scale[i] * dy[i];
      product += scale[i] * dy[i] * h[i];
    }
    sum /= (float)node->width;
    product /= (float)node->width;
    for (int64_t i = 0; i < node->width; i++)
      dx[r * node->width + i] = (scale[i] * dy[i] - sum - h[i] * product) * inverse;
  }
}

static void layer_norm_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                                 const double *const *x, double *y) {
  (void)pass;
  (void)row;
  double mean = 0, variance = 0, width = (double)node->width;
  for (int64_t i = 0; i < node->width; i++) mean += x[0][i] / width;
  for (int64_t i = 0; i < node->width; i++) variance += (x[0][i] - mean) * (x[0][i] - mean) / width;
  for (int64_t i = 0; i < node->width; i++)
    y[i] = plain[node->norm.plain_scale + (size_t)i] * (x[0][i] - mean) / sqrt(variance + node->epsilon) +
           plain[node->norm.plain_shift + (size_t)i];
}

const op_t op_layer_norm = {
    .name = "layer_norm",
    .formula = "y = scale (x - mean) / deviation + shift, over the values of a row",
    .derivative = "with h = (x - mean) / deviation: dx = scale (dy - mean dy - h mean of dy h) / deviation, "
                  "dscale = sum of dy h, dshift = sum of dy",
    .n_inputs = 1,
    .has_scale = true,
    .keeps_factors = true,
    .in_place = -1,
    .forward = layer_norm_forward,
    .backward = layer_norm_backward,
    .reference = layer_norm_reference};

/* ---- join: y = (x1, x2), the values of both in one row ---- */

static void join_forward(const call_t *call) {
  int64_t a = call->node->joined, b = call->node->width - a;
  for (int64_t r = 0; r < call->rows; r++) {
    float *y = call->y + r * (a + b);
    memcpy(y, call->x[0] + r * a, (size_t)a * sizeof *y);
    memcpy(y + a, call->x[1] + r * b, (size_t)b * sizeof *y);
  }
}

static void join_backward(const call_t *call, int input, float *dx) {
  int64_t a = call->node->joined, width = input == 0 ? a : call->node->width - a;
  const float *dy = call->dy + (input == 0 ? 0 : a);
  for (int64_t r = 0; r < call->rows; r++)
    memcpy(dx + r * width, dy + r * call->node->width, (size_t)width * sizeof *dx);
}

static void join_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                           const double *const *x, double *y) {
  (void)plain;
  (void)pass;
  (void)row;
  memcpy(y, x[0], (size_t)node->joined * sizeof *y);
  memcpy(y + node->joined, x[1], (size_t)(node->width - node->joined) * sizeof *y);
}

const op_t op_join = {.name = "join",
                      .formula = "y = (x1, x2)",
                      .derivative = "(dx1, dx2) = dy",
                      .n_inputs = 2,
                      .in_place = -1,
                      .forward = join_forward,
                      .backward = join_backward,
                      .reference = join_reference};
