#include "step/whole_update.h"

#include "math/tree.h"
#include "step/layerwise.h"
#include "step/strategy.h"

#include <math.h>

/* Finds |g| over all parameters, the same on every thread, and cuts the kept gradient to clip_norm. */
static void clip(thread_t *thread) {
  const plan_t *plan = thread->plan;
  const double most = thread->job->settings->train.clip_norm;
  strategy_share(thread, thread->node->norms, NULL);
  double norm = sqrt(tree_sum(thread->node->norms, (int)plan->blocks, 1));
  if (thread->number == 0) thread->updates->norm = norm;
  if (most <= 0 || !(norm > most)) return;
  float shrink = (float)(most / norm);
  for (size_t k = 0; k < plan->n_buckets; k++) {
    block_range_t range = update_range(thread, &plan->buckets[k]);
    float *g = update_gradient(thread, &plan->buckets[k], range.first * GRAPH_BLOCK);
    for (size_t i = 0; i < range.count * GRAPH_BLOCK; i++) g[i] *= shrink;
  }
}

void update_whole(thread_t *thread) {
  const plan_t *plan = thread->plan;
  if (thread->step.want_norm || thread->job->settings->train.clip_norm > 0) clip(thread);
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
