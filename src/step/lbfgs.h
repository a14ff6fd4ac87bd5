/* L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5): a step goes along d = -H g, as far as a line
 * search says. H, an estimate of the inverse Hessian, follows from the last pairs s = change of w and y =
 * change of g.
 *
 * Vectors are shares, one for each rank. The pairs are the optimiser's states (s0, y0: the newest; zero where
 * there is none yet), so that they lie in checkpoints. Dot products add blocks of 1024 parameters in the
 * tree: the same bits on any layout. One evaluation of loss and gradient is a step that keeps its gradient.
 * All functions are called outside of the threads' region, by all ranks. */
#ifndef STEP_LBFGS_H
#define STEP_LBFGS_H

#include "step/engine.h"

typedef struct lbfgs lbfgs_t;

/* What L-BFGS needs beside the optimiser's states, to engine->lbfgs; nothing when the optimiser is another
 * one. Memory comes from the engine's arena. Not collective. LS_BAD_SETTINGS, LS_NO_MEMORY. */
ls_status lbfgs_create(engine_t *engine, ls_error *error);

/* Steps [from, to) of an epoch. Collective. */
ls_status lbfgs_run(engine_t *engine, int64_t from, int64_t to, ls_error *error);

#endif
