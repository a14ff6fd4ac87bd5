/* The network in double, node by node, from the reference definitions of the ops. Kernels and gradients are
 * checked against it. Slow and simple on purpose. */
#include "model/graph.h"

#include "model/graph_impl.h"

#include <stdlib.h>
#include <string.h>

/* Computes values[i] of node i for all rows. values[0] holds the inputs. */
static void reference_node(const graph_t *graph, const node_t *node, const double *plain, const pass_t *pass,
                           int64_t rows, double *const *values) {
  double *y = values[node->number];
  if (node->op->reference_rows != NULL) {
    node->op->reference_rows(node, plain, pass, rows, values[node->inputs[0]], y);
    return;
  }
  for (int64_t r = 0; r < rows; r++) {
    const double *x[NODE_MAX_INPUTS];
    for (int k = 0; k < NODE_MAX_INPUTS; k++)
      x[k] = values[node->inputs[k]] + r * graph->nodes[node->inputs[k]].width;
    node->op->reference(node, plain, pass, pass->row + r, x, y + r * node->width);
  }
}

/* penalties (rows) = the sums over nodes. */
static void add_penalties(const graph_t *graph, int64_t rows, double *const *values, double *penalties) {
  for (int64_t r = 0; r < rows; r++) {
    penalties[r] = 0;
    for (size_t i = 1; i < graph->n_nodes; i++) {
      const node_t *node = &graph->nodes[i];
      const int64_t in = graph->nodes[node->inputs[0]].width;
      if (node->op->penalty_reference == NULL) continue;
      penalties[r] +=
          node->op->penalty_reference(node, values[node->inputs[0]] + r * in, values[i] + r * node->width);
    }
  }
}

ls_status graph_reference(const graph_t *graph, const double *plain, int64_t rows, const double *x,
                          const pass_t *pass, double *y, double *penalties, ls_error *error) {
  arena_t arena = {0};
  ls_status status = LS_OK;
  size_t n = graph->n_nodes;
  double **values = arena_new(&arena, n, sizeof *values);
  for (size_t i = 0; values != NULL && i < n; i++) {
    values[i] = arena_new(&arena, (size_t)(rows * graph->nodes[i].width), sizeof(double));
    if (values[i] == NULL) values = NULL;
  }
  if (values == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the network's values in double"));
  memcpy(values[0], x, (size_t)(rows * graph_inputs(graph)) * sizeof *x);
  for (size_t i = 1; i < n; i++) reference_node(graph, &graph->nodes[i], plain, pass, rows, values);
  memcpy(y, values[n - 1], (size_t)(rows * graph_outputs(graph)) * sizeof *y);
  if (penalties != NULL) add_penalties(graph, rows, values, penalties);
done:
  arena_free(&arena);
  return status;
}
