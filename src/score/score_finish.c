/* From what scorers have counted and the sums over all rows to metrics: of the network, and of each of its
 * heads. */
#include "score/evaluate_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where each kind of count lies in the array that is summed over ranks, behind the confusion matrix. */
enum {
  COUNT_CORRECT,
  COUNT_TOP_K,
  COUNT_DECISIONS,
  COUNT_BIN_CORRECT = COUNT_DECISIONS + CALIBRATION_BINS,
  COUNT_INSIDE = COUNT_BIN_CORRECT + CALIBRATION_BINS,
  COUNTS = COUNT_INSIDE + COVERAGE_LEVELS
};

static void add_head(const head_counts_t *mine, size_t cells, int64_t *counts) {
  int64_t *others = counts + cells;
  for (size_t i = 0; i < cells; i++) counts[i] += mine->confusion[i];
  others[COUNT_CORRECT] += mine->correct;
  others[COUNT_TOP_K] += mine->in_top_k;
  for (int b = 0; b < CALIBRATION_BINS; b++) {
    others[COUNT_DECISIONS + b] += mine->bin_decisions[b];
    others[COUNT_BIN_CORRECT + b] += mine->bin_correct[b];
  }
  for (int i = 0; i < COVERAGE_LEVELS; i++) others[COUNT_INSIDE + i] += mine->inside[i];
}

/* Counts of all threads and ranks for head h; the confusion matrix becomes the metrics' own. */
static ls_status add_counts(const evaluation_t *evaluation, size_t h, world_t *world, metrics_t *metrics,
                            ls_error *error) {
  const evaluator_t *evaluator = evaluation->evaluator;
  size_t cells = (size_t)(evaluator->heads[h].classes * evaluator->heads[h].classes);
  int64_t *counts = calloc(cells + COUNTS, sizeof *counts);
  ls_status status = counts == NULL ? error_set(error, LS_NO_MEMORY, "no memory for evaluation") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  for (int t = 0; t < evaluator->threads; t++) add_head(&evaluator->scorers[t].counts[h], cells, counts);
  TRY_OR_DONE(world_sum_i64(world, counts, cells + COUNTS, error));
  const int64_t *others = counts + cells;
  metrics->correct = others[COUNT_CORRECT];
  metrics->in_top_k = others[COUNT_TOP_K];
  memcpy(metrics->calibration.decisions, others + COUNT_DECISIONS, sizeof metrics->calibration.decisions);
  memcpy(metrics->calibration.correct, others + COUNT_BIN_CORRECT, sizeof metrics->calibration.correct);
  memcpy(metrics->coverage.inside, others + COUNT_INSIDE, sizeof metrics->coverage.inside);
  if (cells == 0) goto done;
  metrics->confusion = counts;
  counts = NULL;
done:
  free(counts);
  return status;
}

/* Of a head's targets; all_sums are those of all targets, baseline by baseline. */
static void baseline_metrics(const evaluation_t *evaluation, const head_t *head, const double *all_sums,
                             metrics_t *metrics) {
  int64_t width = evaluation->evaluator->objective->targets;
  double n = (double)metrics->rows * (double)head->targets;
  for (int b = 0; b < BASELINES; b++) {
    baseline_t *baseline = &metrics->baselines[b];
    const double *sums = all_sums + (b * width + head->first_target) * BASELINE_SUMS;
    double wrong = 0;
    baseline->is_known = score_has_baseline(evaluation, b);
    for (int64_t k = 0; k < head->targets; k++, sums += BASELINE_SUMS) {
      baseline->mae += sums[SUM_BASELINE_ABSOLUTE] / n;
      baseline->rmse += sums[SUM_BASELINE_SQUARE] / n;
      wrong += sums[SUM_BASELINE_WRONG];
    }
    baseline->accuracy = 1 - wrong / n;
    baseline->rmse = sqrt(baseline->rmse);
  }
}

/* R² of one target, as in scikit-learn: of a target that is the same in all rows 1 if it is predicted
 * exactly, else 0. `total` is its sum of squares around the mean, and a constant is the same number in every
 * row, so that all of its distances are 0. */
static double r2_of(double errors, double total) {
  if (total > 0) return 1 - errors / total;
  return errors > 0 ? 0 : 1;
}

static void regression_metrics(const head_t *head, const double *sums, metrics_t *metrics) {
  int64_t width = head->targets;
  double n = (double)metrics->rows;
  metrics->targets = width;
  if (width == 0) return; /* a loss without targets is all there is */
  for (int64_t k = 0; k < width; k++, sums += TARGET_SUMS) {
    double total = sums[SUM_DISTANCE_SQUARE] - sums[SUM_DISTANCE] * sums[SUM_DISTANCE] / n;
    metrics->mae += sums[SUM_ABSOLUTE] / n / (double)width;
    metrics->rmse += sums[SUM_SQUARE] / n / (double)width;
    metrics->r2 += r2_of(sums[SUM_SQUARE], total) / (double)width;
  }
  metrics->rmse = sqrt(metrics->rmse);
}

/* The metrics of head h, whose rows are known. Collective. */
static ls_status finish_head(const evaluation_t *evaluation, size_t h, world_t *world, const double *sums,
                             metrics_t *metrics, ls_error *error) {
  const head_score_t *score = &evaluation->evaluator->heads[h];
  const head_t *head = score->head;
  metrics->loss = sums[h] / (double)metrics->rows;
  metrics->classes = score->classes;
  metrics->top_k = score->top_k;
  metrics->decisions = head->loss->target == TARGET_LABELS ? metrics->rows : metrics->rows * head->outputs;
  metrics->coverage = evaluation->coverage[h];
  snprintf(metrics->name, sizeof metrics->name, "%s", head->name);
  TRY(add_counts(evaluation, h, world, metrics, error));
  const double *of_baselines = sums + evaluation->evaluator->n_sums;
  sums += score->first_sum;
  if (split_forecasts(evaluation->split)) baseline_metrics(evaluation, head, of_baselines, metrics);
  if (score->classes == 0) {
    regression_metrics(head, sums, metrics);
    return LS_OK;
  }
  metrics->calibration.is_known = loss_gives_probabilities(head->loss);
  memcpy(metrics->calibration.confidence, sums, sizeof metrics->calibration.confidence);
  return LS_OK;
}

/* The network as a whole has its loss, each of its heads all of its own. */
static ls_status finish_heads(const evaluation_t *evaluation, world_t *world, const double *sums,
                              metrics_t *metrics, ls_error *error) {
  const objective_t *objective = evaluation->evaluator->objective;
  double losses[MOST_HEADS];
  metrics->heads = calloc(objective->n, sizeof *metrics->heads);
  ls_status status = LS_OK;
  if (metrics->heads == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  TRY(world_agree(world, status, error));
  metrics->n_heads = objective->n;
  for (size_t h = 0; h < objective->n; h++) {
    metrics->heads[h].rows = metrics->rows;
    TRY(finish_head(evaluation, h, world, sums, &metrics->heads[h], error));
    losses[h] = metrics->heads[h].loss;
  }
  metrics->loss = objective_total(objective, losses);
  return LS_OK;
}

ls_status score_finish(const evaluation_t *evaluation, world_t *world, const double *sums, metrics_t *metrics,
                       ls_error *error) {
  const objective_t *objective = evaluation->evaluator->objective;
  metrics->has_penalty = graph_has_penalty(evaluation->evaluator->graph);
  metrics->penalty = sums[objective->n] / (double)metrics->rows;
  if (objective->n > 1) return finish_heads(evaluation, world, sums, metrics, error);
  TRY(finish_head(evaluation, 0, world, sums, metrics, error));
  metrics->loss = objective_total(objective, &metrics->loss);
  return LS_OK;
}
