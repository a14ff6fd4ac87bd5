/* The graph: its nodes come from nodes.c. Here it is decided once what backward needs: which deltas to
 * compute, which of them share a buffer, and which use of a value writes its delta first. */
#include "model/graph.h"

#include "model/graph_impl.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- plan for backward ---- */

/* Backward visits the uses of a value in reverse order. The first one overwrites the delta, the others add to
 * it. A value with a single use can share the delta buffer of its user if the user's op works in place. */
static ls_status plan_deltas(graph_t *graph, ls_error *error) {
  int *uses = calloc(graph->n_nodes, sizeof *uses);
  if (uses == NULL) return graph_no_memory(error);
  for (size_t i = graph->n_nodes; i-- > 0;) {
    node_t *node = &graph->nodes[i];
    node->backward.delta = i;
    for (int k = 0; k < node->op->n_inputs; k++) node->backward.adds_to[k] = uses[node->inputs[k]]++ > 0;
  }
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    if (node->op->in_place < 0) continue;
    size_t input = node->inputs[node->op->in_place];
    if (uses[input] == 1) graph->nodes[input].backward.delta = i;
  }
  free(uses);
  return LS_OK;
}

/* ---- the graph ---- */

/* More weights than any memory holds are refused here, so that no product of sizes overflows later. */
static const size_t most_floats = (size_t)1 << 44;

/* A fitted layer scores the whole row, so nothing comes after it or lies beside it. */
static ls_status check_fitted(const graph_t *graph, ls_error *error) {
  for (size_t i = 0; i + 1 < graph->n_nodes; i++)
    if (graph->nodes[i].op->is_fitted)
      return error_set(error, LS_BAD_SETTINGS,
                       "model.layers: %s must be the last layer, because it is fitted", graph->nodes[i].name);
  return LS_OK;
}

const char *graph_fitted_layer(const graph_t *graph) {
  return graph_output_node(graph)->op->is_fitted ? graph_output_node(graph)->name : NULL;
}

ls_status graph_check_trained(const graph_t *graph, ls_error *error) {
  const char *layer = graph_fitted_layer(graph);
  if (layer == NULL) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "model.layers: layer %s is fitted, not trained: use `lockstep cluster`", layer);
}

static ls_status build(graph_t *graph, const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                       const graph_table_t *tables, size_t n_tables, ls_error *error) {
  TRY(nodes_append(graph, layers, n_layers, inputs, tables, n_tables, error));
  mark_needed_deltas(graph);
  TRY(check_fitted(graph, error));
  if (graph_flops_per_row(graph) == 0)
    return error_set(error, LS_BAD_SETTINGS, "model.layers has no dense layer: there is nothing to train");
  TRY(plan_deltas(graph, error));
  TRY(parameters_place(graph, error));
  if (graph->buffer_floats > most_floats)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.layers: %" PRId64 " parameters are more than any memory could hold",
                     graph->parameters);
  return tiles_cut(graph, error);
}

static ls_status create(const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                        const graph_table_t *tables, size_t n_tables, bool wants_input_delta, graph_t **out,
                        ls_error *error) {
  graph_t *graph = calloc(1, sizeof *graph);
  if (graph == NULL) return graph_no_memory(error);
  graph->wants_input_delta = wants_input_delta;
  graph->precision = &precisions[PRECISION_FP32];
  ls_status status = build(graph, layers, n_layers, inputs, tables, n_tables, error);
  if (status == LS_OK)
    *out = graph;
  else
    graph_destroy(&graph);
  return status;
}

ls_status graph_create(const layer_settings_t *layers, size_t n_layers, int64_t inputs, graph_t **out,
                       ls_error *error) {
  return graph_create_with_tables(layers, n_layers, inputs, NULL, 0, out, error);
}

ls_status graph_create_with_tables(const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                                   const graph_table_t *tables, size_t n_tables, graph_t **out,
                                   ls_error *error) {
  return create(layers, n_layers, inputs, tables, n_tables, false, out, error);
}

ls_status graph_create_for_inputs(const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                                  const graph_table_t *tables, size_t n_tables, graph_t **out,
                                  ls_error *error) {
  return create(layers, n_layers, inputs, tables, n_tables, true, out, error);
}

ls_status graph_choose_precision(graph_t *graph, const char *name, ls_error *error) {
  const precision_t *precision = NULL;
  TRY(precision_find(name, &precision, error));
  for (size_t i = 0; i < graph->n_nodes && precision->factors > 1; i++)
    if (graph->nodes[i].op == &op_tied)
      return error_set(error, LS_BAD_SETTINGS,
                       "train.precision: the tied layer %s trains in fp32 alone, not in %s",
                       graph->nodes[i].name, name);
  graph->precision = precision;
  parameters_place_copies(graph);
  return LS_OK;
}

void graph_destroy(graph_t **graph) {
  if (graph == NULL || *graph == NULL) return;
  arena_free(&(*graph)->arena);
  free(*graph);
  *graph = NULL;
}

int64_t graph_inputs(const graph_t *graph) {
  return graph->nodes[0].width;
}

int64_t graph_outputs(const graph_t *graph) {
  return graph_output_node(graph)->width;
}

/* Two passes (forward, backward-weights), or three with backward-data if the input of the node needs a
 * delta. */
double node_flops_per_row(const graph_t *graph, const node_t *node) {
  if (node->op->is_fitted) return op_fitted_flops(node);
  if (!node->op->has_operands) return 0;
  int passes = graph->nodes[node->inputs[0]].backward.needs_delta ? 3 : 2;
  return 2.0 * passes * (double)node->dense.layout.in * (double)node->dense.layout.out;
}

bool graph_has_samples(const graph_t *graph) {
  for (size_t i = 0; i < graph->n_nodes; i++)
    if ((graph->nodes[i].op == &op_dropout && graph->nodes[i].rate > 0) || graph->nodes[i].op == &op_sample)
      return true;
  return false;
}

bool graph_is_random(const graph_t *graph) {
  for (size_t i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].rate + graph->nodes[i].deviation > 0) return true;
  return false;
}

ls_status graph_check_cut(const graph_t *graph, size_t node, ls_error *error) {
  for (size_t i = node + 1; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].op->n_inputs; k++)
      if (graph->nodes[i].inputs[k] < node)
        return error_set(error, LS_USAGE,
                         "the network cannot begin with the values of %s, because %s also takes those of %s",
                         graph->nodes[node].name, graph->nodes[i].name,
                         graph->nodes[graph->nodes[i].inputs[k]].name);
  return LS_OK;
}

double graph_flops_per_row(const graph_t *graph) {
  double flops = 0;
  for (size_t i = 0; i < graph->n_nodes; i++) flops += node_flops_per_row(graph, &graph->nodes[i]);
  return flops;
}

ls_status graph_check_rows(const graph_t *graph, int64_t rows, ls_error *error) {
  if (rows > 1 || graph->trained_floats == graph->floats) return LS_OK;
  return error_set(
      error, LS_BAD_SETTINGS,
      "model.layers: batch_norm: a shard gives one row to a batch, which has no variance: a larger "
      "train.global_batch_size or a smaller parallel.shards gives it more");
}
