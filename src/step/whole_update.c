#include "step/whole_update.h"

#include "math/tree.h"
#include "step/layerwise.h"
#include "step/strategy.h"

#include <math.h>

/* |g| over all parameters, the same on every thread. */
static double find_norm(thread_t *thread) {
  strategy_share(thread, thread->node->norms, NULL);
  double norm = sqrt(tree_sum(thread->node->norms, (int)thread->plan->blocks, 1));
  if (thread->number == 0) thread->updates->norm = norm;
  return norm;
}

/* Cuts the kept gradient to clip_norm. */
static void clip(thread_t *thread, double norm) {
  const plan_t *plan = thread->plan;
  const double most = thread->job->settings->train.clip_norm;
  if (most <= 0 || !(norm > most)) return;
  float shrink = (float)(most / norm);
  for (size_t k = 0; k < plan->n_buckets; k++) {
    block_range_t range = update_range(thread, &plan->buckets[k]);
    float *g = update_gradient(thread, &plan->buckets[k], range.first * GRAPH_BLOCK);
    for (size_t i = 0; i < range.count * GRAPH_BLOCK; i++) g[i] *= shrink;
  }
}

/* Whether this step must not change anything; the same for every updater of every node. */
static bool skips(thread_t *thread, double norm) {
  control_t *control = thread->node->control;
  const double most = thread->job->settings->train.clip_norm;
  const long number = thread->step.tick + 1;
  if (!thread->updates->skips) return false;
  bool skips = !isfinite(norm) || ((most <= 0 || most > SKIPS_NORM) && norm > SKIPS_NORM) ||
               atomic_load(&control->bad_loss) == number;
  if (skips) atomic_store(&control->skipped, number);
  return skips;
}

/* The statistics that take_statistics has kept until it was clear that the step is not skipped. */
static void apply_statistics(thread_t *thread) {
  const plan_t *plan = thread->plan;
  for (size_t k = 0; k < plan->n_buckets && thread->updates->skips; k++) {
    block_range_t range = update_range(thread, &plan->buckets[k]);
    for (size_t b = range.first; b < range.first + range.count; b++)
      if (b >= plan->trained_blocks)
        update_statistics(thread, b * GRAPH_BLOCK, GRAPH_BLOCK,
                          update_gradient(thread, &plan->buckets[k], b * GRAPH_BLOCK));
  }
}

void update_whole(thread_t *thread) {
  const plan_t *plan = thread->plan;
  double norm = 0;
  if (thread->step.want_norm || thread->job->settings->train.clip_norm > 0 || thread->updates->skips)
    norm = find_norm(thread);
  if (skips(thread, norm)) return;
  clip(thread, norm);
  apply_statistics(thread);
  if (thread->updates->layers.n_fragments > 0) {
    layerwise_update(thread);
    return;
  }
  for (size_t k = 0; k < plan->n_buckets; k++) {
    const bucket_t *bucket = &plan->buckets[k];
    block_range_t range = update_range(thread, bucket);
    for (size_t b = range.first; b < range.first + range.count && b < plan->trained_blocks; b++)
      update_apply(thread, bucket, &thread->update, b * GRAPH_BLOCK, GRAPH_BLOCK,
                   update_gradient(thread, bucket, b * GRAPH_BLOCK));
    update_renew_copies(thread, range.first * GRAPH_BLOCK, range.count * GRAPH_BLOCK);
  }
}
