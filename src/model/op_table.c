/* The ops take and embedding, which stand between the input and the layers where columns of categories become
 * vectors. Both read the input: first come numbers, which take copies, then numbers of vectors. */
#include "model/op.h"

#include <string.h>

/* ---- take: y = the first values of x ---- */

static void take_forward(const call_t *call) {
  const node_t *node = call->node;
  for (int64_t r = 0; r < call->rows; r++)
    memcpy(call->y + r * node->width, call->x[0] + r * node->table.stride,
           (size_t)node->width * sizeof(float));
}

static void take_backward(const call_t *call, int input, float *dx) {
  (void)input;
  const node_t *node = call->node;
  memset(dx, 0, (size_t)(call->rows * node->table.stride) * sizeof *dx);
  for (int64_t r = 0; r < call->rows; r++)
    memcpy(dx + r * node->table.stride, call->dy + r * node->width, (size_t)node->width * sizeof *dx);
}

static void take_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                           const double *const *x, double *y) {
  (void)plain;
  (void)pass;
  (void)row;
  memcpy(y, x[0], (size_t)node->width * sizeof *y);
}

const op_t op_take = {.name = "take",
                      .formula = "y = x_1 .. x_n, the inputs without the numbers of vectors",
                      .derivative = "dx = dy, where derivatives by inputs are asked for",
                      .n_inputs = 1,
                      .in_place = -1,
                      .forward = take_forward,
                      .backward = take_backward,
                      .reference = take_reference};

/* ---- embedding: y = W_k, column k of a matrix (width, vectors), or 0 without a vector ----
 *
 * This is a dense layer without a bias on a row that is 1 at k and else 0, bit by bit: a product with 0 adds
 * nothing to a sum, and a product with 1 is exact. Its weights lie as those of that layer, so that
 * optimisers, files and sums over shards need not know the difference. What differs is the work: forward
 * copies a column, and the gradient adds each delta to one column (sum_vectors in worker.c). Both are exact
 * in every precision of products: bf16 does not round them. */

int64_t op_embedding_vector(const node_t *node, const float *x) {
  const float number = x[node->table.column];
  return number >= 0 && number < (float)node->dense.layout.in ? (int64_t)number : -1;
}

/* w + 0 is w, but for -0, which the sum of the dense layer makes 0. */
static void copy_column(const dense_layout_t *layout, const float *w, int64_t k, int64_t from, int64_t to,
                        float *restrict y) {
  for (int64_t o = from; o < to; o += DENSE_PANEL) {
    const float *restrict column = w + (o / DENSE_PANEL * layout->padded_in + k) * DENSE_PANEL;
    int64_t n = to - o < DENSE_PANEL ? to - o : DENSE_PANEL;
    for (int64_t j = 0; j < n; j++) y[o + j] = column[j] + 0.0F;
  }
}

static void embedding_forward(const call_t *call) {
  const node_t *node = call->node;
  const float *w = call->parameters + node->dense.weight;
  for (int64_t r = 0; r < call->rows; r++) {
    int64_t k = op_embedding_vector(node, call->x[0] + r * node->table.stride);
    float *y = call->y + r * node->width;
    if (k < 0)
      memset(y + call->from, 0, (size_t)(call->to - call->from) * sizeof *y);
    else
      copy_column(&node->dense.layout, w, k, call->from, call->to, y);
  }
}

/* Another number of a vector is another vector: there is no slope. */
static void embedding_backward(const call_t *call, int input, float *dx) {
  (void)input;
  memset(dx, 0, (size_t)(call->rows * call->node->table.stride) * sizeof *dx);
}

static void embedding_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                                const double *const *x, double *y) {
  (void)pass;
  (void)row;
  const double number = x[0][node->table.column];
  const int64_t in = node->dense.layout.in;
  for (int64_t o = 0; o < node->width; o++) {
    y[o] = 0;
    for (int64_t k = 0; k < in; k++)
      if ((double)k == number) y[o] = plain[node->dense.plain_weight + (size_t)(o * in + k)];
  }
}

const op_t op_embedding = {.name = "embedding",
                           .formula = "y = W_k, the vector number k, or 0 without one",
                           .derivative = "dW_k = sum of dy over the rows with vector k",
                           .n_inputs = 1,
                           .has_weight = true,
                           .in_place = -1,
                           .spans = true,
                           .forward = embedding_forward,
                           .backward = embedding_backward,
                           .reference = embedding_reference};
