#include "step/fold.h"

#include "step/step.h"

fold_plan_t fold_plan(const layout_t *layout) {
  fold_plan_t plan = {.depth = 1};
  plan.n = tree_cover(layout->shards, layout->first_shard, layout->own_shards, plan.subtrees);
  for (int k = 0; k < plan.n; k++)
    if (tree_depth(plan.subtrees[k].n) > plan.depth) plan.depth = tree_depth(plan.subtrees[k].n);
  return plan;
}

/* Adds g, the gradient sum of the tile over the leaves [lo, lo + n) of the tree, to the pending sums:
 *
 *   sums[0] = sums[0] + (sums[1] + ... (sums[pending - 1] + g)),  or g when none is pending.
 *
 * The left subtree goes to the first free sum and stays pending while the right subtree is computed. A leaf
 * that completes several subtrees is added to all of them while it is in registers. */
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

/* ---- sums of several ranks ---- */

ls_status tree_plan_create(int leaves, const tree_node_t *subtrees, int n, arena_t *arena, tree_plan_t *out,
                           ls_error *error) {
  tree_plan_t plan = {.length = 2 * n - 1};
  plan.program = arena_new(arena, (size_t)plan.length, sizeof *plan.program);
  plan.vectors = arena_new(arena, (size_t)n, sizeof *plan.vectors);
  if (plan.program == NULL || plan.vectors == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  plan.depth = tree_plan(leaves, subtrees, n, plan.program);
  *out = plan;
  return LS_OK;
}

const float *tree_plan_add(const tree_plan_t *plan, size_t at, size_t n, float *stack) {
  const float *top[TREE_MAX_PIECES + 2];
  int height = 0;
  for (int i = 0; i < plan->length; i++) {
    if (plan->program[i] != TREE_ADD) {
      top[height++] = plan->vectors[plan->program[i]] + at;
      continue;
    }
    const float *a = top[height - 2], *b = top[height - 1];
    float *out = stack + (size_t)(height - 2) * GRAPH_BLOCK;
    for (size_t k = 0; k < n; k++) out[k] = a[k] + b[k];
    top[--height - 1] = out;
  }
  return top[0];
}

const float *tree_plan_add_block(const tree_plan_t *plan, size_t block, float *stack) {
  return tree_plan_add(plan, block * GRAPH_BLOCK - plan->first, GRAPH_BLOCK, stack);
}
