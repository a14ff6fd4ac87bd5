/* Layer-wise optimisers (lars, lamb) scale the step of each array of weights by a trust ratio, computed from
 * norms over the whole array. An array may be spread over blocks, shares, threads and nodes.
 *
 * So the gradient is kept in memory. A first pass replaces it by directions, and stores the squares of w and
 * of the direction for each fragment. A *fragment* is the part of an array that lies in one block. When all
 * squares are known, a second pass updates. Fragments depend only on the layout of the vector and are added
 * in the order of the tree, so the bits do not depend on the thread or rank that updates them. */
#ifndef STEP_LAYERWISE_H
#define STEP_LAYERWISE_H

#include "base/arena.h"
#include "model/graph.h"

typedef struct thread thread_t; /* step.h */

typedef struct {
  size_t array;
  size_t offset, floats; /* in the vector */
} fragment_t;

/* Constant. The squares of w and of the direction over fragment f are at node->squares[2 f] and [2 f + 1]. */
typedef struct {
  fragment_t *fragments; /* in order of offset */
  size_t n_fragments;    /* 0: the optimiser is not layer-wise */
  size_t *array_first;   /* (arrays + 1): first fragment of each */
  size_t *block_first;   /* (blocks + 1) */
  size_t *block_squares; /* (blocks + 1): twice block_first */
} layers_t;

/* Memory comes from the arena. Not collective. LS_NO_MEMORY. */
ls_status layers_create(const graph_t *graph, arena_t *arena, layers_t *out, ls_error *error);

/* Updates this thread's range of every bucket from the kept gradient. By all updaters; may communicate. */
void layerwise_update(thread_t *thread);

#endif
