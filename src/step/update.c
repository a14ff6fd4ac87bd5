#include "step/update.h"

#include "layout/shard.h"
#include "math/finite.h"
#include "math/tree.h"
#include "step/step.h"
#include "step/strategy.h"

#include <math.h>
#include <string.h>

static schedule_plan_t rate_plan(const settings_t *settings, partition_t partition) {
  double per_epoch = (double)epoch_steps(partition, settings->train.global_batch_size);
  double total = (double)settings->train.epochs * per_epoch;
  double warmup = settings->schedule.warmup_epochs * per_epoch;
  double ratio = (double)settings->train.global_batch_size / (double)settings->schedule.base_batch_size;
  double scale = rate_scaling_find(settings->schedule.scaling)->scale(ratio);
  return (schedule_plan_t){.learning_rate = settings->optimizer.learning_rate * scale,
                           .warmup_steps = warmup,
                           .total_steps = total,
                           .start = settings->schedule.start,
                           .rise_steps = settings->schedule.rise * fmax(0, total - warmup),
                           .final = settings->schedule.final,
                           .power = settings->schedule.power,
                           .every_steps = settings->schedule.every_epochs * per_epoch,
                           .factor = settings->schedule.factor,
                           .plateau = 1};
}

ls_status updates_create(const engine_inputs_t *job, const plan_t *plan, arena_t *arena, updates_t *out,
                         ls_error *error) {
  size_t floats = plan->own_blocks * GRAPH_BLOCK;
  updates_t updates = {.method = optimizer_find(job->settings->optimizer.name),
                       .schedule = schedule_find(job->settings->schedule.name),
                       .rates = rate_plan(job->settings, job->train->partition),
                       .skips = strcmp(job->settings->train.on_nan, "skip") == 0,
                       .gradient = arena_new(arena, floats, sizeof(float))};
  bool all = updates.gradient != NULL;
  for (int k = 0; k < updates.method->states; k++)
    all = all && (updates.states[k] = arena_new(arena, floats, sizeof(float))) != NULL;
  if (!all)
    return error_set(error, LS_NO_MEMORY, "no memory for the optimiser's state (%.1f MB)",
                     (double)floats * sizeof(float) * (1 + updates.method->states) / 1e6);
  TRY(frozen_create(job->graph, &job->settings->model.freeze, arena, &updates.frozen, error));
  *out = updates;
  return LS_OK;
}

/* ---- a step ---- */

double updates_learning_rate(const updates_t *updates, int64_t updates_before) {
  return schedule_learning_rate(updates->schedule, &updates->rates, updates_before);
}

void update_prepare(thread_t *thread) {
  const settings_t *settings = thread->job->settings;
  const step_t *step = &thread->step;
  thread->update = (optimizer_step_t){.learning_rate = updates_learning_rate(thread->updates, step->updates),
                                      .momentum = settings->optimizer.momentum,
                                      .nesterov = settings->optimizer.nesterov,
                                      .beta1 = settings->optimizer.beta1,
                                      .beta2 = settings->optimizer.beta2,
                                      .epsilon = settings->optimizer.epsilon,
                                      .alpha = settings->optimizer.alpha,
                                      .weight_decay = settings->optimizer.weight_decay,
                                      .trust_coefficient = settings->optimizer.trust_coefficient,
                                      .l1 = settings->train.l1,
                                      .step = step->updates - thread->skips.steps + 1};
  optimizer_prepare(thread->updates->method, &thread->update);
  thread->waits = step->keep || step->want_norm || settings->train.clip_norm > 0 || thread->updates->skips ||
                  thread->updates->layers.n_fragments > 0;
}

block_range_t update_range(const thread_t *thread, const bucket_t *bucket) {
  return updater_range(thread->plan, bucket, thread->number);
}

float *update_gradient(const thread_t *thread, const bucket_t *bucket, size_t offset) {
  return thread->updates->gradient + share_index(bucket, offset);
}

void update_states(const thread_t *thread, const bucket_t *bucket, size_t offset,
                   float *states[OPTIMIZER_MAX_STATES]) {
  for (int k = 0; k < thread->updates->method->states; k++)
    states[k] = thread->updates->states[k] + share_index(bucket, offset);
}

void update_apply(thread_t *thread, const bucket_t *bucket, const optimizer_step_t *step, size_t first,
                  size_t n, const float *g) {
  float *states[OPTIMIZER_MAX_STATES] = {0};
  const size_t end = first + n, weights = thread->plan->weight_blocks * GRAPH_BLOCK;
  extent_t part;
  for (size_t at = first; frozen_gap(&thread->updates->frozen, at, end, &part);
       at = part.offset + part.floats) {
    update_states(thread, bucket, part.offset, states);
    thread->updates->method->update(step, first < weights, part.floats,
                                    thread->node->parameters + part.offset, g + (part.offset - first),
                                    states);
  }
}

void update_renew_copies(const thread_t *thread, size_t first, size_t n) {
  if (thread->strategy->copies_at_once)
    graph_transpose(thread->job->graph, thread->node->parameters, first, n);
}

/* g = sum / rows + l2 w + l1 sign(w) for n floats from `first` on; penalties on weights, not on biases.
 * Whether all of g is finite is found in the same loops, which are bound by memory, so that it costs nothing.
 */
static bool mean_gradient(const thread_t *thread, size_t first, size_t n, const float *restrict sum,
                          float *restrict g) {
  const settings_t *settings = thread->job->settings;
  const float *restrict w = thread->node->parameters + first;
  const float scale = 1.0F / (float)thread->step.rows;
  float l1 = optimizer_takes_l1(thread->updates->method) ? 0 : (float)settings->train.l1;
  float l2 = (float)settings->train.l2;
  int32_t most = 0;
  if (first >= thread->plan->weight_blocks * GRAPH_BLOCK || (l1 == 0 && l2 == 0)) {
    for (size_t i = 0; i < n; i++) {
      g[i] = sum[i] * scale;
      most = larger_magnitude(most, g[i]);
    }
    return most < FLOAT_INFINITY;
  }
  for (size_t i = 0; i < n; i++) {
    float sign = (float)(w[i] > 0) - (float)(w[i] < 0);
    g[i] = sum[i] * scale + l2 * w[i] + l1 * sign;
    most = larger_magnitude(most, g[i]);
  }
  return most < FLOAT_INFINITY;
}

/* Running statistics have no gradient and no optimiser. Their "sum" is a sum of values of rows. */
static void take_statistics(thread_t *thread, const bucket_t *bucket, size_t first, size_t n,
                            const float *sum) {
  if (thread->waits && thread->updates->skips && !thread->step.keep) {
    memcpy(update_gradient(thread, bucket, first), sum, n * sizeof *sum);
    return;
  }
  if (!thread->step.keep) update_statistics(thread, first, n, sum);
  if (thread->waits) memset(update_gradient(thread, bucket, first), 0, n * sizeof *sum);
}

void update_statistics(thread_t *thread, size_t first, size_t n, const float *sum) {
  const step_t *step = &thread->step;
  graph_step_statistics(thread->job->graph, first, n, sum, (double)step->rows, (double)step->freedom,
                        thread->node->parameters + first);
}

/* Notes that the gradient, or sums for statistics, are not finite. */
static void note_fault(thread_t *thread, size_t first, size_t n, const float *values) {
  if (!thread->step.keep)
    fault_note(&thread->faults->gradient, thread->step.updates,
               (first + floats_first_bad(values, n)) / FAULT_FLOATS);
}

void update_take(thread_t *thread, const bucket_t *bucket, size_t first, size_t n, const float *sum) {
  if (first >= thread->plan->trained_blocks * GRAPH_BLOCK) {
    if (!floats_are_finite(sum, n)) note_fault(thread, first, n, sum);
    take_statistics(thread, bucket, first, n, sum);
    return;
  }
  /* not in place: the sum may be in that memory */
  bool is_finite = mean_gradient(thread, first, n, sum, thread->gradient);
  if (frozen_set(&thread->updates->frozen, first, n, NULL, thread->gradient)) /* counts in no norm */
    is_finite = floats_are_finite(thread->gradient, n);
  if (!is_finite) note_fault(thread, first, n, thread->gradient);
  if (thread->waits) {
    memcpy(update_gradient(thread, bucket, first), thread->gradient, n * sizeof *sum);
  } else {
    update_apply(thread, bucket, &thread->update, first, n, thread->gradient);
    update_renew_copies(thread, first, n);
  }
}

void update_find_squares(thread_t *thread, const bucket_t *bucket) {
  block_range_t range = update_range(thread, bucket);
  for (size_t b = range.first; b < range.first + range.count; b++) {
    const float *g = update_gradient(thread, bucket, b * GRAPH_BLOCK);
    if (b < thread->plan->trained_blocks)
      thread->node->norms[b] = sum_squares(g, GRAPH_BLOCK);
    else
      thread->node->norms[b] = floats_are_finite(g, GRAPH_BLOCK) ? 0 : NAN; /* has no part in the norm */
  }
}

void update_take_range(thread_t *thread, const bucket_t *bucket, const tree_plan_t *total) {
  block_range_t range = update_range(thread, bucket);
  for (size_t b = range.first; b < range.first + range.count; b++)
    update_take(thread, bucket, b * GRAPH_BLOCK, GRAPH_BLOCK, tree_plan_add_block(total, b, thread->stack));
  if (thread->waits) update_find_squares(thread, bucket);
}
