/* Who goes on after a rung, and how long rungs are: counted out by hand. */
#include "sweep/halving.h"

#include "sweep/sweep_impl.h"

#include <criterion/criterion.h>
#include <math.h>

Test(halving, rungs_grow_by_eta_up_to_all_epochs) {
  static const struct {
    int64_t combinations, eta, epochs;
    int rungs;
    int64_t ends[5];
  } cases[] = {{8, 2, 8, 4, {1, 2, 4, 8}}, {27, 3, 81, 4, {3, 9, 27, 81}},
               {9, 3, 30, 3, {3, 10, 30}}, {1, 2, 10, 1, {10}},
               {100, 2, 3, 2, {1, 3}},     {7, 2, 100, 3, {25, 50, 100}},
               {3, 4, 100, 1, {100}},      {4, 2, 1, 1, {1}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t ends[MOST_RUNGS];
    int rungs = halving_rungs(cases[i].combinations, cases[i].eta, cases[i].epochs, ends);
    cr_assert_eq(rungs, cases[i].rungs, "case %zu: %d rungs", i, rungs);
    for (int r = 0; r < rungs; r++) cr_expect_eq(ends[r], cases[i].ends[r], "case %zu, rung %d", i, r);
  }
}

static void keeps(const double *figures, bool higher, int64_t eta, const char *before, const char *after) {
  bool alive[8];
  for (int i = 0; i < 8; i++) alive[i] = before[i] == '1';
  halving_keep(figures, 8, higher, eta, alive);
  for (int i = 0; i < 8; i++) cr_expect_eq(alive[i], after[i] == '1', "%s, %d", after, i);
}

Test(halving, figures_are_means_over_trials) {
  const sweep_t sweep = {.trials = 6, .axes.combinations = 2};
  const trial_result_t results[6] = {{.metric = 1}, {.metric = 2}, {.metric = 6},
                                     {.metric = 9}, {.metric = 2}, {.metric = 4}};
  cr_expect_float_eq(result_mean(&sweep, results, 0), 3, 1e-15);
  cr_expect_float_eq(result_mean(&sweep, results, 1), 5, 1e-15);
}

Test(halving, the_best_go_on) {
  const double figures[] = {3, 1, 4, 1, 5, 9, 2, 6};
  keeps(figures, true, 2, "11111111", "00101101");
  keeps(figures, false, 2, "11111111", "11010010"); /* 1, 1, 2, 3 */
  keeps(figures, true, 3, "11111111", "00000101");
  keeps(figures, true, 100, "11111111", "00000100");
  keeps(figures, true, 2, "11011010", "10001000");  /* of 3, 1, 1, 5, 2 two stay */
  keeps(figures, false, 8, "11111111", "01000000"); /* of equal ones the first */
}

Test(halving, what_has_no_figure_is_the_worst) {
  const double figures[] = {NAN, 1, NAN, 7, 3, NAN, 8, NAN};
  keeps(figures, false, 2, "11111111", "01011010");
  keeps(figures, true, 4, "11111111", "00010010");
  const double none[] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  keeps(none, true, 2, "11111111", "11110000");
}
