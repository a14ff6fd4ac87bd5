/* The context of one thread in a step: every function of a step takes it in place of what it needs of it.
 *
 * A rank has computing threads, numbered from 0, and where its strategy says so one communicating thread: the
 * thread that made MPI's world. A context is written by its own thread alone. What several threads share lies
 * behind its pointers: constant data behind pointers to const; for the rest its header says who may write. */
#ifndef STEP_STEP_H
#define STEP_STEP_H

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
  int64_t updates; /* before this one, in the whole run */
  int64_t rows;    /* of the whole batch */
  int64_t freedom; /* rows less one for each kernel call that has some: degrees of freedom of a variance */
  long tick;       /* counts all steps of the engine */
  bool want_norm;
  bool keep; /* leave the mean gradient where it is and update nothing */
} step_t;

/* Asked in every step whether this rank wants the run to end. */
typedef struct {
  engine_wants_t *wants; /* NULL: runs end at their end */
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
  void *own; /* the strategy's own state */
  rank_rows_t *rows;
  node_memory_t *node;
  updates_t *updates;
  barrier_t *team; /* of the rank's computing threads */
  step_t step;
  optimizer_step_t update; /* the hyper-parameters of this step (update_prepare) */
  bool waits;              /* nothing may be applied before the whole gradient is there (update_prepare) */
  waiter_t waiter;
  row_buffers_t buffers;
  graph_worker_t *kernels; /* NULL for the communicating thread */
  float *levels;           /* (fold->depth - 1, largest tile): pending sums of a tile (fold.c) */
  float *gradient;         /* GRAPH_BLOCK floats: a block of the mean gradient */
  float *stack;            /* for tree_plan_add */
  ls_error *error;         /* the run's: written by the thread that may call MPI */
} thread_t;

/* Waits for the rank's computing threads; for those of all ranks of the node. False: they did not come. */
static inline bool team_meet(thread_t *thread) {
  return waiter_meet(&thread->waiter, thread->team);
}
static inline bool node_meet(thread_t *thread) {
  return waiter_meet(&thread->waiter, &thread->node->control->barrier);
}

#endif
