/* The search for a curve of low loss between two networks (Garipov et al. 2018, section 3.1). It minimises
 * the mean loss along the curve, the expectation of L(phi(t)) over t uniform in [0, 1], by stochastic
 * gradients: each step draws a t, takes the gradient of one batch at phi(t), and moves theta by it (curve.h).
 *
 * Batches are those of training, in the same order. The gradient has the same bits on any layout; rank 0
 * moves theta, one number after the other. */
#ifndef LANDSCAPE_SEARCH_H
#define LANDSCAPE_SEARCH_H

#include "landscape/curve.h"
#include "landscape/point.h"
#include "optim/optimizer.h"

/* How a search is done. */
typedef struct {
  const optimizer_t *optimizer;
  double learning_rate; /* of the first half of the steps, see search_rate */
  int64_t epochs;
} search_plan_t;

/* The optimisers that a search may use, by name, and the learning rate that each begins with if the user
 * names none; 0 for another optimiser. */
bool search_choice(size_t i, choice_t *out);
double search_default_rate(const char *optimizer);

/* The rate of a step of `steps`: whole in the first half, then falling on a straight line to 1 % after nine
 * tenths, as in the experiments of Garipov et al. Pure. */
double search_rate(double learning_rate, int64_t step, int64_t steps);

/* A search under way. Vectors have point_size floats; on ranks other than 0 only `here` exists. */
typedef struct {
  const search_plan_t *plan;
  point_t *point;
  const curve_t *curve;
  uint64_t number;             /* of the curve, for the random numbers */
  const float *first, *second; /* the ends */
  float *theta;
  float *states[OPTIMIZER_MAX_STATES];
  float *here;     /* the point of the last step, on every rank */
  float *gradient; /* of theta */
  float *vector;   /* (graph_floats): the gradient as the graph has it */
  int64_t step;    /* steps done */
  int64_t epoch;   /* whose order of rows the engine has; -1: none */
  int64_t bad;     /* the first step with a gradient that is not finite; -1: none; on rank 0 */
  double *sums;    /* (shards, heads): for search_loss */
} curve_search_t;

/* Takes the memory of searches from the arena. The caller then sets the other members: curve and number,
 * ends, theta, step, epoch -1, bad -1. LS_NO_MEMORY. Not collective. */
ls_status search_create(point_t *point, const search_plan_t *plan, arena_t *arena, curve_search_t *out,
                        ls_error *error);

/* The number of steps of a whole search. */
int64_t search_steps(const curve_search_t *search);

/* One step. Collective. */
ls_status search_step(curve_search_t *search, ls_error *error);

/* The mean loss of the batch of the last step. Collective. */
ls_status search_loss(curve_search_t *search, double *out, ls_error *error);

/* LS_DIVERGED on all ranks if a gradient so far was not finite. Collective. */
ls_status search_check(const curve_search_t *search, ls_error *error);

#endif
