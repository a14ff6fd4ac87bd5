/* The context of one thread in a step. Every function of a step takes it as its first argument.
 *
 * A rank has computing threads, numbered from 0. If its strategy asks for one, it also has a communicating
 * thread: the thread that created the world. Only the thread itself writes to its context. Pointers lead to
 * what threads share. Pointers to const lead to constant data; for other data, the header of its type says
 * which thread may write. */
#ifndef STEP_STEP_H
#define STEP_STEP_H

#include "step/fault.h"
#include "step/fold.h"
#include "step/node_memory.h"
#include "step/rows.h"
#include "step/update.h"
#include "step/waiting.h"

typedef struct strategy strategy_t; /* strategy.h */

typedef enum { COMPUTES, COMMUNICATES } role_t;

/* One step, as all threads of all ranks see it. */
typedef struct {
  int64_t index;   /* in the epoch */
  int64_t updates; /* updates of the run before this step */
  int64_t rows;    /* rows of the whole batch */
  int64_t
      freedom; /* rows minus the number of kernel calls that have rows: degrees of freedom of a variance */
  long tick;   /* counts all steps of the engine */
  bool want_norm;
  bool keep; /* keep the mean gradient in memory and update nothing */
} step_t;

/* Asked in every step whether this rank wants the run to end. */
typedef struct {
  engine_wants_t *wants; /* NULL: a run never ends early */
  void *context;
} halt_t;

typedef struct thread {
  _Alignas(64) role_t role; /* each context on cache lines of its own */
  int number;               /* among the computing threads; 0 for the communicating one */
  const engine_inputs_t *job;
  const plan_t *plan;
  const fold_plan_t *fold;
  const strategy_t *strategy;
  const halt_t *halt;
  void *own; /* the state of the strategy */
  rank_rows_t *rows;
  node_memory_t *node;
  updates_t *updates;
  faults_t *faults;
  barrier_t *team; /* of the rank's computing threads */
  step_t step;
  optimizer_step_t update; /* the hyper-parameters of this step (update_prepare) */
  skips_t skips;           /* counted by every thread, all the same */
  bool waits;              /* the update needs the whole gradient first (update_prepare) */
  waiter_t waiter;
  row_buffers_t buffers;
  graph_worker_t *kernels; /* NULL for the communicating thread */
  float *levels;           /* (fold->depth - 1, largest tile): pending sums of a tile (fold.c) */
  float *gradient;         /* GRAPH_BLOCK floats: a block of the mean gradient */
  float *stack;            /* for tree_plan_add */
  ls_error *error;         /* the run's: written by the thread that may call MPI */
} thread_t;

/* team_meet waits for all computing threads of the rank, node_meet for those of all ranks of the node. False:
 * they did not arrive in time. */
static inline bool team_meet(thread_t *thread) {
  return waiter_meet(&thread->waiter, thread->team);
}
static inline bool node_meet(thread_t *thread) {
  return waiter_meet(&thread->waiter, &thread->node->control->barrier);
}

#endif
