/* The schedules. Each returns its share of the base rate t steps after warm-up. Warm-up is the same for
 * all. */
#include "optim/schedule.h"

#include <math.h>
#include <stddef.h>

static const double pi = 3.14159265358979323846;

static double constant_share(const schedule_plan_t *plan, double t) {
  (void)plan;
  (void)t;
  return 1.0;
}

/* final + (1 - final) (1 + cos(pi t / T)) / 2 with T = total - warm-up (Loshchilov and Hutter 2017, without
 * restarts); constant at final after that. */
static double cosine_share(const schedule_plan_t *plan, double t) {
  double span = plan->total_steps - plan->warmup_steps;
  if (t >= span) return plan->final;
  return plan->final + (1.0 - plan->final) * 0.5 * (1.0 + cos(pi * t / span));
}

/* factor^floor(t / every). `every` is epochs times steps per epoch and may have a rounding error, which must
 * not delay a drop by one step. */
static double step_share(const schedule_plan_t *plan, double t) {
  return pow(plan->factor, floor(t / plan->every_steps + 1e-9));
}

/* factor^(t / every): the same drop as `step`, spread over all steps. */
static double exponential_share(const schedule_plan_t *plan, double t) {
  return pow(plan->factor, t / plan->every_steps);
}

/* final + (1 - final) (1 - t / T)^power, T as in cosine; constant at final after that. */
static double polynomial_share(const schedule_plan_t *plan, double t) {
  double span = plan->total_steps - plan->warmup_steps;
  if (t >= span) return plan->final;
  return plan->final + (1.0 - plan->final) * pow(1.0 - t / span, plan->power);
}

/* Half a cosine from a at x = 0 to b at x = 1. */
static double half_cosine(double a, double b, double x) {
  return b + (a - b) * 0.5 * (1.0 + cos(pi * x));
}

/* Half a cosine up from start to 1 over R steps, then half a cosine down to final over the other T - R steps
 * (Smith and Topin 2018). */
static double one_cycle_share(const schedule_plan_t *plan, double t) {
  double span = plan->total_steps - plan->warmup_steps, rise = plan->rise_steps;
  if (t < rise) return half_cosine(plan->start, 1.0, t / rise);
  return t < span ? half_cosine(1.0, plan->final, (t - rise) / (span - rise)) : plan->final;
}

/* Linear up from start to 1 over half a period, then linear down to start (Smith 2017, "triangular"). */
static double cyclic_share(const schedule_plan_t *plan, double t) {
  double x = t / plan->every_steps;
  return 1.0 - (1.0 - plan->start) * fabs(2.0 * (x - floor(x)) - 1.0);
}

static double reduce_on_plateau_share(const schedule_plan_t *plan, double t) {
  (void)t;
  return plan->plateau;
}

static const schedule_t schedule_table[] = {
    {"constant", "the base rate", constant_share, false},
    {"cosine", "half a cosine from the base rate to final times it (Loshchilov and Hutter 2017)",
     cosine_share, false},
    {"step", "times factor every every_epochs epochs", step_share, false},
    {"exponential", "times factor in every_epochs epochs, a little at each step", exponential_share, false},
    {"polynomial", "final + (1 - final) (1 - t / T)^power times the base rate", polynomial_share, false},
    {"one_cycle",
     "up from start times the base rate over the share rise of the run, then down to final times it, both "
     "along half a cosine (Smith and Topin 2018)",
     one_cycle_share, false},
    {"cyclic", "from start times the base rate up to it and down again, every every_epochs (Smith 2017)",
     cyclic_share, false},
    {"reduce_on_plateau",
     "times factor when the validation loss (without validation rows: the training loss) has not fallen for "
     "patience epochs",
     reduce_on_plateau_share, true},
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
  if (t < plan->warmup_steps) /* warmup_steps may end with a fraction of a step: never exceed the base rate */
    return plan->learning_rate * fmin(1.0, (t + 1.0) / plan->warmup_steps);
  return plan->learning_rate * schedule->rate(plan, t - plan->warmup_steps);
}

double plateau_share(const plateau_rule_t *rule, const double *losses, size_t n, size_t stride) {
  double best = INFINITY, share = 1.0;
  int64_t waited = 0;
  for (size_t i = 0; i < n; i++) {
    double loss = losses[i * stride];
    bool is_new = isinf(best) ? loss < best : loss < best - rule->threshold * fabs(best);
    waited = is_new ? 0 : waited + 1;
    if (is_new) best = loss;
    if (waited < rule->patience) continue;
    waited = 0;
    share = fmax(share * rule->factor, rule->final);
  }
  return share;
}

/* ---- the base rate for a batch ---- */

static double scale_none(double ratio) {
  (void)ratio;
  return 1.0;
}

static double scale_linear(double ratio) {
  return ratio;
}

static const rate_scaling_t scaling_table[] = {
    {"none", "the rate is for the batch as it is", scale_none},
    {"linear",
     "times batch / base_batch_size: a step k times as large takes k steps' place (Goyal et al. 2017)",
     scale_linear},
    {"sqrt",
     "times its root: the noise of a mean over k times as many rows is smaller by that (Krizhevsky 2014)",
     sqrt},
};

bool rate_scaling_choice(size_t i, choice_t *out) {
  if (i >= sizeof scaling_table / sizeof scaling_table[0]) return false;
  *out = (choice_t){scaling_table[i].name, scaling_table[i].meaning};
  return true;
}

const rate_scaling_t *rate_scaling_find(const char *name) {
  int i = choice_find(rate_scaling_choice, name);
  return i < 0 ? NULL : &scaling_table[i];
}
