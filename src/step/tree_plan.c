#include "step/tree_plan.h"

#include "model/graph.h"

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
