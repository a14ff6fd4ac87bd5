/* Optimisers: pure functions on a slice of the parameter vector. A row of the table is one of them. Every
 * element is updated on its own, so the bits do not depend on how the vector is cut into slices.
 * Thread-safe on disjoint slices. */
#ifndef OPTIM_OPTIMIZER_H
#define OPTIM_OPTIMIZER_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LBFGS_PAIRS = 10, OPTIMIZER_MAX_STATES = 2 * LBFGS_PAIRS };

/* What an update needs beside the slice; the same for all slices of a step. */
typedef struct {
  double learning_rate; /* of this step, schedule applied */
  double momentum;
  bool nesterov;
  double beta1, beta2, epsilon;
  double alpha; /* rmsprop */
  double weight_decay;
  double l1;                         /* proximal: the penalty train.l1 */
  int64_t step;                      /* 1 for the first update */
  double gradient_share, mean_share; /* nadam: filled by optimizer_prepare */
  double trust_coefficient;          /* lars */
  double trust;                      /* layer-wise: of the array that the slice is part of */
} optimizer_step_t;

/* w: parameters, g: gradient (mean, penalties and clipping applied), state[k]: n floats each, zero at first.
 * decay: whether weight_decay applies to this slice (weights: yes, biases: no). */
typedef void (*optimizer_update_t)(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                                   const float *restrict g, float *restrict const *state);

/* The first of two passes of a layer-wise optimiser: makes g the direction u, in place, and moves the states.
 */
typedef void (*optimizer_direction_t)(const optimizer_step_t *step, bool decay, size_t n,
                                      const float *restrict w, float *restrict g,
                                      float *restrict const *state);

/* A layer-wise optimiser scales the step of each array of weights by a trust ratio, which follows from the
 * norms of w and u over the whole array. Biases have trust 1. The update is then given u for g. */
typedef struct {
  optimizer_direction_t direction;                                             /* NULL: u is g */
  double (*trust)(const optimizer_step_t *step, double w_norm, double u_norm); /* NULL: not layer-wise */
} layerwise_t;

typedef struct {
  const char *name;
  const char *meaning;                           /* the formula and its source */
  int states;                                    /* state vectors it keeps */
  const char *state_names[OPTIMIZER_MAX_STATES]; /* as in checkpoints */
  optimizer_update_t update;                     /* NULL: no function of a slice (lbfgs) */
  void (*prepare)(optimizer_step_t *step); /* works out what an update needs once a step; NULL: nothing */
  layerwise_t layerwise;
} optimizer_t;

/* To be called once the fields that the caller knows are filled, before the step's first update. */
void optimizer_prepare(const optimizer_t *optimizer, optimizer_step_t *step);

/* Whether the update itself takes care of the penalty l1, whose slope is then no part of g. */
bool optimizer_takes_l1(const optimizer_t *optimizer);

/* By name, NULL when there is none. Static, constant. */
const optimizer_t *optimizer_find(const char *name);
bool optimizer_choice(size_t i, choice_t *out);

#endif
