/* clang-format off */
/* A strategy is one way to run a step. It adds up the gradients of all ranks and brings the new parameters to
 * them.
 *
 *   ring         one node: tiles of the gradient pass from rank to rank while they are in cache
 *   overlapped   several nodes: buckets travel between nodes while the ranks compute
 *   mpi          parallel.reduce=mpi: after MPI_Allreduce, each rank updates its own copy of the parameters
 *
 * A strategy is a row of functions in a file of its own. The engine chooses the row once, at set-up. No other
 * file sees the state of a strategy. A strategy calls the functions of phases (rows.h, fold.h, update.h),
 * never the engine. To add a strategy, write the file, declare its row here, and add the row to the list in
 * strategy.c. */
/* clang-format on */
#ifndef STEP_STRATEGY_H
#define STEP_STRATEGY_H

#include "step/step.h"

/* The input of a strategy's set-up. Borrowed for the engine's life. */
typedef struct {
  const engine_inputs_t *job;
  const plan_t *plan;
  const fold_plan_t *fold;
  const updates_t *updates;
  arena_t *arena;
} strategy_setup_t;

/* The result of a strategy's set-up. */
typedef struct {
  void *own;         /* its state; threads find it as thread->own */
  int depth;         /* the largest stack that tree_plan_add needs, in sums */
  bool communicates; /* the rank needs a communicating thread */
} strategy_state_t;

/* The memory that a strategy needs, for `check`. In bytes per rank unless noted. */
typedef struct {
  double copies;       /* copies of the parameters per node, a number */
  double subtree_sums; /* for the partial sums of one subtree */
  double shares;       /* the number of shares that the vector is divided into; this rank has one share */
  double exchange;     /* for sums from other nodes, and sums over ranks of this node */
} strategy_memory_t;

struct strategy {
  const char *name;

  /* Whether the strategy can run a job with this parallel.reduce on this number of nodes. */
  bool (*suits)(const char *reduce, int nodes);
  strategy_memory_t (*memory)(const layout_t *layout, const graph_t *graph, const world_t *world);

  /* Set-up, in this order; collective. `divide` decides how the parameter vector is divided. `create` makes
   * the node's memory and the state. `destroy` frees what does not belong to the arena; it is also called
   * after a failed `create`, when own may be NULL. destroy is NULL if everything belongs to the arena. */
  ls_status (*divide)(const engine_inputs_t *job, division_t *out, ls_error *error);
  ls_status (*create)(const strategy_setup_t *setup, node_memory_t *node, strategy_state_t *out,
                      ls_error *error);
  void (*destroy)(void *own);

  /* Runs one step. Called by every thread of the rank. False: something failed, and the run is over. */
  bool (*step)(thread_t *thread);
  /* Called after the last step before `tick`: waits until its new parameters have arrived. NULL: they have
   * when `step` returns. */
  void (*end)(thread_t *thread, long tick);
  /* Whether the run ends before step `tick`, because a rank asked for the end in the step before. Waits until
   * that is known, and with it whether that step was skipped. NULL: never, and both are known at once. */
  bool (*halted)(thread_t *thread, long tick);

  /* Shares doubles that belong to blocks with all updaters of all nodes: those of block b are at
   * values[first[b]] up to first[b + 1], or at values[b] when first is NULL. By all updaters. NULL: the
   * updaters write to memory that all of them read, so they only have to meet (strategy_share). */
  void (*share)(thread_t *thread, double *values, const size_t *first);
  /* Between steps, after each rank has changed the parameters of its share of the only bucket: sends them to
   * the other nodes. *range: the blocks whose copies this rank must renew. Collective over lanes. NULL: there
   * are no other nodes. */
  ls_status (*share_parameters)(void *own, block_range_t *range, ls_error *error);

  bool copies_at_once; /* the update also renews the copies of the weights (update_renew_copies) */
};

extern const strategy_t ring_strategy, overlapped_strategy, mpi_strategy;

/* Returns the first row that suits. */
const strategy_t *strategy_choose(const char *reduce, int nodes);

/* strategy_t.share, or the meeting that replaces it. */
static inline void strategy_share(thread_t *thread, double *values, const size_t *first) {
  waiter_mark(&thread->waiter, PHASE_UPDATE);
  if (thread->strategy->share != NULL)
    thread->strategy->share(thread, values, first);
  else
    node_meet(thread);
}

#endif
