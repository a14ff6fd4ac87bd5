/* Ops that look at all values of a row at once: softmax. */
#include "model/op.h"

#include <math.h>

/* ---- softmax: y_i = exp(x_i) / sum_j exp(x_j); exp of x - max(x), so that nothing overflows ---- */

static void softmax_forward(const call_t *call) {
  int64_t width = call->node->width;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *x = call->x[0] + r * width;
    float *y = call->y + r * width, largest = x[0], sum = 0;
    for (int64_t i = 1; i < width; i++) largest = x[i] > largest ? x[i] : largest;
    for (int64_t i = 0; i < width; i++) sum += y[i] = expf(x[i] - largest);
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
                         .n_inputs = 1,
                         .in_place = 0,
                         .forward = softmax_forward,
                         .backward = softmax_backward,
                         .reference = softmax_reference};
