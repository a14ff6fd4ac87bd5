/* The memory that the threads of all ranks of a node share: parameters, partial sums, counters. It is in
 * shared windows. If a strategy shares nothing between ranks, the memory is private, and each rank counts as
 * a node. */
#ifndef STEP_NODE_MEMORY_H
#define STEP_NODE_MEMORY_H

#include "comm/barrier.h"
#include "comm/window.h"
#include "math/tree.h"
#include "step/buckets.h"
#include "step/engine.h"

#include <stdatomic.h>

typedef struct {
  barrier_t barrier;              /* of the computing threads of all ranks */
  _Alignas(64) atomic_int failed; /* 0, EXCHANGE_FAILED or READER_FAILED (waiting.h) */
  /* With train.on_nan=skip, tick + 1 of the last step whose loss was not finite, on any node once all nodes
   * have told; and of the last step that was skipped. */
  _Alignas(64) atomic_long bad_loss, skipped;
} control_t;

typedef struct {
  window_t *parameter_window, *partial_window, *control_window; /* NULL: private memory */
  bool is_first;     /* the rank that initialises the shared memory */
  float *parameters; /* the vector, and the copies behind it (graph.h) */
  float *partials;   /* this rank's partial sums; subtree k's begin at partials + k subtree_floats */
  size_t subtree_floats;
  control_t *control;
  void *counters;  /* the strategy's own, zero at first; shared by the node */
  double *norms;   /* (blocks): squares of the mean gradient, block by block; shared by the node */
  double *squares; /* of layer-wise optimisers (layerwise.h); shared by the node */
} node_memory_t;

/* Computing threads of the node: the total over its ranks, and the largest number of a rank. */
typedef struct {
  int all, most;
} node_threads_t;

/* Collective. */
ls_status node_count_threads(const engine_inputs_t *job, node_threads_t *out, ls_error *error);

/* The sizes of the memory. */
typedef struct {
  node_threads_t threads;
  size_t subtree_floats; /* of partial sums, for each of this rank's subtrees */
  int subtrees;
  size_t counter_bytes;
  size_t squares;
} node_request_t;

/* node_create_shared allocates windows: collective; LS_NO_MEMORY on all ranks. node_create_private takes
 * memory from the arena: not collective. */
ls_status node_create_shared(const engine_inputs_t *job, const plan_t *plan, const node_request_t *request,
                             node_memory_t *out, ls_error *error);
ls_status node_create_private(const engine_inputs_t *job, const plan_t *plan, const node_request_t *request,
                              arena_t *arena, node_memory_t *out, ls_error *error);
void node_destroy(node_memory_t *node); /* collective */

/* Lists the subtrees of this node's ranks, rank by rank, and the vectors with their sums. Returns their
 * number, at most world_places * TREE_MAX_PIECES. */
int node_subtrees(const engine_inputs_t *job, const node_memory_t *node, tree_node_t *subtrees,
                  const float **vectors);

/* Lists the largest subtrees that the shards of all ranks of a node cover together. Returns their number. */
int node_cover(const engine_inputs_t *job, int node, tree_node_t subtrees[TREE_MAX_PIECES]);

#endif
