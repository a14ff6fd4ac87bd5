/* The op tied: y = f(x W + b), where W (out, in) are the weights of an earlier dense layer.
 * node->dense.layout is the layout of W, so x has `out` values and y has `in`. In training, forward reads the
 * transposed copy of W. Where there is none (pass_t), each call makes one. Backward exchanges the roles: dx =
 * dy Wᵀ reads W, and dW gains xᵀ dy, with dz by columns and x by panels where the dense layer has x and dz
 * (worker.c). */
#include "model/op.h"

static size_t tied_work(const node_t *node, int64_t rows) {
  (void)rows;
  return (size_t)node->dense.layout.elements;
}

static const float *find_transposed(const call_t *call) {
  const dense_parameters_t *dense = &call->node->dense;
  if (call->has_copies) return call->parameters + dense->transposed;
  dense_transpose(call->precision, &dense->layout, call->parameters + dense->weight, 0,
                  dense->layout.elements, call->work);
  return call->work;
}

static void tied_forward(const call_t *call) {
  const node_t *node = call->node;
  const dense_layout_t transposed = dense_transposed_layout(&node->dense.layout);
  const float *b = node->dense.has_bias ? call->parameters + node->dense.bias : NULL;
  dense_forward(call->precision, &transposed, node->activation, call->rows, call->x[0], find_transposed(call),
                b, call->y);
}

static void tied_finish(const call_t *call) {
  const activation_t *f = call->node->activation;
  if (!dense_applies(f)) f->forward((size_t)(call->rows * call->node->width), call->y, call->y);
}

/* The delta becomes dL/dz with z = x W + b. */
static void tied_settle(const call_t *call) {
  const node_t *node = call->node;
  const dense_layout_t *layout = &node->dense.layout;
  node->activation->backward_from_output((size_t)(call->rows * node->width), call->y, call->dy);
  dense_columns(call->precision, layout, call->slice_rows, call->slice_row, call->rows, call->dy,
                call->columns);
  dense_panels(call->precision, layout, call->slice_rows, call->slice_row, call->rows, call->x[0],
               call->panels);
}

static void tied_backward(const call_t *call, int input, float *dx) {
  (void)input;
  const dense_layout_t transposed = dense_transposed_layout(&call->node->dense.layout);
  dense_backward_data(call->precision, &transposed, call->rows, call->dy,
                      call->parameters + call->node->dense.weight, dx);
}

static void tied_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                           const double *const *x, double *y) {
  (void)pass;
  (void)row;
  for (int64_t i = 0; i < node->width; i++) {
    double z = node->dense.has_bias ? plain[node->dense.plain_bias + (size_t)i] : 0.0;
    for (int64_t o = 0; o < node->dense.layout.out; o++)
      z += plain[node->dense.plain_weight + (size_t)(o * node->width + i)] * x[0][o];
    y[i] = node->activation->value(z);
  }
}

const op_t op_tied = {.name = "tied",
                      .formula = "y = f(x W + b)",
                      .derivative = "dz = dy f'(z), dx = dz W', dW gains x' dz, db = sum of dz over rows",
                      .n_inputs = 1,
                      .has_operands = true,
                      .in_place = -1,
                      .spans = true,
                      .work = tied_work,
                      .forward = tied_forward,
                      .finish = tied_finish,
                      .settle = tied_settle,
                      .backward = tied_backward,
                      .reference = tied_reference};
