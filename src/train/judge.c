/* What outputs are worth beside targets. Everything that is counted is an integer of a worker's own, and
 * needs no order; sums belong to a block of rows. */
#include "train/evaluate_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting ---- */

/* The label's rank among the outputs: how many are larger (of equal ones, the first counts as larger). */
static int64_t place_of(const float *z, int64_t width, int32_t label) {
  int64_t place = 0;
  for (int64_t k = 0; k < width; k++) place += z[k] > z[label] || (z[k] == z[label] && k < label);
  return place;
}

static int64_t largest(const float *z, int64_t width) {
  int64_t best = 0;
  for (int64_t k = 1; k < width; k++)
    if (z[k] > z[best]) best = k;
  return best;
}

/* The probability of class c. */
static double softmax_at(int64_t width, const float *z, int64_t c) {
  double sum = 0;
  for (int64_t k = 0; k < width; k++) sum += exp((double)z[k] - (double)z[c]);
  return 1 / sum;
}

static void count_confidence(worker_t *worker, double confidence, bool is_correct, double *confidences) {
  int bin = calibration_bin(confidence);
  worker->bin_decisions[bin]++;
  worker->bin_correct[bin] += is_correct;
  confidences[bin] += confidence;
}

/* One output tells two classes apart by its sign, several by the largest. */
static void count_labels(const job_t *job, worker_t *worker, const float *z, int64_t n, double *confidences) {
  int64_t classes = job->evaluator->classes, outputs = graph_outputs(job->evaluator->graph);
  for (int64_t i = 0; i < n; i++, z += outputs) {
    int64_t called = outputs == 1 ? z[0] > 0 : largest(z, outputs);
    worker->confusion[worker->labels[i] * classes + called]++;
    worker->correct += called == worker->labels[i];
    if (loss_gives_probabilities(job->evaluator->loss))
      count_confidence(worker, softmax_at(outputs, z, called), called == worker->labels[i], confidences);
    if (job->evaluator->top_k > 0)
      worker->in_top_k += place_of(z, outputs, worker->labels[i]) < job->evaluator->top_k;
  }
}

/* Each output is a decision between 0 and 1: a logit above 0 says 1. */
static void count_binary(worker_t *worker, const float *z, int64_t decisions, double *confidences) {
  for (int64_t i = 0; i < decisions; i++) {
    int truth = worker->values[i] > 0.5F, called = z[i] > 0;
    worker->confusion[truth * 2 + called]++;
    worker->correct += truth == called;
    count_confidence(worker, 1 / (1 + exp(-fabs((double)z[i]))), truth == called, confidences);
  }
}

/* The n predictions that errors are taken of, row by row; `stride` floats apart. */
static const float *point_predictions(const evaluator_t *evaluator, worker_t *worker, const float *z,
                                      int64_t n, int64_t stride) {
  const loss_params_t *params = &evaluator->params;
  int64_t first = loss_part(evaluator->loss, params, stride, loss_point(evaluator->loss, params)).first;
  if (evaluator->loss->predict == NULL) return z + first;
  memcpy(worker->predictions, z, (size_t)(n * stride) * sizeof *z);
  loss_predict(evaluator->loss, params, n, stride, worker->predictions);
  return worker->predictions + first;
}

static void sum_errors(const job_t *job, worker_t *worker, const float *z, int64_t n, double *sums) {
  int64_t width = job->evaluator->n_targets, stride = graph_outputs(job->evaluator->graph);
  const float *found = point_predictions(job->evaluator, worker, z, n, stride);
  for (int64_t i = 0; i < n * width; i++) {
    double *sum = sums + i % width * TARGET_SUMS;
    double e = (double)found[i / width * stride + i % width] - (double)worker->values[i];
    double d = (double)worker->values[i] - (double)job->shift[i % width];
    sum[SUM_ABSOLUTE] += fabs(e);
    sum[SUM_SQUARE] += e * e;
    sum[SUM_DISTANCE] += d;
    sum[SUM_DISTANCE_SQUARE] += d * d;
  }
}

/* ---- intervals ---- */

/* Half the width of the central intervals of a normal distribution, in standard deviations. */
static const struct {
  double nominal, half_width;
} intervals[] = {{0.5, 0.6744897501960817},
                 {0.8, 1.2815515655446004},
                 {0.9, 1.6448536269514722},
                 {0.95, 1.959963984540054}};
enum { INTERVALS = sizeof intervals / sizeof intervals[0] };

/* Which share of the targets lies below each level of a quantile, or inside of each interval. */
static void name_levels(const job_t *job, coverage_t *coverage) {
  const evaluator_t *evaluator = job->evaluator;
  bool has_deviation = job->mixture->posterior != NULL || strcmp(evaluator->loss->name, "gaussian_nll") == 0;
  coverage->is_quantile = strcmp(evaluator->loss->name, "quantile") == 0;
  if (coverage->is_quantile) {
    coverage->n =
        evaluator->params.n_levels < COVERAGE_LEVELS ? (int)evaluator->params.n_levels : COVERAGE_LEVELS;
    for (int i = 0; i < coverage->n; i++) coverage->nominal[i] = evaluator->params.levels[i];
  } else if (has_deviation) {
    coverage->n = INTERVALS;
    for (int i = 0; i < INTERVALS; i++) coverage->nominal[i] = intervals[i].nominal;
  }
}

static void count_interval(worker_t *worker, double error, double deviation) {
  for (int i = 0; i < INTERVALS; i++) worker->inside[i] += fabs(error) <= intervals[i].half_width * deviation;
}

/* Errors in units of scaled targets, deviations as the posterior has them at the rows on the tape. */
static void count_posterior(const job_t *job, worker_t *worker, const float *z, int64_t n) {
  const posterior_t *posterior = job->mixture->posterior;
  const float *x = tape_input(worker->tape, 0);
  for (int64_t r = 0; r < n; r++) {
    posterior_variance(posterior, x + r * posterior->inputs, worker->scratch, worker->variance);
    for (int64_t k = 0; k < posterior->outputs; k++) {
      int64_t i = r * posterior->outputs + k;
      count_interval(worker, (double)z[i] - (double)worker->values[i],
                     sqrt(posterior->noise[k] + worker->variance[k]));
    }
  }
}

/* Outputs are means, then logarithms of variances. */
static void count_gaussian(const job_t *job, worker_t *worker, const float *z, int64_t n) {
  int64_t width = job->evaluator->n_targets;
  for (int64_t i = 0; i < n * width; i++) {
    const float *row = z + i / width * 2 * width + i % width;
    count_interval(worker, (double)row[0] - (double)worker->values[i], exp(0.5 * (double)row[width]));
  }
}

/* Outputs are quantiles, level by level. */
static void count_quantiles(const job_t *job, worker_t *worker, const float *z, int64_t n, int levels) {
  int64_t width = job->evaluator->n_targets, outputs = graph_outputs(job->evaluator->graph);
  for (int64_t i = 0; i < n * width; i++)
    for (int q = 0; q < levels; q++)
      worker->inside[q] += worker->values[i] <= z[i / width * outputs + q * width + i % width];
}

static void judge_values(const job_t *job, worker_t *worker, const float *z, int64_t n, double *sums) {
  sum_errors(job, worker, z, n, sums);
  if (job->coverage.is_quantile)
    count_quantiles(job, worker, z, n, job->coverage.n);
  else if (job->mixture->posterior != NULL)
    count_posterior(job, worker, z, n);
  else if (job->coverage.n > 0)
    count_gaussian(job, worker, z, n);
}

/* ---- a block ---- */

void judge_block(const job_t *job, worker_t *worker, const float *z, int64_t n, double *sums) {
  const evaluator_t *evaluator = job->evaluator;
  int64_t width = graph_outputs(evaluator->graph);
  target_t target = {0};
  if (evaluator->loss->target == TARGET_LABELS) {
    gather_labels(&job->gather, worker->rows, n, worker->labels);
    target.labels = worker->labels;
  } else {
    gather_targets(&job->gather, worker->rows, n, worker->values);
    target.values = worker->values;
  }
  if (job->split->weights != NULL) {
    gather_weights(&job->gather, worker->rows, n, worker->weights);
    target.weights = worker->weights;
  }
  sums[0] = loss_evaluate(evaluator->loss, &evaluator->params, n, width, z, target, NULL);
  if (target.labels != NULL)
    count_labels(job, worker, z, n, sums + 1);
  else if (evaluator->classes > 0)
    count_binary(worker, z, n * width, sums + 1);
  else
    judge_values(job, worker, z, n, sums + 1);
}

int64_t judge_width(const evaluator_t *evaluator) {
  return 1 + (evaluator->classes > 0 ? CALIBRATION_BINS : evaluator->n_targets * TARGET_SUMS);
}

void judge_begin(job_t *job) {
  const evaluator_t *evaluator = job->evaluator;
  name_levels(job, &job->coverage);
  for (int t = 0; t < evaluator->threads; t++) {
    worker_t *worker = &evaluator->workers[t];
    worker->correct = worker->in_top_k = 0;
    memset(worker->confusion, 0, (size_t)(evaluator->classes * evaluator->classes) * sizeof(int64_t));
    memset(worker->bin_decisions, 0, sizeof worker->bin_decisions);
    memset(worker->bin_correct, 0, sizeof worker->bin_correct);
    memset(worker->inside, 0, sizeof worker->inside);
  }
}

/* ---- from counts and sums to metrics ---- */

/* Where each kind of count lies in the array that is summed over ranks, behind the confusion matrix. */
enum {
  COUNT_CORRECT,
  COUNT_TOP_K,
  COUNT_DECISIONS,
  COUNT_BIN_CORRECT = COUNT_DECISIONS + CALIBRATION_BINS,
  COUNT_INSIDE = COUNT_BIN_CORRECT + CALIBRATION_BINS,
  COUNTS = COUNT_INSIDE + COVERAGE_LEVELS
};

static void add_worker(const worker_t *worker, size_t cells, int64_t *counts) {
  int64_t *others = counts + cells;
  for (size_t i = 0; i < cells; i++) counts[i] += worker->confusion[i];
  others[COUNT_CORRECT] += worker->correct;
  others[COUNT_TOP_K] += worker->in_top_k;
  for (int b = 0; b < CALIBRATION_BINS; b++) {
    others[COUNT_DECISIONS + b] += worker->bin_decisions[b];
    others[COUNT_BIN_CORRECT + b] += worker->bin_correct[b];
  }
  for (int i = 0; i < COVERAGE_LEVELS; i++) others[COUNT_INSIDE + i] += worker->inside[i];
}

/* Counts of all threads and ranks; the confusion matrix becomes the metrics' own. */
static ls_status add_counts(const job_t *job, world_t *world, metrics_t *metrics, ls_error *error) {
  const evaluator_t *evaluator = job->evaluator;
  size_t cells = (size_t)(evaluator->classes * evaluator->classes);
  int64_t *counts = calloc(cells + COUNTS, sizeof *counts);
  ls_status status = counts == NULL ? error_set(error, LS_NO_MEMORY, "no memory for evaluation") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  for (int t = 0; t < evaluator->threads; t++) add_worker(&evaluator->workers[t], cells, counts);
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

/* In original units an error is the scaled one divided by the scale; R2 does not change with scale. */
static void regression_metrics(const evaluator_t *evaluator, const double *sums, metrics_t *metrics) {
  int64_t width = evaluator->n_targets;
  double n = (double)metrics->rows;
  metrics->targets = width;
  for (int64_t k = 0; k < width; k++, sums += TARGET_SUMS) {
    double scale = evaluator->targets->n > 0 ? fabs(evaluator->targets->scale[k]) : 1;
    double total = sums[SUM_DISTANCE_SQUARE] - sums[SUM_DISTANCE] * sums[SUM_DISTANCE] / n;
    metrics->mae += sums[SUM_ABSOLUTE] / scale / n / (double)width;
    metrics->rmse += sums[SUM_SQUARE] / scale / scale / n / (double)width;
    metrics->r2 += (total > 0 ? 1 - sums[SUM_SQUARE] / total : NAN) / (double)width;
  }
  metrics->rmse = sqrt(metrics->rmse);
}

ls_status judge_finish(const job_t *job, world_t *world, const double *sums, metrics_t *metrics,
                       ls_error *error) {
  const evaluator_t *evaluator = job->evaluator;
  bool is_labels = evaluator->loss->target == TARGET_LABELS;
  metrics->loss = sums[0] / (double)metrics->rows;
  metrics->decisions = is_labels ? metrics->rows : metrics->rows * graph_outputs(evaluator->graph);
  metrics->coverage = job->coverage;
  TRY(add_counts(job, world, metrics, error));
  if (evaluator->classes == 0) {
    regression_metrics(evaluator, sums + 1, metrics);
    return LS_OK;
  }
  metrics->calibration.is_known = loss_gives_probabilities(evaluator->loss);
  memcpy(metrics->calibration.confidence, sums + 1, sizeof metrics->calibration.confidence);
  return LS_OK;
}
