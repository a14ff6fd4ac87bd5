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

/* A tile on its way through the tree. */
typedef struct {
  engine_t *engine;
  worker_t *worker;
  const step_t *step;
  size_t number;
  tile_t tile;
} fold_t;

static void leaf_tile(const fold_t *fold, int leaf, const dense_sum_t *sums, int pending) {
  engine_t *engine = fold->engine;
  int s = leaf - engine->in.layout->first_shard;
  int64_t begin = 0;
  if (slice_of(engine, s, fold->step, &begin) > 0)
    graph_tile_gradient(fold->worker->kernels, engine->tape, s * engine->shape.padded, fold->number, sums,
                        pending);
  else
    graph_tile_zero(engine->in.graph, fold->number, sums, pending);
}

/* With t the gradient sum of the tile over the leaves [lo, lo + n) of the tree: sums[0] = sums[0] + (sums[1]
 * + … (sums[pending - 1] + t)), or t when none is pending. The left subtree goes to the first sum that is
 * free, and is pending while the right one is made; so the leaf that ends some subtrees completes all of
 * them. */
static void fold_tile(const fold_t *fold, int lo, int n, const dense_sum_t *sums, int pending) {
  if (n == 1) {
    leaf_tile(fold, lo, sums, pending);
    return;
  }
  int left = tree_split(n);
  fold_tile(fold, lo, left, sums + pending, 0);
  fold_tile(fold, lo + left, n - left, sums, pending + 1);
}

/* The sum of the tile over a subtree to `out`; what is pending waits on levels of its own. */
static void fold_node(const fold_t *fold, tree_node_t node, dense_sum_t out) {
  const engine_t *engine = fold->engine;
  dense_sum_t sums[TREE_MAX_DEPTH] = {out};
  for (int k = 1; k < engine->fold_depth; k++)
    sums[k] = (dense_sum_t){fold->worker->levels + (size_t)(k - 1) * graph_largest_tile(engine->in.graph),
                            (int64_t)fold->tile.floats};
  fold_tile(fold, node.lo, node.n, sums, 0);
}

/* Head by head: blocks in order, then onto the epoch's. */
void add_losses(engine_t *engine, const step_t *step) {
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
static void fold_and_update(const fold_t *fold, const optimizer_step_t *update) {
  const tile_t *tile = &fold->tile;
  dense_sum_t sum = {fold->worker->tile, (int64_t)tile->floats};
  fold_node(fold, (tree_node_t){0, fold->engine->in.layout->shards}, sum);
  worker_mark(fold->worker, PHASE_FOLD);
  for (size_t r = 0; r < tile->runs; r++)
    update_floats(fold->engine, fold->worker, &fold->engine->buckets[0], fold->step, update,
                  tile->offset + r * tile->stride, tile->floats, sum.floats + r * tile->floats);
  worker_mark(fold->worker, PHASE_UPDATE);
}

static fold_t fold_of(engine_t *engine, worker_t *worker, const step_t *step, size_t tile) {
  return (fold_t){engine, worker, step, tile, graph_tile(engine->in.graph, tile)};
}

/* Its sums over the largest subtrees of this rank's shards. */
void fold_pieces(engine_t *engine, worker_t *worker, const step_t *step, size_t tile) {
  const fold_t fold = fold_of(engine, worker, step, tile);
  for (int k = 0; k < engine->n_pieces; k++) {
    float *partial = engine->partials + (size_t)k * engine->floats;
    dense_sum_t out = {partial + fold.tile.offset, (int64_t)fold.tile.stride};
    fold_node(&fold, engine->pieces[k], out);
  }
}

void fold_phase(engine_t *engine, worker_t *worker, const step_t *step) {
  long all = (long)graph_tiles(engine->in.graph);
  bool alone = update_while_folding(engine, step);
  const optimizer_step_t update = update_settings(engine, step);
  for (long i; (i = atomic_fetch_add_explicit(&engine->next_tile, 1, memory_order_relaxed)) < all;) {
    if (i == 0) add_losses(engine, step);
    const fold_t fold = fold_of(engine, worker, step, (size_t)i);
    if (alone)
      fold_and_update(&fold, &update);
    else
      fold_pieces(engine, worker, step, (size_t)i);
  }
  worker_mark(worker, PHASE_FOLD);
}
