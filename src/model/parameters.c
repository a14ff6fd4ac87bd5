/* The parameter vector: where each array lies, and the way between it and the plain arrays of files. */
#include "model/graph.h"

#include "base/checksum.h"
#include "model/graph_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Weights start at whole units, so that tiles and blocks of the vector hold whole ones; biases at lines. */
enum { WEIGHT_START = DENSE_UNIT, BIAS_START = 16 };

static size_t round_up(size_t n, size_t unit) {
  return (n + unit - 1) / unit * unit;
}

/* Names an array of a node and gives it its place in the list; columns 0: as many values as the node has. */
static array_t *add_array(graph_t *graph, const node_t *node, const char *name, size_t offset,
                          int64_t columns) {
  array_t *array = &graph->arrays[graph->n_arrays++];
  if (columns > 0) array->layout = &node->dense.layout;
  array->blocks = 1;
  parameter_t *about = &array->about;
  snprintf(about->name, sizeof about->name, "%s/%s", node->name, name);
  about->dims = columns > 0 ? 2 : 1;
  about->shape[0] = node->width;
  about->shape[1] = columns;
  about->fan_in = node->op == &op_dense ? node->dense.layout.in : node->op->has_weight ? node->width : 1;
  about->fan_out = node->width;
  about->is_weight = columns > 0;
  about->is_table = node->op == &op_embedding;
  about->init = "zeros";
  array->node = node->number;
  array->offset = offset;
  array->count = (size_t)(node->width * (columns > 0 ? columns : 1));
  return array;
}

static bool is_copied(const graph_t *graph, const node_t *node) {
  return node->op == &op_dense &&
         (graph->nodes[node->inputs[0]].backward.needs_delta || node->dense.is_shared);
}

/* Room for n floats at *next. */
static size_t place(size_t *next, int64_t n, size_t unit) {
  size_t at = *next;
  *next = round_up(at + (size_t)n, unit);
  return at;
}

/* The parameters of a fitted layer lie among the others, though no gradient reaches them. */
static void place_fitted(node_t *node, size_t *next) {
  node->dense.weight = place(next, node->dense.layout.elements, WEIGHT_START);
  if (node->op != &op_gaussians) return;
  const int64_t factors = node->fitted.blocks * node->fitted.layout.elements;
  if (factors > 0) node->fitted.factor = place(next, factors, WEIGHT_START);
}

static void place_numbers(node_t *node, size_t *next) {
  if (node->op != &op_gaussians) return;
  if (node->fitted.blocks == 0) node->fitted.factor = place(next, node->width, BIAS_START);
  node->fitted.offset = place(next, node->width, BIAS_START);
}

/* The vector's three regions: weights, in their kernels' layout; biases, scales and shifts; statistics. */
static void place_regions(graph_t *graph) {
  size_t next = 0, n = graph->n_nodes;
  node_t *node = graph->nodes;
  for (size_t i = 0; i < n; i++) {
    if (node[i].op->has_weight)
      node[i].dense.weight = place(&next, node[i].dense.layout.elements, WEIGHT_START);
    if (node[i].op->is_fitted) place_fitted(&node[i], &next);
  }
  graph->weight_floats = next = round_up(next, GRAPH_BLOCK);
  for (size_t i = 0; i < n; i++) {
    if (node[i].dense.has_bias) node[i].dense.bias = place(&next, node[i].width, BIAS_START);
    place_numbers(&node[i], &next);
    if (!node[i].op->has_scale) continue;
    node[i].norm.scale = place(&next, node[i].width, BIAS_START);
    node[i].norm.shift = place(&next, node[i].width, BIAS_START);
  }
  graph->trained_floats = next = round_up(next, GRAPH_BLOCK);
  for (size_t i = 0; i < n; i++) {
    if (!node[i].op->keeps_record) continue;
    node[i].norm.mean = place(&next, node[i].width, BIAS_START);
    node[i].norm.variance = place(&next, node[i].width, BIAS_START);
  }
  graph->floats = round_up(next, GRAPH_BLOCK);
}

/* Behind the vector transposed copies of those weights through which a delta is handed on or which tied
 * layers use, and, where factors are pairs, rounded ones of all. */
void parameters_place_copies(graph_t *graph) {
  size_t next = graph->floats;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    node_t *node = &graph->nodes[i];
    if (is_copied(graph, node))
      node->dense.transposed =
          place(&next, dense_transposed_floats(graph->precision, &node->dense.layout), 1);
    if (node->op == &op_dense && graph->precision->factors == 2)
      node->dense.rounded = place(&next, node->dense.layout.elements / 2, 1);
    if (node->op != &op_tied) continue;
    node->dense.weight = graph->nodes[node->dense.source].dense.weight;
    node->dense.transposed = graph->nodes[node->dense.source].dense.transposed;
  }
  graph->buffer_floats = next;
}

/* Adds up where plain arrays lie when they are put one after the other. */
static size_t add_plain(size_t *plain, const array_t *array) {
  size_t at = *plain;
  *plain += array->count;
  return at;
}

/* Centres, or means, factors and offsets. */
static void list_fitted(graph_t *graph, node_t *node, size_t *plain) {
  const int64_t d = node->dense.layout.in;
  const char *name = node->op == &op_centres ? "centre" : "mean";
  node->dense.plain_weight = add_plain(plain, add_array(graph, node, name, node->dense.weight, d));
  if (node->op == &op_centres) return;
  array_t *factor = add_array(graph, node, "factor", node->fitted.factor, node->fitted.blocks > 0 ? d : 0);
  if (node->fitted.blocks > 0) {
    factor->layout = &node->fitted.layout;
    factor->blocks = node->fitted.blocks;
    factor->about.shape[0] = factor->blocks * factor->layout->out;
    factor->count = (size_t)(factor->about.shape[0] * d);
  }
  node->fitted.plain_factor = add_plain(plain, factor);
  node->fitted.plain_offset = add_plain(plain, add_array(graph, node, "offset", node->fitted.offset, 0));
}

static void list_trained(graph_t *graph, node_t *node, size_t *plain) {
  if (node->op->is_fitted) list_fitted(graph, node, plain);
  if (node->op->has_weight) {
    array_t *weight = add_array(graph, node, "weight", node->dense.weight, node->dense.layout.in);
    weight->about.init = node->dense.init;
    node->dense.plain_weight = add_plain(plain, weight);
  }
  if (node->op == &op_tied) node->dense.plain_weight = graph->nodes[node->dense.source].dense.plain_weight;
  if (node->dense.has_bias)
    node->dense.plain_bias = add_plain(plain, add_array(graph, node, "bias", node->dense.bias, 0));
  if (!node->op->has_scale) return;
  array_t *scale = add_array(graph, node, "scale", node->norm.scale, 0);
  scale->about.init = "ones";
  node->norm.plain_scale = add_plain(plain, scale);
  node->norm.plain_shift = add_plain(plain, add_array(graph, node, "shift", node->norm.shift, 0));
}

static void list_statistics(graph_t *graph, node_t *node, size_t *plain) {
  if (!node->op->keeps_record) return;
  array_t *mean = add_array(graph, node, "mean", node->norm.mean, 0);
  array_t *variance = add_array(graph, node, "variance", node->norm.variance, 0);
  mean->about.is_statistic = variance->about.is_statistic = true;
  variance->about.init = "ones";
  node->norm.plain_mean = add_plain(plain, mean);
  node->norm.plain_variance = add_plain(plain, variance);
}

ls_status parameters_place(graph_t *graph, ls_error *error) {
  size_t plain = 0;
  place_regions(graph);
  parameters_place_copies(graph);
  graph->arrays = arena_new(&graph->arena, 4 * graph->n_nodes, sizeof *graph->arrays);
  if (graph->arrays == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the list of parameters");
  for (size_t i = 0; i < graph->n_nodes; i++) list_trained(graph, &graph->nodes[i], &plain);
  graph->parameters = (int64_t)plain;
  for (size_t i = 0; i < graph->n_nodes; i++) list_statistics(graph, &graph->nodes[i], &plain);
  graph->plain_floats = plain;
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

size_t graph_trained_floats(const graph_t *graph) {
  return graph->trained_floats;
}

size_t graph_plain_floats(const graph_t *graph) {
  return graph->plain_floats;
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

size_t parameter_values(const parameter_t *parameter) {
  return (size_t)(parameter->shape[0] * (parameter->dims == 2 ? parameter->shape[1] : 1));
}

extent_t graph_extent(const graph_t *graph, size_t i) {
  const array_t *array = &graph->arrays[i];
  size_t floats = array->layout != NULL ? (size_t)(array->blocks * array->layout->elements) : array->count;
  return (extent_t){array->offset, round_up(floats, BIAS_START)};
}

void graph_unpack_rows(const graph_t *graph, size_t i, const float *vector, int64_t first, int64_t count,
                       float *plain) {
  const array_t *array = &graph->arrays[i];
  const size_t row = array->count / (size_t)array->about.shape[0];
  const dense_layout_t *layout = array->layout;
  if (layout == NULL) {
    memcpy(plain, vector + array->offset + (size_t)first * row, (size_t)count * row * sizeof *plain);
    return;
  }
  for (int64_t done = 0, n; done < count; done += n) { /* block by block */
    const int64_t block = (first + done) / layout->out, from = (first + done) % layout->out;
    n = layout->out - from < count - done ? layout->out - from : count - done;
    dense_unpack_rows(layout, vector + array->offset + block * layout->elements, from, n,
                      plain + (size_t)done * row);
  }
}

void graph_unpack(const graph_t *graph, size_t i, const float *vector, float *plain) {
  graph_unpack_rows(graph, i, vector, 0, graph->arrays[i].about.shape[0], plain);
}

void graph_pack(const graph_t *graph, size_t i, const float *plain, float *vector) {
  const array_t *array = &graph->arrays[i];
  const dense_layout_t *layout = array->layout;
  if (layout == NULL) memcpy(vector + array->offset, plain, array->count * sizeof *plain);
  for (int64_t k = 0; k < array->blocks && layout != NULL; k++)
    dense_pack(layout, plain + k * layout->out * layout->in, vector + array->offset + k * layout->elements);
}

ls_status graph_check_factors(const graph_t *graph, const float *vector, ls_error *error) {
  for (size_t i = 0; i < graph->n_arrays; i++) {
    const array_t *array = &graph->arrays[i];
    const dense_layout_t *layout = array->layout;
    const node_t *node = &graph->nodes[array->node];
    if (layout == NULL || array->offset != node->fitted.factor || !covariance_is_triangular(node)) continue;
    for (int64_t k = 0; k < array->about.shape[0]; k++) {
      const float *block = vector + array->offset + k / layout->out * layout->elements;
      for (int64_t j = k % layout->out + 1; j < layout->in; j++)
        if (block[dense_position(layout, k % layout->out, j)] != 0)
          return error_set(error, LS_BAD_DATA,
                           "parameters/%s: row %" PRId64 ", column %" PRId64
                           " is not 0, but each matrix of factors is lower triangular",
                           array->about.name, k, j);
    }
  }
  return LS_OK;
}

/* Floats [begin, begin + count) of a layer's weights into its copies. */
static void copy_weights(const graph_t *graph, const node_t *node, float *buffer, size_t begin,
                         size_t count) {
  const float *w = buffer + node->dense.weight;
  if (is_copied(graph, node))
    dense_transpose(graph->precision, &node->dense.layout, w, (int64_t)begin, (int64_t)count,
                    buffer + node->dense.transposed);
  if (graph->precision->factors == 2)
    dense_round(w, (int64_t)begin, (int64_t)count, buffer + node->dense.rounded);
}

bool graph_is_tied(const graph_t *graph) {
  for (size_t i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].op == &op_tied) return true;
  return false;
}

void graph_transpose(const graph_t *graph, float *buffer, size_t first, size_t count) {
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    if (node->op != &op_dense) continue;
    size_t begin = node->dense.weight, end = begin + (size_t)node->dense.layout.elements;
    if (begin < first) begin = first;
    if (end > first + count) end = first + count;
    if (begin < end) copy_weights(graph, node, buffer, begin - node->dense.weight, end - begin);
  }
}

/* In pieces of some rows, which stay in cache. */
enum { CHECKSUM_FLOATS = 1 << 18 };

ls_status graph_checksum(const graph_t *graph, const float *vector, uint64_t *out, ls_error *error) {
  checksum_t *sum = checksum_begin();
  size_t room = CHECKSUM_FLOATS;
  for (size_t i = 0; i < graph->n_arrays; i++) {
    size_t row = graph->arrays[i].count / (size_t)graph->arrays[i].about.shape[0];
    if (row > room) room = row;
  }
  float *plain = malloc(room * sizeof *plain);
  for (size_t i = 0; i < graph->n_arrays && sum != NULL && plain != NULL; i++) {
    const int64_t rows = graph->arrays[i].about.shape[0];
    const size_t row = graph->arrays[i].count / (size_t)rows;
    const int64_t most = (int64_t)(room / row);
    for (int64_t first = 0; first < rows; first += most) {
      int64_t count = rows - first < most ? rows - first : most;
      graph_unpack_rows(graph, i, vector, first, count, plain);
      checksum_add(sum, plain, (size_t)count * row * sizeof *plain);
    }
  }
  bool done = sum != NULL && plain != NULL;
  uint64_t found = checksum_end(&sum);
  free(plain);
  if (!done) return error_set(error, LS_NO_MEMORY, "no memory for the checksum of the parameters");
  *out = found;
  return LS_OK;
}
