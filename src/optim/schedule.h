/* Learning-rate schedules: a table of pure functions of the step number. */
#ifndef OPTIM_SCHEDULE_H
#define OPTIM_SCHEDULE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  double learning_rate; /* the base rate */
  double warmup_steps;  /* linear from 0 over these steps; the schedule starts after them */
  double total_steps;   /* of the whole run */
  double start;         /* one_cycle, cyclic: lowest rate / base rate, at the start */
  double rise_steps;    /* one_cycle: from the start to the base rate */
  double final;         /* cosine, polynomial, one_cycle: last rate / base rate */
  double power;         /* polynomial */
  double every_steps;   /* step: between drops; exponential: steps per factor; cyclic: the period */
  double factor;        /* step, exponential */
  double plateau;       /* reduce_on_plateau: the current share, from plateau_share */
} schedule_plan_t;

/* The share of the base rate at `step`, counted from 0 after warm-up. */
typedef double (*schedule_rate_t)(const schedule_plan_t *plan, double step);

typedef struct {
  const char *name;
  const char *meaning;
  schedule_rate_t rate; /* share of the base rate, without warm-up */
  bool watches_loss;    /* the rate depends on plan.plateau, which follows the loss */
} schedule_t;

const schedule_t *schedule_find(const char *name);
bool schedule_choice(size_t i, choice_t *out);

/* The learning rate of a step, warm-up included: base * (step + 1) / warmup_steps during warm-up, base *
 * share(step - warmup_steps) after it. */
double schedule_learning_rate(const schedule_t *schedule, const schedule_plan_t *plan, int64_t step);

/* When to reduce the rate because the loss no longer falls. */
typedef struct {
  int64_t patience; /* epochs without a new best loss before a reduction */
  double threshold; /* a loss is a new best when it is below the old best by more than threshold |old best| */
  double factor;    /* factor of each reduction */
  double final;     /* lower limit of the share */
} plateau_rule_t;

/* The share of the base rate after n epochs with the losses losses[i * stride], i < n. It is a function of
 * all losses, so it needs no state except the history of the run. */
double plateau_share(const plateau_rule_t *rule, const double *losses, size_t n, size_t stride);

/* ---- the base rate for a batch ---- */

/* Scales the base rate when the batch is `ratio` times the batch that the rate was chosen for. */
typedef struct {
  const char *name;
  const char *meaning;
  double (*scale)(double ratio);
} rate_scaling_t;

const rate_scaling_t *rate_scaling_find(const char *name);
bool rate_scaling_choice(size_t i, choice_t *out);

#endif
