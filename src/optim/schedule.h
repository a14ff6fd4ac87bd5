/* Learning-rate schedules: a table of pure functions of the step. */
#ifndef OPTIM_SCHEDULE_H
#define OPTIM_SCHEDULE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  double learning_rate; /* the base rate */
  double warmup_steps;  /* linear from 0 over this many steps, then the schedule */
  double total_steps;   /* of the whole run */
  double start;         /* one_cycle, cyclic: lowest rate / base rate at the start */
  double rise_steps;    /* one_cycle: from the start to the base rate */
  double final;         /* cosine, polynomial, one_cycle: last rate / base rate */
  double power;         /* polynomial */
  double every_steps;   /* step: between drops; exponential: what factor counts for; cyclic: the period */
  double factor;        /* step, exponential */
  double plateau;       /* reduce_on_plateau: the present share, by plateau_share */
} schedule_plan_t;

/* The rate of step t, 0 for the first. */
typedef double (*schedule_rate_t)(const schedule_plan_t *plan, double step);

typedef struct {
  const char *name;
  const char *meaning;
  schedule_rate_t rate; /* without warm-up: share of the base rate */
  bool watches_loss;    /* plan.plateau follows the loss */
} schedule_t;

const schedule_t *schedule_find(const char *name);
bool schedule_choice(size_t i, choice_t *out);

/* Warm-up included: during warm-up base * (step + 1) / warmup_steps, after it base * share(step - warmup). */
double schedule_learning_rate(const schedule_t *schedule, const schedule_plan_t *plan, int64_t step);

/* When a rate is reduced because a loss no longer falls. */
typedef struct {
  int64_t patience; /* so many epochs without a new best */
  double threshold; /* a best is new when it is below the old one by more than threshold |old| */
  double factor;    /* what each reduction multiplies by */
  double final;     /* no reduction goes below this share */
} plateau_rule_t;

/* The share of the base rate after epochs with these losses, losses[i * stride] of epoch i < n: a function of
 * all of them, so that it needs no state but the history of the run. */
double plateau_share(const plateau_rule_t *rule, const double *losses, size_t n, size_t stride);

/* ---- the base rate for a batch ---- */

/* What the base rate is multiplied by when a batch is `ratio` times the one that the rate was found for. */
typedef struct {
  const char *name;
  const char *meaning;
  double (*scale)(double ratio);
} rate_scaling_t;

const rate_scaling_t *rate_scaling_find(const char *name);
bool rate_scaling_choice(size_t i, choice_t *out);

#endif
