/* Cuts the network into sections: runs of weights, and the part of forward that each makes possible. */
#include "model/graph.h"

#include "model/graph_impl.h"

static size_t weights_of(const node_t *node) {
  return node->op->has_weight ? (size_t)node->dense.layout.elements : 0;
}

/* The end of a section that starts with `first`: adds nodes until the next weights would exceed `floats`. */
static size_t section_end(const graph_t *graph, size_t first, size_t floats) {
  size_t sum = weights_of(&graph->nodes[first]), end = first + 1;
  for (; end < graph->n_nodes; end++) {
    size_t more = weights_of(&graph->nodes[end]);
    if (more > 0 && sum + more > floats) break;
    sum += more;
  }
  return end;
}

/* The number of sections that share a layer: about `floats` weights each, in whole panels. */
static int64_t layer_cuts(const node_t *node, size_t floats) {
  int64_t n = (int64_t)((weights_of(node) + floats / 2) / floats);
  int64_t panels = node->op->has_weight ? node->dense.layout.padded_out / DENSE_PANEL : 1;
  if (n > panels) n = panels;
  return n > 1 ? n : 1;
}

/* Section k of the n sections that share the layer `node`. */
static section_t cut_layer(const node_t *node, int64_t k, int64_t n) {
  int64_t panels = node->dense.layout.padded_out / DENSE_PANEL;
  int64_t from = panels * k / n * DENSE_PANEL, to = panels * (k + 1) / n * DENSE_PANEL;
  return (section_t){.first = node->number,
                     .end = node->number + 1,
                     .from = from,
                     .to = k + 1 < n ? to : node->width,
                     .offset = node->dense.weight + (size_t)(from * node->dense.layout.padded_in)};
}

/* The offset of the first weights at or after a node. */
static size_t weights_from(const graph_t *graph, size_t node) {
  for (; node < graph->n_nodes; node++)
    if (graph->nodes[node].op->has_weight) return graph->nodes[node].dense.weight;
  return graph->weight_floats;
}

size_t graph_cut(const graph_t *graph, size_t floats, section_t *sections) {
  size_t count = 0;
  for (size_t first = 1, end = 1; first < graph->n_nodes; first = end) {
    const node_t *node = &graph->nodes[first];
    int64_t n = layer_cuts(node, floats);
    end = section_end(graph, first, floats);
    for (int64_t k = 0; k < n; k++, count++) {
      if (sections == NULL) continue;
      sections[count] =
          n > 1 ? cut_layer(node, k, n) : (section_t){.first = first, .offset = weights_from(graph, first)};
      if (k + 1 == n) sections[count].end = end;
    }
  }
  return count;
}

const char *graph_node_name(const graph_t *graph, size_t node) {
  return graph->nodes[node].name;
}

int64_t graph_node_width(const graph_t *graph, size_t node) {
  return graph->nodes[node].width;
}

size_t graph_nodes(const graph_t *graph) {
  return graph->n_nodes;
}

size_t graph_tile_node(const graph_t *graph, size_t i) {
  return graph->pieces[i].node;
}
