/* The line search on functions of one variable: what it ends at fulfils the conditions, whatever the first
 * step. */
#include "optim/line_search.h"

#include <criterion/criterion.h>
#include <math.h>

typedef struct {
  const char *name;
  double (*value)(double a), (*slope)(double a);
} function_t;

static double parabola(double a) {
  return (a - 1) * (a - 1);
}
static double parabola_slope(double a) {
  return 2 * (a - 1);
}

/* Moré and Thuente 1994, the first function: -a / (a^2 + 2) */
static double more(double a) {
  return -a / (a * a + 2);
}
static double more_slope(double a) {
  return (a * a - 2) / ((a * a + 2) * (a * a + 2));
}

/* A wall: no number beyond 1. */
static double wall(double a) {
  return a < 1 ? -log1p(-a * a) - a : NAN;
}
static double wall_slope(double a) {
  return a < 1 ? 2 * a / (1 - a * a) - 1 : NAN;
}

static double waves(double a) {
  return 0.1 * a - sin(3 * a);
}
static double waves_slope(double a) {
  return 0.1 - 3 * cos(3 * a);
}

static const function_t functions[] = {{"parabola", parabola, parabola_slope},
                                       {"more", more, more_slope},
                                       {"wall", wall, wall_slope},
                                       {"waves", waves, waves_slope}};

static line_search_state_t find(const function_t *f, double first, line_search_t *search) {
  line_search_state_t state = LINE_SEARCH_GOES_ON;
  *search = line_search_begin(f->value(0), f->slope(0), first);
  while (state == LINE_SEARCH_GOES_ON)
    state = line_search_tell(search, f->value(search->step), f->slope(search->step));
  return state;
}

Test(line_search, ends_where_the_strong_wolfe_conditions_hold) {
  const double firsts[] = {1e-3, 0.1, 1, 7, 1e3};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
    for (size_t k = 0; k < sizeof firsts / sizeof firsts[0]; k++) {
      const function_t *f = &functions[i];
      line_search_t search;
      cr_assert_eq(find(f, firsts[k], &search), LINE_SEARCH_DONE, "%s from %g", f->name, firsts[k]);
      double a = search.step;
      cr_expect_leq(f->value(a), f->value(0) + 1e-4 * a * f->slope(0), "%s from %g: %g", f->name, firsts[k],
                    a);
      cr_expect_leq(fabs(f->slope(a)), 0.9 * fabs(f->slope(0)), "%s from %g: %g", f->name, firsts[k], a);
      cr_expect_leq(search.evaluations, 16, "%s from %g", f->name, firsts[k]);
    }
}

static double rising(double a) {
  return a;
}
static double falling_slope(double a) {
  (void)a;
  return -1; /* it lies */
}

Test(line_search, gives_up_where_nothing_descends) {
  const function_t lie = {"lie", rising, falling_slope};
  line_search_t search;
  cr_assert_eq(find(&lie, 1, &search), LINE_SEARCH_FAILED);
  cr_assert_leq(search.evaluations, LINE_SEARCH_MOST);
}

static double endless(double a) {
  return -a;
}

Test(line_search, takes_the_best_where_there_is_no_end) {
  const function_t f = {"endless", endless, falling_slope};
  line_search_t search;
  cr_assert_eq(find(&f, 1, &search), LINE_SEARCH_DONE);
  cr_assert_gt(search.step, 1e6);
}
