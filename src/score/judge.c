/* What outputs are worth beside targets. Everything that is counted is an integer of a worker's own, and
 * needs no order; sums belong to a block of rows. */
#include "score/evaluate_impl.h"

#include <math.h>
#include <string.h>

/* ---- counting ---- */

/* Some rows as one head sees them: outputs and targets begin at its own. */
typedef struct {
  int64_t n;
  const float *z;        /* row i at z + i outputs */
  const float *values;   /* row i at values + i targets, class numbers among them; NULL: labels */
  const int32_t *labels; /* (n) */
  int64_t outputs, targets;
} block_t;

static int32_t label_of(const block_t *block, int64_t i) {
  return block->labels != NULL ? block->labels[i] : (int32_t)block->values[i * block->targets];
}

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

static void count_confidence(tally_t *tally, double confidence, bool is_correct, double *confidences) {
  int bin = calibration_bin(confidence);
  tally->bin_decisions[bin]++;
  tally->bin_correct[bin] += is_correct;
  confidences[bin] += confidence;
}

/* One output tells two classes apart by its sign, several by the largest. */
static void count_labels(const judge_t *judge, tally_t *tally, const block_t *block, double *confidences) {
  int64_t outputs = judge->head->outputs;
  const float *z = block->z;
  for (int64_t i = 0; i < block->n; i++, z += block->outputs) {
    int32_t label = label_of(block, i);
    int64_t called = outputs == 1 ? z[0] > 0 : largest(z, outputs);
    tally->confusion[label * judge->classes + called]++;
    tally->correct += called == label;
    if (loss_gives_probabilities(judge->head->loss))
      count_confidence(tally, softmax_at(outputs, z, called), called == label, confidences);
    if (judge->top_k > 0) tally->in_top_k += place_of(z, outputs, label) < judge->top_k;
  }
}

/* Each output is a decision between 0 and 1: a logit above 0 says 1. */
static void count_binary(const judge_t *judge, tally_t *tally, const block_t *block, double *confidences) {
  for (int64_t i = 0; i < block->n; i++)
    for (int64_t k = 0; k < judge->head->outputs; k++) {
      float z = block->z[i * block->outputs + k];
      int truth = block->values[i * block->targets + k] > 0.5F, called = z > 0;
      tally->confusion[truth * 2 + called]++;
      tally->correct += truth == called;
      count_confidence(tally, 1 / (1 + exp(-fabs((double)z))), truth == called, confidences);
    }
}

/* The predictions that errors are taken of, row by row as outputs lie. */
static const float *point_predictions(const judge_t *judge, worker_t *worker, const block_t *block) {
  const head_t *head = judge->head;
  int64_t first =
      loss_part(head->loss, &head->params, head->outputs, loss_point(head->loss, &head->params)).first;
  if (head->loss->predict == NULL) return block->z + first;
  for (int64_t i = 0; i < block->n; i++) {
    float *row = worker->predictions + i * block->outputs;
    memcpy(row, block->z + i * block->outputs, (size_t)head->outputs * sizeof *row);
    head->loss->predict(&head->params, head->outputs, row);
  }
  return worker->predictions + first;
}

static void sum_errors(const job_t *job, const judge_t *judge, worker_t *worker, const block_t *block,
                       double *sums) {
  int64_t width = judge->head->targets;
  const float *found = point_predictions(judge, worker, block),
              *shift = job->shift + judge->head->first_target;
  for (int64_t i = 0; i < block->n * width; i++) {
    double *sum = sums + i % width * TARGET_SUMS;
    double t = (double)block->values[i / width * block->targets + i % width];
    double e = (double)found[i / width * block->outputs + i % width] - t;
    double d = t - (double)shift[i % width];
    sum[SUM_ABSOLUTE] += fabs(e);
    sum[SUM_SQUARE] += e * e;
    sum[SUM_DISTANCE] += d;
    sum[SUM_DISTANCE_SQUARE] += d * d;
  }
}

/* ---- baselines ---- */

static const window_part_t baseline_parts[BASELINES] = {
    [BASELINE_PERSISTENCE] = WINDOW_PERSISTENCE, [BASELINE_SEASONAL] = WINDOW_SEASONAL};

bool judge_has_baseline(const job_t *job, int b) {
  const windows_t *windows = job->split->windows;
  return windows != NULL && (b != BASELINE_SEASONAL || windows->season > 0);
}

/* What forecasts without a model, found (n, targets), are wrong by on the rows of a block. */
static void sum_baseline(const judge_t *judge, const block_t *block, const float *found, double *sums) {
  int64_t width = judge->head->targets;
  bool is_label = judge->head->loss->target == TARGET_LABELS;
  for (int64_t i = 0; i < block->n * width; i++) {
    double *sum = sums + i % width * BASELINE_SUMS;
    int64_t row = i / width, k = i % width;
    double t = is_label ? (double)label_of(block, row) : (double)block->values[row * block->targets + k];
    double forecast = (double)found[row * block->targets + k], e = forecast - t;
    sum[SUM_BASELINE_ABSOLUTE] += fabs(e);
    sum[SUM_BASELINE_SQUARE] += e * e;
    sum[SUM_BASELINE_WRONG] += is_label ? forecast != t : (forecast > 0.5) != (t > 0.5);
  }
}

/* The same head by head; blocks (heads). */
static void sum_baselines(const job_t *job, worker_t *worker, const block_t *blocks, double *sums) {
  const objective_t *objective = job->evaluator->objective;
  for (int b = 0; b < BASELINES; b++, sums += objective->targets * BASELINE_SUMS) {
    if (!judge_has_baseline(job, b)) continue;
    windows_gather(job->split, baseline_parts[b], worker->rows, blocks->n, worker->baseline);
    for (size_t h = 0; h < objective->n; h++) {
      int64_t first = objective->heads[h].first_target;
      sum_baseline(&job->evaluator->judges[h], &blocks[h], worker->baseline + first,
                   sums + first * BASELINE_SUMS);
    }
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
static void name_levels(const job_t *job, const head_t *head, coverage_t *coverage) {
  bool has_deviation = job->mixture->posterior != NULL || strcmp(head->loss->name, "gaussian_nll") == 0;
  coverage->is_quantile = strcmp(head->loss->name, "quantile") == 0;
  if (coverage->is_quantile) {
    coverage->n = head->params.n_levels < COVERAGE_LEVELS ? (int)head->params.n_levels : COVERAGE_LEVELS;
    for (int i = 0; i < coverage->n; i++) coverage->nominal[i] = head->params.levels[i];
  } else if (has_deviation) {
    coverage->n = INTERVALS;
    for (int i = 0; i < INTERVALS; i++) coverage->nominal[i] = intervals[i].nominal;
  }
}

static void count_interval(tally_t *tally, double error, double deviation) {
  for (int i = 0; i < INTERVALS; i++) tally->inside[i] += fabs(error) <= intervals[i].half_width * deviation;
}

/* Errors in units of scaled targets, deviations as the posterior has them at the rows on the tape. */
static void count_posterior(const job_t *job, worker_t *worker, tally_t *tally, const block_t *block) {
  const posterior_t *posterior = job->mixture->posterior;
  const float *x = tape_input(worker->tape, 0);
  for (int64_t r = 0; r < block->n; r++) {
    posterior_variance(posterior, x + r * posterior->inputs, worker->scratch, worker->variance);
    for (int64_t k = 0; k < posterior->outputs; k++) {
      int64_t i = r * posterior->outputs + k;
      count_interval(tally, (double)block->z[i] - (double)block->values[i],
                     sqrt(posterior->noise[k] + worker->variance[k]));
    }
  }
}

/* Outputs are means, then logarithms of variances. */
static void count_gaussian(const judge_t *judge, tally_t *tally, const block_t *block) {
  int64_t width = judge->head->targets;
  for (int64_t i = 0; i < block->n * width; i++) {
    const float *row = block->z + i / width * block->outputs + i % width;
    double t = (double)block->values[i / width * block->targets + i % width];
    count_interval(tally, (double)row[0] - t, exp(0.5 * (double)row[width]));
  }
}

/* Outputs are quantiles, level by level. */
static void count_quantiles(const judge_t *judge, tally_t *tally, const block_t *block, int levels) {
  int64_t width = judge->head->targets;
  for (int64_t i = 0; i < block->n * width; i++)
    for (int q = 0; q < levels; q++)
      tally->inside[q] += block->values[i / width * block->targets + i % width] <=
                          block->z[i / width * block->outputs + q * width + i % width];
}

/* ---- a block ---- */

static void judge_head(const job_t *job, worker_t *worker, size_t h, const block_t *block, double *sums) {
  const judge_t *judge = &job->evaluator->judges[h];
  const coverage_t *coverage = &job->coverage[h];
  tally_t *tally = &worker->tallies[h];
  if (judge->head->loss->target == TARGET_LABELS) {
    count_labels(judge, tally, block, sums);
  } else if (judge->classes > 0) {
    count_binary(judge, tally, block, sums);
  } else {
    sum_errors(job, judge, worker, block, sums);
    if (coverage->is_quantile)
      count_quantiles(judge, tally, block, coverage->n);
    else if (job->mixture->posterior != NULL)
      count_posterior(job, worker, tally, block);
    else if (coverage->n > 0)
      count_gaussian(judge, tally, block);
  }
}

void judge_block(const job_t *job, worker_t *worker, const float *z, int64_t n, double *sums) {
  const evaluator_t *evaluator = job->evaluator;
  const objective_t *objective = evaluator->objective;
  target_t target = {0};
  if (objective->has_labels) {
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
  target.factors = job->split->factors;
  block_t blocks[MOST_HEADS];
  objective_evaluate(objective, n, z, target, NULL, sums);
  for (size_t h = 0; h < objective->n; h++) {
    const judge_t *judge = &evaluator->judges[h];
    blocks[h] = (block_t){.n = n,
                          .z = z + judge->head->first,
                          .values = target.values != NULL ? target.values + judge->head->first_target : NULL,
                          .labels = target.labels,
                          .outputs = objective->outputs,
                          .targets = objective->targets};
    judge_head(job, worker, h, &blocks[h], sums + judge->first_sum);
  }
  if (job->split->windows != NULL) sum_baselines(job, worker, blocks, sums + evaluator->n_sums);
}

void judges_make(evaluator_t *evaluator, int64_t top_k) {
  const objective_t *objective = evaluator->objective;
  evaluator->n_sums = (int64_t)objective->n;
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    judge_t *judge = &evaluator->judges[h];
    bool labels = head->loss->target == TARGET_LABELS;
    *judge = (judge_t){.head = head, .first_sum = evaluator->n_sums};
    if (head->loss->is_classification) {
      judge->classes = labels ? loss_classes(head->loss, head->outputs) : 2;
      judge->top_k = labels && top_k > 1 && top_k < judge->classes ? top_k : 0;
    }
    evaluator->n_sums += judge->classes > 0 ? CALIBRATION_BINS : head->targets * TARGET_SUMS;
  }
}

int64_t judge_width(const evaluator_t *evaluator, const split_t *split) {
  int64_t of_baselines = split->windows != NULL ? BASELINES * BASELINE_SUMS : 0;
  return evaluator->n_sums + of_baselines * evaluator->objective->targets;
}

void judge_begin(job_t *job) {
  const evaluator_t *evaluator = job->evaluator;
  for (size_t h = 0; h < evaluator->objective->n; h++) {
    size_t classes = (size_t)evaluator->judges[h].classes;
    name_levels(job, evaluator->judges[h].head, &job->coverage[h]);
    for (int t = 0; t < evaluator->threads; t++) {
      tally_t *tally = &evaluator->workers[t].tallies[h];
      memset(tally->confusion, 0, classes * classes * sizeof *tally->confusion);
      *tally = (tally_t){.confusion = tally->confusion};
    }
  }
}
