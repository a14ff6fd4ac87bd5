/* clang-format off */
/* A strategy is one way to run a step: how gradients of all ranks are added up and new parameters reach them.
 *
 *   ring         one node: tiles of the gradient pass from rank to rank while they are in cache
 *   overlapped   several nodes: buckets travel between nodes while the ranks compute
 *   mpi          parallel.reduce=mpi: each rank updates a copy of its own after MPI_Allreduce
 *
 * A strategy is a row of functions in a file of its own. The engine chooses the row once. No other file sees
 * what the strategy keeps. Strategies call the files of phases (rows, fold, update), never the engine. To add
 * one: write the file, declare its row here, and name the row in strategy.c. */
/* clang-format on */
#ifndef STEP_STRATEGY_H
#define STEP_STRATEGY_H

#include "step/step.h"

/* What a strategy finds ready when it is set up. Borrowed for the engine's life. */
typedef struct {
  const engine_inputs_t *job;
  const plan_t *plan;
  const fold_plan_t *fold;
  const updates_t *updates;
  arena_t *arena;
} strategy_setup_t;

/* What it has set up. */
typedef struct {
  void *own;         /* its state: what threads find as thread->own */
  int depth;         /* sums that tree_plan_add has at work at once, at most */
  bool communicates; /* the rank needs a communicating thread */
} strategy_state_t;

/* For `check`: what it takes, in bytes per rank but where a node's total is asked for. */
typedef struct {
  double copies;       /* of the parameters, per node */
  double subtree_sums; /* memory for the sums of one subtree */
  double shares;       /* into how many the vector is divided; this rank has one */
  double exchange;     /* sums of other nodes, and of several ranks of this one */
} strategy_memory_t;

struct strategy {
  const char *name;

  /* Whether it can run a job with this parallel.reduce on this number of nodes. */
  bool (*suits)(const char *reduce, int nodes);
  strategy_memory_t (*memory)(const layout_t *layout, const graph_t *graph, const world_t *world);

  /* Set-up, in this order; collective. `create` makes the node's memory and its own state. `destroy` gives
   * back what is not the arena's, after a failure too: own may be NULL. NULL: all of it is the arena's. */
  ls_status (*divide)(const engine_inputs_t *job, division_t *out, ls_error *error);
  ls_status (*create)(const strategy_setup_t *setup, node_memory_t *node, strategy_state_t *out,
                      ls_error *error);
  void (*destroy)(void *own);

  /* One step, by every thread of the rank. False: the run is over, because something failed. */
  bool (*step)(thread_t *thread);
  /* After the last step before `tick`: waits until its parameters are there. NULL: they are. */
  void (*end)(thread_t *thread, long tick);
  /* Whether the run ends before step `tick`, because some rank wanted it in the step before. NULL: never. */
  bool (*halted)(thread_t *thread, long tick);

  /* Shares doubles that belong to blocks with all updaters of all nodes: those of block b are at
   * values[first[b]] up to first[b + 1], or at values[b] when first is NULL. By all updaters. NULL: the
   * updaters write to memory that all of them read, so they only have to meet (strategy_share). */
  void (*share)(thread_t *thread, double *values, const size_t *first);
  /* Between steps: each rank has changed the parameters of its share of the only bucket. Tells other nodes;
   * *range: blocks that this rank must renew the copies of. Collective over lanes. NULL: nothing to tell. */
  ls_status (*share_parameters)(void *own, block_range_t *range, ls_error *error);

  bool copies_at_once; /* an update renews the copies of the weights itself (update_renew_copies) */
};

extern const strategy_t ring_strategy, overlapped_strategy, mpi_strategy;

/* The first row that suits. */
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
