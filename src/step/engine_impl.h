/* The engine, for the files that work between steps: set-up, the loop over steps, losses, L-BFGS, timing. The
 * phases of a step do not see the engine but a thread's context (step.h). */
#ifndef STEP_ENGINE_IMPL_H
#define STEP_ENGINE_IMPL_H

#include "step/fault.h"
#include "step/lbfgs.h"
#include "step/step.h"
#include "step/strategy.h"

struct engine {
  engine_inputs_t in;
  const strategy_t *strategy; /* chosen once */
  strategy_state_t state;
  plan_t plan;
  fold_plan_t fold;
  rank_rows_t rows;
  node_memory_t node;
  updates_t updates;
  lbfgs_t *lbfgs; /* NULL: another optimiser */
  halt_t halt;
  faults_t faults;
  barrier_t *team; /* barrier of this rank's computing threads */
  thread_t
      *threads;  /* (computing threads), followed by the communicating thread, if the strategy needs one */
  long ticks;    /* steps of all earlier runs */
  int64_t timed; /* steps recorded on the timelines */
  int64_t *timed_rows; /* (timed_steps): rows of each */
  arena_t arena;
};

/* ---- steps.c ---- */

/* The steps of one call of the engine, and the options that they share. */
typedef struct {
  int64_t from, to;       /* of the epoch */
  int64_t updates_before; /* in the whole run */
  bool want_norm;         /* after the last of them */
  bool keep;              /* leave the mean gradient in updates.gradient and update nothing */
} steps_t;

/* Collective. LS_COMM if other ranks do not answer; the status of a rank whose reader failed. */
ls_status steps_run(engine_t *engine, const steps_t *steps, ls_error *error);

/* The context of OpenMP thread `i` of a region with steps_threads threads. */
thread_t *steps_thread(engine_t *engine, int i);
int steps_threads(const engine_t *engine);

#endif
