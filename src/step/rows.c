#include "step/rows.h"

#include "model/penalty.h"
#include "step/step.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* ---- the shape of kernel calls ---- */

/* Most rows of one kernel call, and rows of the calls that a thread makes together. More rows per call mean
 * that weights are read less often; but rows and weights must fit in cache together. */
enum { MOST_CALL_ROWS = 128, ROWS_TOGETHER = 64 };

slice_shape_t slice_shape(int64_t batch, int shards) {
  slice_shape_t shape = {.slice_rows = slice_rows(batch, shards)};
  shape.calls = (shape.slice_rows + MOST_CALL_ROWS - 1) / MOST_CALL_ROWS;
  shape.call_rows = (shape.slice_rows + shape.calls - 1) / shape.calls;
  shape.padded = shape.calls * shape.call_rows;
  shape.together = shape.call_rows < ROWS_TOGETHER ? ROWS_TOGETHER / shape.call_rows : 1;
  if (shape.together > MOST_TOGETHER) shape.together = MOST_TOGETHER;
  return shape;
}

/* ---- set-up ---- */

ls_status rows_create(const engine_inputs_t *job, bool same_order, arena_t *arena, rank_rows_t *out,
                      ls_error *error) {
  const layout_t *layout = job->layout;
  const settings_t *settings = job->settings;
  size_t own = (size_t)layout->own_shards, heads = job->objective->n;
  rank_rows_t *rows = out;
  rows->job = job;
  rows->shape = slice_shape(settings->train.global_batch_size, layout->shards);
  rows->stream = job->train->stream;
  rows->shuffle = ORDER_FULL;
  rows->same_order = same_order;
  order_parse(settings->data.shuffle, &rows->shuffle, NULL);
  TRY(gather_create(job->train, job->features, &rows->gather, error));
  TRY(tape_create(job->graph, layout->own_shards * rows->shape.padded, rows->shape.padded, &rows->tape,
                  error));
  size_t ordered = rows->stream == NULL ? (size_t)job->train->rows : 0;
  rows->order = arena_new(arena, ordered, sizeof *rows->order);
  rows->shard_begin = arena_new(arena, own + 1, sizeof *rows->shard_begin);
  rows->call_loss = arena_new(arena, own * heads * (size_t)rows->shape.calls, sizeof(double));
  rows->step_loss = arena_new(arena, own * heads, sizeof(double));
  rows->epoch_loss = arena_new(arena, own * heads, sizeof(double));
  if (rows->order == NULL || rows->shard_begin == NULL || rows->call_loss == NULL ||
      rows->step_loss == NULL || rows->epoch_loss == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the order of %lld rows",
                     (long long)job->train->rows);
  if (rows->stream != NULL)
    TRY(stream_plan_steps(rows->stream, rows->shuffle, settings->train.seed,
                          settings->train.global_batch_size, error));
  for (int s = 0; s < layout->own_shards; s++)
    rows->shard_begin[s + 1] =
        rows->shard_begin[s] + shard_rows(job->train->partition, layout->first_shard + s);
  return LS_OK;
}

void rows_free(rank_rows_t *rows) {
  tape_destroy(&rows->tape);
  gather_free(&rows->gather);
}

/* ---- between steps ---- */

void rows_begin_epoch(rank_rows_t *rows, int64_t epoch) {
  const layout_t *layout = rows->job->layout;
  rows->steps_done = 0;
  rows->epoch = rows->same_order ? 0 : epoch;
  rows->stream_step = -1;
  memset(rows->epoch_loss, 0, (size_t)layout->own_shards * rows->job->objective->n * sizeof(double));
  if (rows->stream != NULL) return;
#pragma omp parallel for schedule(dynamic) num_threads(layout->threads)
  for (int s = 0; s < layout->own_shards; s++) {
    int64_t begin = rows->shard_begin[s], n = rows->shard_begin[s + 1] - begin;
    uint32_t *order = rows->order + begin;
    order_fill(rows->shuffle, rows->job->settings->train.seed, rows->epoch, layout->first_shard + s, n,
               order);
    for (int64_t i = 0; i < n; i++) order[i] += (uint32_t)begin;
  }
}

void rows_begin_reading(rank_rows_t *rows, int64_t from) {
  if (rows->stream == NULL) return;
  if (rows->stream_step == from)
    stream_resume(rows->stream);
  else
    stream_begin_steps(rows->stream, rows->epoch, from);
}

void rows_end_reading(rank_rows_t *rows, int64_t to) {
  if (rows->stream == NULL) return;
  stream_rest(rows->stream);
  rows->stream_step = to;
}

int64_t rows_slice(const rank_rows_t *rows, int s, int64_t step, int64_t *begin) {
  const partition_t partition = rows->job->train->partition;
  int64_t batch = rows->job->settings->train.global_batch_size;
  int shard = rows->job->layout->first_shard + s;
  *begin = slice_begin(partition, batch, shard, step);
  return slice_begin(partition, batch, shard, step + 1) - *begin;
}

int64_t rows_copy(const rank_rows_t *rows, int64_t step, int s, float *x, int32_t *labels, float *values,
                  float *weights) {
  int64_t begin = 0, n = rows_slice(rows, s, step, &begin);
  const uint32_t *resident = rows->order + rows->shard_begin[s] + begin;
  gather_features(&rows->gather, resident, n, x);
  if (rows->job->objective->has_labels)
    gather_labels(&rows->gather, resident, n, labels);
  else
    gather_targets(&rows->gather, resident, n, values);
  for (int64_t i = 0; i < n; i++) weights[i] = 1;
  if (rows->job->train->weights != NULL) gather_weights(&rows->gather, resident, n, weights);
  return n;
}

/* ---- one kernel call ---- */

/* Call number c of own shard s. */
typedef struct {
  int s;
  int64_t c;
  int64_t at;       /* its first row on the tape */
  int64_t begin, n; /* its rows in the shard's order, without padding; n may be 0 */
} row_call_t;

/* Call number i of this rank. Calls are numbered shard by shard, in the order of the tape. */
static row_call_t call_number(const thread_t *thread, int64_t i) {
  const slice_shape_t *shape = &thread->rows->shape;
  row_call_t call = {.s = (int)(i / shape->calls), .c = i % shape->calls, .at = i * shape->call_rows};
  int64_t count = rows_slice(thread->rows, call.s, thread->step.index, &call.begin);
  int64_t row = call.c * shape->call_rows;
  call.begin += row;
  call.n = count - row < shape->call_rows ? count - row : shape->call_rows;
  if (call.n < 0) call.n = 0;
  return call;
}

/* The resident rows of a call: (call->n). */
static const uint32_t *resident_rows(thread_t *thread, const row_call_t *call) {
  const rank_rows_t *rows = thread->rows;
  if (rows->stream == NULL) return rows->order + rows->shard_begin[call->s] + call->begin;
  stream_rows(rows->stream, thread->step.index, call->s, call->begin, call->n, thread->buffers.resident);
  waiter_mark(&thread->waiter, PHASE_READ);
  return thread->buffers.resident;
}

static void gather_call(thread_t *thread, const row_call_t *call) {
  const rank_rows_t *rows = thread->rows;
  int64_t features = graph_inputs(thread->job->graph), padding = rows->shape.call_rows - call->n;
  const uint32_t *resident = resident_rows(thread, call);
  float *x = tape_input(rows->tape, call->at);
  gather_features(&rows->gather, resident, call->n, x);
  memset(x + call->n * features, 0, (size_t)(padding * features) * sizeof *x);
  waiter_mark(&thread->waiter, PHASE_GATHER);
}

/* Gathers the targets of a call's rows, then computes the loss sums of all heads and their gradient. The
 * gradient of padding rows is zero. */
static void call_losses(thread_t *thread, const row_call_t *call, double *sums) {
  const rank_rows_t *rows = thread->rows;
  const engine_inputs_t *job = thread->job;
  int64_t width = graph_outputs(job->graph), n = call->n;
  const uint32_t *resident = resident_rows(thread, call);
  const target_t target =
      gather_target(&rows->gather, job->objective->has_labels, resident, n, &thread->buffers.targets);
  float *delta = tape_output_delta(rows->tape, call->at);
  memset(delta + n * width, 0, (size_t)((rows->shape.call_rows - n) * width) * sizeof *delta);
  objective_evaluate(job->objective, n, tape_output(rows->tape, call->at), target, delta, sums);
  penalties_train(job->objective, target, rows->tape, call->at, n, rows->shape.call_rows - n, sums);
}

/* ---- passes over rows ---- */

/* Runs calls [first, first + n) through a section. */
static void forward_calls(thread_t *thread, const section_t *section, int64_t first, int64_t n) {
  const slice_shape_t *shape = &thread->rows->shape;
  const section_t *sections = thread->plan->sections, *last = sections + thread->plan->n_sections - 1;
  row_call_t calls[MOST_TOGETHER];
  pass_t passes[MOST_TOGETHER] = {0};
  for (int64_t k = 0; k < n; k++) {
    calls[k] = call_number(thread, first + k);
    if (section == sections) gather_call(thread, &calls[k]);
    passes[k] = (pass_t){.training = true,
                         .seed = thread->job->settings->train.seed,
                         .step = (uint64_t)thread->step.updates,
                         .shard = (uint64_t)(thread->job->layout->first_shard + calls[k].s),
                         .row = calls[k].c * shape->call_rows,
                         .padding = shape->call_rows - calls[k].n};
  }
  graph_forward_section(thread->kernels, section, thread->node->parameters, thread->rows->tape,
                        first * shape->call_rows, n, passes);
  for (int64_t k = 0; k < n && section == last; k++)
    call_losses(thread, &calls[k],
                thread->rows->call_loss + (first + k) * (int64_t)thread->job->objective->n);
  waiter_mark(&thread->waiter, PHASE_FORWARD);
}

static void backward_calls(thread_t *thread, size_t above, size_t below, int64_t first, int64_t n) {
  graph_backward_between(thread->kernels, above, below, thread->node->parameters, thread->rows->tape,
                         first * thread->rows->shape.call_rows, n);
  waiter_mark(&thread->waiter, PHASE_BACKWARD);
}

/* Takes the next calls before number `end` for a thread: as many as one call of the graph may take together,
 * and fewer towards the end, so that threads finish at about the same time. Returns their number, 0 when no
 * call is left. */
static int64_t take_calls(thread_t *thread, long *first, long end) {
  const long threads = thread->job->layout->threads, together = (long)thread->rows->shape.together;
  atomic_long *next = &thread->rows->next_call;
  long n = 0;
  *first = atomic_load_explicit(next, memory_order_relaxed);
  do {
    long fair = (end - *first + threads - 1) / threads;
    n = fair < together ? fair : together;
  } while (n > 0 && !atomic_compare_exchange_weak_explicit(next, first, *first + n, memory_order_relaxed,
                                                           memory_order_relaxed));
  return n;
}

long rows_calls(const rank_rows_t *rows) {
  return (long)rows->job->layout->own_shards * (long)rows->shape.calls;
}

void rows_pass(thread_t *thread) {
  long first = 0, all = rows_calls(thread->rows);
  for (int64_t n; (n = take_calls(thread, &first, all)) > 0;) {
    forward_calls(thread, thread->plan->sections, first, n);
    backward_calls(thread, graph_nodes(thread->job->graph), 1, first, n);
  }
}

void rows_restart(rank_rows_t *rows) {
  atomic_store_explicit(&rows->next_call, 0, memory_order_relaxed);
}

void rows_forward(thread_t *thread, const section_t *section, long end) {
  long first = 0, begin = end - rows_calls(thread->rows);
  for (int64_t n; (n = take_calls(thread, &first, end)) > 0;)
    forward_calls(thread, section, first - begin, n);
}

void rows_backward(thread_t *thread, size_t above, size_t below, long end) {
  long first = 0, begin = end - rows_calls(thread->rows);
  for (int64_t n; (n = take_calls(thread, &first, end)) > 0;)
    backward_calls(thread, above, below, first - begin, n);
}

static void note_bad_loss(thread_t *thread, size_t shard) {
  if (thread->step.keep) return;
  fault_note(&thread->faults->loss, thread->step.updates, shard);
  atomic_store(&thread->node->control->bad_loss, thread->step.tick + 1);
}

void rows_add_losses(thread_t *thread) {
  rank_rows_t *rows = thread->rows;
  int64_t heads = (int64_t)thread->job->objective->n, calls = rows->shape.calls;
  for (int64_t i = 0; i < thread->job->layout->own_shards * heads; i++) {
    int64_t begin = 0, s = i / heads, h = i % heads;
    double sum = 0;
    if (rows_slice(rows, (int)s, thread->step.index, &begin) > 0)
      for (int64_t c = 0; c < calls; c++) sum += rows->call_loss[(s * calls + c) * heads + h];
    rows->step_loss[i] = sum;
    if (!isfinite(sum)) note_bad_loss(thread, (size_t)(thread->job->layout->first_shard + s));
  }
  if (!thread->updates->skips && !thread->step.keep) rows_accept_losses(rows);
}

void rows_accept_losses(rank_rows_t *rows) {
  size_t n = (size_t)rows->job->layout->own_shards * rows->job->objective->n;
  for (size_t i = 0; i < n; i++) rows->epoch_loss[i] += rows->step_loss[i];
}
