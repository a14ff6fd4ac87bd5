/* The penalties of layers (op_penalty.c, op_random.c) as a part of the loss. A row's penalties count as much
 * as its loss in the first head does, and are in the reported loss of that head: divided by the head's
 * weight, so that the sum over heads holds them once. */
#ifndef MODEL_PENALTY_H
#define MODEL_PENALTY_H

#include "loss/objective.h"
#include "model/graph.h"

/* Adds the penalties (n) of rows to sums[0] of objective_evaluate. Returns the sum of the penalties, each as
 * often as its row counts. */
double penalties_add(const objective_t *objective, target_t target, int64_t n, const double *penalties,
                     double *sums);

/* The same for a call of training, after forward and before backward: n rows of the tape from `row` on, and
 * `padding` rows behind them that do not count. Nothing for a network without penalties. */
void penalties_train(const objective_t *objective, target_t target, tape_t *tape, int64_t row, int64_t n,
                     int64_t padding, double *sums);

/* LS_BAD_SETTINGS for a network with penalties whose first head has the weight 0. */
ls_status penalties_check(const objective_t *objective, const graph_t *graph, ls_error *error);

#endif
