/* What `lockstep anomalies` has found: for readers, and as JSON. On rank 0. */
#ifndef ANOMALY_REPORT_H
#define ANOMALY_REPORT_H

#include "anomaly/verdict.h"
#include "answers/row_losses.h"

#include <stdio.h>

/* All borrowed. */
typedef struct {
  const char *file, *rows_name; /* of the rows: the file, and the split or array */
  const char *meaning;          /* of the scores */
  double threshold, quantile;   /* quantile NaN: the threshold was given */
  const char *calibration;      /* whose quantile the threshold is: "training" or "validation" */
  int64_t calibration_rows;     /* their number */
  const row_losses_t *rows;
  const verdicts_t *verdict;
  const char *labels, *positive; /* where that came from: the array, and the values that are anomalous */
} anomaly_report_t;

/* Prints the threshold, how many rows are above, the largest scores, and how well scores detect. */
void anomaly_print(const anomaly_report_t *report, FILE *out);

ls_status anomaly_write_json(const char *path, const anomaly_report_t *report, ls_error *error);

#endif
