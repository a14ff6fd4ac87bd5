/* The network in double, one row at a time, by the ops' plain definitions: what kernels and gradients are
 * checked against. Slow and simple on purpose. */
#include "model/graph.h"

#include "model/graph_impl.h"

#include <stdlib.h>
#include <string.h>

/* values[i]: the value of node i for one row; values[0] holds the row's inputs already. */
static void reference_row(const graph_t *graph, const double *plain, const pass_t *pass, int64_t row,
                          double *const *values) {
  for (size_t i = 1; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    const double *x[NODE_MAX_INPUTS] = {values[node->inputs[0]], values[node->inputs[1]]};
    node->op->reference(node, plain, pass, row, x, values[i]);
  }
}

ls_status graph_reference(const graph_t *graph, const double *plain, int64_t rows, const double *x,
                          const pass_t *pass, double *y, ls_error *error) {
  arena_t arena = {0};
  ls_status status = LS_OK;
  int64_t inputs = graph_inputs(graph), outputs = graph_outputs(graph);
  double **values = arena_new(&arena, graph->n_nodes, sizeof *values);
  for (size_t i = 0; values != NULL && i < graph->n_nodes; i++) {
    values[i] = arena_new(&arena, (size_t)graph->nodes[i].width, sizeof(double));
    if (values[i] == NULL) values = NULL;
  }
  if (values == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the network's values in double"));
  for (int64_t r = 0; r < rows; r++) {
    memcpy(values[0], x + r * inputs, (size_t)inputs * sizeof *x);
    reference_row(graph, plain, pass, pass->row + r, values);
    memcpy(y + r * outputs, values[graph->n_nodes - 1], (size_t)outputs * sizeof *y);
  }
done:
  arena_free(&arena);
  return status;
}
