/* Optimisers: a table of pure functions on a range of the parameter vector.
 *
 * Every element is updated independently, so the bits do not depend on how the vector is cut into ranges.
 * Thread-safe on disjoint ranges. */
#ifndef OPTIM_OPTIMIZER_H
#define OPTIM_OPTIMIZER_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LBFGS_PAIRS = 10, OPTIMIZER_MAX_STATES = 2 * LBFGS_PAIRS };

/* Values that an update needs besides the range; the same for all ranges of a step, except trust. */
typedef struct {
  double learning_rate; /* of this step, after the schedule */
  double momentum;
  bool nesterov;
  double beta1, beta2, epsilon;
  double alpha; /* rmsprop */
  double weight_decay;
  double l1;                         /* proximal: the setting train.l1 */
  int64_t step;                      /* 1 for the first update */
  double gradient_share, mean_share; /* nadam: set by optimizer_prepare */
  double trust_coefficient;          /* lars */
  double trust;                      /* layer-wise: for the array that contains the range */
} optimizer_step_t;

/* Updates n elements. w: parameters; g: gradient (mean over rows, with penalties and clipping applied);
 * state[k]: n floats each, zero before the first step. decay: whether weight_decay applies to this range
 * (weights yes, biases no). */
typedef void (*optimizer_update_t)(const optimizer_step_t *step, bool decay, size_t n, float *restrict w,
                                   const float *restrict g, float *restrict const *state);

/* First pass of a layer-wise optimiser: replaces g by the direction u and updates the states. */
typedef void (*optimizer_direction_t)(const optimizer_step_t *step, bool decay, size_t n,
                                      const float *restrict w, float *restrict g,
                                      float *restrict const *state);

/* A layer-wise optimiser scales the step of each weight array by a trust ratio, computed from the norms of w
 * and u over the whole array. Biases have trust 1. The second pass is the update, with u in place of g. */
typedef struct {
  optimizer_direction_t direction;                                             /* NULL: u is g */
  double (*trust)(const optimizer_step_t *step, double w_norm, double u_norm); /* NULL: not layer-wise */
} layerwise_t;

typedef struct {
  const char *name;
  const char *meaning;                           /* formula and source */
  int states;                                    /* number of state vectors */
  const char *state_names[OPTIMIZER_MAX_STATES]; /* names in checkpoints */
  optimizer_update_t update;                     /* NULL: not a function of a range (lbfgs) */
  void (*prepare)(optimizer_step_t *step);       /* computes derived values, once per step; NULL: none */
  layerwise_t layerwise;
} optimizer_t;

/* Computes the derived fields of *step. Call it once per step, after filling in the other fields and before
 * the first update. */
void optimizer_prepare(const optimizer_t *optimizer, optimizer_step_t *step);

/* Whether the update applies the penalty l1 itself. The gradient g then does not include its slope. */
bool optimizer_takes_l1(const optimizer_t *optimizer);

/* Finds an optimiser by name; NULL when there is none. Static, constant. */
const optimizer_t *optimizer_find(const char *name);
bool optimizer_choice(size_t i, choice_t *out);

#endif
