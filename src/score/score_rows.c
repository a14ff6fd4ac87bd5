/* What outputs are worth beside targets. Everything that is counted is an integer of a scorer's own, and
 * needs no order; sums belong to a block of rows. */
#include "score/evaluate_impl.h"

#include "model/penalty.h"

#include <math.h>
#include <string.h>

/* ---- counting ---- */

/* Some rows as one head sees them: outputs and targets begin at its own. */
typedef struct {
  int64_t n;
  const float *z;          /* row i at z + i outputs */
  const double *found;     /* row i at found + i outputs: predictions of a regression, in original units */
  const double *originals; /* row i at originals + i targets, class numbers among them; NULL: labels */
  const int32_t *labels;   /* (n) */
  int64_t outputs, targets;
} head_rows_t;

static int32_t label_of(const head_rows_t *block, int64_t i) {
  return block->labels != NULL ? block->labels[i] : (int32_t)block->originals[i * block->targets];
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

static void count_confidence(head_counts_t *counts, double confidence, bool is_correct, double *confidences) {
  int bin = calibration_bin(confidence);
  counts->bin_decisions[bin]++;
  counts->bin_correct[bin] += is_correct;
  confidences[bin] += confidence;
}

/* One output tells two classes apart by its sign, several by the largest. */
static void count_labels(const head_score_t *score, head_counts_t *counts, const head_rows_t *block,
                         double *confidences) {
  int64_t outputs = score->head->outputs;
  const float *z = block->z;
  for (int64_t i = 0; i < block->n; i++, z += block->outputs) {
    int32_t label = label_of(block, i);
    int64_t called = outputs == 1 ? z[0] > 0 : largest(z, outputs);
    counts->confusion[label * score->classes + called]++;
    counts->correct += called == label;
    if (loss_gives_probabilities(score->head->loss))
      count_confidence(counts, softmax_at(outputs, z, called), called == label, confidences);
    if (score->top_k > 0) counts->in_top_k += place_of(z, outputs, label) < score->top_k;
  }
}

/* Each output is a decision between 0 and 1: a logit above 0 says 1. */
static void count_binary(const head_score_t *score, head_counts_t *counts, const head_rows_t *block,
                         double *confidences) {
  for (int64_t i = 0; i < block->n; i++)
    for (int64_t k = 0; k < score->head->outputs; k++) {
      float z = block->z[i * block->outputs + k];
      int truth = block->originals[i * block->targets + k] > 0.5, called = z > 0;
      counts->confusion[truth * 2 + called]++;
      counts->correct += truth == called;
      count_confidence(counts, 1 / (1 + exp(-fabs((double)z))), truth == called, confidences);
    }
}

/* Column k of the head's targets, of row i. */
static double target_at(const head_rows_t *block, int64_t i, int64_t k) {
  return block->originals[i * block->targets + k];
}

static void sum_errors(const evaluation_t *evaluation, const head_score_t *score, const head_rows_t *block,
                       double *sums) {
  const head_t *head = score->head;
  const double *shift = evaluation->shift + head->first_target;
  size_t point = loss_point(head->loss, &head->params);
  int64_t first = loss_part(head->loss, &head->params, head->outputs, point).first;
  for (int64_t i = 0; i < block->n; i++)
    for (int64_t k = 0; k < head->targets; k++) {
      double *sum = sums + k * TARGET_SUMS, t = target_at(block, i, k), d = t - shift[k];
      double e = block->found[i * block->outputs + first + k] - t;
      sum[SUM_ABSOLUTE] += fabs(e);
      sum[SUM_SQUARE] += e * e;
      sum[SUM_DISTANCE] += d;
      sum[SUM_DISTANCE_SQUARE] += d * d;
    }
}

/* ---- baselines ---- */

static const window_part_t baseline_parts[BASELINES] = {
    [BASELINE_PERSISTENCE] = WINDOW_PERSISTENCE, [BASELINE_SEASONAL] = WINDOW_SEASONAL};

bool score_has_baseline(const evaluation_t *evaluation, int b) {
  const windows_t *windows = evaluation->split->windows;
  return split_forecasts(evaluation->split) && (b != BASELINE_SEASONAL || windows->season > 0);
}

/* What forecasts without a model, found (n, targets), are wrong by on the rows of a block. */
static void sum_baseline(const head_score_t *score, const head_rows_t *block, const double *found,
                         double *sums) {
  int64_t width = score->head->targets;
  bool is_label = score->head->loss->target == TARGET_LABELS;
  for (int64_t i = 0; i < block->n * width; i++) {
    double *sum = sums + i % width * BASELINE_SUMS;
    int64_t row = i / width, k = i % width;
    double t = is_label ? (double)label_of(block, row) : target_at(block, row, k);
    double forecast = found[row * block->targets + k], e = forecast - t;
    sum[SUM_BASELINE_ABSOLUTE] += fabs(e);
    sum[SUM_BASELINE_SQUARE] += e * e;
    sum[SUM_BASELINE_WRONG] += is_label ? forecast != t : (forecast > 0.5) != (t > 0.5);
  }
}

/* The same head by head; blocks (heads). */
static void sum_baselines(const evaluation_t *evaluation, scorer_t *scorer, const head_rows_t *blocks,
                          double *sums) {
  const objective_t *objective = evaluation->evaluator->objective;
  for (int b = 0; b < BASELINES; b++, sums += objective->targets * BASELINE_SUMS) {
    if (!score_has_baseline(evaluation, b)) continue;
    windows_originals(evaluation->split, baseline_parts[b], scorer->rows, blocks->n, scorer->baseline);
    for (size_t h = 0; h < objective->n; h++) {
      int64_t first = objective->heads[h].first_target;
      sum_baseline(&evaluation->evaluator->heads[h], &blocks[h], scorer->baseline + first,
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
static void name_levels(const evaluation_t *evaluation, const head_t *head, coverage_t *coverage) {
  bool has_deviation =
      evaluation->mixture->posterior != NULL || strcmp(head->loss->name, "gaussian_nll") == 0;
  coverage->is_quantile = strcmp(head->loss->name, "quantile") == 0;
  if (coverage->is_quantile) {
    coverage->n = head->params.n_levels < COVERAGE_LEVELS ? (int)head->params.n_levels : COVERAGE_LEVELS;
    for (int i = 0; i < coverage->n; i++) coverage->nominal[i] = head->params.levels[i];
  } else if (has_deviation) {
    coverage->n = INTERVALS;
    for (int i = 0; i < INTERVALS; i++) coverage->nominal[i] = intervals[i].nominal;
  }
}

static void count_interval(head_counts_t *counts, double error, double deviation) {
  for (int i = 0; i < INTERVALS; i++) counts->inside[i] += fabs(error) <= intervals[i].half_width * deviation;
}

/* Deviations as the posterior has them at the rows of the block. */
static void count_posterior(const evaluation_t *evaluation, scorer_t *scorer, head_counts_t *counts,
                            const head_rows_t *block) {
  int64_t width = evaluation->mixture->posterior->outputs;
  double *aleatoric = scorer->deviations, *epistemic = aleatoric + PREDICT_ROWS * width;
  predictor_deviations(scorer->predictor, block->n, aleatoric, epistemic);
  for (int64_t i = 0; i < block->n * width; i++) {
    double e = block->found[i / width * block->outputs + i % width] - target_at(block, i / width, i % width);
    count_interval(counts, e, hypot(aleatoric[i], epistemic[i]));
  }
}

/* Predictions are means, then standard deviations. */
static void count_gaussian(const head_score_t *score, head_counts_t *counts, const head_rows_t *block) {
  int64_t width = score->head->targets;
  for (int64_t i = 0; i < block->n; i++)
    for (int64_t k = 0; k < width; k++) {
      const double *found = block->found + i * block->outputs + k;
      count_interval(counts, found[0] - target_at(block, i, k), found[width]);
    }
}

/* Predictions are quantiles, level by level. */
static void count_quantiles(const head_score_t *score, head_counts_t *counts, const head_rows_t *block,
                            int levels) {
  int64_t width = score->head->targets;
  for (int64_t i = 0; i < block->n; i++)
    for (int64_t k = 0; k < width; k++)
      for (int q = 0; q < levels; q++)
        counts->inside[q] += target_at(block, i, k) <= block->found[i * block->outputs + q * width + k];
}

/* ---- a block ---- */

static void score_head(const evaluation_t *evaluation, scorer_t *scorer, size_t h, const head_rows_t *block,
                       double *sums) {
  const head_score_t *score = &evaluation->evaluator->heads[h];
  const coverage_t *coverage = &evaluation->coverage[h];
  head_counts_t *counts = &scorer->counts[h];
  if (score->head->loss->target == TARGET_LABELS) {
    count_labels(score, counts, block, sums);
  } else if (score->classes > 0) {
    count_binary(score, counts, block, sums);
  } else if (score->head->targets > 0) {
    sum_errors(evaluation, score, block, sums);
    if (coverage->is_quantile)
      count_quantiles(score, counts, block, coverage->n);
    else if (evaluation->mixture->posterior != NULL)
      count_posterior(evaluation, scorer, counts, block);
    else if (coverage->n > 0)
      count_gaussian(score, counts, block);
  }
}

/* The losses of rows one by one: losses (n, heads). */
static void keep_losses(const objective_t *objective, int64_t n, const float *z, target_t target,
                        const double *penalties, double *losses) {
  for (int64_t i = 0; i < n; i++) {
    const target_t row = {.labels = target.labels != NULL ? target.labels + i : NULL,
                          .values = target.values != NULL ? target.values + i * objective->targets : NULL,
                          .weights = target.weights != NULL ? target.weights + i : NULL,
                          .factors = target.factors};
    double *own = losses + i * (int64_t)objective->n;
    objective_evaluate(objective, 1, z + i * objective->outputs, row, NULL, own);
    if (penalties != NULL) penalties_add(objective, row, 1, penalties + i, own);
  }
}

void score_block(const evaluation_t *evaluation, scorer_t *scorer, const float *z, int64_t n, double *sums) {
  const evaluator_t *evaluator = evaluation->evaluator;
  const objective_t *objective = evaluator->objective;
  const target_room_t room = {scorer->labels, scorer->values, scorer->weights};
  const target_t target = gather_target(&evaluation->gather, objective->has_labels, scorer->rows, n, &room);
  const double *penalties = predictor_penalties(scorer->predictor);
  if (!objective->has_labels && objective->targets > 0)
    gather_originals(&evaluation->gather, scorer->rows, n, scorer->originals);
  head_rows_t blocks[MOST_HEADS];
  objective_evaluate(objective, n, z, target, NULL, sums);
  if (penalties != NULL) sums[objective->n] = penalties_add(objective, target, n, penalties, sums);
  if (scorer->losses != NULL) keep_losses(objective, n, z, target, penalties, scorer->losses);
  for (size_t h = 0; h < objective->n; h++) {
    const head_score_t *score = &evaluator->heads[h];
    blocks[h] = (head_rows_t){
        .n = n,
        .z = z + score->head->first,
        .found = scorer->predictions + score->head->first,
        .originals = objective->has_labels ? NULL : scorer->originals + score->head->first_target,
        .labels = target.labels,
        .outputs = objective->outputs,
        .targets = objective->targets};
    if (score->classes == 0 && score->head->targets > 0)
      predictor_values(scorer->predictor, h, n, z, scorer->predictions);
    score_head(evaluation, scorer, h, &blocks[h], sums + score->first_sum);
  }
  if (split_forecasts(evaluation->split)) sum_baselines(evaluation, scorer, blocks, sums + evaluator->n_sums);
}

void scores_make(evaluator_t *evaluator, int64_t top_k) {
  const objective_t *objective = evaluator->objective;
  evaluator->n_sums = (int64_t)objective->n + 1; /* losses of heads, and penalties */
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    head_score_t *score = &evaluator->heads[h];
    bool labels = head->loss->target == TARGET_LABELS;
    *score = (head_score_t){.head = head, .first_sum = evaluator->n_sums};
    if (head->loss->is_classification) {
      score->classes = labels ? loss_classes(head->loss, head->outputs) : 2;
      score->top_k = labels && top_k > 1 && top_k < score->classes ? top_k : 0;
    }
    evaluator->n_sums += score->classes > 0 ? CALIBRATION_BINS : head->targets * TARGET_SUMS;
  }
}

int64_t score_width(const evaluator_t *evaluator, const split_t *split) {
  int64_t of_baselines = split_forecasts(split) ? BASELINES * BASELINE_SUMS : 0;
  return evaluator->n_sums + of_baselines * evaluator->objective->targets;
}

void score_begin(evaluation_t *evaluation) {
  const evaluator_t *evaluator = evaluation->evaluator;
  for (size_t h = 0; h < evaluator->objective->n; h++) {
    size_t classes = (size_t)evaluator->heads[h].classes;
    name_levels(evaluation, evaluator->heads[h].head, &evaluation->coverage[h]);
    for (int t = 0; t < evaluator->threads; t++) {
      head_counts_t *counts = &evaluator->scorers[t].counts[h];
      memset(counts->confusion, 0, classes * classes * sizeof *counts->confusion);
      *counts = (head_counts_t){.confusion = counts->confusion};
    }
  }
}
