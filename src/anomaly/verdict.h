/* From the losses of rows to verdicts: the score of each row, whether the score is above the threshold, and
 * how well that agrees with what is known of the rows. On rank 0, which has all rows. */
#ifndef ANOMALY_VERDICT_H
#define ANOMALY_VERDICT_H

#include "anomaly/detection.h"
#include "loss/objective.h"

typedef struct {
  bool *is_above;        /* (rows), malloc'd */
  int64_t above;         /* of them */
  detection_t detection; /* rows 0: nothing is known */
} verdicts_t;

/* The scores of rows: losses (rows, heads) become the rows' weighted sums, in place, (rows). */
void scores_total(const objective_t *objective, int64_t rows, double *losses);

/* Judges scores (rows). is_anomalous (rows) is what is known, or NULL; k as for detection_measure. LS_USAGE
 * if there are fewer than k rows, LS_NO_MEMORY. *out is caller-owned (verdict_free), untouched on failure.
 * Not collective. */
ls_status verdict_make(const double *scores, int64_t rows, double threshold, const bool *is_anomalous,
                       int64_t k, verdicts_t *out, ls_error *error);
void verdict_free(verdicts_t *verdict);

#endif
