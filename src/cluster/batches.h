/* The rows of an epoch in batches, as training takes them: the batch of a step has rows of every shard, an
 * epoch visits each row once (layout/shard.h), and the order of a shard's rows depends on the seed and the
 * epoch alone (data.shuffle). So the batches are the same on any layout. Rows may be in memory or streamed;
 * streamed rows are read once an epoch. */
#ifndef CLUSTER_BATCHES_H
#define CLUSTER_BATCHES_H

#include "base/arena.h"
#include "cluster/fit.h"
#include "layout/shard.h"

typedef struct {
  const split_t *split; /* borrowed */
  int64_t batch;        /* rows */
  int64_t steps;        /* of an epoch */
  int threads;
  uint64_t seed;
  order_t shuffle;
  uint32_t *order; /* (rows of this rank): resident rows, shard by shard; only without a stream */
  int64_t *begin;  /* (own shards + 1): first of this rank's rows of each own shard */
} batches_t;

/* Batches of train.global_batch_size training rows. Memory comes from the arena. LS_BAD_SETTINGS if
 * data.memory_limit has no room for two batches. Not collective. */
ls_status batches_create(const fit_inputs_t *inputs, arena_t *arena, batches_t *out, ls_error *error);

/* Begins and ends an epoch of the run; batches are taken in order. By one thread. */
void batches_begin(batches_t *batches, int64_t epoch);
void batches_end(const batches_t *batches);

/* The rows of own shard s in a step: positions [*first, *first + result) of the shard's order. Pure. */
int64_t batches_slice(const batches_t *batches, int s, int64_t step, int64_t *first);

/* Resident rows of n of these positions, which are copied to `room` (n) or lie in memory. Waits for rows of a
 * stream. Thread-safe. */
const uint32_t *batches_rows(const batches_t *batches, int s, int64_t step, int64_t first, int64_t n,
                             uint32_t *room);

/* Ends a step, by one thread: its rows are no longer valid. Fails if the stream has. Not collective. */
ls_status batches_release(const batches_t *batches, int64_t step, ls_error *error);

#endif
