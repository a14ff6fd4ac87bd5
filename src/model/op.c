/* The ops input, dense, activation and add. Each has forward, backward and a reference in double. */
#include "model/op.h"

#include <string.h>

static size_t call_floats(const call_t *call) {
  return (size_t)call->rows * (size_t)call->node->width;
}

/* ---- input ---- */

const op_t op_input = {.name = "input", .in_place = -1};

/* ---- dense: y = f(x Wᵀ + b) ---- */

bool op_dense_fuses(const activation_t *activation) {
  return activation->backward_from_output != NULL;
}

static void dense_op_forward(const call_t *call) {
  const node_t *node = call->node;
  const float *b = node->dense.has_bias ? call->parameters + node->dense.bias : NULL;
  const float *w =
      call->parameters + (call->precision->factors == 1 ? node->dense.weight : node->dense.rounded);
  const float *x = dense_factors(call->precision, call->rows, node->dense.layout.in, call->x[0], call->words);
  dense_forward_outputs(call->precision, &node->dense.layout, node->activation, call->rows, x, w, b,
                        call->from, call->to, call->y);
}

static void dense_finish(const call_t *call) {
  const activation_t *f = call->node->activation;
  if (!dense_applies(f)) f->forward(call_floats(call), call->y, call->y);
  if (call->columns != NULL)
    dense_columns(call->precision, &call->node->dense.layout, call->slice_rows, call->slice_row, call->rows,
                  call->x[0], call->columns);
}

/* dL/dz = dL/dy f'(z), with z = x Wᵀ + b. From here on the delta is dL/dz, which dW = dzᵀ x and db use. */
static void dense_settle(const call_t *call) {
  const node_t *node = call->node;
  const activation_t *f = node->activation;
  f->backward_from_output(call_floats(call), call->y, call->dy);
  dense_panels(call->precision, &node->dense.layout, call->slice_rows, call->slice_row, call->rows, call->dy,
               call->panels);
}

static void dense_backward(const call_t *call, int input, float *dx) {
  (void)input;
  const node_t *node = call->node;
  const float *dy = dense_factors(call->precision, call->rows, node->width, call->dy, call->words);
  dense_backward_data(call->precision, &node->dense.layout, call->rows, dy,
                      call->parameters + node->dense.transposed, dx);
}

static void dense_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                            const double *const *x, double *y) {
  (void)pass;
  (void)row;
  int64_t in = node->dense.layout.in;
  for (int64_t o = 0; o < node->width; o++) {
    double z = node->dense.has_bias ? plain[node->dense.plain_bias + (size_t)o] : 0.0;
    const double *w = plain + node->dense.plain_weight + (size_t)(o * in);
    for (int64_t i = 0; i < in; i++) z += w[i] * x[0][i];
    y[o] = node->activation->value(z);
  }
}

const op_t op_dense = {.name = "dense",
                       .formula = "y = f(x W' + b)",
                       .derivative = "dz = dy f'(z), dx = dz W, dW = dz' x, db = sum of dz over rows",
                       .n_inputs = 1,
                       .has_weight = true,
                       .has_operands = true,
                       .in_place = -1,
                       .spans = true,
                       .forward = dense_op_forward,
                       .finish = dense_finish,
                       .settle = dense_settle,
                       .backward = dense_backward,
                       .reference = dense_reference};

/* ---- activation: y = f(x) ---- */

static void activation_forward(const call_t *call) {
  call->node->activation->forward(call_floats(call), call->x[0], call->y);
}

static void activation_backward(const call_t *call, int input, float *dx) {
  call->node->activation->backward(call_floats(call), call->x[input], call->dy, dx);
}

static void activation_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                                 const double *const *x, double *y) {
  (void)plain;
  (void)pass;
  (void)row;
  for (int64_t i = 0; i < node->width; i++) y[i] = node->activation->value(x[0][i]);
}

const op_t op_activation = {.name = "activation",
                            .formula = "y = f(x)",
                            .derivative = "dx = dy f'(x)",
                            .n_inputs = 1,
                            .in_place = 0,
                            .forward = activation_forward,
                            .backward = activation_backward,
                            .reference = activation_reference};

/* ---- add: y = x + f(x), inputs x and f(x) ---- */

static void add_forward(const call_t *call) {
  size_t n = call_floats(call);
  const float *a = call->x[0], *b = call->x[1];
  for (size_t i = 0; i < n; i++) call->y[i] = a[i] + b[i];
}

static void add_backward(const call_t *call, int input, float *dx) {
  (void)input;
  if (dx != call->dy) memcpy(dx, call->dy, call_floats(call) * sizeof(float));
}

static void add_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                          const double *const *x, double *y) {
  (void)plain;
  (void)pass;
  (void)row;
  for (int64_t i = 0; i < node->width; i++) y[i] = x[0][i] + x[1][i];
}

const op_t op_add = {.name = "add",
                     .formula = "y = x1 + x2",
                     .derivative = "dx1 = dy, dx2 = dy",
                     .n_inputs = 2,
                     .in_place = 1, /* f(x), because x gets its share of dy first */
                     .forward = add_forward,
                     .backward = add_backward,
                     .reference = add_reference};
