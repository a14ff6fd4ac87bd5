/* The schedules: each gives the share of the base rate t steps after warm-up; warm-up itself is common to
 * all. */
#include "optim/schedule.h"

#include <math.h>
#include <stddef.h>

static double constant_share(const schedule_plan_t *plan, double t) {
  (void)plan;
  (void)t;
  return 1.0;
}

/* final + (1 - final) (1 + cos(pi t / T)) / 2 with T = total - warm-up (Loshchilov and Hutter 2017, without
 * restarts); stays at final afterwards. */
static double cosine_share(const schedule_plan_t *plan, double t) {
  const double pi = 3.14159265358979323846;
  double span = plan->total_steps - plan->warmup_steps;
  if (t >= span) return plan->final;
  return plan->final + (1.0 - plan->final) * 0.5 * (1.0 + cos(pi * t / span));
}

/* factor^floor(t / every). Epochs times steps an epoch may be off by a rounding, which must not move a drop
 * to the next step. */
static double step_share(const schedule_plan_t *plan, double t) {
  return pow(plan->factor, floor(t / plan->every_steps + 1e-9));
}

static const schedule_t schedule_table[] = {
    {"constant", "the base rate", constant_share},
    {"cosine", "half a cosine from the base rate to final times it (Loshchilov and Hutter 2017)",
     cosine_share},
    {"step", "times factor every every_epochs epochs", step_share},
};

enum { SCHEDULES = sizeof schedule_table / sizeof schedule_table[0] };

bool schedule_choice(size_t i, choice_t *out) {
  if (i >= SCHEDULES) return false;
  *out = (choice_t){schedule_table[i].name, schedule_table[i].meaning};
  return true;
}

const schedule_t *schedule_find(const char *name) {
  int i = choice_find(schedule_choice, name);
  return i < 0 ? NULL : &schedule_table[i];
}

double schedule_learning_rate(const schedule_t *schedule, const schedule_plan_t *plan, int64_t step) {
  double t = (double)step;
  if (t <
      plan->warmup_steps) /* a fraction of a step may be left over at the end: never above the base rate */
    return plan->learning_rate * fmin(1.0, (t + 1.0) / plan->warmup_steps);
  return plan->learning_rate * schedule->rate(plan, t - plan->warmup_steps);
}
