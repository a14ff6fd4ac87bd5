/* Which rows are for validation: the exact share, the same rows again; folds that cut the rows into even
 * parts, each with its share of every class, as scikit-learn's StratifiedKFold counts them. */
#include "layout/validation.h"

#include "figures/folds.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a share ---- */

Test(validation, validation_takes_the_exact_share_and_the_same_rows_again) {
  static bool a[1001], b[1001];
  const double shares[] = {0, 0.001, 0.1, 0.25, 0.5, 0.999, 1};
  for (int64_t n = 1; n <= 1001; n += 100)
    for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
      int64_t count = 0;
      validation_choice(n, shares[k], 5, a);
      validation_choice(n, shares[k], 5, b);
      for (int64_t i = 0; i < n; i++) count += a[i];
      cr_assert_eq(count, (int64_t)floor(shares[k] * (double)n + 0.5));
      cr_assert_eq(memcmp(a, b, (size_t)n), 0);
    }
  validation_choice(1001, 0.5, 6, b);
  validation_choice(1001, 0.5, 5, a);
  cr_assert_neq(memcmp(a, b, sizeof a), 0);
}

Test(validation, validation_rows_are_uniform_over_the_file) {
  static bool chosen[100];
  int counts[100] = {0};
  for (uint64_t seed = 0; seed < 2000; seed++) {
    validation_choice(100, 0.2, seed, chosen);
    for (int i = 0; i < 100; i++) counts[i] += chosen[i];
  }
  for (int i = 0; i < 100; i++) /* 400 each, five standard deviations of sqrt(2000 * 0.2 * 0.8) */
    cr_assert(abs(counts[i] - 400) < 90, "row %d was chosen %d times", i, counts[i]);
}

/* ---- folds ---- */

enum { MOST_ROWS = 1000 };

static void deal(int64_t n, const double *strata, int64_t folds, uint64_t seed, uint16_t *fold) {
  ls_error error = {0};
  cr_assert_eq(folds_deal(n, strata, folds, seed, fold, &error), LS_OK, "%s", error.message);
}

/* As in folds.py. */
static void make_labels(int64_t rows, int64_t classes, double *out) {
  for (int64_t i = 0; i < rows; i++)
    out[i] = (double)(i < classes ? i : i * i % 97 % classes * (i * 7 % 3 > 0));
}

Test(validation, folds_hold_as_many_rows_of_each_class_as_those_of_scikit_learn) {
  static const struct {
    int64_t rows, classes, folds;
    const int *counts; /* (folds, classes) */
  } cases[] = {{150, 3, 5, folds_150_3_5},
               {100, 7, 3, folds_100_7_3},
               {61, 4, 10, folds_61_4_10},
               {23, 5, 2, folds_23_5_2}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t rows = cases[i].rows, classes = cases[i].classes;
    double labels[MOST_ROWS];
    uint16_t fold[MOST_ROWS];
    make_labels(rows, classes, labels);
    deal(rows, labels, cases[i].folds, 9, fold);
    for (int64_t k = 0; k < cases[i].folds; k++)
      for (int64_t c = 0; c < classes; c++) {
        int count = 0;
        for (int64_t r = 0; r < rows; r++) count += fold[r] == k + 1 && labels[r] == (double)c;
        cr_expect_eq(count, cases[i].counts[k * classes + c], "case %zu, fold %d, class %d: %d", i, (int)k,
                     (int)c, count);
      }
  }
}

Test(validation, folds_are_as_large_as_the_settings_say) {
  uint16_t fold[MOST_ROWS];
  double labels[MOST_ROWS];
  for (int64_t rows = 2; rows < 60; rows++)
    for (int64_t folds = 2; folds <= rows; folds++) {
      settings_t settings = {.data = {.validation = {.folds = folds}}};
      int64_t all = 0;
      make_labels(rows, 3, labels);
      deal(rows, rows % 2 == 0 ? labels : NULL, folds, 1, fold);
      for (int64_t k = 1; k <= folds; k++) {
        int64_t count = 0;
        settings.data.validation.fold = k;
        for (int64_t r = 0; r < rows; r++) count += fold[r] == k;
        cr_assert_eq(count, validation_rows(&settings, rows), "%d rows, fold %d of %d", (int)rows, (int)k,
                     (int)folds);
        all += count;
      }
      cr_assert_eq(all, rows);
    }
}

Test(validation, folds_depend_on_the_seed_and_are_the_same_again) {
  uint16_t a[MOST_ROWS], b[MOST_ROWS];
  deal(MOST_ROWS, NULL, 7, 4, a);
  deal(MOST_ROWS, NULL, 7, 4, b);
  cr_expect_arr_eq(a, b, sizeof a);
  deal(MOST_ROWS, NULL, 7, 5, b);
  cr_expect_arr_neq(a, b, sizeof a);
}

/* A row is in each fold equally often, wherever it lies in the file. */
Test(validation, folds_are_uniform_over_the_file) {
  enum { ROWS = 40, SEEDS = 2000 };
  uint16_t fold[ROWS];
  double labels[ROWS];
  int counts[ROWS] = {0};
  for (int i = 0; i < ROWS; i++) labels[i] = i / 20; /* a class of a multiple of 4 rows: no fold has more */
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    deal(ROWS, labels, 4, seed, fold);
    for (int i = 0; i < ROWS; i++) counts[i] += fold[i] == 2;
  }
  for (int i = 0; i < ROWS; i++) /* 500 each, five standard deviations of sqrt(2000 * 0.25 * 0.75) */
    cr_assert(abs(counts[i] - 500) < 97, "row %d was in fold 2 %d times", i, counts[i]);
}
