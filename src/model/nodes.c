/* Makes the nodes of a graph from the settings of its layers: each kind of layer has a function that appends
 * its ops. */
#include "model/graph_impl.h"
#include "model/init.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Weights per layer at most: more than fits in any memory, and small enough that sizes in bytes do not
 * overflow. */
static const int64_t largest_layer = (int64_t)1 << 40;
static const int64_t most_inputs = INT32_MAX;

static ls_status bad_layer(const layer_settings_t *layer, ls_error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static ls_status bad_layer(const layer_settings_t *layer, ls_error *error, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char text[LS_MESSAGE_SIZE / 2];
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  error_set(error, LS_BAD_SETTINGS, "model.layers: %s", text);
  return layer->where != NULL ? error_prefix(error, LS_BAD_SETTINGS, "%s", layer->where) : LS_BAD_SETTINGS;
}

/* ---- appending nodes ---- */

/* Arguments common to all layer functions. */
typedef struct {
  graph_t *graph;
  ls_error *error;
} builder_t;

static ls_status append_layers(builder_t *b, const layer_settings_t *layers, size_t n, size_t *value);

/* Upper limit of the number of nodes. A dense layer may need a second node for its activation. */
static size_t count_nodes(const layer_settings_t *layers, size_t n) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) count += 2 + count_nodes(layers[i].layers, layers[i].n_layers);
  return count;
}

static node_t *append_node(graph_t *graph, const op_t *op, size_t input, int64_t width) {
  size_t same = 1;
  for (size_t i = 0; i < graph->n_nodes; i++) same += graph->nodes[i].op == op;
  node_t *node = &graph->nodes[graph->n_nodes];
  node->op = op;
  node->number = graph->n_nodes++;
  node->inputs[0] = input;
  node->width = width;
  if (op == &op_input)
    snprintf(node->name, sizeof node->name, "%s", op->name);
  else
    snprintf(node->name, sizeof node->name, "%s%zu", op->name, same);
  return node;
}

/* Finds the activation of a layer; identity when the layer names none. */
static ls_status find_activation(const layer_settings_t *layer, const activation_t **out, ls_error *error) {
  const char *name = layer->activation != NULL ? layer->activation : "identity";
  const activation_t *row = activation_find(name);
  if (row == NULL) {
    const char *nearest = choice_nearest(activation_choice, name);
    return bad_layer(layer, error, "unknown activation '%s'%s%s%s", name, nearest ? " (did you mean '" : "",
                     nearest ? nearest : "", nearest ? "'?)" : "");
  }
  *out = row;
  return LS_OK;
}

/* A node needs a delta if it, or a node before it, has parameters. dL/d input is needed only if asked for. */
void mark_needed_deltas(graph_t *graph) {
  for (size_t i = 0; i < graph->n_nodes; i++) {
    node_t *node = &graph->nodes[i];
    node->backward.needs_delta = node->op->has_weight || node->op->has_scale || node->op == &op_tied ||
                                 (i == 0 && graph->wants_input_delta);
    for (int k = 0; k < node->op->n_inputs; k++)
      node->backward.needs_delta =
          node->backward.needs_delta || graph->nodes[node->inputs[k]].backward.needs_delta;
  }
}

/* A function without a derivative stops every delta, so nothing before it may have parameters. */
static ls_status check_slope(builder_t *b, const layer_settings_t *layer, const activation_t *activation,
                             size_t value) {
  mark_needed_deltas(b->graph);
  if (activation->derivative != NULL || !b->graph->nodes[value].backward.needs_delta) return LS_OK;
  return bad_layer(
      layer, b->error,
      "activation %s has no slope, so nothing before it could be trained: it is for inputs, ahead "
      "of the first dense layer; for a smooth step take sigmoid or hard_sigmoid, and for classes "
      "leave it out (the losses hinge and perceptron look at the sign)",
      activation->name);
}

static ls_status append_activation(builder_t *b, const layer_settings_t *layer, bool has_next,
                                   size_t *value) {
  (void)has_next;
  const activation_t *activation = NULL;
  TRY(find_activation(layer, &activation, b->error));
  TRY(check_slope(b, layer, activation, *value));
  node_t *node = append_node(b->graph, &op_activation, *value, b->graph->nodes[*value].width);
  node->activation = activation;
  *value = node->number;
  return LS_OK;
}

/* "auto" depends on the activation of the layer's outputs: the layer's own, or that of an activation layer
 * right after it. */
static ls_status find_init(const layer_settings_t *layer, bool has_next, const activation_t *own,
                           const char **out, ls_error *error) {
  choice_t row;
  if (layer->init != NULL && strcmp(layer->init, "auto") != 0) {
    int i = choice_find(init_choice, layer->init);
    if (i < 0) return bad_layer(layer, error, "unknown initialisation '%s'", layer->init);
    init_choice((size_t)i, &row);
    *out = row.name;
    return LS_OK;
  }
  const activation_t *meets = own;
  if (activation_is_identity(own) && has_next && layer[1].kind == LAYER_ACTIVATION)
    TRY(find_activation(&layer[1], &meets, error));
  *out = meets->init;
  return LS_OK;
}

static ls_status append_dense(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  int64_t in = b->graph->nodes[*value].width;
  if (layer->units < 1)
    return bad_layer(layer, b->error, "dense: units is %" PRId64 ", must be at least 1", layer->units);
  if (layer->units > largest_layer / in)
    return bad_layer(layer, b->error, "dense: %" PRId64 " x %" PRId64 " weights are too many", layer->units,
                     in);
  const activation_t *activation = NULL, *identity = activation_find("identity");
  const char *init = NULL;
  TRY(find_activation(layer, &activation, b->error));
  TRY(find_init(layer, has_next, activation, &init, b->error));

  bool fuses = op_dense_fuses(activation);
  node_t *node = append_node(b->graph, &op_dense, *value, layer->units);
  node->activation = fuses ? activation : identity;
  node->dense.layout = dense_layout(in, layer->units);
  node->dense.has_bias = layer->bias;
  node->dense.init = init;
  *value = node->number;
  return fuses ? LS_OK : append_activation(b, layer, has_next, value);
}

static node_t *find_node(graph_t *graph, const char *name) {
  for (size_t i = 0; i < graph->n_nodes; i++)
    if (strcmp(graph->nodes[i].name, name) == 0) return &graph->nodes[i];
  return NULL;
}

static ls_status append_tied(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  node_t *source = find_node(b->graph, layer->to);
  const int64_t in = b->graph->nodes[*value].width;
  const activation_t *activation = NULL;
  TRY(find_activation(layer, &activation, b->error));
  if (source == NULL || source->op != &op_dense)
    return bad_layer(
        layer, b->error,
        "tied: no dense layer before it has the name '%.40s': the first one is dense1, the next dense2",
        layer->to);
  if (source->width != in)
    return bad_layer(layer, b->error,
                     "tied: %s has %" PRId64 " outputs, so its transpose takes as many values, but %" PRId64
                     " come to it",
                     source->name, source->width, in);
  const bool fuses = op_dense_fuses(activation);
  node_t *node = append_node(b->graph, &op_tied, *value, source->dense.layout.in);
  node->activation = fuses ? activation : activation_find("identity");
  node->dense =
      (dense_parameters_t){.layout = source->dense.layout, .has_bias = layer->bias, .source = source->number};
  source->dense.is_shared = true;
  *value = node->number;
  return fuses ? LS_OK : append_activation(b, layer, has_next, value);
}

static ls_status append_softmax(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)layer;
  (void)has_next;
  *value = append_node(b->graph, &op_softmax, *value, b->graph->nodes[*value].width)->number;
  return LS_OK;
}

static ls_status append_layer_norm(builder_t *b, const layer_settings_t *layer, bool has_next,
                                   size_t *value) {
  (void)has_next;
  int64_t width = b->graph->nodes[*value].width;
  if (width < 2) return bad_layer(layer, b->error, "layer_norm: a row of one value has no variance");
  node_t *node = append_node(b->graph, &op_layer_norm, *value, width);
  node->epsilon = layer->epsilon;
  *value = node->number;
  return LS_OK;
}

static ls_status append_batch_norm(builder_t *b, const layer_settings_t *layer, bool has_next,
                                   size_t *value) {
  (void)has_next;
  node_t *node = append_node(b->graph, &op_batch_norm, *value, b->graph->nodes[*value].width);
  node->epsilon = layer->epsilon;
  node->momentum = layer->momentum;
  *value = node->number;
  return LS_OK;
}

static ls_status append_dropout(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  if (!(layer->rate >= 0 && layer->rate < 1))
    return bad_layer(layer, b->error, "dropout: rate is %g, must be in [0, 1)", layer->rate);
  node_t *node = append_node(b->graph, &op_dropout, *value, b->graph->nodes[*value].width);
  node->rate = layer->rate;
  *value = node->number;
  return LS_OK;
}

static ls_status append_noise(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  if (!(layer->rate >= 0 && layer->rate < 1 && layer->deviation >= 0))
    return bad_layer(layer, b->error, "noise: mask must be in [0, 1), deviation at least 0");
  node_t *node = append_node(b->graph, &op_noise, *value, b->graph->nodes[*value].width);
  node->rate = layer->rate;
  node->deviation = layer->deviation;
  *value = node->number;
  return LS_OK;
}

/* The first half of the values are means, the second half logarithms of variances. */
static ls_status append_sample(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  const int64_t in = b->graph->nodes[*value].width;
  if (in % 2 != 0)
    return bad_layer(layer, b->error,
                     "sample: takes means and as many logarithms of variances, and %" PRId64
                     " values come to it: give the layer before it an even number of units",
                     in);
  node_t *node = append_node(b->graph, &op_sample, *value, in / 2);
  node->beta = layer->beta;
  node->deviation = layer->is_still ? 0 : 1;
  *value = node->number;
  return LS_OK;
}

static ls_status append_penalty(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  node_t *node = append_node(b->graph, &op_penalty, *value, b->graph->nodes[*value].width);
  node->l1 = layer->l1;
  node->l2 = layer->l2;
  *value = node->number;
  return LS_OK;
}

static ls_status append_residual(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  if (layer->n_layers == 0) return bad_layer(layer, b->error, "residual: needs at least one layer");
  size_t branch = *value;
  TRY(append_layers(b, layer->layers, layer->n_layers, &branch));
  int64_t in = b->graph->nodes[*value].width, out = b->graph->nodes[branch].width;
  if (in != out)
    return bad_layer(
        layer, b->error,
        "residual: y = x + layers(x) needs as many outputs as inputs, but its layers make %" PRId64
        " values from %" PRId64 "; give the last dense layer in it units: %" PRId64,
        out, in, in);
  node_t *node = append_node(b->graph, &op_add, *value, in);
  node->inputs[1] = branch;
  *value = node->number;
  return LS_OK;
}

static size_t append_join(graph_t *graph, size_t first, size_t second) {
  int64_t width = graph->nodes[first].width;
  node_t *node = append_node(graph, &op_join, first, width + graph->nodes[second].width);
  node->inputs[1] = second;
  node->joined = width;
  return node->number;
}

/* Appends one branch after the other, each with the same input, and joins each to the branches before it. */
static ls_status append_branches(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  if (layer->n_layers == 0) return bad_layer(layer, b->error, "branches: needs at least one list of layers");
  size_t joined = 0;
  for (size_t i = 0; i < layer->n_layers; i++) {
    size_t branch = *value;
    TRY(append_layers(b, layer->layers[i].layers, layer->layers[i].n_layers, &branch));
    joined = i == 0 ? branch : append_join(b->graph, joined, branch);
  }
  *value = joined;
  return LS_OK;
}

static node_t *append_points(builder_t *b, const layer_settings_t *layer, const op_t *op, size_t *value) {
  node_t *node = append_node(b->graph, op, *value, layer->units);
  node->dense.layout = dense_layout(b->graph->nodes[*value].width, layer->units);
  *value = node->number;
  return node;
}

static ls_status check_points(builder_t *b, const layer_settings_t *layer, const char *name, int64_t in) {
  if (layer->units < 1)
    return bad_layer(layer, b->error, "%s: units is %" PRId64 ", must be at least 1", name, layer->units);
  if (layer->units <= largest_layer / in) return LS_OK;
  return bad_layer(layer, b->error, "%s: %" PRId64 " x %" PRId64 " numbers are too many", name, layer->units,
                   in);
}

static ls_status append_centres(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  TRY(check_points(b, layer, "centres", b->graph->nodes[*value].width));
  append_points(b, layer, &op_centres, value);
  return LS_OK;
}

static ls_status append_gaussians(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value) {
  (void)has_next;
  const char *name = layer->covariance != NULL ? layer->covariance : "full";
  const covariance_t *covariance = covariance_find(name);
  const int64_t in = b->graph->nodes[*value].width;
  if (covariance == NULL) return bad_layer(layer, b->error, "gaussians: unknown covariance '%.60s'", name);
  TRY(check_points(b, layer, "gaussians", in));
  if (in > largest_layer / in / layer->units && strcmp(name, "full") == 0)
    return bad_layer(layer, b->error,
                     "gaussians: %" PRId64 " full covariances of %" PRId64 " values are too many",
                     layer->units, in);
  node_t *node = append_points(b, layer, &op_gaussians, value);
  node->fitted.covariance = covariance;
  covariance_shape(node);
  return LS_OK;
}

/* Appends the ops of a layer whose input is node *value, and sets *value to its output node. has_next:
 * layer[1] exists and is the next layer of the same list. */
typedef ls_status (*append_t)(builder_t *b, const layer_settings_t *layer, bool has_next, size_t *value);

static const append_t append_table[] = {
    [LAYER_DENSE] = append_dense,           [LAYER_ACTIVATION] = append_activation,
    [LAYER_SOFTMAX] = append_softmax,       [LAYER_LAYER_NORM] = append_layer_norm,
    [LAYER_BATCH_NORM] = append_batch_norm, [LAYER_DROPOUT] = append_dropout,
    [LAYER_RESIDUAL] = append_residual,     [LAYER_BRANCHES] = append_branches,
    [LAYER_NOISE] = append_noise,           [LAYER_SAMPLE] = append_sample,
    [LAYER_PENALTY] = append_penalty,       [LAYER_CENTRES] = append_centres,
    [LAYER_GAUSSIANS] = append_gaussians,   [LAYER_TIED] = append_tied,
};

static ls_status append_layers(builder_t *b, const layer_settings_t *layers, size_t n, size_t *value) {
  for (size_t i = 0; i < n; i++) TRY(append_table[layers[i].kind](b, &layers[i], i + 1 < n, value));
  return LS_OK;
}

/* ---- tables of vectors ---- */

/* The number of a vector is a float, so it must be exact. */
static const int64_t most_vectors = 1 << 24;

static ls_status check_table(const graph_table_t *table, ls_error *error) {
  if (table->vectors >= 1 && table->vectors <= most_vectors && table->width >= 1 &&
      table->width <= largest_layer / table->vectors)
    return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "model.embeddings: a table of %" PRId64 " vectors of width %" PRId64 " is too large",
                   table->vectors, table->width);
}

static node_t *append_reader(graph_t *graph, const op_t *op, int64_t column, int64_t width) {
  node_t *node = append_node(graph, op, 0, width);
  node->table = (table_source_t){.column = column, .stride = graph->nodes[0].width};
  return node;
}

/* Joins values [0, n) in pairs, and the pairs in pairs, so that a value is copied few times. */
static size_t join_all(graph_t *graph, size_t *values, size_t n) {
  for (; n > 1; n = (n + 1) / 2)
    for (size_t i = 0; i < n; i += 2)
      values[i / 2] = i + 1 < n ? append_join(graph, values[i], values[i + 1]) : values[i];
  return values[0];
}

static ls_status append_tables(builder_t *b, const graph_table_t *tables, size_t n_tables, size_t *value) {
  graph_t *graph = b->graph;
  int64_t numbers = graph->nodes[0].width - (int64_t)n_tables;
  size_t n = 0, *values = calloc(n_tables + 1, sizeof *values);
  ls_status status = values == NULL ? graph_no_memory(b->error) : LS_OK;
  if (status == LS_OK && numbers > 0) values[n++] = append_reader(graph, &op_take, 0, numbers)->number;
  for (size_t t = 0; t < n_tables && status == LS_OK; t++) {
    status = check_table(&tables[t], b->error);
    if (status != LS_OK) break;
    node_t *node = append_reader(graph, &op_embedding, numbers + (int64_t)t, tables[t].width);
    node->dense.layout = dense_layout(tables[t].vectors, tables[t].width);
    node->dense.init = "lecun_normal";
    values[n++] = node->number;
  }
  if (status == LS_OK) *value = join_all(graph, values, n);
  free(values);
  return status;
}

/* ---- all of them ---- */

ls_status nodes_append(graph_t *graph, const layer_settings_t *layers, size_t n_layers, int64_t inputs,
                       const graph_table_t *tables, size_t n_tables, ls_error *error) {
  builder_t builder = {.graph = graph, .error = error};
  size_t nodes = 2 + 2 * n_tables + count_nodes(layers, n_layers);
  if (inputs < 1 || inputs > most_inputs)
    return error_set(error, LS_BAD_SETTINGS,
                     "a network has 1 to %" PRId64 " inputs, and this one would have %" PRId64, most_inputs,
                     inputs);
  graph->nodes = arena_new(&graph->arena, nodes, sizeof *graph->nodes);
  if (graph->nodes == NULL) return graph_no_memory(error);
  size_t value = append_node(graph, &op_input, 0, inputs)->number;
  if (n_tables > 0) TRY(append_tables(&builder, tables, n_tables, &value));
  return append_layers(&builder, layers, n_layers, &value);
}
