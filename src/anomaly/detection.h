/* How well scores tell anomalous rows from normal ones, if it is known which is which. The anomalous rows are
 * the positive class: they should have the larger scores. A score that is NaN counts as larger than all
 * numbers, because a row that a model cannot judge is not normal. */
#ifndef ANOMALY_DETECTION_H
#define ANOMALY_DETECTION_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Figures that are not defined, because all rows are anomalous or none is, are NaN. */
typedef struct {
  int64_t rows, anomalous; /* that there are */
  int64_t above, caught;   /* rows above the threshold, and those of them that are anomalous */
  double roc_auc, roc_auc_error;
  double average_precision;
  int64_t k;
  double precision_at_k;
} detection_t;

/* Whether a row counts as an anomaly: a score above the threshold, or one that is no number. */
bool is_above(double score, double threshold);

/* scores, is_anomalous (rows), rows > 0. k 1 to rows, or 0: as many as rows are anomalous.
 *
 * roc_auc: the probability that an anomalous row has a larger score than a normal one, where equal scores
 * count one half; it is the area under the ROC curve, and the statistic of Mann and Whitney divided by the
 * number of pairs. Its standard error is that of Hanley and McNeil 1982, "The meaning and use of the area
 * under a receiver operating characteristic (ROC) curve". average_precision: the sum over the different
 * scores, from the largest on, of the precision among the rows with at least this score, times the share of
 * the anomalous rows that have exactly this score. precision_at_k: the share of anomalous rows among the k
 * largest scores; if a tie goes over the k-th place, its rows count by the share of anomalous ones among
 * them. So no figure depends on the order of rows. LS_NO_MEMORY. *out is untouched on failure. Not
 * collective. */
ls_status detection_measure(const double *scores, const bool *is_anomalous, int64_t rows, double threshold,
                            int64_t k, detection_t *out, ls_error *error);

#endif
