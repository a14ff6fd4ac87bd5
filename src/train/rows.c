/* The first two phases of a step: rows, and the fold of weight gradients.
 *
 * A shard's slice of the batch lies on the tape padded to whole kernel calls; rows beyond the slice are zero
 * and have zero deltas, so that every kernel call has the same shape and the padding adds nothing to a
 * gradient. */
#include "base/clock.h"
#include "train/engine_impl.h"

#include <string.h>

void worker_mark(worker_t *worker, engine_phase_t phase) {
  double now = clock_seconds();
  worker->seconds[phase] += now - worker->mark;
  worker->mark = now;
}

/* This step's slice of own shard s: rows [begin, begin + count) of the shard's order. */
static int64_t slice_of(const engine_t *engine, int s, const step_t *step, int64_t *begin) {
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

/* Targets of n rows, then the loss sums of all heads and the gradient for them; rows up to block_rows get
 * zero gradient. */
static void block_losses(engine_t *engine, worker_t *worker, const uint32_t *rows, int64_t n, int64_t at,
                         double *sums) {
  int64_t width = graph_outputs(engine->in.graph);
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
  float *delta = tape_output_delta(engine->tape, at);
  memset(delta + n * width, 0, (size_t)((engine->shape.block_rows - n) * width) * sizeof *delta);
  objective_evaluate(engine->in.objective, n, tape_output(engine->tape, at), target, delta, sums);
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

/* Block b of own shard s: gather, forward, loss, backward. */
static void do_block(engine_t *engine, worker_t *worker, const step_t *step, int s, int64_t b) {
  const slice_shape_t *shape = &engine->shape;
  int64_t begin = 0, count = slice_of(engine, s, step, &begin);
  if (count == 0) return; /* in the last step of an epoch: the fold takes a zero leaf */
  int64_t row = b * shape->block_rows, at = s * shape->padded + row;
  int64_t n = count - row < shape->block_rows ? count - row : shape->block_rows;
  if (n < 0) n = 0;
  int64_t features = graph_inputs(engine->in.graph);
  const uint32_t *rows = rows_at(engine, worker, step, s, begin + row, n);

  float *x = tape_input(engine->tape, at);
  gather_features(&engine->gather, rows, n, x);
  memset(x + n * features, 0, (size_t)((shape->block_rows - n) * features) * sizeof *x);
  worker_mark(worker, PHASE_GATHER);

  pass_t pass = {.training = true,
                 .seed = engine->in.settings->train.seed,
                 .step = (uint64_t)step->updates,
                 .shard = (uint64_t)(engine->in.layout->first_shard + s),
                 .row = row,
                 .padding = shape->block_rows - n};
  graph_forward(worker->kernels, engine->parameters, engine->tape, at, &pass);
  block_losses(engine, worker, rows, n, at,
               engine->block_loss + (s * shape->blocks + b) * (int64_t)engine->in.objective->n);
  worker_mark(worker, PHASE_FORWARD);

  graph_backward(worker->kernels, engine->parameters, engine->tape, at);
  worker_mark(worker, PHASE_BACKWARD);
}

void rows_phase(engine_t *engine, worker_t *worker, const step_t *step) {
  long blocks = (long)engine->shape.blocks, all = engine->in.layout->own_shards * blocks;
  for (long i; (i = atomic_fetch_add_explicit(&engine->next_block, 1, memory_order_relaxed)) < all;)
    do_block(engine, worker, step, (int)(i / blocks), i % blocks);
}

/* out = the gradient of a tile from one leaf, or out + that. */
static void leaf_tile(engine_t *engine, worker_t *worker, const step_t *step, size_t tile, size_t floats,
                      int leaf, bool add, float *out) {
  int s = leaf - engine->in.layout->first_shard;
  int64_t begin = 0;
  if (slice_of(engine, s, step, &begin) > 0)
    graph_tile_gradient(worker->kernels, engine->tape, s * engine->shape.padded, tile, add, out);
  else if (add)
    for (size_t i = 0; i < floats; i++) out[i] += 0.0F; /* a zero leaf, added like any other */
  else
    memset(out, 0, floats * sizeof *out);
}

/* out = the gradient sum of a tile over the leaves [lo, lo + n) of the tree: the left subtree goes to out,
 * the right one waits on a level of its own, unless it is a leaf, which is added as it is made. */
static void fold_tile(engine_t *engine, worker_t *worker, const step_t *step, size_t tile, size_t floats,
                      int lo, int n, float *levels, float *restrict out) {
  if (n == 1) {
    leaf_tile(engine, worker, step, tile, floats, lo, false, out);
    return;
  }
  int left = tree_split(n);
  fold_tile(engine, worker, step, tile, floats, lo, left, levels, out);
  if (n - left == 1) {
    leaf_tile(engine, worker, step, tile, floats, lo + left, true, out);
    return;
  }
  float *restrict right = levels;
  fold_tile(engine, worker, step, tile, floats, lo + left, n - left,
            levels + graph_largest_tile(engine->in.graph), right);
  for (size_t i = 0; i < floats; i++) out[i] += right[i];
}

/* Loss sums of this rank's shards, head by head: blocks in order, then onto the epoch's. By one thread. */
static void add_losses(engine_t *engine, const step_t *step) {
  int64_t heads = (int64_t)engine->in.objective->n, blocks = engine->shape.blocks;
  for (int64_t i = 0; i < engine->in.layout->own_shards * heads; i++) {
    int64_t begin = 0, s = i / heads, h = i % heads;
    double sum = 0;
    if (slice_of(engine, (int)s, step, &begin) > 0)
      for (int64_t b = 0; b < blocks; b++) sum += engine->block_loss[(s * blocks + b) * heads + h];
    engine->step_loss[i] = sum;
    engine->epoch_loss[i] += sum;
  }
}

/* The whole sum of a tile, and the update of its parameters by the thread that made it. */
static void fold_and_update(engine_t *engine, worker_t *worker, const step_t *step,
                            const optimizer_step_t *update, size_t i) {
  tile_t tile = graph_tile(engine->in.graph, i);
  fold_tile(engine, worker, step, i, tile.floats, 0, engine->in.layout->shards, worker->levels, worker->tile);
  worker_mark(worker, PHASE_FOLD);
  update_floats(engine, worker, step, update, tile.offset, tile.floats, worker->tile);
  worker_mark(worker, PHASE_UPDATE);
}

/* What the other ranks need of a tile: its sums over the largest subtrees of this rank's shards. */
static void fold_pieces(engine_t *engine, worker_t *worker, const step_t *step, size_t i) {
  tile_t tile = graph_tile(engine->in.graph, i);
  for (int k = 0; k < engine->n_pieces; k++)
    fold_tile(engine, worker, step, i, tile.floats, engine->pieces[k].lo, engine->pieces[k].n, worker->levels,
              engine->partials + (size_t)k * engine->floats + tile.offset);
}

void fold_phase(engine_t *engine, worker_t *worker, const step_t *step) {
  long all = (long)graph_tiles(engine->in.graph);
  bool alone = update_while_folding(engine, step);
  const optimizer_step_t update = update_settings(engine, step);
  for (long i; (i = atomic_fetch_add_explicit(&engine->next_tile, 1, memory_order_relaxed)) < all;) {
    if (i == 0) add_losses(engine, step);
    if (alone)
      fold_and_update(engine, worker, step, &update, (size_t)i);
    else
      fold_pieces(engine, worker, step, (size_t)i);
  }
  worker_mark(worker, PHASE_FOLD);
}
