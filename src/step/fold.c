#include "step/fold.h"

#include "step/step.h"

fold_plan_t fold_plan(const layout_t *layout) {
  fold_plan_t plan = {.depth = 1};
  plan.n = tree_cover(layout->shards, layout->first_shard, layout->own_shards, plan.subtrees);
  for (int k = 0; k < plan.n; k++)
    if (tree_depth(plan.subtrees[k].n) > plan.depth) plan.depth = tree_depth(plan.subtrees[k].n);
  return plan;
}

/* With g the gradient sum of the tile over the leaves [lo, lo + n) of the tree:
 *
 *   sums[0] = sums[0] + (sums[1] + ... (sums[pending - 1] + g)),  or g when none is pending.
 *
 * The left subtree goes to the first free sum and is pending while the right one is made. So the leaf that
 * ends several subtrees completes all of them while it is in registers. */
static void fold_leaves(thread_t *thread, size_t tile, int lo, int n, const dense_sum_t *sums, int pending) {
  if (n > 1) {
    int left = tree_split(n);
    fold_leaves(thread, tile, lo, left, sums + pending, 0);
    fold_leaves(thread, tile, lo + left, n - left, sums, pending + 1);
    return;
  }
  const rank_rows_t *rows = thread->rows;
  int s = lo - thread->job->layout->first_shard;
  int64_t begin = 0;
  if (rows_slice(rows, s, thread->step.index, &begin) > 0)
    graph_tile_gradient(thread->kernels, rows->tape, s * rows->shape.padded, tile, sums, pending);
  else
    graph_tile_zero(thread->job->graph, tile, sums, pending);
}

void fold_tile(thread_t *thread, size_t tile, float *out, size_t subtree_stride, size_t run_stride) {
  const graph_t *graph = thread->job->graph;
  const fold_plan_t *plan = thread->fold;
  dense_sum_t sums[TREE_MAX_DEPTH];
  for (int level = 1; level < plan->depth; level++)
    sums[level] = (dense_sum_t){thread->levels + (size_t)(level - 1) * graph_largest_tile(graph),
                                (int64_t)graph_tile(graph, tile).floats};
  for (int k = 0; k < plan->n; k++) {
    sums[0] = (dense_sum_t){out + (size_t)k * subtree_stride, (int64_t)run_stride};
    fold_leaves(thread, tile, plan->subtrees[k].lo, plan->subtrees[k].n, sums, 0);
  }
}

void fold_into_vectors(thread_t *thread, size_t tile) {
  const tile_t place = graph_tile(thread->job->graph, tile);
  fold_tile(thread, tile, thread->node->partials + place.offset, thread->plan->floats, place.stride);
}
