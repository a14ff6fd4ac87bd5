#include "anomaly/detection.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

bool is_above(double score, double threshold) {
  return score > threshold || isnan(score);
}

typedef struct {
  double score;
  bool is_anomalous;
} judged_t;

/* -1, 0 or 1: a is larger, equal or smaller. */
static int compare_scores(double a, double b) {
  if (isnan(a) || isnan(b)) return isnan(b) - isnan(a);
  return (a < b) - (a > b);
}

static int by_score(const void *a, const void *b) {
  return compare_scores(((const judged_t *)a)->score, ((const judged_t *)b)->score);
}

/* Rows with one score, and all rows with larger ones. */
typedef struct {
  int64_t anomalous, normal;               /* with the score */
  int64_t anomalous_before, normal_before; /* with larger scores */
} tie_t;

/* The standard error of an area a with p positive and n negative rows (Hanley and McNeil 1982, formula 1):
 * q1 and q2 are the probabilities that two positive rows both beat one negative row, and that one positive
 * row beats two negative ones, for exponential distributions of scores. */
static double area_error(double a, double p, double n) {
  const double q1 = a / (2 - a), q2 = 2 * a * a / (1 + a);
  const double variance = (a * (1 - a) + (p - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)) / (p * n);
  return variance < 0 ? 0 : sqrt(variance); /* below 0 by rounding alone */
}

/* Of the first k rows, those of the tie that are in it count by their share of anomalous ones. */
static double hits_of(const tie_t *tie, int64_t k) {
  const int64_t size = tie->anomalous + tie->normal, before = tie->anomalous_before + tie->normal_before;
  if (k >= before + size) return (double)tie->anomalous;
  return k <= before ? 0 : (double)(k - before) * (double)tie->anomalous / (double)size;
}

static detection_t measure(const judged_t *rows, int64_t n, int64_t anomalous, double threshold, int64_t k) {
  detection_t found = {.rows = n, .anomalous = anomalous, .k = k > 0 ? k : anomalous};
  const double p = (double)anomalous, normal = (double)(n - anomalous);
  int64_t pairs = 0; /* twice the pairs in order; a tie counts once */
  double precision = 0, hits = 0;
  tie_t tie = {0};
  for (int64_t i = 0; i < n;) {
    tie.anomalous_before += tie.anomalous;
    tie.normal_before += tie.normal;
    tie.anomalous = tie.normal = 0;
    const double score = rows[i].score;
    for (; i < n && compare_scores(rows[i].score, score) == 0; i++)
      *(rows[i].is_anomalous ? &tie.anomalous : &tie.normal) += 1;
    if (is_above(score, threshold)) {
      found.above += tie.anomalous + tie.normal;
      found.caught += tie.anomalous;
    }
    const int64_t normal_after = n - anomalous - tie.normal_before - tie.normal;
    pairs += tie.anomalous * (2 * normal_after + tie.normal);
    precision += (double)tie.anomalous * ((double)(tie.anomalous_before + tie.anomalous) / (double)i);
    hits += hits_of(&tie, found.k);
  }
  found.roc_auc = p > 0 && normal > 0 ? (double)pairs / 2 / (p * normal) : NAN;
  found.roc_auc_error = area_error(found.roc_auc, p, normal);
  found.average_precision = p > 0 ? precision / p : NAN;
  found.precision_at_k = found.k > 0 ? hits / (double)found.k : NAN;
  return found;
}

ls_status detection_measure(const double *scores, const bool *is_anomalous, int64_t rows, double threshold,
                            int64_t k, detection_t *out, ls_error *error) {
  judged_t *judged = malloc((size_t)rows * sizeof *judged);
  int64_t anomalous = 0;
  if (judged == NULL) return error_set(error, LS_NO_MEMORY, "no memory to sort %" PRId64 " scores", rows);
  for (int64_t i = 0; i < rows; i++) {
    judged[i] = (judged_t){scores[i], is_anomalous[i]};
    anomalous += is_anomalous[i];
  }
  qsort(judged, (size_t)rows, sizeof *judged, by_score);
  *out = measure(judged, rows, anomalous, threshold, k);
  free(judged);
  return LS_OK;
}
