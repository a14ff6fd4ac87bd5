/* Computes the gradient of a tile for one shard after the other, and adds the shards up in the order of the
 * tree while the tile is in cache. The results are the rank's partial sums, one for each of the largest
 * subtrees that the rank's shards cover. */
#ifndef STEP_FOLD_H
#define STEP_FOLD_H

#include "math/tree.h"
#include "step/layout.h"

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

#endif
