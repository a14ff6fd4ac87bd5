/* The engine's set-up and the loop over steps; the phases themselves are in rows.c and update.c. */
#include "train/engine_impl.h"

#include "base/clock.h"
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

/* How many threads meet at the node's barrier. */
static ls_status count_threads(const engine_t *engine, int *out, ls_error *error) {
  world_t *world = engine->in.world;
  int *threads = malloc((size_t)world_size(world) * sizeof *threads);
  ls_status status =
      threads == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &engine->in.layout->threads, sizeof *threads, threads, error));
  *out = 0;
  for (int r = 0; r < world_size(world); r++)
    if (world_node_of(world, r) == world_node(world)) *out += threads[r];
done:
  free(threads);
  return status;
}

/* The barriers, and the counts and sums that threads of a node tell each other. */
static size_t control_bytes(const engine_t *engine) {
  return sizeof(control_t) + engine->n_buckets * sizeof(progress_t) +
         (engine->blocks + 2 * engine->trust.n_pieces) * sizeof(double);
}

/* What lies behind the control. */
static void place_control(engine_t *engine) {
  engine->progress = (progress_t *)(engine->control + 1);
  engine->norms = (double *)(engine->progress + engine->n_buckets);
  engine->trust.squares = engine->norms + engine->blocks;
}

static ls_status create_shared(engine_t *engine, ls_error *error) {
  world_t *world = engine->in.world;
  size_t vector = engine->floats * sizeof(float);
  size_t buffer = graph_buffer_floats(engine->in.graph) * sizeof(float);
  bool first = world_place(world) == 0;
  TRY(window_create(world, first ? buffer : 0, "the parameters", &engine->parameter_window, error));
  TRY(window_create(world, (size_t)engine->n_pieces * vector, "the partial sums of gradients",
                    &engine->partial_window, error));
  TRY(window_create(world, first ? control_bytes(engine) : 0, "the barrier", &engine->control_window, error));
  engine->parameters = window_segment(engine->parameter_window, 0);
  engine->partials = window_segment(engine->partial_window, world_place(world));
  engine->control = window_segment(engine->control_window, 0);
  place_control(engine);
  int threads = 0;
  TRY(count_threads(engine, &threads, error));
  if (first) barrier_init(&engine->control->barrier, threads);
  if (first) barrier_init(&engine->control->lanes, engine->lanes);
  return world_barrier(world, error);
}

static ls_status create_private(engine_t *engine, ls_error *error) {
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
    TRY(stream_plan_steps(engine->stream, order_of(engine->in.settings), engine->in.settings->train.seed,
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
  worker->tile = arena_new(&engine->arena, graph_largest_tile(engine->in.graph), sizeof(float));
  worker->gradient = arena_new(&engine->arena, GRAPH_BLOCK, sizeof(float));
  worker->timeline = arena_new(&engine->arena, (size_t)engine->in.timed_steps * PHASES, sizeof(double));
  worker->stack = arena_new(&engine->arena, (size_t)deepest_sum(engine) * GRAPH_BLOCK, sizeof(float));
  if (worker->labels == NULL || worker->rows == NULL || worker->values == NULL || worker->weights == NULL ||
      worker->levels == NULL || worker->tile == NULL || worker->gradient == NULL || worker->stack == NULL ||
      worker->timeline == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a thread's buffers");
  return LS_OK;
}

/* Kernels are made by the threads that run them, each with one OpenMP thread set: otherwise the library may
 * split a sum over rows between threads, and the bits would depend on their number. */
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
  ls_status status = check_size(engine, error);
  if (status == LS_OK) status = trust_plan(engine, error);
  if (status == LS_OK) status = slices_create(engine, error);
  if (status == LS_OK) status = staged_create(engine, error);
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
  return (engine_memory_t){.parameters = shared ? buffer : buffer * world_places(world),
                           .partials = n * vector,
                           .states = vector * (states + 1) / parts,
                           .files = world_rank(world) == 0 ? vector * (states + 3) : 0,
                           .tape = (double)(layout->own_shards * shape.padded) *
                                   (double)graph_tape_floats(graph, true) * sizeof(float)};
}

/* ---- parameters and state ---- */

const float *engine_parameters(const engine_t *engine) {
  return engine->parameters;
}

ls_status engine_set_parameters(engine_t *engine, const float *vector, ls_error *error) {
  if (!engine->shared || world_place(engine->in.world) == 0) {
    memcpy(engine->parameters, vector, engine->floats * sizeof *vector);
    graph_transpose(engine->in.graph, engine->parameters, 0, engine->floats);
  }
  return world_barrier(engine->in.world, error);
}

void engine_set_state(engine_t *engine, int k, const float *vector) {
  scatter_slices(engine, vector, engine->states[k]);
}

ls_status engine_get_state(engine_t *engine, int k, float *vector, ls_error *error) {
  return gather_slices(engine, engine->states[k], vector, error);
}

/* ---- epochs and steps ---- */

void engine_begin_epoch(engine_t *engine, int64_t epoch) {
  const layout_t *layout = engine->in.layout;
  const settings_t *settings = engine->in.settings;
  order_t order = order_of(settings);
  engine->steps_done = 0;
  if (engine->lbfgs != NULL) epoch = 0; /* the same sums, to the bit, whenever the same point is evaluated */
  engine->epoch = epoch;
  engine->stream_step = -1;
  memset(engine->epoch_loss, 0, (size_t)layout->own_shards * engine->in.objective->n * sizeof(double));
  if (engine->stream != NULL) return;
#pragma omp parallel for schedule(dynamic) num_threads(layout->threads)
  for (int s = 0; s < layout->own_shards; s++) {
    int64_t begin = engine->shard_begin[s], n = engine->shard_begin[s + 1] - begin;
    uint32_t *rows = engine->order + begin;
    order_fill(order, settings->train.seed, epoch, layout->first_shard + s, n, rows);
    for (int64_t i = 0; i < n; i++) rows[i] += (uint32_t)begin;
  }
}

/* ---- streamed rows ---- */

/* The reader goes on to read for the steps from `from` on. */
static void begin_reading(engine_t *engine, int64_t from) {
  if (engine->stream == NULL) return;
  if (engine->stream_step == from)
    stream_resume(engine->stream);
  else
    stream_begin_steps(engine->stream, engine->epoch, from);
}

/* Told between two barriers of the node's threads, so that all of them see it after the same step. By one
 * thread of each rank. */
static void tell_failed_reader(engine_t *engine, ls_error *error) {
  int64_t failed = stream_failed(engine->stream) ? READER_FAILED : 0;
  if (!engine->shared && world_max_i64(engine->in.world, &failed, 1, error) != LS_OK)
    failed = EXCHANGE_FAILED;
  if (failed != 0) atomic_store(&engine->control->failed, (int)failed);
}

/* Between runs the reader leaves the files to others. What went wrong on one rank is told by all. */
static ls_status end_reading(engine_t *engine, int64_t to, ls_error *error) {
  if (engine->stream == NULL) return LS_OK;
  stream_rest(engine->stream);
  engine->stream_step = to;
  if (atomic_load(&engine->control->failed) != READER_FAILED) return LS_OK;
  return world_agree(engine->in.world, stream_status(engine->stream, error), error);
}

/* False when the others have not come in time. */
static bool wait_at(engine_t *engine, worker_t *worker, barrier_t *barrier) {
  bool came = barrier_wait(barrier, world_timeout(engine->in.world));
  if (!came) atomic_store(&engine->control->failed, EXCHANGE_FAILED);
  worker_mark(worker, PHASE_WAIT);
  return came;
}

bool team_wait(engine_t *engine, worker_t *worker) {
  return wait_at(engine, worker, engine->team);
}

bool node_wait(engine_t *engine, worker_t *worker) {
  return wait_at(engine, worker, &engine->control->barrier);
}

bool lanes_wait(engine_t *engine, worker_t *worker) {
  return wait_at(engine, worker, &engine->control->lanes);
}

bool step_failed(const engine_t *engine) {
  return atomic_load_explicit(&engine->control->failed, memory_order_relaxed) != 0;
}

/* A step on one node. The counters that deal out work are set back where nobody uses them: two phases before
 * they are needed. */
static void do_step(engine_t *engine, worker_t *worker, int thread, const step_t *step, ls_error *error) {
  bool alone = update_while_folding(engine, step);
  rows_phase(engine, worker, step);
  team_wait(engine, worker);
  if (thread == 0) atomic_store_explicit(&engine->next_block, 0, memory_order_relaxed);
  if (thread == 0 && engine->stream != NULL) stream_release(engine->stream, step->step);
  if (thread == 0 && engine->stream != NULL && alone) tell_failed_reader(engine, error);
  fold_phase(engine, worker, step);
  if (!node_wait(engine, worker)) return;
  if (thread == 0) atomic_store_explicit(&engine->next_tile, 0, memory_order_relaxed);
  if (alone) return;
  if (thread == 0 && engine->stream != NULL) tell_failed_reader(engine, error);
  update_phase(engine, worker, thread, step, error);
  node_wait(engine, worker);
}

/* Needed, and found, only for running statistics. */
static int64_t step_freedom(const engine_t *engine, int64_t t) {
  const partition_t partition = engine->in.train->partition;
  int64_t batch = engine->in.settings->train.global_batch_size, calls = 0;
  if (engine->trained_blocks == engine->blocks) return 0;
  for (int s = 0; s < partition.shards; s++) {
    int64_t rows = slice_begin(partition, batch, s, t + 1) - slice_begin(partition, batch, s, t);
    calls += (rows + engine->shape.block_rows - 1) / engine->shape.block_rows;
  }
  return step_rows(partition, batch, t) - calls;
}

/* A step by one of the rank's threads; -1 is the one that drives the exchange with other nodes. `tick` counts
 * the steps of the engine. False when the run is over. */
static bool take_part(engine_t *engine, int thread, const step_t *step, long tick, ls_error *error) {
  worker_t *worker = &engine->workers[thread >= 0 ? thread : engine->in.layout->threads];
  if (thread < 0) {
    exchange_step(engine, worker, step, tick, error);
    return !step_failed(engine);
  }
  if (engine->nodes > 1) return staged_step(engine, worker, thread, step, tick);
  do_step(engine, worker, thread, step, error);
  return !step_failed(engine);
}

/* What all steps of a call have in common is in `like`. The thread that made the world is the one that drives
 * the exchange: MPI need not know of others. */
static ls_status run_steps(engine_t *engine, int64_t from, int64_t to, int64_t updates_before, step_t like,
                           ls_error *error) {
  const partition_t partition = engine->in.train->partition;
  int64_t batch = engine->in.settings->train.global_batch_size;
  begin_reading(engine, from);
  int drives = exchange_takes_part(engine);
#pragma omp parallel num_threads(engine->in.layout->threads + drives)
  {
    int thread = omp_get_thread_num() - drives;
    worker_t *worker = &engine->workers[thread >= 0 ? thread : engine->in.layout->threads];
    bool goes_on = true;
    omp_set_num_threads(1);
    worker->mark = clock_seconds();
    for (int64_t t = from; t < to && goes_on; t++) {
      step_t step = {.step = t,
                     .updates = updates_before + (t - from),
                     .rows = step_rows(partition, batch, t),
                     .freedom = step_freedom(engine, t),
                     .want_norm = like.want_norm && t == to - 1,
                     .keep = like.keep};
      goes_on = take_part(engine, thread, &step, engine->ticks + (t - from), error);
      worker_record(engine, worker, thread, &step, engine->timed + (t - from));
    }
    if (goes_on && thread >= 0 && engine->nodes > 1) staged_end(engine, worker, engine->ticks + (to - from));
  }
  engine->steps_done = to;
  engine->ticks += to - from;
  engine->timed += to - from;
  TRY(end_reading(engine, to, error));
  if (!step_failed(engine)) return LS_OK;
  return world_abandon(engine->in.world, "ranks of this node do not come to the end of a step", error);
}

ls_status engine_run(engine_t *engine, int64_t from, int64_t to, int64_t updates_before, bool want_norm,
                     ls_error *error) {
  if (engine->lbfgs != NULL) return lbfgs_run(engine, from, to, error);
  return run_steps(engine, from, to, updates_before, (step_t){.want_norm = want_norm}, error);
}

ls_status engine_evaluate(engine_t *engine, int64_t step, ls_error *error) {
  return run_steps(engine, step, step + 1, 0, (step_t){.keep = true}, error);
}

ls_status engine_gradient(engine_t *engine, int64_t step, int64_t updates_before, float *vector,
                          ls_error *error) {
  TRY(run_steps(engine, step, step + 1, updates_before, (step_t){.keep = true}, error));
  return gather_slices(engine, engine->gradient, vector, error);
}

static ls_status gather_losses(engine_t *engine, const double *own, double *sums, ls_error *error) {
  world_t *world = engine->in.world;
  int ranks = world_size(world), shards = engine->in.layout->shards;
  size_t heads = engine->in.objective->n;
  size_t *sizes = malloc((size_t)ranks * sizeof *sizes);
  ls_status status =
      sizes == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  for (int r = 0; r < ranks; r++) sizes[r] = (size_t)rank_shards(shards, ranks, r) * heads * sizeof *own;
  status = world_gather_pieces(world, own, sizes, sums, -1, error);
done:
  free(sizes);
  return status;
}

ls_status engine_step_loss(engine_t *engine, double *sums, ls_error *error) {
  return gather_losses(engine, engine->step_loss, sums, error);
}

ls_status engine_epoch_loss(engine_t *engine, double *sums, ls_error *error) {
  return gather_losses(engine, engine->epoch_loss, sums, error);
}

void engine_set_epoch_loss(engine_t *engine, const double *sums) {
  const layout_t *layout = engine->in.layout;
  size_t heads = engine->in.objective->n;
  memcpy(engine->epoch_loss, sums + (size_t)layout->first_shard * heads,
         (size_t)layout->own_shards * heads * sizeof *sums);
}

double engine_head_loss(const engine_t *engine, const double *sums, size_t h) {
  return tree_sum(sums + h, engine->in.layout->shards, engine->in.objective->n);
}

double engine_total_loss(const engine_t *engine, const double *sums) {
  double losses[MOST_HEADS];
  for (size_t h = 0; h < engine->in.objective->n; h++) losses[h] = engine_head_loss(engine, sums, h);
  return objective_total(engine->in.objective, losses);
}

/* ---- figures ---- */

double engine_live_loss(const engine_t *engine) {
  const partition_t partition = engine->in.train->partition;
  const layout_t *layout = engine->in.layout;
  double sum = 0;
  int64_t rows = 0;
  for (int s = 0; s < layout->own_shards; s++) {
    sum += objective_total(engine->in.objective, engine->epoch_loss + (size_t)s * engine->in.objective->n);
    rows += slice_begin(partition, engine->in.settings->train.global_batch_size, layout->first_shard + s,
                        engine->steps_done);
  }
  return rows > 0 ? sum / (double)rows : 0;
}

double engine_norm(const engine_t *engine) {
  return engine->norm;
}

double engine_learning_rate(const engine_t *engine, int64_t updates_before) {
  return schedule_learning_rate(engine->schedule, &engine->rates, updates_before);
}

void engine_set_schedule(engine_t *engine, const schedule_t *schedule, const schedule_plan_t *plan) {
  engine->schedule = schedule;
  engine->rates = *plan;
}

void engine_set_plateau(engine_t *engine, double share) {
  engine->rates.plateau = share;
}

const char *engine_phase_name(engine_phase_t phase) {
  static const char *const names[] = {
#define ENGINE_PHASE_NAME(code, name) [code] = name,
      ENGINE_PHASES(ENGINE_PHASE_NAME)
#undef ENGINE_PHASE_NAME
  };
  return names[phase];
}

void engine_seconds(const engine_t *engine, double seconds[PHASES]) {
  int threads = engine->in.layout->threads;
  for (int p = 0; p < PHASES; p++) {
    seconds[p] = 0;
    for (int t = 0; t < threads; t++) seconds[p] += engine->workers[t].seconds[p] / threads;
  }
}
