/* The engine's set-up: what a step needs, made once, so that the step itself allocates nothing. */
#include "step/engine_impl.h"

#include "base/float_mode.h"
#include "data/shard.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* Rows of one kernel call, and of the calls that a thread makes at once: enough for weights to be read
 * seldom, few enough to stay in cache with what they are multiplied with. */
enum { MOST_BLOCK_ROWS = 128, ROWS_TOGETHER = 64 };

slice_shape_t slice_shape(int64_t batch, int shards) {
  slice_shape_t shape = {.slice_rows = slice_rows(batch, shards)};
  shape.blocks = (shape.slice_rows + MOST_BLOCK_ROWS - 1) / MOST_BLOCK_ROWS;
  shape.block_rows = (shape.slice_rows + shape.blocks - 1) / shape.blocks;
  shape.padded = shape.blocks * shape.block_rows;
  shape.together = shape.block_rows < ROWS_TOGETHER ? ROWS_TOGETHER / shape.block_rows : 1;
  if (shape.together > MOST_TOGETHER) shape.together = MOST_TOGETHER;
  return shape;
}

/* ---- set-up ---- */

static schedule_plan_t rate_plan(const settings_t *settings, partition_t partition) {
  double per_epoch = (double)epoch_steps(partition, settings->train.global_batch_size);
  double total = (double)settings->train.epochs * per_epoch;
  double warmup = settings->schedule.warmup_epochs * per_epoch;
  double ratio = (double)settings->train.global_batch_size / (double)settings->schedule.base_batch_size;
  double scale = rate_scaling_find(settings->schedule.scaling)->scale(ratio);
  return (schedule_plan_t){.learning_rate = settings->optimizer.learning_rate * scale,
                           .warmup_steps = warmup,
                           .total_steps = total,
                           .start = settings->schedule.start,
                           .rise_steps = settings->schedule.rise * fmax(0, total - warmup),
                           .final = settings->schedule.final,
                           .power = settings->schedule.power,
                           .every_steps = settings->schedule.every_epochs * per_epoch,
                           .factor = settings->schedule.factor,
                           .plateau = 1};
}

/* How many threads meet at the node's barrier, and the most that one rank has. */
static ls_status count_threads(const engine_t *engine, int *all, int *most, ls_error *error) {
  world_t *world = engine->in.world;
  int *threads = malloc((size_t)world_size(world) * sizeof *threads);
  ls_status status =
      threads == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &engine->in.layout->threads, sizeof *threads, threads, error));
  *all = *most = 0;
  for (int r = 0; r < world_size(world); r++) {
    if (world_node_of(world, r) != world_node(world)) continue;
    *all += threads[r];
    if (threads[r] > *most) *most = threads[r];
  }
done:
  free(threads);
  return status;
}

/* The barriers, and the counts and sums that threads of a node tell each other. */
static size_t control_bytes(const engine_t *engine) {
  return sizeof(control_t) + engine->n_buckets * sizeof(progress_t) +
         (size_t)engine->n_slots * sizeof(slot_t) +
         (engine->blocks + 2 * engine->trust.n_pieces) * sizeof(double);
}

/* What lies behind the control. */
static void place_control(engine_t *engine) {
  engine->progress = (progress_t *)(engine->control + 1);
  engine->slots = (slot_t *)(engine->progress + engine->n_buckets);
  engine->norms = (double *)(engine->slots + engine->n_slots);
  engine->trust.squares = engine->norms + engine->blocks;
}

static ls_status create_shared(engine_t *engine, ls_error *error) {
  world_t *world = engine->in.world;
  int threads = 0, most = 0;
  TRY(count_threads(engine, &threads, &most, error));
  fold_plan_ring(engine, most);
  size_t sums = (size_t)engine->n_pieces * engine->piece_floats * sizeof(float);
  size_t buffer = graph_buffer_floats(engine->in.graph) * sizeof(float);
  bool first = world_place(world) == 0;
  TRY(window_create(world, first ? buffer : 0, "the parameters", &engine->parameter_window, error));
  TRY(window_create(world, sums, "the partial sums of gradients", &engine->partial_window, error));
  TRY(window_create(world, first ? control_bytes(engine) : 0, "the barrier", &engine->control_window, error));
  engine->parameters = window_segment(engine->parameter_window, 0);
  engine->partials = window_segment(engine->partial_window, world_place(world));
  engine->control = window_segment(engine->control_window, 0);
  place_control(engine);
  if (first) barrier_init(&engine->control->barrier, threads);
  if (first) barrier_init(&engine->control->lanes, engine->lanes);
  return world_barrier(world, error);
}

static ls_status create_private(engine_t *engine, ls_error *error) {
  fold_plan_ring(engine, engine->in.layout->threads);
  engine->parameters = arena_new(&engine->arena, graph_buffer_floats(engine->in.graph), sizeof(float));
  engine->partials = arena_new(&engine->arena, engine->floats * (size_t)engine->n_pieces, sizeof(float));
  engine->control = arena_new(&engine->arena, 1, control_bytes(engine));
  if (engine->parameters == NULL || engine->partials == NULL || engine->control == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for parameters and gradients (%.1f MB)",
                     (double)engine->floats * sizeof(float) * (1 + engine->n_pieces) / 1e6);
  place_control(engine);
  barrier_init(&engine->control->barrier, engine->in.layout->threads);
  return LS_OK;
}

static order_t order_of(const settings_t *settings) {
  order_t order = ORDER_FULL;
  order_parse(settings->data.shuffle, &order, NULL);
  return order;
}

/* What the rows phase needs beside kernels. */
static ls_status create_rows(engine_t *engine, ls_error *error) {
  const layout_t *layout = engine->in.layout;
  size_t own = (size_t)layout->own_shards, heads = engine->in.objective->n;
  TRY(gather_create(engine->in.train, engine->in.features, &engine->gather, error));
  size_t ordered = engine->stream == NULL ? (size_t)engine->in.train->rows : 0;
  TRY(tape_create(engine->in.graph, layout->own_shards * engine->shape.padded, engine->shape.padded,
                  &engine->tape, error));
  engine->order = arena_new(&engine->arena, ordered, sizeof *engine->order);
  engine->shard_begin = arena_new(&engine->arena, own + 1, sizeof *engine->shard_begin);
  engine->block_loss = arena_new(&engine->arena, own * heads * (size_t)engine->shape.blocks, sizeof(double));
  engine->step_loss = arena_new(&engine->arena, own * heads, sizeof(double));
  engine->epoch_loss = arena_new(&engine->arena, own * heads, sizeof(double));
  engine->team = arena_new(&engine->arena, 1, sizeof *engine->team);
  engine->timed_rows = arena_new(&engine->arena, (size_t)engine->in.timed_steps, sizeof *engine->timed_rows);
  engine->workers = arena_new(&engine->arena, (size_t)layout->threads + exchange_takes_part(engine),
                              sizeof *engine->workers);
  if (engine->order == NULL || engine->shard_begin == NULL || engine->block_loss == NULL ||
      engine->step_loss == NULL || engine->epoch_loss == NULL || engine->team == NULL ||
      engine->workers == NULL || engine->timed_rows == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the order of %lld rows",
                     (long long)engine->in.train->rows);
  barrier_init(engine->team, layout->threads);
  if (engine->stream != NULL)
    TRY(stream_plan_steps(engine->stream, engine->shuffle, engine->in.settings->train.seed,
                          engine->in.settings->train.global_batch_size, error));
  for (int s = 0; s < layout->own_shards; s++)
    engine->shard_begin[s + 1] =
        engine->shard_begin[s] + shard_rows(engine->in.train->partition, layout->first_shard + s);
  return LS_OK;
}

static int deepest_sum(const engine_t *engine) {
  int depth = engine->total.depth, between = exchange_depth(engine);
  return (between > depth ? between : depth) + 1;
}

/* Sums that a tile has at work at once. */
static int deepest_fold(const engine_t *engine) {
  int depth = 1;
  for (int k = 0; k < engine->n_pieces; k++)
    if (tree_depth(engine->pieces[k].n) > depth) depth = tree_depth(engine->pieces[k].n);
  return depth;
}

static ls_status worker_buffers(engine_t *engine, worker_t *worker, ls_error *error) {
  size_t rows = (size_t)engine->shape.block_rows;
  worker->labels = arena_new(&engine->arena, rows, sizeof *worker->labels);
  worker->rows = arena_new(&engine->arena, rows, sizeof *worker->rows);
  worker->values = arena_new(&engine->arena, rows * (size_t)engine->in.objective->targets, sizeof(float));
  worker->weights = arena_new(&engine->arena, rows, sizeof *worker->weights);
  worker->levels = arena_new(
      &engine->arena, (size_t)(engine->fold_depth - 1) * graph_largest_tile(engine->in.graph), sizeof(float));
  worker->gradient = arena_new(&engine->arena, GRAPH_BLOCK, sizeof(float));
  worker->timeline = arena_new(&engine->arena, (size_t)engine->in.timed_steps * PHASES, sizeof(double));
  worker->stack = arena_new(&engine->arena, (size_t)deepest_sum(engine) * GRAPH_BLOCK, sizeof(float));
  if (worker->labels == NULL || worker->rows == NULL || worker->values == NULL || worker->weights == NULL ||
      worker->levels == NULL || worker->gradient == NULL || worker->stack == NULL || worker->timeline == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a thread's buffers");
  return LS_OK;
}

/* Each thread takes its share of memory itself, so that the pages lie near to its core. */
static ls_status create_workers(engine_t *engine, ls_error *error) {
  int threads = engine->in.layout->threads, drives = exchange_takes_part(engine), got = 0;
  engine->fold_depth = deepest_fold(engine);
  for (int t = 0; t < threads + drives; t++) TRY(worker_buffers(engine, &engine->workers[t], error));
  ls_status status = LS_OK;
  omp_set_dynamic(0);
#pragma omp parallel num_threads(threads + drives)
  {
    ls_error own = {0};
    int t = omp_get_thread_num() - drives; /* as run_steps numbers them */
    omp_set_num_threads(1);
    float_mode_begin();
#pragma omp single
    got = omp_get_num_threads() - drives;
    if (t >= 0 && graph_worker_create(engine->in.graph, engine->shape.block_rows, engine->shape.together,
                                      true, &engine->workers[t].kernels, &own) != LS_OK) {
#pragma omp critical
      {
        status = own.status;
        *error = own;
      }
    }
  }
  if (status == LS_OK && got != threads)
    status = error_set(error, LS_FAILED,
                       "OpenMP started %d of %d threads: raise OMP_THREAD_LIMIT or set parallel.threads=%d",
                       got, threads, got);
  return status;
}

static ls_status check_size(const engine_t *engine, ls_error *error) {
  if (engine->in.train->rows >= (int64_t)1 << 32)
    return error_set(error, LS_BAD_SETTINGS,
                     "%lld rows on one rank: start more ranks, at most 2^32 rows each",
                     (long long)engine->in.train->rows);
  return LS_OK;
}

static ls_status create_parts(engine_t *engine, ls_error *error) {
  world_t *world = engine->in.world;
  const layout_t *layout = engine->in.layout;
  engine->n_pieces = tree_cover(layout->shards, layout->first_shard, layout->own_shards, engine->pieces);
  TRY(slices_plan(engine, error));
  ls_status status = check_size(engine, error);
  if (status == LS_OK) status = trust_plan(engine, error);
  if (status == LS_OK) status = slices_create(engine, error);
  if (status == LS_OK) status = staged_create(engine, error);
  if (status == LS_OK) status = fold_create(engine, error);
  TRY(world_agree(world, status, error));
  if (engine->shared)
    TRY(create_shared(engine, error));
  else
    TRY(world_agree(world, create_private(engine, error), error));
  TRY(world_agree(world, update_create(engine, error), error));
  TRY(world_agree(world, lbfgs_create(engine, error), error));
  TRY(world_agree(world, create_rows(engine, error), error));
  return world_agree(world, create_workers(engine, error), error);
}

ls_status engine_create(const engine_inputs_t *inputs, engine_t **out, ls_error *error) {
  engine_t *engine = aligned_alloc(_Alignof(engine_t), sizeof *engine);
  ls_status status = engine == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the engine") : LS_OK;
  TRY_OR_DONE(world_agree(inputs->world, status, error));
  *engine = (engine_t){.in = *inputs, .stream = inputs->train->stream};
  const settings_t *settings = inputs->settings;
  engine->shuffle = order_of(settings);
  engine->optimizer = optimizer_find(settings->optimizer.name);
  engine->schedule = schedule_find(settings->schedule.name);
  engine->rates = rate_plan(settings, inputs->train->partition);
  engine->shape = slice_shape(settings->train.global_batch_size, inputs->layout->shards);
  engine->shared = strcmp(settings->parallel.reduce, "shared") == 0;
  engine->nodes = engine->shared ? world_nodes(inputs->world) : 1;
  engine->lanes = engine->shared ? world_lanes(inputs->world) : 1;
  engine->updaters = engine->nodes > 1 ? 1 : inputs->layout->threads;
  engine->floats = graph_floats(inputs->graph);
  engine->blocks = engine->floats / GRAPH_BLOCK;
  engine->weight_blocks = graph_weight_floats(inputs->graph) / GRAPH_BLOCK;
  engine->trained_blocks = graph_trained_floats(inputs->graph) / GRAPH_BLOCK;
  status = create_parts(engine, error);
done:
  if (status != LS_OK) {
    engine_destroy(&engine);
    return status;
  }
  *out = engine;
  return LS_OK;
}

void engine_destroy(engine_t **engine) {
  if (engine == NULL || *engine == NULL) return;
  engine_t *own = *engine;
  if (own->workers != NULL)
    for (int t = 0; t < own->in.layout->threads; t++) graph_worker_destroy(&own->workers[t].kernels);
  tape_destroy(&own->tape);
  gather_free(&own->gather);
  exchange_destroy(own);
  window_destroy(&own->control_window);
  window_destroy(&own->partial_window);
  window_destroy(&own->parameter_window);
  arena_free(&own->arena);
  free(own);
  *engine = NULL;
}

/* Room for the sums that this rank's lane passes on or receives, with as many leaves on every node: one
 * subtree of each. */
static double exchange_memory(const world_t *world, double vector) {
  double nodes = world_nodes(world), lane = vector / world_lanes(world);
  if (nodes == 1 || world_place(world) >= world_lanes(world)) return 0;
  return (nodes - 1) * lane / nodes + (world_places(world) > 1 ? lane : 0);
}

engine_memory_t engine_memory(const settings_t *settings, const layout_t *layout, const graph_t *graph,
                              const world_t *world) {
  tree_node_t pieces[TREE_MAX_PIECES];
  double vector = (double)graph_floats(graph) * sizeof(float);
  double buffer = (double)graph_buffer_floats(graph) * sizeof(float);
  int n = tree_cover(layout->shards, layout->first_shard, layout->own_shards, pieces);
  bool shared = strcmp(settings->parallel.reduce, "shared") == 0;
  int parts = shared ? world_nodes(world) * world_lanes(world) : 1;
  int states = optimizer_find(settings->optimizer.name)->states;
  slice_shape_t shape = slice_shape(settings->train.global_batch_size, layout->shards);
  double sums = vector; /* of a subtree */
  if (shared && world_nodes(world) == 1)
    sums = fold_slots(layout->threads, world_places(world), graph_tiles(graph)) *
           (double)fold_slot_floats(graph) * sizeof(float);
  return (engine_memory_t){.parameters = shared ? buffer : buffer * world_places(world),
                           .partials = n * sums,
                           .states = vector * (states + 1) / parts,
                           .exchange = shared ? exchange_memory(world, vector) : 0,
                           .files = world_rank(world) == 0 ? vector * (states + 3) : 0,
                           .tape = (double)(layout->own_shards * shape.padded) *
                                   (double)graph_tape_floats(graph, true) * sizeof(float)};
}
