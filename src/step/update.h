/* The update: turns sums of gradients into new parameters.
 *
 * A sum over all shards arrives from the strategy, at most a block at a time. It is divided by the rows of
 * the batch, penalties are added, and the optimiser is applied while the block is in cache. Some steps need
 * the whole gradient first: clipping, the norm of a logged step, layer-wise optimisers, L-BFGS. Then the mean
 * gradient is kept in memory, and whole_update.h updates from there. */
#ifndef STEP_UPDATE_H
#define STEP_UPDATE_H

#include "model/frozen.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "step/buckets.h"
#include "step/engine.h"
#include "step/layerwise.h"
#include "step/fold.h"

typedef struct thread thread_t; /* step.h */

/* The state of updates between steps. A thread writes only the memory of the shares that it updates. */
typedef struct {
  const optimizer_t *method;
  const schedule_t *schedule;
  schedule_plan_t rates;
  float *states[OPTIMIZER_MAX_STATES]; /* (own blocks) */
  float *gradient;                     /* (own blocks): the mean gradient, if it is kept */
  bool skips;                          /* steps with a fault are skipped (train.on_nan=skip) */
  double norm;                         /* of the last step with want_norm, before clipping */
  layers_t layers;
  frozen_t frozen; /* parameters that no update touches, and whose gradient counts as 0 */
} updates_t;

/* Memory comes from the arena; the job is borrowed. Not collective. LS_NO_MEMORY. */
ls_status updates_create(const engine_inputs_t *job, const plan_t *plan, arena_t *arena, updates_t *out,
                         ls_error *error);

double updates_learning_rate(const updates_t *updates, int64_t updates_before);

/* Computes thread->update and thread->waits for thread->step. Every thread that updates calls it before its
 * first update of the step. */
void update_prepare(thread_t *thread);

/* Takes the gradient sum of floats [first, first + n) of this rank's share of a bucket, which are within one
 * block. Updates them, or keeps the mean gradient if thread->waits. Thread-safe for different ranges. */
void update_take(thread_t *thread, const bucket_t *bucket, size_t first, size_t n, const float *sum);

/* Adds up all blocks of this updater's range of a bucket and calls update_take for each. If they are kept,
 * also computes their squares. */
void update_take_range(thread_t *thread, const bucket_t *bucket, const tree_plan_t *total);

/* Writes the squares of the kept gradient in this updater's range to node->norms. */
void update_find_squares(thread_t *thread, const bucket_t *bucket);

/* ---- for whole_update.c and layerwise.c ---- */

/* This thread's range of its rank's share. */
block_range_t update_range(const thread_t *thread, const bucket_t *bucket);

/* The addresses of the kept gradient and of the optimiser's states for the float at `offset` of the vector.
 */
float *update_gradient(const thread_t *thread, const bucket_t *bucket, size_t offset);
void update_states(const thread_t *thread, const bucket_t *bucket, size_t offset,
                   float *states[OPTIMIZER_MAX_STATES]);

/* Applies the mean gradient g of floats [first, first + n) with the optimiser, except to frozen ones. */
void update_apply(thread_t *thread, const bucket_t *bucket, const optimizer_step_t *step, size_t first,
                  size_t n, const float *g);

/* Applies the sums of running statistics [first, first + n). */
void update_statistics(thread_t *thread, size_t first, size_t n, const float *sum);

/* Copies new parameters [first, first + n) to the copies that products read, while they are in cache. Does
 * nothing if the strategy renews the copies itself. */
void update_renew_copies(const thread_t *thread, size_t first, size_t n);

#endif
