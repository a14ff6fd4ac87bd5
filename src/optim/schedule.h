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
  double final;         /* cosine: last rate / base rate */
  double every_steps;   /* step: steps between drops */
  double factor;        /* step: what each drop multiplies by */
} schedule_plan_t;

/* The rate of step t, 0 for the first. */
typedef double (*schedule_rate_t)(const schedule_plan_t *plan, double step);

typedef struct {
  const char *name;
  const char *meaning;
  schedule_rate_t rate; /* without warm-up: share of the base rate */
} schedule_t;

const schedule_t *schedule_find(const char *name);
bool schedule_choice(size_t i, choice_t *out);

/* Warm-up included: during warm-up base * (step + 1) / warmup_steps, after it base * share(step - warmup). */
double schedule_learning_rate(const schedule_t *schedule, const schedule_plan_t *plan, int64_t step);

#endif
