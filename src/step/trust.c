/* Layer-wise optimisers (lars, lamb): the step of each array of weights is scaled by its trust ratio, which
 * takes the norms of the whole array, and the array may be spread over blocks, slices, threads and nodes. So
 * the gradient waits in memory; a first pass makes directions of it and leaves the squares of w and of the
 * direction, piece by piece (a piece is what an array has in one block); and when all pieces are known a
 * second pass updates. An array's pieces follow from the layout of the vector alone and are added in the
 * tree: the same bits whoever does it. */
#include "step/engine_impl.h"

#include <math.h>

/* ---- set-up ---- */

/* Ends of the part of an array that lies in the block of `offset`. */
static size_t piece_end(extent_t extent, size_t offset) {
  size_t block_end = (offset / GRAPH_BLOCK + 1) * GRAPH_BLOCK, end = extent.offset + extent.floats;
  return block_end < end ? block_end : end;
}

static size_t count_pieces(const graph_t *graph) {
  size_t n = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    extent_t extent = graph_extent(graph, i);
    if (!graph_parameter(graph, i)->is_weight) continue;
    n += (extent.offset + extent.floats - 1) / GRAPH_BLOCK - extent.offset / GRAPH_BLOCK + 1;
  }
  return n;
}

/* Weights of all layers lie in the vector in the order of the arrays. */
static void cut_arrays(const graph_t *graph, trust_t *trust) {
  size_t n = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    extent_t extent = graph_extent(graph, i);
    trust->array_first[i] = n;
    if (!graph_parameter(graph, i)->is_weight) continue;
    for (size_t at = extent.offset; at < extent.offset + extent.floats; at = piece_end(extent, at))
      trust->pieces[n++] = (trust_piece_t){i, at, piece_end(extent, at) - at};
  }
  trust->array_first[graph_parameter_count(graph)] = n;
}

ls_status trust_plan(engine_t *engine, ls_error *error) {
  trust_t *trust = &engine->trust;
  const graph_t *graph = engine->in.graph;
  if (engine->optimizer->layerwise.trust == NULL) return LS_OK;
  trust->n_pieces = count_pieces(graph);
  trust->pieces = arena_new(&engine->arena, trust->n_pieces, sizeof *trust->pieces);
  trust->array_first =
      arena_new(&engine->arena, graph_parameter_count(graph) + 1, sizeof *trust->array_first);
  trust->block_first = arena_new(&engine->arena, engine->blocks + 1, sizeof *trust->block_first);
  trust->block_squares = arena_new(&engine->arena, engine->blocks + 1, sizeof *trust->block_squares);
  if (trust->pieces == NULL || trust->array_first == NULL || trust->block_first == NULL ||
      trust->block_squares == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the layers' norms");
  cut_arrays(graph, trust);
  for (size_t b = 0, p = 0; b <= engine->blocks; b++) {
    while (p < trust->n_pieces && trust->pieces[p].offset < b * GRAPH_BLOCK) p++;
    trust->block_first[b] = p;
    trust->block_squares[b] = 2 * p;
  }
  return LS_OK;
}

/* ---- the update ---- */

/* The direction of a block, and the squares of its pieces. */
static void first_pass(engine_t *engine, const bucket_t *bucket, const optimizer_step_t *step, size_t block) {
  const trust_t *trust = &engine->trust;
  optimizer_direction_t direction = engine->optimizer->layerwise.direction;
  float *states[OPTIMIZER_MAX_STATES] = {0};
  states_at(engine, bucket, block * GRAPH_BLOCK, states);
  if (direction != NULL)
    direction(step, block < engine->weight_blocks, GRAPH_BLOCK, engine->parameters + block * GRAPH_BLOCK,
              gradient_at(engine, bucket, block * GRAPH_BLOCK), states);
  for (size_t p = trust->block_first[block]; p < trust->block_first[block + 1]; p++) {
    const trust_piece_t *piece = &trust->pieces[p];
    trust->squares[2 * p] = sum_squares(engine->parameters + piece->offset, piece->floats);
    trust->squares[2 * p + 1] = sum_squares(gradient_at(engine, bucket, piece->offset), piece->floats);
  }
}

static double array_trust(const engine_t *engine, const optimizer_step_t *step, size_t array) {
  const trust_t *trust = &engine->trust;
  size_t first = trust->array_first[array];
  int n = (int)(trust->array_first[array + 1] - first);
  double w = tree_sum(trust->squares + 2 * first, n, 2), u = tree_sum(trust->squares + 2 * first + 1, n, 2);
  return engine->optimizer->layerwise.trust(step, sqrt(w), sqrt(u));
}

static void update_run(engine_t *engine, const bucket_t *bucket, const optimizer_step_t *step, bool is_weight,
                       size_t offset, size_t floats) {
  float *states[OPTIMIZER_MAX_STATES] = {0};
  states_at(engine, bucket, offset, states);
  engine->optimizer->update(step, is_weight, floats, engine->parameters + offset,
                            gradient_at(engine, bucket, offset), states);
}

/* All that a part of a bucket has of arrays of weights, each by its trust, and of others, by 1. */
static void second_pass(engine_t *engine, const bucket_t *bucket, const optimizer_step_t *step,
                        slice_t part) {
  const trust_t *trust = &engine->trust;
  size_t end = part.first + part.count, array = SIZE_MAX;
  optimizer_step_t own = *step;
  for (size_t p = trust->block_first[part.first]; p < trust->block_first[end]; p++) {
    const trust_piece_t *piece = &trust->pieces[p];
    if (piece->array != array) own.trust = array_trust(engine, step, piece->array);
    array = piece->array;
    update_run(engine, bucket, &own, true, piece->offset, piece->floats);
  }
  own.trust = 1;
  for (size_t b = part.first; b < end; b++)
    if (b >= engine->weight_blocks && b < engine->trained_blocks)
      update_run(engine, bucket, &own, false, b * GRAPH_BLOCK, GRAPH_BLOCK);
  copy_parameters(engine, part.first * GRAPH_BLOCK, part.count * GRAPH_BLOCK);
}

void trust_update(engine_t *engine, worker_t *worker, int thread, const optimizer_step_t *step,
                  ls_error *error) {
  for (size_t k = 0; k < engine->n_buckets; k++) {
    const bucket_t *bucket = &engine->buckets[k];
    slice_t part = own_part(engine, bucket, thread);
    for (size_t b = part.first; b < part.first + part.count && b < engine->trained_blocks; b++)
      first_pass(engine, bucket, step, b);
  }
  share_squares(engine, worker, engine->trust.squares, engine->trust.block_squares, error);
  for (size_t k = 0; k < engine->n_buckets; k++)
    second_pass(engine, &engine->buckets[k], step, own_part(engine, &engine->buckets[k], thread));
}
