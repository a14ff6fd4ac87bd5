/* Evaluation: threads take fixed blocks of rows of the rank's shards, forward only. Sums of losses and errors
 * are kept per block, added per shard in order of blocks and over shards by the tree; counts are integers and
 * need no order. So metrics, too, have the same bits on any layout. */
#include "score/evaluate_impl.h"

#include "base/float_mode.h"
#include "data/shard.h"
#include "data/visit.h"
#include "model/mixture.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- set-up ---- */

static ls_status worker_create(evaluator_t *evaluator, worker_t *worker, ls_error *error) {
  size_t outputs = (size_t)graph_outputs(evaluator->graph), heads = evaluator->objective->n;
  size_t targets = (size_t)evaluator->objective->targets;
  worker->values = arena_new(&evaluator->arena, EVALUATE_ROWS * targets, sizeof(float));
  worker->baseline = arena_new(&evaluator->arena, EVALUATE_ROWS * targets, sizeof(float));
  worker->predictions = arena_new(&evaluator->arena, EVALUATE_ROWS * outputs, sizeof(float));
  worker->tallies = arena_new(&evaluator->arena, heads, sizeof *worker->tallies);
  worker->scratch = arena_new(&evaluator->arena, (size_t)graph_inputs(evaluator->graph), sizeof(double));
  worker->variance = arena_new(&evaluator->arena, outputs, sizeof(double));
  bool all = worker->values != NULL && worker->baseline != NULL && worker->predictions != NULL &&
             worker->tallies != NULL && worker->scratch != NULL && worker->variance != NULL;
  for (size_t h = 0; all && h < heads; h++) {
    size_t classes = (size_t)evaluator->judges[h].classes;
    worker->tallies[h].confusion = arena_new(&evaluator->arena, classes * classes, sizeof(int64_t));
    all = worker->tallies[h].confusion != NULL;
  }
  if (!all) return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  return tape_create(evaluator->graph, EVALUATE_ROWS, 0, &worker->tape, error);
}

static ls_status create_kernels(evaluator_t *evaluator, ls_error *error) {
  ls_status status = LS_OK;
  omp_set_dynamic(0);
#pragma omp parallel num_threads(evaluator->threads)
  {
    ls_error own = {0};
    omp_set_num_threads(1);
    float_mode_begin();
    worker_t *worker = &evaluator->workers[omp_get_thread_num()];
    worker->number = omp_get_thread_num();
    if (graph_worker_create(evaluator->graph, EVALUATE_ROWS, 1, false, &worker->kernels, &own) != LS_OK) {
#pragma omp critical
      {
        status = own.status;
        if (error != NULL) *error = own;
      }
    }
  }
  return status;
}

ls_status evaluator_create(const graph_t *graph, const objective_t *objective, const features_t *features,
                           const scaler_t *targets, int threads, int64_t top_k, evaluator_t **out,
                           ls_error *error) {
  evaluator_t *evaluator = calloc(1, sizeof *evaluator);
  if (evaluator == NULL) return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  *evaluator = (evaluator_t){
      .graph = graph, .objective = objective, .features = features, .targets = targets, .threads = threads};
  ls_status status = LS_OK;
  evaluator->workers = arena_new(&evaluator->arena, (size_t)threads, sizeof *evaluator->workers);
  evaluator->judges = arena_new(&evaluator->arena, objective->n, sizeof *evaluator->judges);
  if (evaluator->workers == NULL || evaluator->judges == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  else
    judges_make(evaluator, top_k);
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
  graph_forward(worker->kernels, mixture->members[part / samples], worker->tape, 0, 1, &pass);
  return tape_output(worker->tape, 0);
}

/* Divides the logits of each head by its temperature. */
static void temper(const job_t *job, float *out) {
  const objective_t *objective = job->evaluator->objective;
  for (size_t h = 0; h < objective->n && job->mixture->temperatures != NULL; h++) {
    const head_t *head = &objective->heads[h];
    double temperature = job->mixture->temperatures[h];
    for (int64_t r = 0; r < EVALUATE_ROWS && temperature > 0; r++)
      for (int64_t k = 0; k < head->outputs; k++) {
        float *z = out + r * objective->outputs + head->first + k;
        *z = (float)((double)*z / temperature);
      }
  }
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
  if (job->parts > 1) mixture_outputs(job->evaluator->objective, job->parts, EVALUATE_ROWS, outputs, out);
  temper(job, out);
  return out;
}

/* How far the parts' predictions for n rows lie apart, in original units. */
static void write_deviation(const job_t *job, const worker_t *worker, int64_t n, float *deviation) {
  const evaluator_t *evaluator = job->evaluator;
  const objective_t *objective = evaluator->objective;
  int64_t width = objective->outputs, values = EVALUATE_ROWS * width;
  float *outputs = job->outputs + worker->number * job->parts * values;
  objective_predict(objective, job->parts * EVALUATE_ROWS, outputs);
  mixture_deviation(job->parts, n * width, values, outputs, deviation);
  for (size_t h = 0; h < objective->n && evaluator->targets->n > 0; h++) {
    const head_t *head = &objective->heads[h];
    const double *scale = evaluator->targets->scale + head->first_target;
    for (int64_t i = 0; i < n && loss_is_regression(head->loss); i++)
      for (int64_t k = 0; k < head->outputs; k++) {
        float *d = deviation + i * width + head->first + k;
        *d = (float)((double)*d / fabs(scale[k % head->targets]));
      }
  }
}

/* The predictions of a head's regression in one row, from the units of scaled targets to their own. */
static void unscale(const scaler_t *scaler, const head_t *head, float *row) {
  for (size_t p = 0; p < loss_parts(head->loss, &head->params); p++) {
    loss_part_t part = loss_part(head->loss, &head->params, head->outputs, p);
    float *values = row + head->first + part.first;
    if (!part.is_deviation) scaler_invert(scaler, head->first_target, part.width, values);
    for (int64_t k = 0; k < part.width && part.is_deviation; k++)
      values[k] = (float)((double)values[k] / fabs(scaler->scale[head->first_target + k]));
  }
}

/* Predictions of n rows as a user wants to see them, in the targets' own units. */
static void write_predictions(const evaluator_t *evaluator, int64_t n, const float *z, float *out) {
  const objective_t *objective = evaluator->objective;
  memcpy(out, z, (size_t)(n * objective->outputs) * sizeof *z);
  objective_predict(objective, n, out);
  if (evaluator->targets->n == 0) return;
  for (size_t h = 0; h < objective->n; h++)
    for (int64_t i = 0; i < n && loss_is_regression(objective->heads[h].loss); i++)
      unscale(evaluator->targets, &objective->heads[h], out + i * objective->outputs);
}

static void do_block(job_t *job, worker_t *worker, long block) {
  const evaluator_t *evaluator = job->evaluator;
  const int64_t *first_row = job->first_row;
  int s = shard_of_block(job, block);
  int64_t row = first_row[s] + (block - job->begin[s]) * EVALUATE_ROWS;
  int64_t n = first_row[s + 1] - row < EVALUATE_ROWS ? first_row[s + 1] - row : EVALUATE_ROWS;
  int64_t features = graph_inputs(evaluator->graph), width = graph_outputs(evaluator->graph);
  float *x = tape_input(worker->tape, 0);
  int64_t resident = job->part.resident + row - job->part.first;
  gather_range(&job->gather, resident, n, x);
  memset(x + n * features, 0, (size_t)((EVALUATE_ROWS - n) * features) * sizeof *x);
  float *z = mixed_outputs(job, worker, s, row - first_row[s]);
  if (job->predictions != NULL) {
    write_predictions(evaluator, n, z, job->predictions + row * width);
    if (job->deviation != NULL) write_deviation(job, worker, n, job->deviation + row * width);
    return;
  }
  for (int64_t i = 0; i < n; i++) worker->rows[i] = (uint32_t)(resident + i);
  judge_block(job, worker, z, n, job->sums + block * job->width);
}

/* Where each own shard's rows and blocks begin. Returns the number of blocks. */
static int64_t cut_blocks(job_t *job) {
  const split_t *split = job->split;
  for (int s = 0; s < split->shards; s++) {
    int64_t rows = shard_rows(split->partition, split->first_shard + s);
    job->begin[s + 1] = job->begin[s] + (rows + EVALUATE_ROWS - 1) / EVALUATE_ROWS;
    job->first_row[s + 1] = job->first_row[s] + rows;
  }
  return job->begin[split->shards];
}

static ls_status job_create(job_t *job, arena_t *arena, ls_error *error) {
  size_t shards = (size_t)job->split->shards;
  TRY(gather_create(job->split, job->evaluator->features, &job->gather, error));
  job->begin = arena_new(arena, shards + 1, sizeof *job->begin);
  job->first_row = arena_new(arena, shards + 1, sizeof *job->first_row);
  if (job->begin == NULL || job->first_row == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  int64_t blocks = cut_blocks(job);
  job->sums = arena_new(arena, (size_t)(blocks * job->width), sizeof *job->sums);
  int64_t samples = job->mixture->samples > 0 ? job->mixture->samples : 1;
  job->parts = job->mixture->n_members * samples;
  size_t outputs = (size_t)(job->evaluator->threads * EVALUATE_ROWS * graph_outputs(job->evaluator->graph));
  job->outputs = arena_new(arena, job->parts > 1 ? outputs * (size_t)job->parts : 0, sizeof *job->outputs);
  return job->sums != NULL && job->outputs != NULL
             ? LS_OK
             : error_set(error, LS_NO_MEMORY, "no memory for evaluation");
}

/* The first block that does not begin before `row`; parts end where blocks do. */
static long block_at(const job_t *job, int64_t row) {
  int s = 0;
  while (s < job->split->shards && job->first_row[s + 1] <= row) s++;
  if (s == job->split->shards) return (long)job->begin[s];
  return (long)(job->begin[s] + (row - job->first_row[s] + EVALUATE_ROWS - 1) / EVALUATE_ROWS);
}

static void walk(job_t *job) {
  long end = block_at(job, job->part.first + job->part.rows);
  atomic_store(&job->next, block_at(job, job->part.first));
#pragma omp parallel num_threads(job->evaluator->threads)
  {
    omp_set_num_threads(1);
    float_mode_begin();
    worker_t *worker = &job->evaluator->workers[omp_get_thread_num()];
    for (long b; (b = atomic_fetch_add(&job->next, 1)) < end;) do_block(job, worker, b);
  }
}

/* From the part that is there to the last. */
static ls_status walk_parts(job_t *job, ls_error *error) {
  ls_status status = LS_OK;
  while (status == LS_OK && job->part.rows > 0) {
    walk(job);
    status = parts_next(job->split, &job->part, error);
  }
  return status;
}

/* ---- from counts and sums to metrics ---- */

/* Sums per shard, blocks in order, of all ranks, added by the tree: the result is in all[0 .. width). */
static ls_status add_sums(const job_t *job, world_t *world, arena_t *arena, double **all, ls_error *error) {
  const split_t *split = job->split;
  size_t width = (size_t)job->width;
  double *own = arena_new(arena, (size_t)split->shards * width, sizeof *own);
  *all = arena_new(arena, width, sizeof **all);
  ls_status status =
      own == NULL || *all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for evaluation") : LS_OK;
  TRY(world_agree(world, status, error));
  for (int s = 0; s < split->shards; s++)
    for (int64_t b = job->begin[s]; b < job->begin[s + 1]; b++)
      for (size_t k = 0; k < width; k++) own[(size_t)s * width + k] += job->sums[(size_t)b * width + k];
  return split_sum(world, split, width, own, *all, error);
}

/* The first row's targets, which rank 0 has in its first part. */
static ls_status share_shift(const job_t *job, world_t *world, float *shift, ls_error *error) {
  const uint32_t first = (uint32_t)job->part.resident;
  if (job->split->width > 0 && job->part.rows > 0 && job->split->first_shard == 0)
    gather_targets(&job->gather, &first, 1, shift);
  return world_broadcast(world, shift, (size_t)job->evaluator->objective->targets * sizeof *shift, 0, error);
}

/* Everything that is collective in an evaluation. */
static ls_status judge_split(job_t *job, world_t *world, float *shift, arena_t *arena, double **sums,
                             ls_error *error) {
  TRY(world_agree(world, parts_next(job->split, &job->part, error), error));
  TRY(share_shift(job, world, shift, error));
  job->shift = shift;
  judge_begin(job);
  TRY(world_agree(world, walk_parts(job, error), error));
  return add_sums(job, world, arena, sums, error);
}

ls_status evaluator_run(evaluator_t *evaluator, world_t *world, const split_t *split,
                        const mixture_t *mixture, metrics_t *metrics, ls_error *error) {
  arena_t arena = {0};
  double *sums = NULL;
  metrics_t result = {.rows = split->partition.rows};
  job_t job = {
      .evaluator = evaluator, .split = split, .mixture = mixture, .width = judge_width(evaluator, split)};
  float *shift = arena_new(&arena, (size_t)evaluator->objective->targets, sizeof *shift);
  job.coverage = arena_new(&arena, evaluator->objective->n, sizeof *job.coverage);
  ls_status status = shift == NULL || job.coverage == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for evaluation")
                         : LS_OK;
  if (status == LS_OK) status = job_create(&job, &arena, error);
  TRY_OR_DONE(world_agree(world, status, error));
  parts_begin(split);
  status = judge_split(&job, world, shift, &arena, &sums, error);
  parts_end(split);
  if (status != LS_OK) goto done;
  TRY_OR_DONE(judge_finish(&job, world, sums, &result, error));
  *metrics = result;
done:
  if (status != LS_OK) metrics_free(&result);
  gather_free(&job.gather);
  arena_free(&arena);
  return status;
}

ls_status evaluator_predict(evaluator_t *evaluator, const split_t *split, const mixture_t *mixture,
                            float *out, float *deviation, ls_error *error) {
  arena_t arena = {0};
  job_t job = {.evaluator = evaluator,
               .split = split,
               .mixture = mixture,
               .width = 1,
               .predictions = out,
               .deviation = deviation};
  ls_status status = job_create(&job, &arena, error);
  parts_begin(split);
  if (status == LS_OK) status = parts_next(split, &job.part, error);
  if (status == LS_OK) status = walk_parts(&job, error);
  parts_end(split);
  gather_free(&job.gather);
  arena_free(&arena);
  return status;
}

/* ---- temperature ---- */

/* The loss of head h at temperature exp(log_temperature); other heads have no part in it. */
static ls_status loss_at(evaluator_t *evaluator, world_t *world, const split_t *split, mixture_t mixture,
                         size_t h, double log_temperature, double *loss, ls_error *error) {
  metrics_t metrics = {0};
  double temperatures[MOST_HEADS] = {0};
  temperatures[h] = exp(log_temperature);
  mixture.temperatures = temperatures;
  TRY(evaluator_run(evaluator, world, split, &mixture, &metrics, error));
  *loss = metrics.n_heads > 0 ? metrics.heads[h].loss : metrics.loss;
  metrics_free(&metrics);
  return LS_OK;
}

/* Golden section (Kiefer 1953) on the logarithm of T: the loss has one minimum, since it is convex in 1 / T.
 */
ls_status evaluator_fit_temperature(evaluator_t *evaluator, world_t *world, const split_t *split,
                                    const mixture_t *mixture, size_t h, double *temperature,
                                    ls_error *error) {
  const double ratio = (sqrt(5.0) - 1) / 2, tolerance = 1e-5;
  double low = log(TEMPERATURE_LEAST), high = log(TEMPERATURE_MOST);
  double a = high - ratio * (high - low), b = low + ratio * (high - low), loss_a = 0, loss_b = 0;
  TRY(loss_at(evaluator, world, split, *mixture, h, a, &loss_a, error));
  TRY(loss_at(evaluator, world, split, *mixture, h, b, &loss_b, error));
  while (high - low > tolerance) {
    if (loss_a <= loss_b) { /* the minimum is in [low, b], and a becomes its upper inner point */
      high = b;
      b = a;
      loss_b = loss_a;
      a = high - ratio * (high - low);
      TRY(loss_at(evaluator, world, split, *mixture, h, a, &loss_a, error));
    } else {
      low = a;
      a = b;
      loss_a = loss_b;
      b = low + ratio * (high - low);
      TRY(loss_at(evaluator, world, split, *mixture, h, b, &loss_b, error));
    }
  }
  *temperature = exp((low + high) / 2);
  return LS_OK;
}
