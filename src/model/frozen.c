#include "model/frozen.h"

#include "model/graph_impl.h"

#include <string.h>

bool parameter_is_of(const parameter_t *parameter, const char *layer) {
  size_t length = strlen(layer);
  return strncmp(parameter->name, layer, length) == 0 && parameter->name[length] == '/';
}

/* "dense1, dense2": the layers that have trained parameters, as far as there is room. */
static void list_layers(const graph_t *graph, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < graph_parameter_count(graph) && used < size; i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    int length = (int)strcspn(parameter->name, "/");
    if (parameter->is_statistic) continue;
    if (i > 0 && strncmp(parameter->name, graph_parameter(graph, i - 1)->name, (size_t)length + 1) == 0)
      continue;
    used += (size_t)snprintf(out + used, size - used, "%s%.*s", i > 0 ? ", " : "", length, parameter->name);
  }
}

static ls_status check_name(const graph_t *graph, const char *layer, size_t number, ls_error *error) {
  char all[256];
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    if (parameter_is_of(graph_parameter(graph, i), layer)) return LS_OK;
  list_layers(graph, all, sizeof all);
  return error_set(error, LS_BAD_SETTINGS,
                   "model.freeze[%zu]: the network has no layer '%.60s' with weights; there are %s", number,
                   layer, all);
}

static bool is_frozen(const text_list_t *layers, const parameter_t *parameter) {
  for (size_t k = 0; k < layers->n; k++)
    if (parameter_is_of(parameter, layers->values[k])) return true;
  return false;
}

static bool is_named(const text_list_t *layers, const char *name) {
  for (size_t k = 0; k < layers->n; k++)
    if (strcmp(layers->values[k], name) == 0) return true;
  return false;
}

/* A tied layer with a bias is frozen together with the layer whose weights it uses. */
static ls_status check_tied(const graph_t *graph, const text_list_t *layers, ls_error *error) {
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i], *source = &graph->nodes[node->dense.source];
    if (node->op != &op_tied || !node->dense.has_bias) continue;
    if (is_named(layers, node->name) != is_named(layers, source->name))
      return error_set(error, LS_BAD_SETTINGS,
                       "model.freeze: %s and %s share their weights, so name both or neither", source->name,
                       node->name);
  }
  return LS_OK;
}

/* Puts a range in its place among the others. */
static void insert(frozen_t *frozen, extent_t range) {
  size_t i = frozen->n++;
  for (; i > 0 && frozen->ranges[i - 1].offset > range.offset; i--) frozen->ranges[i] = frozen->ranges[i - 1];
  frozen->ranges[i] = range;
}

ls_status frozen_create(const graph_t *graph, const text_list_t *layers, arena_t *arena, frozen_t *out,
                        ls_error *error) {
  frozen_t frozen = {0};
  size_t trained = 0;
  if (layers->n == 0) {
    *out = frozen;
    return LS_OK;
  }
  for (size_t k = 0; k < layers->n; k++) TRY(check_name(graph, layers->values[k], k, error));
  TRY(check_tied(graph, layers, error));
  frozen.ranges = arena_new(arena, graph_parameter_count(graph), sizeof *frozen.ranges);
  if (frozen.ranges == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the list of frozen layers");
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *parameter = graph_parameter(graph, i);
    if (parameter->is_statistic) continue;
    if (is_frozen(layers, parameter))
      insert(&frozen, graph_extent(graph, i));
    else
      trained++;
  }
  if (trained == 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.freeze: all layers with weights are frozen, so nothing is left to train");
  *out = frozen;
  return LS_OK;
}

/* The part of range i that lies in [first, end); floats is 0 if none does. */
static extent_t part_of(const frozen_t *frozen, size_t i, size_t first, size_t end) {
  size_t from = frozen->ranges[i].offset, to = from + frozen->ranges[i].floats;
  if (from < first) from = first;
  if (to > end) to = end;
  return (extent_t){from, to > from ? to - from : 0};
}

bool frozen_gap(const frozen_t *frozen, size_t first, size_t end, extent_t *out) {
  for (size_t i = 0; i < frozen->n && first < end; i++) {
    extent_t part = part_of(frozen, i, first, end);
    if (part.floats == 0) continue;
    if (part.offset > first) end = part.offset; /* the gap ends where this range begins */
    if (part.offset == first) first += part.floats;
  }
  *out = (extent_t){first, end - first};
  return first < end;
}

bool frozen_set(const frozen_t *frozen, size_t first, size_t n, const float *from, float *to) {
  bool any = false;
  for (size_t i = 0; i < frozen->n; i++) {
    extent_t part = part_of(frozen, i, first, first + n);
    const size_t at = part.offset - first, bytes = part.floats * sizeof *to;
    if (part.floats == 0) continue;
    any = true;
    if (from != NULL)
      memcpy(to + at, from + at, bytes);
    else
      memset(to + at, 0, bytes);
  }
  return any;
}
