/* The best assignment against all permutations, and against SciPy. */
#include "figures/assignment.h"
#include "landscape/assignment.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum { MOST = 60 };

static double uniform(uint64_t *state) {
  *state = *state * 6364136223846793005U + 1442695040888963407U;
  return (double)(*state >> 11) * 0x1p-53 - 0.5;
}

static double sum_of(size_t n, const double *gain, const size_t *partner) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += gain[i * n + partner[i]];
  return sum;
}

/* The greatest sum over all permutations that begin with the first `done` partners. */
static double best_of_all(size_t n, const double *gain, size_t *partner, size_t done) {
  double best = -INFINITY;
  if (done == n) return sum_of(n, gain, partner);
  for (size_t i = done; i < n; i++) {
    const size_t here = partner[done];
    partner[done] = partner[i];
    partner[i] = here;
    best = fmax(best, best_of_all(n, gain, partner, done + 1));
    partner[i] = partner[done];
    partner[done] = here;
  }
  return best;
}

static void assign(size_t n, const double *gain, size_t *partner) {
  bool is_taken[MOST] = {false};
  ls_error error = {0};
  cr_assert_eq(assignment_best(n, gain, partner, &error), LS_OK, "%s", error.message);
  for (size_t i = 0; i < n; i++) {
    cr_assert(partner[i] < n && !is_taken[partner[i]], "%zu is no permutation", n);
    is_taken[partner[i]] = true;
  }
}

Test(assignment, no_permutation_is_better) {
  double gain[MOST];
  size_t partner[MOST], all[MOST];
  uint64_t state = 5;
  for (int t = 0; t < 200; t++) {
    const size_t n = 1 + (size_t)t % 7;
    for (size_t i = 0; i < n * n; i++) gain[i] = 1e3 * uniform(&state);
    for (size_t i = 0; i < n * n && t % 3 == 0; i++) gain[i] = rint(gain[i] / 250); /* many of them equal */
    for (size_t i = 0; i < n; i++) all[i] = i;
    assign(n, gain, partner);
    cr_expect_float_eq(sum_of(n, gain, partner), best_of_all(n, gain, all, 0), 1e-9, "case %d", t);
  }
}

Test(assignment, equals_that_of_scipy) {
  static const struct {
    size_t n;
    const int *partner;
  } cases[] = {{12, scipy_12}, {60, scipy_60}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    const size_t n = cases[c].n;
    double *gain = malloc(n * n * sizeof *gain);
    size_t partner[MOST];
    uint64_t state = n;
    for (size_t i = 0; i < n * n; i++) gain[i] = uniform(&state);
    assign(n, gain, partner);
    for (size_t i = 0; i < n; i++) cr_expect_eq((int)partner[i], cases[c].partner[i], "%zu: row %zu", n, i);
    free(gain);
  }
}
