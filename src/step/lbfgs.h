/* L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5). A step moves along d = -H g, by a length that a
 * line search finds. H estimates the inverse Hessian from the last pairs s = change of w and y = change of g.
 *
 * Each rank holds its share of every vector. The pairs are the optimiser's states (s0, y0 is the newest pair;
 * a missing pair is zero), so checkpoints contain them. Dot products add blocks of 1024 parameters in the
 * order of the tree, so the bits do not depend on the layout. An evaluation of loss and gradient is a step
 * that keeps its gradient. All ranks call these functions, outside of the threads' region. */
#ifndef STEP_LBFGS_H
#define STEP_LBFGS_H

#include "step/engine.h"

typedef struct lbfgs lbfgs_t;

/* Creates engine->lbfgs, the memory that L-BFGS needs besides the optimiser's states. Does nothing for other
 * optimisers. Memory comes from the engine's arena. Not collective. LS_BAD_SETTINGS, LS_NO_MEMORY. */
ls_status lbfgs_create(engine_t *engine, ls_error *error);

/* Must be called when the parameters are changed from outside. */
void lbfgs_forget(engine_t *engine);

/* Runs steps [from, to) of an epoch; updates_before as in engine_run. Collective. */
ls_status lbfgs_run(engine_t *engine, int64_t from, int64_t to, int64_t updates_before, ls_error *error);

#endif
