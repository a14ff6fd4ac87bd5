/* The parameter vector: where each array lies, and the way between it and the plain arrays of files. */
#include "model/graph.h"

#include "model/graph_impl.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

/* Weights start at whole units, so that tiles and blocks of the vector hold whole ones; biases at lines. */
enum { WEIGHT_START = DENSE_UNIT, BIAS_START = 16 };

static size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

static void describe(array_t *array, const node_t *node, bool is_weight) {
  parameter_t *about = &array->about;
  int64_t in = node->layout.in, out = node->layout.out;
  snprintf(about->name, sizeof about->name, "%s/%s", node->name, is_weight ? "weight" : "bias");
  about->dims = is_weight ? 2 : 1;
  about->shape[0] = out;
  about->shape[1] = is_weight ? in : 0;
  about->fan_in = in;
  about->fan_out = out;
  about->is_weight = is_weight;
  about->init = is_weight ? node->init : "zeros";
  array->node = node->number;
  array->offset = is_weight ? node->weight : node->bias;
  array->count = (size_t)(is_weight ? in * out : out);
}

static bool hands_on_delta(const graph_t *graph, const node_t *node) {
  return node->op == &op_dense && graph->nodes[node->inputs[0]].needs_delta;
}

/* The vector's two regions: weights, in their kernels' layout, then biases. Behind it the transposed copies
 * of those weights through which a delta is handed on. */
static void place_regions(graph_t *graph) {
  size_t next = 0;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    node_t *node = &graph->nodes[i];
    if (node->op != &op_dense) continue;
    node->weight = next;
    next = round_up(next + (size_t)node->layout.elements, WEIGHT_START);
  }
  graph->weight_floats = next = round_up(next, GRAPH_BLOCK);
  for (size_t i = 0; i < graph->n_nodes; i++) {
    node_t *node = &graph->nodes[i];
    if (node->op != &op_dense || !node->has_bias) continue;
    node->bias = next;
    next = round_up(next + (size_t)node->width, BIAS_START);
  }
  graph->floats = next = round_up(next, GRAPH_BLOCK);
  for (size_t i = 0; i < graph->n_nodes; i++) {
    node_t *node = &graph->nodes[i];
    if (!hands_on_delta(graph, node)) continue;
    node->transposed = next;
    next += (size_t)dense_transposed_floats(&node->layout);
  }
  graph->buffer_floats = next;
}

ls_status parameters_place(graph_t *graph, ls_error *error) {
  place_regions(graph);
  graph->arrays = arena_new(&graph->arena, 2 * graph->n_nodes, sizeof *graph->arrays);
  if (graph->arrays == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the list of parameters");
  size_t plain = 0;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    node_t *node = &graph->nodes[i];
    if (node->op != &op_dense) continue;
    array_t *array = &graph->arrays[graph->n_arrays++];
    describe(array, node, true);
    node->plain_weight = plain;
    plain += array->count;
    if (!node->has_bias) continue;
    array = &graph->arrays[graph->n_arrays++];
    describe(array, node, false);
    node->plain_bias = plain;
    plain += array->count;
  }
  graph->parameters = (int64_t)plain;
  return LS_OK;
}

size_t graph_floats(const graph_t *graph) {
  return graph->floats;
}

size_t graph_weight_floats(const graph_t *graph) {
  return graph->weight_floats;
}

size_t graph_buffer_floats(const graph_t *graph) {
  return graph->buffer_floats;
}

int64_t graph_parameters(const graph_t *graph) {
  return graph->parameters;
}

size_t graph_parameter_count(const graph_t *graph) {
  return graph->n_arrays;
}

const parameter_t *graph_parameter(const graph_t *graph, size_t i) {
  return &graph->arrays[i].about;
}

ls_status graph_unpack(const graph_t *graph, size_t i, const float *vector, float *plain, ls_error *error) {
  const array_t *array = &graph->arrays[i];
  (void)error;
  if (array->about.is_weight)
    dense_unpack(&graph->nodes[array->node].layout, vector + array->offset, plain);
  else
    memcpy(plain, vector + array->offset, array->count * sizeof *plain);
  return LS_OK;
}

ls_status graph_pack(const graph_t *graph, size_t i, const float *plain, float *vector, ls_error *error) {
  const array_t *array = &graph->arrays[i];
  (void)error;
  if (array->about.is_weight)
    dense_pack(&graph->nodes[array->node].layout, plain, vector + array->offset);
  else
    memcpy(vector + array->offset, plain, array->count * sizeof *plain);
  return LS_OK;
}

void graph_transpose(const graph_t *graph, float *buffer, size_t first, size_t count) {
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    if (!hands_on_delta(graph, node)) continue;
    size_t begin = node->weight, end = begin + (size_t)node->layout.elements;
    if (begin < first) begin = first;
    if (end > first + count) end = first + count;
    if (begin < end)
      dense_transpose(&node->layout, buffer + node->weight, (int64_t)(begin - node->weight),
                      (int64_t)(end - begin), buffer + node->transposed);
  }
}

ls_status graph_checksum(const graph_t *graph, const float *vector, uint64_t *out, ls_error *error) {
  size_t bytes = (size_t)graph->parameters * sizeof(float);
  float *plain = malloc(bytes);
  if (plain == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory (%zu bytes) for the checksum of the parameters", bytes);
  ls_status status = LS_OK;
  float *next = plain;
  for (size_t i = 0; i < graph->n_arrays; i++) {
    TRY_OR_DONE(graph_unpack(graph, i, vector, next, error));
    next += graph->arrays[i].count;
  }
  *out = store_checksum(plain, bytes);
done:
  free(plain);
  return status;
}
