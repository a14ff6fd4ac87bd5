/* Computes the gradient of one tile for one shard after the other and adds the shards up in the order of the
 * tree while the tile is in cache: the rank's partial sums, one for each of the largest subtrees that its
 * shards cover. */
#ifndef STEP_FOLD_H
#define STEP_FOLD_H

#include "math/tree.h"
#include "step/layout.h"

typedef struct thread thread_t; /* step.h */

/* This rank's subtrees. Constant. */
typedef struct {
  tree_node_t subtrees[TREE_MAX_PIECES];
  int n;
  int depth; /* sums of a tile at work at once */
} fold_plan_t;

fold_plan_t fold_plan(const layout_t *layout);

/* The rank's partial sums of a tile: run r of subtree k's sum goes to out + k subtree_stride + r run_stride
 * (strides in floats). Thread-safe for different outputs. */
void fold_tile(thread_t *thread, size_t tile, float *out, size_t subtree_stride, size_t run_stride);

/* The same into whole vectors, where node->partials has one for each subtree. */
void fold_into_vectors(thread_t *thread, size_t tile);

#endif
