/* Computes the gradient of a tile for one shard after the other, and adds the shards up in the order of the
 * tree while the tile is in cache. The results are the rank's partial sums, one for each of the largest
 * subtrees that the rank's shards cover. */
#ifndef STEP_FOLD_H
#define STEP_FOLD_H

#include "base/arena.h"
#include "math/tree.h"
#include "layout/layout.h"

typedef struct thread thread_t; /* step.h */

/* This rank's subtrees. Constant. */
typedef struct {
  tree_node_t subtrees[TREE_MAX_PIECES];
  int n;
  int depth; /* most pending sums of a tile at a time */
} fold_plan_t;

fold_plan_t fold_plan(const layout_t *layout);

/* Computes the rank's partial sums of a tile. Run r of the sum of subtree k goes to out + k subtree_stride +
 * r run_stride (strides in floats). Thread-safe for different outputs. */
void fold_tile(thread_t *thread, size_t tile, float *out, size_t subtree_stride, size_t run_stride);

/* The same, but into whole vectors: node->partials holds one vector for each subtree. */
void fold_into_vectors(thread_t *thread, size_t tile);

/* ---- sums of several ranks ----
 *
 * A postfix program (math/tree.h) adds up the partial sums of all ranks, or of all nodes, in the order of the
 * tree. */

typedef struct {
  const float *
      *vectors; /* (subtrees): the sum of subtree k at block b is at vectors[k] + b GRAPH_BLOCK - first */
  size_t first; /* in floats */
  int *program; /* (length): math/tree.h */
  int length;   /* 1: one subtree, and nothing to add */
  int depth;    /* the largest stack, in sums */
} tree_plan_t;

/* Creates the program that computes sum(0, leaves) from subtrees, which must cover all leaves in order. The
 * caller fills in `vectors` and `first`. Memory comes from the arena. LS_NO_MEMORY. */
ls_status tree_plan_create(int leaves, const tree_node_t *subtrees, int n, arena_t *arena, tree_plan_t *out,
                           ls_error *error);

/* Adds up n floats, at most GRAPH_BLOCK, from vectors[k] + at on. The result is on the stack, which belongs
 * to the calling thread and has depth * GRAPH_BLOCK floats; with one subtree it is the vector itself. */
const float *tree_plan_add(const tree_plan_t *plan, size_t at, size_t n, float *stack);

/* Adds up a block of the parameter vector. */
const float *tree_plan_add_block(const tree_plan_t *plan, size_t block, float *stack);

#endif
