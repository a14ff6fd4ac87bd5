/* The first phase of a step: rows. Gather, forward, loss and backward of this rank's rows.
 *
 * A shard's slice of the batch lies on the tape padded to whole kernel calls. Rows beyond the slice are zero
 * and have zero deltas: so every kernel call has the same shape, and the padding adds nothing to a gradient.
 * Computing threads take calls from a counter, some at once. No bits depend on which thread makes a call. */
#ifndef STEP_ROWS_H
#define STEP_ROWS_H

#include "data/shard.h"
#include "step/engine.h"

#include <stdatomic.h>

typedef struct thread thread_t; /* step.h */

enum { MOST_TOGETHER = 16 }; /* kernel calls of a thread at once */

/* A rank's rows and what they become. Between steps the engine's thread may change all of it. In a step:
 * the tape and call_loss are written by the thread that makes the call, the sums of losses by one thread. */
typedef struct {
  const engine_inputs_t *job;
  slice_shape_t shape;
  gather_t gather;
  tape_t *tape;
  stream_t *stream;     /* NULL: the rows are in memory */
  int64_t epoch;        /* the epoch's number */
  int64_t stream_step;  /* the step that the stream comes to next, -1: none */
  order_t shuffle;      /* in which order rows come */
  bool same_order;      /* the same in every epoch: one point has the same loss whenever it is evaluated */
  uint32_t *order;      /* (rows): resident row that comes k-th, shard by shard; without a stream */
  int64_t *shard_begin; /* (own shards + 1): first resident row of each own shard */
  double *call_loss;    /* (own shards, calls, heads) */
  double *step_loss;    /* (own shards, heads) */
  double *epoch_loss;   /* (own shards, heads) */
  int64_t steps_done;   /* of the epoch */
  _Alignas(64) atomic_long next_call;
} rank_rows_t;

/* What one thread needs for the targets of a call. */
typedef struct {
  int32_t *labels;    /* (call_rows) */
  uint32_t *resident; /* (call_rows): where streamed rows are */
  float *values;      /* (call_rows, targets) */
  float *weights;     /* (call_rows) */
} row_buffers_t;

/* The job is borrowed. Memory comes from the arena. Not collective. rows_free after failure too. */
ls_status rows_create(const engine_inputs_t *job, bool same_order, arena_t *arena, rank_rows_t *out,
                      ls_error *error);
void rows_free(rank_rows_t *rows);

/* Makes the order of rows of an epoch and clears its sums of losses. Between steps, by one thread. */
void rows_begin_epoch(rank_rows_t *rows, int64_t epoch);

/* The stream reads for the steps from `from` on; rests after the step before `to`. Between steps, by one
 * thread. Without a stream: nothing. */
void rows_begin_reading(rank_rows_t *rows, int64_t from);
void rows_end_reading(rank_rows_t *rows, int64_t to);

/* The slice of own shard s in a step of the epoch: rows [begin, begin + result) of the shard's order. */
int64_t rows_slice(const rank_rows_t *rows, int s, int64_t step, int64_t *begin);

/* What own shard s gives to a step: engine_rows. */
int64_t rows_copy(const rank_rows_t *rows, int64_t step, int s, float *x, int32_t *labels, float *values,
                  float *weights);

/* Kernel calls of this rank in one pass over its rows. */
long rows_calls(const rank_rows_t *rows);

/* The whole network, forward and backward. By all computing threads; rows_restart by one of them when all are
 * through, and before the next step. */
void rows_pass(thread_t *thread);
void rows_restart(rank_rows_t *rows);

/* The same in several passes, each of rows_calls. Calls are numbered over all passes and steps: a pass ends
 * before call number `end`. Forward through one section (gather before the first, loss behind the last);
 * backward from node `above` to node `below` (graph_backward_between). By all computing threads. */
void rows_forward(thread_t *thread, const section_t *section, long end);
void rows_backward(thread_t *thread, size_t above, size_t below, long end);

/* Adds up the step's losses: calls in order, then onto the epoch's. Once a step, when all threads are through
 * forward. By one thread. */
void rows_add_losses(thread_t *thread);

#endif
