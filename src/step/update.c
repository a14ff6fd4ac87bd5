/* The last part of a step: an allreduce with the update fused into the middle of it.
 *
 * On one node sums come tile by tile from the fold (fold.c), and the thread that has one does what is here;
 * with several they come from the exchange, bucket by bucket (exchange.c). Either way every number is the sum
 * over the same tree. Where nothing may be applied before the whole gradient is there, it is kept, and a
 * phase of its own follows. */
#include "step/engine_impl.h"

#include <math.h>
#include <string.h>

/* ---- set-up ---- */

static ls_status slice_buffers(engine_t *engine, ls_error *error) {
  size_t floats = engine->own_blocks * GRAPH_BLOCK;
  engine->gradient = arena_new(&engine->arena, floats, sizeof(float));
  bool all = engine->gradient != NULL;
  for (int k = 0; k < engine->optimizer->states; k++)
    all = all && (engine->states[k] = arena_new(&engine->arena, floats, sizeof(float))) != NULL;
  return all ? LS_OK
             : error_set(error, LS_NO_MEMORY, "no memory for the optimiser's state (%.1f MB)",
                         (double)floats * sizeof(float) * (1 + engine->optimizer->states) / 1e6);
}

/* On one node: the gradient sum from the partial sums of its ranks. */
static ls_status plan_total(engine_t *engine, ls_error *error) {
  size_t most = (size_t)world_places(engine->in.world) * TREE_MAX_PIECES;
  tree_node_t *pieces = arena_new(&engine->arena, most, sizeof *pieces);
  const float **vectors = arena_new(&engine->arena, most, sizeof *vectors);
  if (pieces == NULL || vectors == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  int n = node_pieces(engine, pieces, vectors);
  TRY(sum_create(engine, engine->in.layout->shards, pieces, n, &engine->total, error));
  memcpy(engine->total.pieces, vectors, (size_t)n * sizeof *vectors);
  return LS_OK;
}

ls_status update_create(engine_t *engine, ls_error *error) {
  TRY(slice_buffers(engine, error));
  if (engine->nodes > 1) return exchange_create(engine, error);
  if (engine->shared) return plan_total(engine, error);
  tree_node_t whole = {0, 1}; /* the sum over ranks is the library's; what is left is one vector */
  TRY(sum_create(engine, 1, &whole, 1, &engine->total, error));
  engine->total.pieces[0] = engine->gradient;
  return LS_OK;
}

/* ---- the phase ---- */

slice_t own_part(const engine_t *engine, const bucket_t *bucket, int thread) {
  slice_t slice = bucket->own;
  size_t t = (size_t)thread, n = (size_t)engine->updaters;
  size_t first = slice.count * t / n;
  return (slice_t){slice.first + first, slice.count * (t + 1) / n - first};
}

/* g = sum / rows + l2 w + l1 sign(w) for n floats from `first` on; penalties on weights, not on biases. */
static void mean_gradient(const engine_t *engine, size_t first, size_t n, const float *restrict sum,
                          float scale, float *restrict g) {
  const float *restrict w = engine->parameters + first;
  float l1 = optimizer_takes_l1(engine->optimizer) ? 0 : (float)engine->in.settings->train.l1;
  float l2 = (float)engine->in.settings->train.l2;
  if (first >= engine->weight_blocks * GRAPH_BLOCK || (l1 == 0 && l2 == 0)) {
    for (size_t i = 0; i < n; i++) g[i] = sum[i] * scale;
    return;
  }
  for (size_t i = 0; i < n; i++) {
    float sign = (float)(w[i] > 0) - (float)(w[i] < 0);
    g[i] = sum[i] * scale + l2 * w[i] + l1 * sign;
  }
}

double sum_squares(const float *g, size_t n) {
  double lanes[8] = {0};
  for (size_t i = 0; i < n; i += 8)
    for (size_t k = 0; k < 8; k++) lanes[k] += (double)g[i + k] * (double)g[i + k];
  return tree_sum(lanes, 8, 1);
}

void states_at(const engine_t *engine, const bucket_t *bucket, size_t offset,
               float *states[OPTIMIZER_MAX_STATES]) {
  for (int k = 0; k < engine->optimizer->states; k++)
    states[k] = engine->states[k] + slice_index(bucket, offset);
}

/* Applies the mean gradient g of floats [first, first + n): within one block. */
static void apply(engine_t *engine, const bucket_t *bucket, const optimizer_step_t *step, size_t first,
                  size_t n, const float *g) {
  float *states[OPTIMIZER_MAX_STATES] = {0};
  states_at(engine, bucket, first, states);
  engine->optimizer->update(step, first < engine->weight_blocks * GRAPH_BLOCK, n, engine->parameters + first,
                            g, states);
}

/* Floats [first, first + n) that are running statistics: no gradient, and not the optimiser's. */
static bool step_statistics(engine_t *engine, const step_t *step, size_t first, size_t n, const float *sum) {
  if (first < engine->trained_blocks * GRAPH_BLOCK) return false;
  graph_step_statistics(engine->in.graph, first, n, sum, (double)step->rows, (double)step->freedom,
                        engine->parameters + first);
  return true;
}

void copy_parameters(const engine_t *engine, size_t first, size_t count) {
  if (engine->nodes == 1) graph_transpose(engine->in.graph, engine->parameters, first, count);
}

void update_floats(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step,
                   const optimizer_step_t *update, size_t first, size_t count, const float *sum) {
  if (step_statistics(engine, step, first, count, sum)) return;
  for (size_t i = 0; i < count; i += GRAPH_BLOCK) {
    size_t n = count - i < GRAPH_BLOCK ? count - i : GRAPH_BLOCK;
    mean_gradient(engine, first + i, n, sum + i, 1.0F / (float)step->rows, worker->gradient);
    apply(engine, bucket, update, first + i, n, worker->gradient);
  }
  copy_parameters(engine, first, count);
}

/* The textbook way: each rank's sum, then MPI_Allreduce. Its order is the library's. */
static void reduce_by_library(engine_t *engine, worker_t *worker, int thread, ls_error *error) {
  slice_t part = own_part(engine, &engine->buckets[0], thread);
  for (size_t i = part.first * GRAPH_BLOCK; i < (part.first + part.count) * GRAPH_BLOCK; i++) {
    float sum = engine->partials[i];
    for (int k = 1; k < engine->n_pieces; k++) sum += engine->partials[(size_t)k * engine->floats + i];
    engine->gradient[i] = sum;
  }
  worker_mark(worker, PHASE_UPDATE);
  team_wait(engine, worker);
  if (thread == 0 && world_sum_f32(engine->in.world, engine->gradient, engine->floats, error) != LS_OK)
    atomic_store(&engine->control->failed, 1);
  worker_mark(worker, PHASE_EXCHANGE);
  team_wait(engine, worker);
}

bool updaters_wait(engine_t *engine, worker_t *worker) {
  worker_mark(worker, PHASE_UPDATE);
  return engine->nodes > 1 ? lanes_wait(engine, worker) : node_wait(engine, worker);
}

void share_squares(engine_t *engine, worker_t *worker, double *squares, const size_t *first,
                   ls_error *error) {
  updaters_wait(engine, worker);
  if (engine->nodes == 1) return;
  exchange_doubles(engine, squares, first, error);
  updaters_wait(engine, worker);
}

/* |g| over all parameters, the same on every thread: squares of blocks, added in the tree. */
static double global_norm(engine_t *engine, worker_t *worker, ls_error *error) {
  share_squares(engine, worker, engine->norms, NULL, error);
  return sqrt(tree_sum(engine->norms, (int)engine->blocks, 1));
}

/* Whether the norm of the whole gradient must be known before any of it is applied. */
static bool needs_norm(const engine_t *engine, const step_t *step) {
  return step->want_norm || engine->in.settings->train.clip_norm > 0;
}

bool gradient_waits(const engine_t *engine, const step_t *step) {
  return step->keep || engine->trust.n_pieces > 0 || needs_norm(engine, step);
}

bool updated_by_fold(const engine_t *engine, const step_t *step) {
  return engine->shared && !gradient_waits(engine, step);
}

float *gradient_at(const engine_t *engine, const bucket_t *bucket, size_t offset) {
  return engine->gradient + slice_index(bucket, offset);
}

void keep_floats(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step, size_t first,
                 size_t count, const float *sum) {
  float *g = worker->gradient;
  if (first < engine->trained_blocks * GRAPH_BLOCK) {
    mean_gradient(engine, first, count, sum, 1.0F / (float)step->rows, g);
  } else {
    if (!step->keep) step_statistics(engine, step, first, count, sum);
    memset(g, 0, count * sizeof *g);
  }
  memcpy(gradient_at(engine, bucket, first), g, count * sizeof *g);
}

static void find_squares(engine_t *engine, const bucket_t *bucket, int thread) {
  slice_t part = own_part(engine, bucket, thread);
  for (size_t b = part.first; b < part.first + part.count; b++)
    engine->norms[b] = sum_squares(gradient_at(engine, bucket, b * GRAPH_BLOCK), GRAPH_BLOCK);
}

void keep_gradient(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step,
                   const sum_t *total, int thread) {
  slice_t part = own_part(engine, bucket, thread);
  for (size_t b = part.first; b < part.first + part.count; b++)
    keep_floats(engine, worker, bucket, step, b * GRAPH_BLOCK, GRAPH_BLOCK,
                sum_block(total, b, worker->stack));
  find_squares(engine, bucket, thread);
}

void update_bucket(engine_t *engine, worker_t *worker, const bucket_t *bucket, const step_t *step,
                   const optimizer_step_t *update, const sum_t *total, int thread) {
  slice_t part = own_part(engine, bucket, thread);
  for (size_t b = part.first; b < part.first + part.count; b++)
    update_floats(engine, worker, bucket, step, update, b * GRAPH_BLOCK, GRAPH_BLOCK,
                  sum_block(total, b, worker->stack));
}

/* The gradient that waits, cut to clip_norm. */
static void clip(engine_t *engine, worker_t *worker, int thread, ls_error *error) {
  double norm = global_norm(engine, worker, error), most = engine->in.settings->train.clip_norm;
  if (thread == 0) engine->norm = norm;
  if (most <= 0 || !(norm > most)) return;
  float shrink = (float)(most / norm);
  for (size_t k = 0; k < engine->n_buckets; k++) {
    slice_t part = own_part(engine, &engine->buckets[k], thread);
    float *g = gradient_at(engine, &engine->buckets[k], part.first * GRAPH_BLOCK);
    for (size_t i = 0; i < part.count * GRAPH_BLOCK; i++) g[i] *= shrink;
  }
}

void update_waiting(engine_t *engine, worker_t *worker, int thread, const step_t *step,
                    const optimizer_step_t *update, ls_error *error) {
  if (needs_norm(engine, step)) clip(engine, worker, thread, error);
  if (engine->trust.n_pieces > 0) {
    trust_update(engine, worker, thread, update, error);
    return;
  }
  for (size_t k = 0; k < engine->n_buckets; k++) {
    const bucket_t *bucket = &engine->buckets[k];
    slice_t part = own_part(engine, bucket, thread);
    for (size_t b = part.first; b < part.first + part.count && b < engine->trained_blocks; b++)
      apply(engine, bucket, update, b * GRAPH_BLOCK, GRAPH_BLOCK,
            gradient_at(engine, bucket, b * GRAPH_BLOCK));
    copy_parameters(engine, part.first * GRAPH_BLOCK, part.count * GRAPH_BLOCK);
  }
}

optimizer_step_t update_settings(const engine_t *engine, const step_t *step) {
  const settings_t *settings = engine->in.settings;
  optimizer_step_t update = {.learning_rate = engine_learning_rate(engine, step->updates),
                             .momentum = settings->optimizer.momentum,
                             .nesterov = settings->optimizer.nesterov,
                             .beta1 = settings->optimizer.beta1,
                             .beta2 = settings->optimizer.beta2,
                             .epsilon = settings->optimizer.epsilon,
                             .alpha = settings->optimizer.alpha,
                             .weight_decay = settings->optimizer.weight_decay,
                             .trust_coefficient = settings->optimizer.trust_coefficient,
                             .l1 = settings->train.l1,
                             .step = step->updates + 1};
  optimizer_prepare(engine->optimizer, &update);
  return update;
}

void update_phase(engine_t *engine, worker_t *worker, int thread, const step_t *step, ls_error *error) {
  const optimizer_step_t update = update_settings(engine, step);
  const bucket_t *all = &engine->buckets[0];
  bool waits = gradient_waits(engine, step);
  if (!engine->shared) {
    reduce_by_library(engine, worker, thread, error);
    if (waits)
      keep_gradient(engine, worker, all, step, &engine->total, thread);
    else
      update_bucket(engine, worker, all, step, &update, &engine->total, thread);
  } else if (waits) {
    find_squares(engine, all, thread);
  }
  if (waits && !step->keep) update_waiting(engine, worker, thread, step, &update, error);
  worker_mark(worker, PHASE_UPDATE);
}
