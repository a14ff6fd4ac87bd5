/* The first phase of a step: rows. Gather, forward, loss and backward of this rank's rows.
 *
 * On the tape, a shard's slice of the batch is padded to whole kernel calls. The padding rows are zero and
 * have zero deltas. So every kernel call has the same shape, and the padding adds nothing to a gradient.
 * Computing threads take a few calls at a time from a counter. The bits do not depend on which thread makes a
 * call. */
#ifndef STEP_ROWS_H
#define STEP_ROWS_H

#include "layout/shard.h"
#include "step/engine.h"

#include <stdatomic.h>

typedef struct thread thread_t; /* step.h */

enum { MOST_TOGETHER = 16 }; /* most kernel calls that a thread takes at once */

/* The rows of a rank, their order, their tape and their losses. Between steps the engine's thread may change
 * everything. During a step, the thread that makes a call writes the call's part of the tape and call_loss,
 * and one thread writes the sums of losses. */
typedef struct {
  const engine_inputs_t *job;
  slice_shape_t shape;
  gather_t gather;
  tape_t *tape;
  stream_t *stream;     /* NULL: the rows are in memory */
  int64_t epoch;        /* the epoch's number */
  int64_t stream_step;  /* the next step of the stream; -1: none */
  order_t shuffle;      /* the order of rows */
  bool same_order;      /* the same order in every epoch, so that equal parameters have equal losses */
  uint32_t *order;      /* (rows): the k-th resident row, shard by shard; only without a stream */
  int64_t *shard_begin; /* (own shards + 1): first resident row of each own shard */
  double *call_loss;    /* (own shards, calls, heads) */
  double *step_loss;    /* (own shards, heads) */
  double *epoch_loss;   /* (own shards, heads) */
  int64_t steps_done;   /* of the epoch */
  _Alignas(64) atomic_long next_call;
} rank_rows_t;

/* A thread's buffers for the targets of a call. */
typedef struct {
  target_room_t targets; /* (call_rows) */
  uint32_t *resident;    /* (call_rows): slots of streamed rows */
} row_buffers_t;

/* The job is borrowed. Memory comes from the arena. Not collective. Call rows_free also after a failure. */
ls_status rows_create(const engine_inputs_t *job, bool same_order, arena_t *arena, rank_rows_t *out,
                      ls_error *error);
void rows_free(rank_rows_t *rows);

/* Makes the order of rows of an epoch and clears its sums of losses. Between steps, by one thread. */
void rows_begin_epoch(rank_rows_t *rows, int64_t epoch);

/* rows_begin_reading lets the stream read rows for step `from` and later steps. rows_end_reading pauses the
 * stream after the last step before `to`. Called between steps, by one thread. They do nothing without a
 * stream. */
void rows_begin_reading(rank_rows_t *rows, int64_t from);
void rows_end_reading(rank_rows_t *rows, int64_t to);

/* The slice of own shard s in a step of the epoch: rows [begin, begin + result) of the shard's order. */
int64_t rows_slice(const rank_rows_t *rows, int s, int64_t step, int64_t *begin);

/* Copies the rows of own shard s in a step; see engine_rows. */
int64_t rows_copy(const rank_rows_t *rows, int64_t step, int s, float *x, int32_t *labels, float *values,
                  float *weights);

/* Kernel calls of this rank in one pass over its rows. */
long rows_calls(const rank_rows_t *rows);

/* rows_pass runs forward and backward through the whole network. Called by all computing threads. When all of
 * them have returned, and before the next step, one thread calls rows_restart. */
void rows_pass(thread_t *thread);
void rows_restart(rank_rows_t *rows);

/* The same in several passes, each of rows_calls calls. Calls are numbered over all passes and steps; a pass
 * ends before call number `end`. rows_forward runs one section; it gathers rows before the first section and
 * computes losses after the last. rows_backward runs from node `above` down to node `below`
 * (graph_backward_between). Called by all computing threads. */
void rows_forward(thread_t *thread, const section_t *section, long end);
void rows_backward(thread_t *thread, size_t above, size_t below, long end);

/* Adds up the losses of the step, calls in order, and adds the result to the losses of the epoch. Called once
 * per step by one thread, after all threads have finished forward. If steps may be skipped, the result is
 * added by rows_accept_losses, once it is known that this one is not. A step that keeps its gradient adds
 * nothing. */
void rows_add_losses(thread_t *thread);
void rows_accept_losses(rank_rows_t *rows);

#endif
