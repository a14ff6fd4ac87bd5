/* Penalties on values: what layers add to the loss of a row. Their sum over rows is part of what training
 * makes small, so a row counts there as much as its loss does, and rows of padding not at all. The penalties
 * of a row are computed from the tape, and their gradient is part of an op's backward. */
#include "model/graph_impl.h"

#include <math.h>
#include <string.h>

/* ---- penalty: y = x, and the penalty of a row is l1 sum |x| + l2 sum x^2 ---- */

static void penalty_forward(const call_t *call) {
  memcpy(call->y, call->x[0], (size_t)(call->rows * call->node->width) * sizeof *call->y);
}

/* dx = dy + w (l1 sign(x) + 2 l2 x), where w is how much the row counts. */
static void penalty_backward(const call_t *call, int input, float *dx) {
  const int64_t width = call->node->width;
  (void)input;
  for (int64_t r = 0; r < call->rows; r++) {
    const float *x = call->x[0] + r * width, *dy = call->dy + r * width;
    const float weight = call->weights != NULL ? call->weights[r] : 0.0F;
    const float l1 = weight * (float)call->node->l1, l2 = weight * (float)(2 * call->node->l2);
    for (int64_t i = 0; i < width; i++)
      dx[r * width + i] = dy[i] + (l1 * (float)((x[i] > 0) - (x[i] < 0)) + l2 * x[i]);
  }
}

static void penalty_of_rows(const node_t *node, int64_t rows, const float *x, const float *y, double *out) {
  (void)y;
  for (int64_t r = 0; r < rows; r++, x += node->width) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < node->width; i++) {
      sum += fabs((double)x[i]);
      squares += (double)x[i] * (double)x[i];
    }
    out[r] += node->l1 * sum + node->l2 * squares;
  }
}

static double penalty_reference(const node_t *node, const double *x, const double *y) {
  double sum = 0;
  (void)y;
  for (int64_t i = 0; i < node->width; i++) sum += node->l1 * fabs(x[i]) + node->l2 * x[i] * x[i];
  return sum;
}

static void copy_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                           const double *const *x, double *y) {
  (void)plain;
  (void)pass;
  (void)row;
  memcpy(y, x[0], (size_t)node->width * sizeof *y);
}

const op_t op_penalty = {.name = "penalty",
                         .formula = "y = x",
                         .derivative = "dx = dy + l1 sign(x) + 2 l2 x",
                         .n_inputs = 1,
                         .in_place = 0,
                         .forward = penalty_forward,
                         .backward = penalty_backward,
                         .penalty = penalty_of_rows,
                         .penalty_reference = penalty_reference,
                         .reference = copy_reference};

/* ---- all of a network ---- */

bool graph_has_penalty(const graph_t *graph) {
  for (size_t i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].op->penalty != NULL) return true;
  return false;
}

void graph_penalties(const graph_t *graph, const tape_t *tape, int64_t row, int64_t n, double *out) {
  memset(out, 0, (size_t)n * sizeof *out);
  for (size_t i = 1; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    if (node->op->penalty == NULL) continue;
    node->op->penalty(node, n, tape_values(tape, node->inputs[0], row), tape_values(tape, i, row), out);
  }
}
