/* What is printed and written about anomalies, for a report made by hand. Every figure has its own value, so
 * that none can stand in the place of another. */
#include "anomaly/report.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 200 };

static double scores[ROWS];
static const row_losses_t rows = {.rows = ROWS, .losses = scores, .name = "score"};

/* Of 200 rows 20 are anomalous; 40 are above the threshold, 15 of them anomalous. */
static verdicts_t verdict = {.above = 40,
                             .detection = {.rows = ROWS,
                                           .anomalous = 20,
                                           .above = 40,
                                           .caught = 15,
                                           .roc_auc = 0.875,
                                           .roc_auc_error = 0.0625,
                                           .average_precision = 0.5625,
                                           .k = 12,
                                           .precision_at_k = 0.6875}};

static anomaly_report_t report = {.file = "rows.h5",
                                  .rows_name = "test",
                                  .meaning = "reconstruction error (mse)",
                                  .threshold = 2.5,
                                  .quantile = 0.95,
                                  .calibration = "training",
                                  .calibration_rows = 1000,
                                  .rows = &rows,
                                  .verdict = &verdict,
                                  .labels = "test/state",
                                  .positive = "1"};

static char *printed(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  anomaly_print(&report, out);
  fclose(out);
  return text;
}

static void expect(const char *text, const char *part) {
  cr_expect_not_null(strstr(text, part), "%s\nis not in\n%s", part, text);
}

Test(report, shows_every_figure_once) {
  char *text = printed();
  expect(text, "score of a row: reconstruction error (mse)\n");
  expect(text, "threshold 2.5, the quantile 0.95 of 1000 training rows\n");
  expect(text, "rows.h5, test: 40 of 200 rows above the threshold (20 %)\n");
  expect(text, "known from test/state: 20 of 200 rows are anomalous (label 1)\n");
  expect(text, "ROC-AUC 0.8750 +- 0.0625, average precision 0.5625, precision of the 12 largest 0.6875\n");
  expect(text,
         "above the threshold: 40 rows, precision 0.3750 (15 of 40), recall 0.7500 (15 of 20 anomalous), "
         "false alarms 0.1389 (25 of 180 normal)\n");
  free(text);
}

Test(report, of_one_kind_of_rows_has_no_area) {
  verdict.detection = (detection_t){.rows = ROWS, .anomalous = ROWS, .above = 0, .roc_auc = NAN};
  report.quantile = NAN;
  char *text = printed();
  expect(text, "threshold 2.5\n");
  expect(text, "ROC-AUC is not defined, because every row is anomalous\n");
  expect(text, "above the threshold: 0 rows, recall 0.0000 (0 of 200 anomalous)\n");
  free(text);
}

static double member(const char *text, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *at = strstr(text, key);
  cr_assert_not_null(at, "%s in %s", key, text);
  return strtod(at + strlen(key), NULL);
}

Test(report, has_the_same_figures_as_json) {
  static const struct {
    const char *name;
    double value;
  } members[] = {{"rows", 200},
                 {"threshold", 2.5},
                 {"quantile", 0.95},
                 {"calibration_rows", 1000},
                 {"above", 40},
                 {"anomalous", 20},
                 {"roc_auc", 0.875},
                 {"roc_auc_error", 0.0625},
                 {"average_precision", 0.5625},
                 {"k", 12},
                 {"precision_at_k", 0.6875},
                 {"recall", 0.75},
                 {"false_alarms", 25.0 / 180},
                 {"precision", 0.375}};
  char path[64], text[4096] = "";
  ls_error error = {0};
  snprintf(path, sizeof path, "/tmp/lockstep-report-%ld.json", (long)getpid());
  cr_assert_eq(anomaly_write_json(path, &report, &error), LS_OK, "%s", error.message);
  FILE *file = fopen(path, "r");
  cr_assert_not_null(file);
  cr_expect_gt(fread(text, 1, sizeof text - 1, file), 0);
  fclose(file);
  unlink(path);
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    cr_expect_float_eq(member(text, members[i].name), members[i].value, 1e-12, "%s: %g", members[i].name,
                       member(text, members[i].name));
}
