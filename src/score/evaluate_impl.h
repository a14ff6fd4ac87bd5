/* Inside of evaluation: what evaluate.c, which walks over rows, judge.c, which counts what it finds, and
 * judge_finish.c, which makes metrics of it, share. */
#ifndef SCORE_EVALUATE_IMPL_H
#define SCORE_EVALUATE_IMPL_H

#include "data/stream.h"
#include "data/window.h"
#include "score/evaluate.h"

#include <stdatomic.h>

/* What a worker counts of one head. */
typedef struct {
  int64_t *confusion; /* (classes, classes) */
  int64_t correct, in_top_k;
  int64_t bin_decisions[CALIBRATION_BINS], bin_correct[CALIBRATION_BINS];
  int64_t inside[COVERAGE_LEVELS];
} tally_t;

/* How one head is judged. */
typedef struct {
  const head_t *head;
  int64_t top_k;     /* 0: not counted */
  int64_t classes;   /* of the confusion matrix, 0 for regression */
  int64_t first_sum; /* where its sums begin among those of a block */
} judge_t;

typedef struct {
  int64_t number;
  graph_worker_t *kernels;
  tape_t *tape;
  uint32_t rows[EVALUATE_ROWS];
  int32_t labels[EVALUATE_ROWS];
  float *values; /* (EVALUATE_ROWS, targets) */
  float weights[EVALUATE_ROWS];
  float *baseline;    /* (EVALUATE_ROWS, targets) */
  float *predictions; /* (EVALUATE_ROWS, outputs): regression, where they are not the outputs themselves */
  double *scratch;    /* (inputs), of a posterior */
  double *variance;   /* (targets), the same */
  tally_t *tallies;   /* (heads) */
} worker_t;

struct evaluator {
  const graph_t *graph;
  const objective_t *objective;
  const features_t *features;
  const scaler_t *targets;
  int threads;
  judge_t *judges; /* (heads) */
  int64_t n_sums;  /* of a block: the losses of heads, and then for each TARGET_SUMS for every target of a
                    * regression, or the confidences of classes */
  worker_t *workers;
  arena_t arena;
};

/* Sums over rows of one target: |e|, e^2, d, d^2, where e is the error and d the target's distance from a
 * value that all ranks know, so that the variance does not suffer from a large offset. */
enum { SUM_ABSOLUTE, SUM_SQUARE, SUM_DISTANCE, SUM_DISTANCE_SQUARE, TARGET_SUMS };
/* Of one target of one baseline: |e|, e^2, and how often it is another class. */
enum { SUM_BASELINE_ABSOLUTE, SUM_BASELINE_SQUARE, SUM_BASELINE_WRONG, BASELINE_SUMS };

/* What one evaluation needs; constant but for sums. */
typedef struct {
  evaluator_t *evaluator;
  const split_t *split;
  gather_t gather;
  const mixture_t *mixture;
  int64_t parts;        /* of it: forward passes of a block */
  float *outputs;       /* (threads, parts, EVALUATE_ROWS, outputs), several parts */
  int64_t width;        /* sums per block */
  const float *shift;   /* (targets): the first row's */
  int64_t *begin;       /* (shards + 1): first block of each own shard */
  int64_t *first_row;   /* (shards + 1): first row of each, of this rank's */
  part_t part;          /* which rows are resident */
  double *sums;         /* (blocks, width) */
  float *predictions;   /* (rows, outputs), or NULL when sums are wanted */
  float *deviation;     /* the same over parts, or NULL */
  coverage_t *coverage; /* (heads): what is counted of it, if anything */
  atomic_long next;     /* block */
} job_t;

/* Compares n rows of outputs z with their targets, which lie at worker->rows: counts go to the worker, sums
 * to `sums` (job->width). The features are in the worker's tape. */
void judge_block(const job_t *job, worker_t *worker, const float *z, int64_t n, double *sums);

/* Fills the judges, which have room, and n_sums. */
void judges_make(evaluator_t *evaluator, int64_t top_k);

/* Sums of a block of this split: n_sums, and BASELINE_SUMS for each baseline and target of a forecast. */
int64_t judge_width(const evaluator_t *evaluator, const split_t *split);

/* Sets all counts of all workers to zero, and what is counted of intervals. */
void judge_begin(job_t *job);

/* Whether the forecast without a model is one of these rows: of a season ago only where there are seasons. */
bool judge_has_baseline(const job_t *job, int baseline);

/* ---- judge_finish.c ---- */

/* From counts and the sums over all rows to metrics, whose rows are known. Collective. */
ls_status judge_finish(const job_t *job, world_t *world, const double *sums, metrics_t *metrics,
                       ls_error *error);

#endif
