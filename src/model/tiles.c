/* Cuts the gradient vector into tiles. Each tile is computed independently and summed over a rank's shards
 * while it is in cache. The weights of a layer are cut as its layout says; every other array is one tile. */
#include "model/graph.h"

#include "model/graph_impl.h"

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the list of gradient tiles");
}

static size_t count_pieces(const graph_t *graph) {
  size_t n = 0;
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    if (node->op->has_weight) n += (size_t)dense_tiles(&node->dense.layout) + node->dense.has_bias;
    n += node->op == &op_tied && node->dense.has_bias;
    n += 2 * (size_t)node->op->has_scale + 2 * (size_t)node->op->keeps_record;
  }
  return n;
}

static void cut_weight(graph_t *graph, const node_t *node) {
  for (int64_t t = 0; t < dense_tiles(&node->dense.layout); t++) {
    dense_tile_t tile = dense_tile(&node->dense.layout, t);
    graph->pieces[graph->n_pieces++] = (piece_t){.place = {.offset = node->dense.weight + (size_t)tile.offset,
                                                           .floats = (size_t)tile.elements,
                                                           .runs = (size_t)tile.panels,
                                                           .stride = (size_t)tile.stride},
                                                 .node = node->number,
                                                 .dense = tile};
    if (node->op == &op_embedding) graph->pieces[graph->n_pieces - 1].kind = PIECE_VECTORS;
  }
}

/* Adds a tile for a whole array with one value per output of the node. */
static piece_t *cut_columns(graph_t *graph, const node_t *node, size_t offset) {
  piece_t *piece = &graph->pieces[graph->n_pieces++];
  *piece = (piece_t){.place = {.offset = offset, .floats = (size_t)node->width, .runs = 1},
                     .node = node->number,
                     .kind = PIECE_SUM};
  return piece;
}

static void cut_statistics(graph_t *graph, const node_t *node) {
  piece_t *mean = cut_columns(graph, node, node->norm.mean);
  piece_t *variance = cut_columns(graph, node, node->norm.variance);
  mean->kind = variance->kind = PIECE_STATISTIC;
  mean->record = RECORD_SUM;
  variance->record = RECORD_SQUARES;
}

ls_status tiles_cut(graph_t *graph, ls_error *error) {
  size_t n = count_pieces(graph);
  graph->pieces = arena_new(&graph->arena, n, sizeof *graph->pieces);
  if (graph->pieces == NULL) return no_memory(error);
  for (size_t i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].op->has_weight) cut_weight(graph, &graph->nodes[i]);
  for (size_t i = 0; i < graph->n_nodes; i++) {
    const node_t *node = &graph->nodes[i];
    if (node->dense.has_bias) cut_columns(graph, node, node->dense.bias);
    if (!node->op->has_scale) continue;
    cut_columns(graph, node, node->norm.scale)->kind = PIECE_PRODUCT;
    cut_columns(graph, node, node->norm.shift);
  }
  for (size_t i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].op->keeps_record) cut_statistics(graph, &graph->nodes[i]);
  for (size_t i = 0; i < graph->n_pieces; i++) {
    size_t floats = graph->pieces[i].place.runs * graph->pieces[i].place.floats;
    if (floats > graph->largest_piece) graph->largest_piece = floats;
  }
  return LS_OK;
}

size_t graph_tiles(const graph_t *graph) {
  return graph->n_pieces;
}

tile_t graph_tile(const graph_t *graph, size_t i) {
  return graph->pieces[i].place;
}

size_t graph_largest_tile(const graph_t *graph) {
  return graph->largest_piece;
}
