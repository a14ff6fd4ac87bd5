/* Evaluation: threads take fixed blocks of rows of the rank's shards, forward only. Sums of losses and errors
 * are kept per block, added per shard in order of blocks and over shards by the tree; counts are integers and
 * need no order. So metrics, too, have the same bits on any layout. */
#include "train/evaluate.h"

#include "data/shard.h"
#include "math/tree.h"
#include "model/mixture.h"

#include <math.h>
#include <omp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  int64_t number;
  graph_worker_t *kernels;
  tape_t *tape;
  uint32_t rows[EVALUATE_ROWS];
  int32_t labels[EVALUATE_ROWS];
  float *values; /* (EVALUATE_ROWS, targets) */
  float weights[EVALUATE_ROWS];
  float *predictions; /* (EVALUATE_ROWS, outputs): regression, where they are not the outputs themselves */
  int64_t *confusion; /* (classes, classes) */
  int64_t correct, in_top_k;
} worker_t;

struct evaluator {
  const graph_t *graph;
  const loss_t *loss;
  loss_params_t params;
  const scaler_t *features, *targets;
  int threads;
  int64_t top_k;     /* 0: not counted */
  int64_t classes;   /* of the confusion matrix, 0 for regression */
  int64_t n_targets; /* values a row, for losses of values */
  worker_t *workers;
  arena_t arena;
};

/* Sums over rows of one target: |e|, e^2, d, d^2, where e is the error and d the target's distance from a
 * value that all ranks know, so that the variance does not suffer from a large offset. */
enum { SUM_ABSOLUTE, SUM_SQUARE, SUM_DISTANCE, SUM_DISTANCE_SQUARE, TARGET_SUMS };

/* What one evaluation needs; constant but for sums. */
typedef struct {
  evaluator_t *evaluator;
  const split_t *split;
  gather_t gather;
  const mixture_t *mixture;
  int64_t parts;      /* of it: forward passes of a block */
  float *outputs;     /* (threads, parts, EVALUATE_ROWS, outputs), several parts */
  int64_t width;      /* sums per block: the loss, and TARGET_SUMS per target of a regression */
  const float *shift; /* (targets): the first row's */
  int64_t *begin;     /* (shards + 1): first block of each own shard */
  double *sums;       /* (blocks, width) */
  float *predictions; /* (rows, outputs), or NULL when sums are wanted */
  float *deviation;   /* the same over parts, or NULL */
  atomic_long next;
} job_t;

/* ---- set-up ---- */

static ls_status worker_create(evaluator_t *evaluator, worker_t *worker, ls_error *error) {
  size_t classes = (size_t)evaluator->classes, outputs = (size_t)graph_outputs(evaluator->graph);
  worker->values = arena_new(&evaluator->arena, EVALUATE_ROWS * outputs, sizeof(float));
  worker->predictions = arena_new(&evaluator->arena, EVALUATE_ROWS * outputs, sizeof(float));
  worker->confusion = arena_new(&evaluator->arena, classes * classes, sizeof *worker->confusion);
  if (worker->values == NULL || worker->predictions == NULL || worker->confusion == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  return tape_create(evaluator->graph, EVALUATE_ROWS, 0, &worker->tape, error);
}

static ls_status create_kernels(evaluator_t *evaluator, ls_error *error) {
  ls_status status = LS_OK;
  omp_set_dynamic(0);
#pragma omp parallel num_threads(evaluator->threads)
  {
    ls_error own = {0};
    omp_set_num_threads(1);
    worker_t *worker = &evaluator->workers[omp_get_thread_num()];
    worker->number = omp_get_thread_num();
    if (graph_worker_create(evaluator->graph, EVALUATE_ROWS, false, &worker->kernels, &own) != LS_OK) {
#pragma omp critical
      {
        status = own.status;
        if (error != NULL) *error = own;
      }
    }
  }
  return status;
}

ls_status evaluator_create(const graph_t *graph, const loss_t *loss, const loss_params_t *params,
                           const scaler_t *features, const scaler_t *targets, int threads, int64_t top_k,
                           evaluator_t **out, ls_error *error) {
  evaluator_t *evaluator = calloc(1, sizeof *evaluator);
  if (evaluator == NULL) return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  *evaluator = (evaluator_t){.graph = graph,
                             .loss = loss,
                             .params = *params,
                             .features = features,
                             .targets = targets,
                             .threads = threads,
                             .n_targets = loss_targets(loss, params, graph_outputs(graph))};
  if (loss->is_classification) {
    bool labels = loss->target == TARGET_LABELS;
    evaluator->classes = labels ? loss_classes(loss, graph_outputs(graph)) : 2;
    evaluator->top_k = labels && top_k > 1 && top_k < evaluator->classes ? top_k : 0;
  }
  ls_status status = LS_OK;
  evaluator->workers = arena_new(&evaluator->arena, (size_t)threads, sizeof *evaluator->workers);
  if (evaluator->workers == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  for (int t = 0; t < threads && status == LS_OK; t++)
    status = worker_create(evaluator, &evaluator->workers[t], error);
  if (status == LS_OK) status = create_kernels(evaluator, error);
  if (status != LS_OK) {
    evaluator_destroy(&evaluator);
    return status;
  }
  *out = evaluator;
  return LS_OK;
}

void evaluator_destroy(evaluator_t **evaluator) {
  if (evaluator == NULL || *evaluator == NULL) return;
  for (int t = 0; t < (*evaluator)->threads && (*evaluator)->workers != NULL; t++) {
    graph_worker_destroy(&(*evaluator)->workers[t].kernels);
    tape_destroy(&(*evaluator)->workers[t].tape);
  }
  arena_free(&(*evaluator)->arena);
  free(*evaluator);
  *evaluator = NULL;
}

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

/* One output tells two classes apart by its sign, several by the largest. */
static void count_labels(const job_t *job, worker_t *worker, const float *z, int64_t n) {
  int64_t classes = job->evaluator->classes, outputs = graph_outputs(job->evaluator->graph);
  for (int64_t i = 0; i < n; i++, z += outputs) {
    int64_t called = outputs == 1 ? z[0] > 0 : largest(z, outputs);
    worker->confusion[worker->labels[i] * classes + called]++;
    worker->correct += called == worker->labels[i];
    if (job->evaluator->top_k > 0)
      worker->in_top_k += place_of(z, outputs, worker->labels[i]) < job->evaluator->top_k;
  }
}

/* Each output is a decision between 0 and 1: a logit above 0 says 1. */
static void count_binary(worker_t *worker, const float *z, int64_t decisions) {
  for (int64_t i = 0; i < decisions; i++) {
    int truth = worker->values[i] > 0.5F, called = z[i] > 0;
    worker->confusion[truth * 2 + called]++;
    worker->correct += truth == called;
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

static void judge(const job_t *job, worker_t *worker, const float *z, int64_t n, double *sums) {
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
    count_labels(job, worker, z, n);
  else if (evaluator->classes > 0)
    count_binary(worker, z, n * width);
  else
    sum_errors(job, worker, z, n, sums + 1);
}

/* ---- the walk over blocks ---- */

static int shard_of_block(const job_t *job, long block) {
  int s = 0;
  while (job->begin[s + 1] <= block) s++;
  return s;
}

/* The outputs of one part of the mixture, on the tape. `row` is that of the block in its shard. */
static const float *part_outputs(const job_t *job, worker_t *worker, int64_t part, int shard, int64_t row) {
  const mixture_t *mixture = job->mixture;
  int64_t samples = mixture->samples > 0 ? mixture->samples : 1;
  const uint64_t first_step = UINT64_C(1) << 63; /* of the dropout stream; training does not get there */
  pass_t pass = {.sampling = mixture->samples > 0,
                 .seed = mixture->seed,
                 .step = first_step + (uint64_t)(part % samples),
                 .shard = (uint64_t)(job->split->first_shard + shard),
                 .row = row};
  graph_forward(worker->kernels, mixture->members[part / samples], worker->tape, 0, &pass);
  return tape_output(worker->tape, 0);
}

/* The outputs of the mixture for the block on the tape; job->outputs holds those of its parts, when there are
 * several. */
static float *mixed_outputs(const job_t *job, worker_t *worker, int shard, int64_t row) {
  int64_t values = EVALUATE_ROWS * graph_outputs(job->evaluator->graph);
  float *out = tape_output(worker->tape, 0), *outputs = job->outputs + worker->number * job->parts * values;
  for (int64_t p = 0; p < job->parts; p++) {
    const float *z = part_outputs(job, worker, p, shard, row);
    if (job->parts > 1) memcpy(outputs + p * values, z, (size_t)values * sizeof *z);
  }
  if (job->parts > 1)
    mixture_outputs(job->evaluator->loss, job->parts, EVALUATE_ROWS, values / EVALUATE_ROWS, outputs, out);
  return out;
}

/* How far the parts' predictions for n rows lie apart, in original units. */
static void write_deviation(const job_t *job, const worker_t *worker, int64_t n, float *deviation) {
  const evaluator_t *evaluator = job->evaluator;
  int64_t width = graph_outputs(evaluator->graph), values = EVALUATE_ROWS * width;
  float *outputs = job->outputs + worker->number * job->parts * values;
  loss_predict(evaluator->loss, &evaluator->params, job->parts * EVALUATE_ROWS, width, outputs);
  mixture_deviation(job->parts, n * width, values, outputs, deviation);
  for (int64_t i = 0; i < n * width && evaluator->targets->n > 0; i++)
    deviation[i] =
        (float)((double)deviation[i] / fabs(evaluator->targets->scale[i % width % evaluator->n_targets]));
}

/* Predictions of n rows as a user wants to see them, in the targets' own units. */
static void write_predictions(const evaluator_t *evaluator, int64_t n, const float *z, float *out) {
  const loss_params_t *params = &evaluator->params;
  const scaler_t *scaler = evaluator->targets;
  int64_t width = graph_outputs(evaluator->graph);
  memcpy(out, z, (size_t)(n * width) * sizeof *z);
  loss_predict(evaluator->loss, params, n, width, out);
  if (scaler->n == 0) return;
  for (size_t p = 0; p < loss_parts(evaluator->loss, params); p++) {
    loss_part_t part = loss_part(evaluator->loss, params, width, p);
    for (int64_t i = 0; i < n; i++) {
      float *row = out + i * width + part.first;
      if (!part.is_deviation) scaler_invert(scaler, 1, row);
      for (int64_t k = 0; k < part.width && part.is_deviation; k++)
        row[k] = (float)((double)row[k] / fabs(scaler->scale[k]));
    }
  }
}

static void do_block(job_t *job, worker_t *worker, long block, const int64_t *first_row) {
  const evaluator_t *evaluator = job->evaluator;
  int s = shard_of_block(job, block);
  int64_t row = first_row[s] + (block - job->begin[s]) * EVALUATE_ROWS;
  int64_t n = first_row[s + 1] - row < EVALUATE_ROWS ? first_row[s + 1] - row : EVALUATE_ROWS;
  int64_t features = graph_inputs(evaluator->graph), width = graph_outputs(evaluator->graph);
  float *x = tape_input(worker->tape, 0);
  gather_range(&job->gather, row, n, x);
  memset(x + n * features, 0, (size_t)((EVALUATE_ROWS - n) * features) * sizeof *x);
  float *z = mixed_outputs(job, worker, s, row - first_row[s]);
  if (job->predictions != NULL) {
    write_predictions(evaluator, n, z, job->predictions + row * width);
    if (job->deviation != NULL) write_deviation(job, worker, n, job->deviation + row * width);
    return;
  }
  for (int64_t i = 0; i < n; i++) worker->rows[i] = (uint32_t)(row + i);
  judge(job, worker, z, n, job->sums + block * job->width);
}

/* Where each own shard's rows and blocks begin. Returns the number of blocks. */
static int64_t cut_blocks(const split_t *split, int64_t *begin, int64_t *first_row) {
  for (int s = 0; s < split->shards; s++) {
    int64_t rows = shard_rows(split->partition, split->first_shard + s);
    begin[s + 1] = begin[s] + (rows + EVALUATE_ROWS - 1) / EVALUATE_ROWS;
    first_row[s + 1] = first_row[s] + rows;
  }
  return begin[split->shards];
}

static ls_status job_create(job_t *job, arena_t *arena, int64_t **first_row, ls_error *error) {
  size_t shards = (size_t)job->split->shards;
  TRY(gather_create(job->split, job->evaluator->features, &job->gather, error));
  job->begin = arena_new(arena, shards + 1, sizeof *job->begin);
  *first_row = arena_new(arena, shards + 1, sizeof **first_row);
  if (job->begin == NULL || *first_row == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  int64_t blocks = cut_blocks(job->split, job->begin, *first_row);
  job->sums = arena_new(arena, (size_t)(blocks * job->width), sizeof *job->sums);
  int64_t samples = job->mixture->samples > 0 ? job->mixture->samples : 1;
  job->parts = job->mixture->n_members * samples;
  size_t outputs = (size_t)(job->evaluator->threads * EVALUATE_ROWS * graph_outputs(job->evaluator->graph));
  job->outputs = arena_new(arena, job->parts > 1 ? outputs * (size_t)job->parts : 0, sizeof *job->outputs);
  return job->sums != NULL && job->outputs != NULL
             ? LS_OK
             : error_set(error, LS_NO_MEMORY, "no memory for evaluation");
}

static void walk(job_t *job, const int64_t *first_row) {
  long blocks = (long)job->begin[job->split->shards];
#pragma omp parallel num_threads(job->evaluator->threads)
  {
    omp_set_num_threads(1);
    worker_t *worker = &job->evaluator->workers[omp_get_thread_num()];
    for (long b; (b = atomic_fetch_add(&job->next, 1)) < blocks;) do_block(job, worker, b, first_row);
  }
}

/* ---- from counts and sums to metrics ---- */

/* Sums per shard, blocks in order, of all ranks, added by the tree: the result is in all[0 .. width). */
static ls_status add_sums(const job_t *job, world_t *world, arena_t *arena, double **all, ls_error *error) {
  const split_t *split = job->split;
  int ranks = world_size(world), shards = split->partition.shards;
  size_t width = (size_t)job->width;
  double *own = arena_new(arena, (size_t)split->shards * width, sizeof *own);
  size_t *sizes = arena_new(arena, (size_t)ranks, sizeof *sizes);
  *all = arena_new(arena, (size_t)shards * width, sizeof **all);
  ls_status status = own == NULL || sizes == NULL || *all == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for evaluation")
                         : LS_OK;
  TRY(world_agree(world, status, error));
  for (int s = 0; s < split->shards; s++)
    for (int64_t b = job->begin[s]; b < job->begin[s + 1]; b++)
      for (size_t k = 0; k < width; k++) own[(size_t)s * width + k] += job->sums[(size_t)b * width + k];
  for (int r = 0; r < ranks; r++) sizes[r] = (size_t)rank_shards(shards, ranks, r) * width * sizeof *own;
  TRY(world_gather_pieces(world, own, sizes, *all, -1, error));
  tree_sum_vectors(*all, shards, width);
  return LS_OK;
}

/* Counts of all threads and ranks; confusion[classes^2], then correct and in_top_k. */
static ls_status add_counts(const evaluator_t *evaluator, world_t *world, metrics_t *metrics,
                            ls_error *error) {
  size_t cells = (size_t)(evaluator->classes * evaluator->classes);
  int64_t *counts = calloc(cells + 2, sizeof *counts);
  ls_status status = counts == NULL ? error_set(error, LS_NO_MEMORY, "no memory for evaluation") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  for (int t = 0; t < evaluator->threads; t++) {
    const worker_t *worker = &evaluator->workers[t];
    for (size_t i = 0; i < cells; i++) counts[i] += worker->confusion[i];
    counts[cells] += worker->correct;
    counts[cells + 1] += worker->in_top_k;
  }
  TRY_OR_DONE(world_sum_i64(world, counts, cells + 2, error));
  metrics->correct = counts[cells];
  metrics->in_top_k = counts[cells + 1];
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

static void clear_counts(evaluator_t *evaluator) {
  for (int t = 0; t < evaluator->threads; t++) {
    worker_t *worker = &evaluator->workers[t];
    worker->correct = worker->in_top_k = 0;
    memset(worker->confusion, 0, (size_t)(evaluator->classes * evaluator->classes) * sizeof(int64_t));
  }
}

/* The first row's targets, which rank 0 has. */
static ls_status share_shift(const job_t *job, world_t *world, float *shift, ls_error *error) {
  const split_t *split = job->split;
  if (split->targets != NULL && split->rows > 0 && split->first_shard == 0)
    memcpy(shift, split->targets, (size_t)split->width * sizeof *shift);
  return world_broadcast(world, shift, (size_t)job->evaluator->n_targets * sizeof *shift, 0, error);
}

ls_status evaluator_run(evaluator_t *evaluator, world_t *world, const split_t *split,
                        const mixture_t *mixture, metrics_t *metrics, ls_error *error) {
  arena_t arena = {0};
  int64_t *first_row = NULL, width = evaluator->n_targets;
  double *sums = NULL;
  metrics_t result = {
      .rows = split->partition.rows, .classes = evaluator->classes, .top_k = evaluator->top_k};
  job_t job = {.evaluator = evaluator,
               .split = split,
               .mixture = mixture,
               .width = 1 + (evaluator->classes > 0 ? 0 : width * TARGET_SUMS)};
  float *shift = arena_new(&arena, (size_t)width, sizeof *shift);
  ls_status status = shift == NULL ? error_set(error, LS_NO_MEMORY, "no memory for evaluation") : LS_OK;
  if (status == LS_OK) status = job_create(&job, &arena, &first_row, error);
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(share_shift(&job, world, shift, error));
  job.shift = shift;
  clear_counts(evaluator);
  walk(&job, first_row);
  TRY_OR_DONE(add_sums(&job, world, &arena, &sums, error));
  result.loss = sums[0] / (double)result.rows;
  result.decisions = evaluator->loss->target == TARGET_LABELS ? result.rows : result.rows * width;
  if (evaluator->classes > 0)
    TRY_OR_DONE(add_counts(evaluator, world, &result, error));
  else
    regression_metrics(evaluator, sums + 1, &result);
  *metrics = result;
done:
  gather_free(&job.gather);
  arena_free(&arena);
  return status;
}

ls_status evaluator_predict(evaluator_t *evaluator, const split_t *split, const mixture_t *mixture,
                            float *out, float *deviation, ls_error *error) {
  arena_t arena = {0};
  int64_t *first_row = NULL;
  job_t job = {.evaluator = evaluator,
               .split = split,
               .mixture = mixture,
               .width = 1,
               .predictions = out,
               .deviation = deviation};
  ls_status status = job_create(&job, &arena, &first_row, error);
  if (status == LS_OK) walk(&job, first_row);
  gather_free(&job.gather);
  arena_free(&arena);
  return status;
}
