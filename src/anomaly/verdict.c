#include "anomaly/verdict.h"

#include <inttypes.h>
#include <stdlib.h>

void scores_total(const objective_t *objective, int64_t rows, double *losses) {
  for (int64_t row = 0; row < rows; row++) /* row <= row * n: what is overwritten has been read */
    losses[row] = objective_total(objective, losses + row * (int64_t)objective->n);
}

ls_status verdict_make(const double *scores, int64_t rows, double threshold, const bool *is_anomalous,
                       int64_t k, verdicts_t *out, ls_error *error) {
  verdicts_t verdict = {.is_above = malloc((size_t)rows * sizeof *verdict.is_above + 1)};
  ls_status status = LS_OK;
  if (k > rows) TRY_OR_DONE(error_set(error, LS_USAGE, "--k: there are only %" PRId64 " rows", rows));
  if (verdict.is_above == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for the verdicts on %" PRId64 " rows", rows));
  for (int64_t row = 0; row < rows; row++) {
    verdict.is_above[row] = is_above(scores[row], threshold);
    verdict.above += verdict.is_above[row];
  }
  if (is_anomalous != NULL)
    status = detection_measure(scores, is_anomalous, rows, threshold, k, &verdict.detection, error);
done:
  if (status == LS_OK)
    *out = verdict;
  else
    free(verdict.is_above);
  return status;
}

void verdict_free(verdicts_t *verdict) {
  free(verdict->is_above);
  *verdict = (verdicts_t){0};
}
