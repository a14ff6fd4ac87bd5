#include "step/layerwise.h"

#include "math/tree.h"
#include "step/step.h"
#include "step/strategy.h"

#include <math.h>

/* ---- set-up ---- */

/* The end of the fragment that begins at `offset`. */
static size_t fragment_end(extent_t extent, size_t offset) {
  size_t block_end = (offset / GRAPH_BLOCK + 1) * GRAPH_BLOCK, end = extent.offset + extent.floats;
  return block_end < end ? block_end : end;
}

static size_t count_fragments(const graph_t *graph) {
  size_t n = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    extent_t extent = graph_extent(graph, i);
    if (!graph_parameter(graph, i)->is_weight) continue;
    n += (extent.offset + extent.floats - 1) / GRAPH_BLOCK - extent.offset / GRAPH_BLOCK + 1;
  }
  return n;
}

/* The vector holds the weights of all layers in the order of the arrays. */
static void cut_arrays(const graph_t *graph, layers_t *layers) {
  size_t n = 0;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    extent_t extent = graph_extent(graph, i);
    layers->array_first[i] = n;
    if (!graph_parameter(graph, i)->is_weight) continue;
    for (size_t at = extent.offset; at < extent.offset + extent.floats; at = fragment_end(extent, at))
      layers->fragments[n++] = (fragment_t){i, at, fragment_end(extent, at) - at};
  }
  layers->array_first[graph_parameter_count(graph)] = n;
}

ls_status layers_create(const graph_t *graph, arena_t *arena, layers_t *out, ls_error *error) {
  size_t blocks = graph_floats(graph) / GRAPH_BLOCK;
  layers_t layers = {.n_fragments = count_fragments(graph)};
  layers.fragments = arena_new(arena, layers.n_fragments, sizeof *layers.fragments);
  layers.array_first = arena_new(arena, graph_parameter_count(graph) + 1, sizeof *layers.array_first);
  layers.block_first = arena_new(arena, blocks + 1, sizeof *layers.block_first);
  layers.block_squares = arena_new(arena, blocks + 1, sizeof *layers.block_squares);
  if (layers.fragments == NULL || layers.array_first == NULL || layers.block_first == NULL ||
      layers.block_squares == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the layers' norms");
  cut_arrays(graph, &layers);
  for (size_t b = 0, f = 0; b <= blocks; b++) {
    while (f < layers.n_fragments && layers.fragments[f].offset < b * GRAPH_BLOCK) f++;
    layers.block_first[b] = f;
    layers.block_squares[b] = 2 * f;
  }
  *out = layers;
  return LS_OK;
}

/* ---- the update ---- */

/* Computes the direction of a block and the squares of its fragments. */
static void first_pass(thread_t *thread, const bucket_t *bucket, size_t block) {
  const layers_t *layers = &thread->updates->layers;
  const float *w = thread->node->parameters;
  double *squares = thread->node->squares;
  optimizer_direction_t direction = thread->updates->method->layerwise.direction;
  float *states[OPTIMIZER_MAX_STATES] = {0};
  update_states(thread, bucket, block * GRAPH_BLOCK, states);
  if (direction != NULL)
    direction(&thread->update, block < thread->plan->weight_blocks, GRAPH_BLOCK, w + block * GRAPH_BLOCK,
              update_gradient(thread, bucket, block * GRAPH_BLOCK), states);
  for (size_t f = layers->block_first[block]; f < layers->block_first[block + 1]; f++) {
    const fragment_t *fragment = &layers->fragments[f];
    squares[2 * f] = sum_squares(w + fragment->offset, fragment->floats);
    squares[2 * f + 1] = sum_squares(update_gradient(thread, bucket, fragment->offset), fragment->floats);
  }
}

static double array_trust(const thread_t *thread, size_t array) {
  const layers_t *layers = &thread->updates->layers;
  size_t first = layers->array_first[array];
  const double *squares = thread->node->squares + 2 * first;
  int n = (int)(layers->array_first[array + 1] - first);
  double w = tree_sum(squares, n, 2), u = tree_sum(squares + 1, n, 2);
  return thread->updates->method->layerwise.trust(&thread->update, sqrt(w), sqrt(u));
}

/* Updates a range of blocks: arrays of weights with their trust ratio, other arrays with 1. */
static void second_pass(thread_t *thread, const bucket_t *bucket, block_range_t range) {
  const layers_t *layers = &thread->updates->layers;
  const plan_t *plan = thread->plan;
  size_t end = range.first + range.count, array = SIZE_MAX;
  optimizer_step_t step = thread->update;
  for (size_t f = layers->block_first[range.first]; f < layers->block_first[end]; f++) {
    const fragment_t *fragment = &layers->fragments[f];
    if (fragment->array != array) step.trust = array_trust(thread, fragment->array);
    array = fragment->array;
    update_apply(thread, bucket, &step, fragment->offset, fragment->floats,
                 update_gradient(thread, bucket, fragment->offset));
  }
  step.trust = 1;
  for (size_t b = range.first; b < end; b++)
    if (b >= plan->weight_blocks && b < plan->trained_blocks)
      update_apply(thread, bucket, &step, b * GRAPH_BLOCK, GRAPH_BLOCK,
                   update_gradient(thread, bucket, b * GRAPH_BLOCK));
  update_renew_copies(thread, range.first * GRAPH_BLOCK, range.count * GRAPH_BLOCK);
}

void layerwise_update(thread_t *thread) {
  const plan_t *plan = thread->plan;
  for (size_t k = 0; k < plan->n_buckets; k++) {
    block_range_t range = update_range(thread, &plan->buckets[k]);
    for (size_t b = range.first; b < range.first + range.count && b < plan->trained_blocks; b++)
      first_pass(thread, &plan->buckets[k], b);
  }
  strategy_share(thread, thread->node->squares, thread->updates->layers.block_squares);
  for (size_t k = 0; k < plan->n_buckets; k++)
    second_pass(thread, &plan->buckets[k], update_range(thread, &plan->buckets[k]));
}
