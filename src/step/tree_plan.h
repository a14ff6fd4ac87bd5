/* Adds up vectors in the order of the tree (math/tree.h): a postfix program over the sums of subtrees. */
#ifndef STEP_TREE_PLAN_H
#define STEP_TREE_PLAN_H

#include "base/arena.h"
#include "base/error.h"
#include "math/tree.h"

typedef struct {
  const float *
      *vectors; /* (subtrees): the sum of subtree k at block b is at vectors[k] + b GRAPH_BLOCK - first */
  size_t first; /* in floats */
  int *program; /* (length): math/tree.h */
  int length;   /* 1: there is one subtree, and nothing to add */
  int depth;    /* sums on the stack at once, at most */
} tree_plan_t;

/* The program that makes sum(0, leaves) of subtrees which cover all leaves in order. The caller fills in
 * `vectors` and `first`. Memory comes from the arena. LS_NO_MEMORY. */
ls_status tree_plan_create(int leaves, const tree_node_t *subtrees, int n, arena_t *arena, tree_plan_t *out,
                           ls_error *error);

/* The sum of n floats, at most GRAPH_BLOCK of them, from vectors[k] + at on. The result lies on the stack
 * (depth * GRAPH_BLOCK floats, the calling thread's), or is one of the vectors where there is one subtree. */
const float *tree_plan_add(const tree_plan_t *plan, size_t at, size_t n, float *stack);

/* The sum of a block of the parameter vector. */
const float *tree_plan_add_block(const tree_plan_t *plan, size_t block, float *stack);

#endif
