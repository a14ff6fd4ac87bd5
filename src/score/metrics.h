/* What a model is worth on a set of rows. */
#ifndef SCORE_METRICS_H
#define SCORE_METRICS_H

#include "score/calibration.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { COVERAGE_LEVELS = 32 };

/* How many targets lie inside of the intervals that should hold a share `nominal` of them; for quantiles,
 * below the level `nominal`. */
typedef struct {
  int n; /* 0: the model gives no intervals */
  bool is_quantile;
  double nominal[COVERAGE_LEVELS];
  int64_t inside[COVERAGE_LEVELS];
} coverage_t;

/* Forecasts that need no model, to compare one with: Hyndman and Athanasopoulos 2021, section 5.2. */
enum { BASELINE_PERSISTENCE, BASELINE_SEASONAL, BASELINES };
typedef struct {
  bool is_known;
  double accuracy;  /* classification: over the same rows or decisions */
  double mae, rmse; /* regression: over the same rows and targets, in original units */
} baseline_t;
/* persistence, seasonal_naive */
const char *baseline_name(int baseline);

typedef struct metrics {
  int64_t rows;
  double loss; /* mean over rows; of several heads their weighted sum */
  bool has_penalty;
  double penalty; /* mean over rows of what layers add to the loss, which contains it */
  /* several heads: the metrics of each, malloc'd, and the network as a whole has its loss alone */
  size_t n_heads; /* 0: one head */
  struct metrics *heads;
  char name[64]; /* of a head */
  /* classification; classes == 0 when it is none. Binary cross-entropy counts each output as a decision
   * between two classes. */
  int64_t classes;
  int64_t decisions; /* rows, or rows x outputs for binary cross-entropy */
  int64_t correct;
  int64_t top_k; /* k; 0 when not counted */
  int64_t in_top_k;
  int64_t *confusion; /* (classes, classes): row true class, column predicted; malloc'd */
  /* regression; targets == 0 when it is none. In original units, over all targets. */
  int64_t targets;
  double mae, rmse;
  double r2; /* mean over targets of 1 - residual / total sum of squares; NaN when a target is constant */
  calibration_t calibration;       /* classification */
  coverage_t coverage;             /* regression; over rows x targets */
  baseline_t baselines[BASELINES]; /* forecasting */
} metrics_t;

void metrics_free(metrics_t *metrics);
double metrics_accuracy(const metrics_t *metrics);
double metrics_top_k(const metrics_t *metrics);
/* Of one class; NaN when it was never predicted, or never there. */
double metrics_precision(const metrics_t *metrics, int64_t class_number);
double metrics_recall(const metrics_t *metrics, int64_t class_number);

/* Share of the targets inside of interval i. */
double metrics_coverage(const metrics_t *metrics, int i);

/* As text: one line, or everything with the confusion matrix and per-class figures (class_names: of
 * each head, or NULL).
 */
void metrics_print_line(const metrics_t *metrics, FILE *out);
/* Those that are known, in brackets behind that line. */
void metrics_print_baselines(const metrics_t *metrics, FILE *out);
void metrics_print(const metrics_t *metrics, char *const *const *class_names, FILE *out);

#endif
