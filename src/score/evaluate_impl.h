/* Inside of evaluation: evaluate.c walks over rows, score_rows.c compares outputs with targets and counts,
 * score_finish.c makes metrics of the counts. */
#ifndef SCORE_EVALUATE_IMPL_H
#define SCORE_EVALUATE_IMPL_H

#include "data/window.h"
#include "score/block_walk.h"
#include "score/evaluate.h"

/* What a thread counts of one head. */
typedef struct {
  int64_t *confusion; /* (classes, classes) */
  int64_t correct, in_top_k;
  int64_t bin_decisions[CALIBRATION_BINS], bin_correct[CALIBRATION_BINS];
  int64_t inside[COVERAGE_LEVELS];
} head_counts_t;

/* How one head is scored. */
typedef struct {
  const head_t *head;
  int64_t top_k;     /* 0: not counted */
  int64_t classes;   /* of the confusion matrix, 0 for regression */
  int64_t first_sum; /* where its sums begin among those of a block */
} head_score_t;

/* One thread's context. */
typedef struct {
  predictor_t *predictor;
  uint32_t rows[PREDICT_ROWS];
  int32_t labels[PREDICT_ROWS];
  float *values; /* (PREDICT_ROWS, targets), as a loss takes them */
  float weights[PREDICT_ROWS];
  double *originals;     /* (PREDICT_ROWS, targets), as the file has them */
  double *baseline;      /* (PREDICT_ROWS, targets), the same */
  double *predictions;   /* (PREDICT_ROWS, outputs): of regressions, in original units */
  double *deviations;    /* (2, PREDICT_ROWS, targets): aleatoric and epistemic, of a posterior */
  head_counts_t *counts; /* (heads) */
  double *losses;        /* (rows of the block, heads), or NULL */
  ls_status status;      /* of its set-up */
  ls_error error;
} scorer_t;

struct evaluator {
  const graph_t *graph;
  const objective_t *objective;
  const features_t *features;
  const scaler_t *targets;
  int threads;
  bool is_part;        /* of other work, which shows its own progress */
  head_score_t *heads; /* (heads) */
  int64_t n_sums;      /* of a block: the losses of heads, penalties, and then for each TARGET_SUMS for every
                        * target of a      regression, or the confidences of classes */
  scorer_t *scorers;   /* (threads) */
  double *losses;      /* (own rows, heads) of evaluator_keep_losses, or NULL */
  arena_t arena;
};

/* Sums over rows of one target, in original units: |e|, e^2, d, d^2, where e is the error and d the target's
 * distance from a value that all ranks know, so that the variance does not suffer from a large offset. */
enum { SUM_ABSOLUTE, SUM_SQUARE, SUM_DISTANCE, SUM_DISTANCE_SQUARE, TARGET_SUMS };
/* Of one target of one baseline: |e|, e^2, and how often it is another class. */
enum { SUM_BASELINE_ABSOLUTE, SUM_BASELINE_SQUARE, SUM_BASELINE_WRONG, BASELINE_SUMS };

/* What one evaluation needs; constant but for sums. */
typedef struct {
  evaluator_t *evaluator;
  const split_t *split;
  gather_t gather;
  const mixture_t *mixture;
  block_walk_t walk;
  int64_t width;        /* sums per block */
  const double *shift;  /* (targets): the first row's */
  double *sums;         /* (blocks, width) */
  coverage_t *coverage; /* (heads): what is counted of it, if anything */
} evaluation_t;

/* Compares outputs z of n rows with their targets, which lie at scorer->rows. The rows' features are the
 * predictor's inputs. Counts go to the scorer, sums to `sums` (evaluation->width). */
void score_block(const evaluation_t *evaluation, scorer_t *scorer, const float *z, int64_t n, double *sums);

/* Fills evaluator->heads, which have room, and n_sums. */
void scores_make(evaluator_t *evaluator, int64_t top_k);

/* Sums of a block of this split: n_sums, and BASELINE_SUMS for each baseline and target of a forecast. */
int64_t score_width(const evaluator_t *evaluator, const split_t *split);

/* Sets all counts of all scorers to zero, and what is counted of intervals. */
void score_begin(evaluation_t *evaluation);

/* Whether the forecast without a model is one of these rows: of a season ago only where there are seasons. */
bool score_has_baseline(const evaluation_t *evaluation, int baseline);

/* ---- score_finish.c ---- */

/* From counts and the sums over all rows to metrics, whose rows are known. Collective. */
ls_status score_finish(const evaluation_t *evaluation, world_t *world, const double *sums, metrics_t *metrics,
                       ls_error *error);

#endif
