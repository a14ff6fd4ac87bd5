/* Figures of scores beside known labels, against scikit-learn and against definitions that are counted out
 * pair by pair. */
#include "anomaly/detection.h"
#include "anomaly/verdict.h"

#include "figures/detection.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { MOST_ROWS = 1500 };

static double scores[MOST_ROWS];
static bool anomalous[MOST_ROWS];

/* As detection.py makes them. */
static void fill(int rows, int kinds) {
  for (int i = 0; i < rows; i++) {
    anomalous[i] = i % 5 == 3;
    scores[i] = ((double)((int64_t)i * 7919 % kinds) - kinds / 3.0) / 8;
    if (anomalous[i] && i % 3 > 0) scores[i] += kinds / 24.0;
  }
}

static detection_t measure(int rows, double threshold, int64_t k) {
  detection_t found;
  ls_error error = {0};
  cr_assert_eq(detection_measure(scores, anomalous, rows, threshold, k, &found, &error), LS_OK, "%s",
               error.message);
  return found;
}

Test(detection, figures_are_those_of_scikit_learn) {
  for (size_t c = 0; c < sizeof detections / sizeof detections[0]; c++) {
    fill(detections[c].rows, detections[c].kinds);
    const detection_t found = measure(detections[c].rows, detections[c].threshold, 0);
    cr_expect_float_eq(found.roc_auc, detections[c].auc, 1e-14, "case %zu: %.17g", c, found.roc_auc);
    cr_expect_float_eq(found.average_precision, detections[c].average_precision, 1e-14, "case %zu", c);
    cr_expect_float_eq((double)found.caught / (double)found.anomalous, detections[c].recall, 1e-14);
    if (found.above > 0)
      cr_expect_float_eq((double)found.caught / (double)found.above, detections[c].precision, 1e-14);
  }
}

Test(detection, no_figure_depends_on_the_order_of_rows) {
  fill(1000, 12);
  const detection_t first = measure(1000, 0.3, 150);
  for (int i = 0; i < 500; i++) {
    const int j = 999 - i;
    const double score = scores[i];
    const bool is = anomalous[i];
    scores[i] = scores[j], anomalous[i] = anomalous[j];
    scores[j] = score, anomalous[j] = is;
  }
  const detection_t turned = measure(1000, 0.3, 150);
  cr_expect_eq(first.roc_auc, turned.roc_auc);
  cr_expect_eq(first.average_precision, turned.average_precision);
  cr_expect_eq(first.precision_at_k, turned.precision_at_k);
}

/* Of 2 anomalous rows, one is first and one is in a tie of 4 rows; the third place is within the tie. */
Test(detection, a_tie_over_the_last_place_counts_by_its_share) {
  const double given[] = {9, 5, 5, 5, 5, 1};
  const bool known[] = {true, false, true, false, false, false};
  for (int i = 0; i < 6; i++) scores[i] = given[i], anomalous[i] = known[i];
  cr_expect_float_eq(measure(6, 6, 3).precision_at_k, (1 + 2 * 0.25) / 3, 1e-15);
  cr_expect_float_eq(measure(6, 6, 1).precision_at_k, 1, 1e-15);
  cr_expect_float_eq(measure(6, 6, 5).precision_at_k, 2.0 / 5, 1e-15);
  cr_expect_eq(measure(6, 6, 0).k, 2);
}

/* The worked figure of Hanley and McNeil 1982, table I and page 31: 58 normal and 51 abnormal images, with an
 * area of 0.893 and a standard error of 0.032. */
Test(detection, the_standard_error_is_that_of_hanley_and_mcneil) {
  static const int normal[] = {33, 6, 6, 11, 2}, abnormal[] = {3, 2, 2, 11, 33};
  int rows = 0;
  for (int rating = 0; rating < 5; rating++)
    for (int i = 0; i < normal[rating] + abnormal[rating]; i++, rows++) {
      scores[rows] = rating;
      anomalous[rows] = i >= normal[rating];
    }
  const detection_t found = measure(rows, 2.5, 0);
  cr_expect_float_eq(found.roc_auc, 0.893, 0.0005, "%g", found.roc_auc);
  cr_expect_float_eq(found.roc_auc_error, 0.032, 0.0005, "%g", found.roc_auc_error);
}

Test(detection, nan_is_larger_than_infinity) {
  const double given[] = {INFINITY, NAN, 3, -INFINITY, NAN};
  for (int i = 0; i < 5; i++) scores[i] = given[i], anomalous[i] = i == 1 || i == 4;
  const detection_t found = measure(5, 1e300, 0);
  cr_expect_eq(found.roc_auc, 1);
  cr_expect_eq(found.above, 3);
  cr_expect_eq(found.caught, 2);
}

Test(detection, with_one_kind_of_rows_there_is_no_area) {
  fill(40, 12);
  for (int i = 0; i < 40; i++) anomalous[i] = true;
  const detection_t all = measure(40, 0, 0);
  cr_expect(isnan(all.roc_auc) && isnan(all.roc_auc_error));
  cr_expect_float_eq(all.average_precision, 1, 1e-15);
  for (int i = 0; i < 40; i++) anomalous[i] = false;
  const detection_t none = measure(40, 0, 0);
  cr_expect(isnan(none.roc_auc) && isnan(none.average_precision) && isnan(none.precision_at_k));
  cr_expect_eq(none.caught, 0);
  const detection_t one = measure(1, 0, 0);
  cr_expect(isnan(one.roc_auc));
}

Test(detection, a_verdict_needs_a_score_above_the_threshold) {
  const double given[] = {1, 2, 2.0000001, NAN};
  verdicts_t verdict;
  ls_error error = {0};
  cr_assert_eq(verdict_make(given, 4, 2, NULL, 0, &verdict, &error), LS_OK);
  cr_expect(!verdict.is_above[0] && !verdict.is_above[1] && verdict.is_above[2] && verdict.is_above[3]);
  cr_expect_eq(verdict.above, 2);
  cr_expect_eq(verdict.detection.rows, 0);
  verdict_free(&verdict);
  cr_expect_eq(verdict_make(given, 4, 2, anomalous, 5, &verdict, &error), LS_USAGE);
}
