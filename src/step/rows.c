/* The first phase of a step: rows.
 *
 * A shard's slice of the batch lies on the tape padded to whole kernel calls; rows beyond the slice are zero
 * and have zero deltas, so that every kernel call has the same shape and the padding adds nothing to a
 * gradient. */
#include "base/clock.h"
#include "step/engine_impl.h"

#include <string.h>

void worker_mark(worker_t *worker, engine_phase_t phase) {
  double now = clock_seconds();
  worker->seconds[phase] += now - worker->mark;
  worker->mark = now;
}

int64_t slice_of(const engine_t *engine, int s, const step_t *step, int64_t *begin) {
  int64_t batch = engine->in.settings->train.global_batch_size;
  int shard = engine->in.layout->first_shard + s;
  *begin = slice_begin(engine->in.train->partition, batch, shard, step->step);
  return slice_begin(engine->in.train->partition, batch, shard, step->step + 1) - *begin;
}

/* Where the rows are that own shard s gives from `position` of its order on: n resident rows. */
static const uint32_t *rows_at(engine_t *engine, worker_t *worker, const step_t *step, int s,
                               int64_t position, int64_t n) {
  if (engine->stream == NULL) return engine->order + engine->shard_begin[s] + position;
  stream_rows(engine->stream, step->step, s, position, n, worker->rows);
  worker_mark(worker, PHASE_READ);
  return worker->rows;
}

/* One kernel call of this step: block b of own shard s. */
typedef struct {
  int s;
  int64_t b;
  int64_t at;       /* its first row on the tape */
  int64_t begin, n; /* the rows that there are for it, in the shard's order; n may be 0 */
} block_t;

/* Call number i of this rank's: shard after shard, as they lie on the tape. */
static block_t block_number(const engine_t *engine, const step_t *step, int64_t i) {
  const slice_shape_t *shape = &engine->shape;
  block_t block = {.s = (int)(i / shape->blocks), .b = i % shape->blocks, .at = i * shape->block_rows};
  int64_t count = slice_of(engine, block.s, step, &block.begin), row = block.b * shape->block_rows;
  block.begin += row;
  block.n = count - row < shape->block_rows ? count - row : shape->block_rows;
  if (block.n < 0) block.n = 0;
  return block;
}

/* Targets of a call's rows, then the loss sums of all heads and the gradient for them; rows up to block_rows
 * get zero gradient. */
static void block_losses(engine_t *engine, worker_t *worker, const step_t *step, const block_t *block,
                         double *sums) {
  int64_t width = graph_outputs(engine->in.graph), n = block->n;
  const uint32_t *rows = rows_at(engine, worker, step, block->s, block->begin, n);
  target_t target = {0};
  if (engine->in.objective->has_labels) {
    gather_labels(&engine->gather, rows, n, worker->labels);
    target.labels = worker->labels;
  } else {
    gather_targets(&engine->gather, rows, n, worker->values);
    target.values = worker->values;
  }
  if (engine->in.train->weights != NULL) {
    gather_weights(&engine->gather, rows, n, worker->weights);
    target.weights = worker->weights;
  }
  target.factors = engine->in.train->factors;
  float *delta = tape_output_delta(engine->tape, block->at);
  memset(delta + n * width, 0, (size_t)((engine->shape.block_rows - n) * width) * sizeof *delta);
  objective_evaluate(engine->in.objective, n, tape_output(engine->tape, block->at), target, delta, sums);
}

int64_t engine_rows(engine_t *engine, int64_t step, int s, float *x, int32_t *labels, float *values,
                    float *weights) {
  int64_t begin = 0, n = slice_of(engine, s, &(step_t){.step = step}, &begin);
  const uint32_t *rows = engine->order + engine->shard_begin[s] + begin;
  gather_features(&engine->gather, rows, n, x);
  if (engine->in.objective->has_labels)
    gather_labels(&engine->gather, rows, n, labels);
  else
    gather_targets(&engine->gather, rows, n, values);
  for (int64_t i = 0; i < n; i++) weights[i] = 1;
  if (engine->in.train->weights != NULL) gather_weights(&engine->gather, rows, n, weights);
  return n;
}

static void gather_block(engine_t *engine, worker_t *worker, const step_t *step, const block_t *block) {
  int64_t features = graph_inputs(engine->in.graph), rest = engine->shape.block_rows - block->n;
  const uint32_t *rows = rows_at(engine, worker, step, block->s, block->begin, block->n);
  float *x = tape_input(engine->tape, block->at);
  gather_features(&engine->gather, rows, block->n, x);
  memset(x + block->n * features, 0, (size_t)(rest * features) * sizeof *x);
  worker_mark(worker, PHASE_GATHER);
}

/* Calls [first, first + n) through a section: gather, when it is the first; forward; and, when it is the
 * last, loss. */
static void forward_calls(engine_t *engine, worker_t *worker, const step_t *step, const section_t *section,
                          int64_t first, int64_t n) {
  const slice_shape_t *shape = &engine->shape;
  block_t blocks[MOST_TOGETHER];
  pass_t passes[MOST_TOGETHER] = {0};
  for (int64_t k = 0; k < n; k++) {
    blocks[k] = block_number(engine, step, first + k);
    if (section == engine->sections) gather_block(engine, worker, step, &blocks[k]);
    passes[k] = (pass_t){.training = true,
                         .seed = engine->in.settings->train.seed,
                         .step = (uint64_t)step->updates,
                         .shard = (uint64_t)(engine->in.layout->first_shard + blocks[k].s),
                         .row = blocks[k].b * shape->block_rows,
                         .padding = shape->block_rows - blocks[k].n};
  }
  graph_forward_section(worker->kernels, section, engine->parameters, engine->tape, first * shape->block_rows,
                        n, passes);
  for (int64_t k = 0; k < n && section + 1 == engine->sections + engine->n_sections; k++)
    block_losses(engine, worker, step, &blocks[k],
                 engine->block_loss + (first + k) * (int64_t)engine->in.objective->n);
  worker_mark(worker, PHASE_FORWARD);
}

static void backward_calls(engine_t *engine, worker_t *worker, size_t above, size_t below, int64_t first,
                           int64_t n) {
  graph_backward_between(worker->kernels, above, below, engine->parameters, engine->tape,
                         first * engine->shape.block_rows, n);
  worker_mark(worker, PHASE_BACKWARD);
}

/* Takes the next calls before number `end` for a thread: as many as may be made together, fewer towards the
 * end, so that threads finish at about the same time. Their number, 0 when none is left. */
static int64_t take_calls(engine_t *engine, long *first, long end) {
  const long threads = engine->in.layout->threads;
  long n = 0;
  *first = atomic_load_explicit(&engine->next_block, memory_order_relaxed);
  do {
    long share = (end - *first + threads - 1) / threads;
    n = share < engine->shape.together ? share : (long)engine->shape.together;
  } while (n > 0 && !atomic_compare_exchange_weak_explicit(&engine->next_block, first, *first + n,
                                                           memory_order_relaxed, memory_order_relaxed));
  return n;
}

long rows_calls(const engine_t *engine) {
  return (long)engine->in.layout->own_shards * (long)engine->shape.blocks;
}

void rows_phase(engine_t *engine, worker_t *worker, const step_t *step) {
  size_t nodes = graph_nodes(engine->in.graph);
  long first = 0, all = rows_calls(engine);
  for (int64_t n; (n = take_calls(engine, &first, all)) > 0;) {
    forward_calls(engine, worker, step, engine->sections, first, n);
    backward_calls(engine, worker, nodes, 1, first, n);
  }
}

void rows_forward(engine_t *engine, worker_t *worker, const step_t *step, const section_t *section,
                  long end) {
  long first = 0, begin = end - rows_calls(engine);
  for (int64_t n; (n = take_calls(engine, &first, end)) > 0;)
    forward_calls(engine, worker, step, section, first - begin, n);
}

void rows_backward(engine_t *engine, worker_t *worker, size_t above, size_t below, long end) {
  long first = 0, begin = end - rows_calls(engine);
  for (int64_t n; (n = take_calls(engine, &first, end)) > 0;)
    backward_calls(engine, worker, above, below, first - begin, n);
}
