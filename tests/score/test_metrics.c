/* Metrics against figures counted by hand. */
#include "score/metrics.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows: true class, columns: predicted. Nobody is of class 2; nobody was called class 3. */
static int64_t confusion[] = {5, 1, 0, 0, 2, 3, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0};
static const metrics_t metrics = {.rows = 14,
                                  .loss = 0.25,
                                  .classes = 4,
                                  .decisions = 14,
                                  .correct = 8,
                                  .top_k = 2,
                                  .in_top_k = 13,
                                  .confusion = confusion};

Test(metrics, precision_and_recall_are_of_columns_and_rows) {
  cr_expect_float_eq(metrics_precision(&metrics, 0), 5 / 8.0, 1e-15);
  cr_expect_float_eq(metrics_recall(&metrics, 0), 5 / 6.0, 1e-15);
  cr_expect_float_eq(metrics_precision(&metrics, 1), 3 / 4.0, 1e-15);
  cr_expect_float_eq(metrics_recall(&metrics, 1), 3 / 6.0, 1e-15);
  cr_expect_eq(metrics_precision(&metrics, 2), 0);
  cr_expect(isnan(metrics_recall(&metrics, 2)), "nobody is of that class");
  cr_expect(isnan(metrics_precision(&metrics, 3)), "nobody was called so");
  cr_expect_eq(metrics_recall(&metrics, 3), 0);
}

Test(metrics, shares_are_of_all_decisions) {
  cr_expect_float_eq(metrics_accuracy(&metrics), 8 / 14.0, 1e-15);
  cr_expect_float_eq(metrics_top_k(&metrics), 13 / 14.0, 1e-15);
}

Test(metrics, coverage_is_of_all_targets_of_all_rows) {
  const metrics_t intervals = {
      .rows = 20, .targets = 3, .coverage = {.n = 2, .nominal = {0.5, 0.9}, .inside = {33, 57}}};
  cr_expect_float_eq(metrics_coverage(&intervals, 0), 33 / 60.0, 1e-15);
  cr_expect_float_eq(metrics_coverage(&intervals, 1), 57 / 60.0, 1e-15);
}

static char *printed(bool all, char *const *names) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  cr_assert_not_null(out);
  if (all)
    metrics_print(&metrics, (char *const *const[]){names}, out);
  else
    metrics_print_line(&metrics, out);
  fclose(out);
  return text;
}

Test(metrics, are_printed_with_names_where_there_are_names) {
  char *names[] = {"ant", "bee", "cow", "dog"};
  char *line = printed(false, NULL), *named = printed(true, names), *plain = printed(true, NULL);
  cr_expect_not_null(strstr(line, "0.5714"), "%s", line);
  cr_expect_not_null(strstr(line, "top-2 0.9286"), "%s", line);
  cr_expect_null(strstr(line, "RMSE"), "%s", line);
  cr_expect_null(strchr(line, '\n'), "%s", line);
  cr_expect_not_null(strstr(named, "bee"), "%s", named);
  cr_expect_not_null(strstr(named, "0.6250"), "%s", named);
  cr_expect_null(strstr(plain, "bee"), "%s", plain);
  free(line);
  free(named);
  free(plain);
}

/* Bin b of K holds the confidences in (b/K, (b + 1)/K]; K is 15 in the text-books (Guo et al. 2017). */
Test(metrics, bins_of_confidence_are_closed_above) {
  const double k = CALIBRATION_BINS;
  cr_expect_eq(CALIBRATION_BINS, 15);
  cr_expect_eq(calibration_bin(0), 0);
  cr_expect_eq(calibration_bin(1e-300), 0);
  cr_expect_eq(calibration_bin(1), CALIBRATION_BINS - 1);
  cr_expect_eq(calibration_bin(NAN), 0, "outputs of a network that diverged");
  for (int b = 1; b < CALIBRATION_BINS; b++) {
    cr_expect_eq(calibration_bin((b - 0.5) / k), b - 1, "the middle of bin %d", b - 1);
    cr_expect_eq(calibration_bin(nextafter(b / k, 1) + 1e-15), b, "above bin %d", b - 1);
  }
  cr_expect_eq(calibration_bin(0.2), 2, "3/15");
  cr_expect_eq(calibration_bin(0.6), 8, "9/15");
}
