/* The ops input, dense, activation, dropout and add. Each has forward, backward and a reference in double. */
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

/* ---- dropout: y = m x, with m = 0 with probability p, otherwise 1/(1 - p) (Srivastava et al. 2014; scaled
 * in training, so inference needs no scaling) ---- */

enum { DROPOUT_CHUNK = 256 }; /* a multiple of the eight words of a random block */

/* The random words for columns [first, first + n) of a row. Each row starts with a new block, so a word
 * depends only on (op, row, column), and rows can be computed in any order and grouping. */
static void dropout_words(const node_t *node, const pass_t *pass, int64_t row, int64_t first, size_t n,
                          uint32_t *words) {
  random_stream_t stream = {
      .seed = pass->seed, .purpose = RANDOM_DROPOUT, .time = pass->step, .shard = pass->shard};
  uint64_t blocks_per_row = (uint64_t)(node->width + 7) / 8;
  uint64_t block = ((uint64_t)node->number << 40) + (uint64_t)row * blocks_per_row + (uint64_t)first / 8;
  random_u32(&stream, block, n, words);
}

/* A value is dropped if its word is below this. */
static uint32_t dropout_threshold(const node_t *node) {
  return (uint32_t)(node->rate * 0x1p32);
}

static void dropout_row(const call_t *call, int64_t r) {
  const node_t *node = call->node;
  const uint32_t threshold = dropout_threshold(node);
  const float kept = (float)(1.0 / (1.0 - node->rate));
  uint32_t words[DROPOUT_CHUNK];
  float factors[DROPOUT_CHUNK];
  for (int64_t first = 0; first < node->width; first += DROPOUT_CHUNK) {
    int64_t left = node->width - first;
    size_t n = (size_t)(left < DROPOUT_CHUNK ? left : DROPOUT_CHUNK);
    const float *x = call->x[0] + r * node->width + first;
    float *y = call->y + r * node->width + first;
    dropout_words(node, call->pass, call->pass->row + r, first, n, words);
    for (size_t i = 0; i < n; i++) factors[i] = words[i] >= threshold ? kept : 0.0F;
    for (size_t i = 0; i < n; i++) y[i] = x[i] * factors[i];
    if (call->factors != NULL) memcpy(call->factors + r * node->width + first, factors, n * sizeof *factors);
  }
}

static void dropout_forward(const call_t *call) {
  if ((call->pass->training || call->pass->sampling) && call->node->rate > 0) {
    for (int64_t r = 0; r < call->rows; r++) dropout_row(call, r);
    return;
  }
  size_t n = call_floats(call);
  memcpy(call->y, call->x[0], n * sizeof(float));
  if (call->factors != NULL)
    for (size_t i = 0; i < n; i++) call->factors[i] = 1.0F;
}

static void dropout_backward(const call_t *call, int input, float *dx) {
  (void)input;
  size_t n = call_floats(call);
  for (size_t i = 0; i < n; i++) dx[i] = call->dy[i] * call->factors[i];
}

static void dropout_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                              const double *const *x, double *y) {
  (void)plain;
  if (!pass->training && !pass->sampling) {
    memcpy(y, x[0], (size_t)node->width * sizeof(double));
    return;
  }
  uint32_t words[8];
  for (int64_t i = 0; i < node->width; i++) {
    if (i % 8 == 0) dropout_words(node, pass, row, i, 8, words);
    y[i] = words[i % 8] >= dropout_threshold(node) ? x[0][i] / (1.0 - node->rate) : 0.0;
  }
}

const op_t op_dropout = {.name = "dropout",
                         .formula = "y = m x, m = 0 with probability rate, else 1/(1 - rate)",
                         .derivative = "dx = m dy",
                         .n_inputs = 1,
                         .keeps_factors = true,
                         .in_place = 0,
                         .forward = dropout_forward,
                         .backward = dropout_backward,
                         .reference = dropout_reference};

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
