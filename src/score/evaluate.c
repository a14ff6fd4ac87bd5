/* Evaluation: threads take fixed blocks of rows of the rank's shards, forward only. Sums of losses and errors
 * are kept per block, added per shard in order of blocks and over shards by the tree; counts are integers and
 * need no order. So metrics, too, have the same bits on any layout. */
#include "score/evaluate_impl.h"

#include "base/activity.h"
#include "layout/shard.h"
#include "data/split_walk.h"
#include "score/threads.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* ---- set-up ---- */

/* Targets of a row that there is room for. Rows may bring a label for a loss that has no targets. */
static size_t targets_of(const evaluator_t *evaluator) {
  return evaluator->objective->targets > 0 ? (size_t)evaluator->objective->targets : 1;
}

static ls_status scorer_create(evaluator_t *evaluator, scorer_t *scorer, ls_error *error) {
  size_t outputs = (size_t)graph_outputs(evaluator->graph), heads = evaluator->objective->n;
  size_t targets = targets_of(evaluator);
  scorer->values = arena_new(&evaluator->arena, PREDICT_ROWS * targets, sizeof(float));
  scorer->originals = arena_new(&evaluator->arena, PREDICT_ROWS * targets, sizeof(double));
  scorer->baseline = arena_new(&evaluator->arena, PREDICT_ROWS * targets, sizeof(double));
  scorer->predictions =
      arena_new(&evaluator->arena, PREDICT_ROWS * (targets > 0 ? outputs : 0), sizeof(double));
  scorer->deviations = arena_new(&evaluator->arena, 2 * PREDICT_ROWS * targets, sizeof(double));
  scorer->counts = arena_new(&evaluator->arena, heads, sizeof *scorer->counts);
  bool all = scorer->values != NULL && scorer->originals != NULL && scorer->baseline != NULL &&
             scorer->predictions != NULL && scorer->deviations != NULL && scorer->counts != NULL;
  for (size_t h = 0; all && h < heads; h++) {
    size_t classes = (size_t)evaluator->heads[h].classes;
    scorer->counts[h].confusion = arena_new(&evaluator->arena, classes * classes, sizeof(int64_t));
    all = scorer->counts[h].confusion != NULL;
  }
  return all ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for evaluation");
}

static void create_predictor(void *context, int thread) {
  const evaluator_t *evaluator = context;
  scorer_t *scorer = &evaluator->scorers[thread];
  scorer->status = predictor_create(evaluator->graph, evaluator->objective, evaluator->targets, PREDICT_ROWS,
                                    &scorer->predictor, &scorer->error);
}

/* Every thread makes its own. */
static ls_status create_predictors(evaluator_t *evaluator, ls_error *error) {
  threads_run(evaluator->threads, create_predictor, evaluator);
  for (int t = 0; t < evaluator->threads; t++)
    if (evaluator->scorers[t].status != LS_OK) {
      if (error != NULL) *error = evaluator->scorers[t].error;
      return evaluator->scorers[t].status;
    }
  return LS_OK;
}

ls_status evaluator_create(const graph_t *graph, const objective_t *objective, const features_t *features,
                           const scaler_t *targets, int threads, int64_t top_k, evaluator_t **out,
                           ls_error *error) {
  evaluator_t *evaluator = calloc(1, sizeof *evaluator);
  if (evaluator == NULL) return error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  *evaluator = (evaluator_t){
      .graph = graph, .objective = objective, .features = features, .targets = targets, .threads = threads};
  ls_status status = LS_OK;
  evaluator->scorers = arena_new(&evaluator->arena, (size_t)threads, sizeof *evaluator->scorers);
  evaluator->heads = arena_new(&evaluator->arena, objective->n, sizeof *evaluator->heads);
  if (evaluator->scorers == NULL || evaluator->heads == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory for evaluation");
  else
    scores_make(evaluator, top_k);
  for (int t = 0; t < threads && status == LS_OK; t++)
    status = scorer_create(evaluator, &evaluator->scorers[t], error);
  if (status == LS_OK) status = create_predictors(evaluator, error);
  if (status != LS_OK) {
    evaluator_destroy(&evaluator);
    return status;
  }
  *out = evaluator;
  return LS_OK;
}

void evaluator_destroy(evaluator_t **evaluator) {
  if (evaluator == NULL || *evaluator == NULL) return;
  for (int t = 0; t < (*evaluator)->threads && (*evaluator)->scorers != NULL; t++)
    predictor_destroy(&(*evaluator)->scorers[t].predictor);
  arena_free(&(*evaluator)->arena);
  free(*evaluator);
  *evaluator = NULL;
}

void evaluator_be_part(evaluator_t *evaluator) {
  evaluator->is_part = true;
}

/* ---- the walk over blocks ---- */

static void take_block(void *context, int thread, const row_block_t *block) {
  const evaluation_t *evaluation = context;
  scorer_t *scorer = &evaluation->evaluator->scorers[thread];
  const float *z =
      predictor_outputs(scorer->predictor, &evaluation->gather, block->resident, block->n, block->place);
  for (int64_t i = 0; i < block->n; i++) scorer->rows[i] = (uint32_t)(block->resident + i);
  double *losses = evaluation->evaluator->losses;
  scorer->losses = losses != NULL ? losses + block->row * (int64_t)evaluation->evaluator->objective->n : NULL;
  score_block(evaluation, scorer, z, block->n, evaluation->sums + block->number * evaluation->width);
}

static ls_status evaluation_create(evaluation_t *evaluation, arena_t *arena, ls_error *error) {
  const evaluator_t *evaluator = evaluation->evaluator;
  TRY(gather_create(evaluation->split, evaluator->features, &evaluation->gather, error));
  TRY(block_walk_create(evaluation->split, arena, &evaluation->walk, error));
  for (int t = 0; t < evaluator->threads; t++)
    TRY(predictor_take(evaluator->scorers[t].predictor, evaluation->mixture, error));
  size_t sums = (size_t)(evaluation->walk.blocks * evaluation->width);
  evaluation->sums = arena_new(arena, sums, sizeof *evaluation->sums);
  return evaluation->sums != NULL ? LS_OK : error_set(error, LS_NO_MEMORY, "no memory for evaluation");
}

/* ---- from counts and sums to metrics ---- */

/* Sums per shard, blocks in order, of all ranks, added by the tree: the result is in all[0 .. width). */
static ls_status add_sums(const evaluation_t *evaluation, world_t *world, arena_t *arena, double **all,
                          ls_error *error) {
  const split_t *split = evaluation->split;
  size_t width = (size_t)evaluation->width;
  double *own = arena_new(arena, (size_t)split->shards * width, sizeof *own);
  *all = arena_new(arena, width, sizeof **all);
  ls_status status =
      own == NULL || *all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for evaluation") : LS_OK;
  TRY(world_agree(world, status, error));
  for (int s = 0; s < split->shards; s++)
    for (int64_t b = evaluation->walk.begin[s]; b < evaluation->walk.begin[s + 1]; b++)
      for (size_t k = 0; k < width; k++)
        own[(size_t)s * width + k] += evaluation->sums[(size_t)b * width + k];
  return split_sum(world, split, width, own, *all, error);
}

/* The first row's targets, which rank 0 has in its first part. */
static ls_status share_shift(const evaluation_t *evaluation, world_t *world, double *shift, ls_error *error) {
  const uint32_t first = (uint32_t)evaluation->walk.part.resident;
  if (evaluation->split->width > 0 && evaluation->walk.part.rows > 0 && evaluation->split->first_shard == 0)
    gather_originals(&evaluation->gather, &first, 1, shift);
  return world_broadcast(world, shift, (size_t)evaluation->evaluator->objective->targets * sizeof *shift, 0,
                         error);
}

/* Everything that is collective in an evaluation, once all ranks have their memory. */
static ls_status score_split(evaluation_t *evaluation, world_t *world, double *shift, arena_t *arena,
                             double **sums, ls_error *error) {
  const int threads = evaluation->evaluator->threads;
  const char *what = evaluation->evaluator->is_part ? NULL : "evaluating";
  TRY(world_agree(world, block_walk_begin(&evaluation->walk, error), error));
  TRY(share_shift(evaluation, world, shift, error));
  evaluation->shift = shift;
  score_begin(evaluation);
  TRY(world_agree(world, block_walk_run(&evaluation->walk, what, threads, take_block, evaluation, error),
                  error));
  return add_sums(evaluation, world, arena, sums, error);
}

ls_status evaluator_run(evaluator_t *evaluator, world_t *world, const split_t *split,
                        const mixture_t *mixture, metrics_t *metrics, ls_error *error) {
  arena_t arena = {0};
  double *sums = NULL;
  if (!evaluator->is_part) activity_set("evaluating %" PRId64 " rows", split->partition.rows);
  metrics_t result = {.rows = split->partition.rows};
  evaluation_t evaluation = {
      .evaluator = evaluator, .split = split, .mixture = mixture, .width = score_width(evaluator, split)};
  if (evaluator->targets->n > 0 && split->scaled_by != evaluator->targets) /* the same on every rank */
    return error_set(error, LS_FAILED,
                     "rows were to be evaluated whose targets are not scaled as the model's");
  double *shift = arena_new(&arena, targets_of(evaluator), sizeof *shift);
  evaluation.coverage = arena_new(&arena, evaluator->objective->n, sizeof *evaluation.coverage);
  ls_status status = shift == NULL || evaluation.coverage == NULL
                         ? error_set(error, LS_NO_MEMORY, "no memory for evaluation")
                         : LS_OK;
  if (status == LS_OK) status = evaluation_create(&evaluation, &arena, error);
  TRY_OR_DONE(world_agree(world, status, error));
  status = score_split(&evaluation, world, shift, &arena, &sums, error);
  block_walk_end(&evaluation.walk);
  if (status != LS_OK) goto done;
  TRY_OR_DONE(score_finish(&evaluation, world, sums, &result, error));
  *metrics = result;
done:
  if (status != LS_OK) metrics_free(&result);
  gather_free(&evaluation.gather);
  arena_free(&arena);
  return status;
}

void evaluator_keep_losses(evaluator_t *evaluator, double *losses) {
  evaluator->losses = losses;
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
