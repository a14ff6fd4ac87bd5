/* The loop over steps, and what is asked of the engine between them; its set-up is in engine_create.c, the
 * phases of a step in rows.c and update.c. */
#include "step/engine_impl.h"

#include "base/clock.h"
#include "base/float_mode.h"
#include "comm/idle.h"
#include "data/shard.h"

#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

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
    order_fill(engine->shuffle, settings->train.seed, epoch, layout->first_shard + s, n, rows);
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
  bool came = barrier_wait(barrier, &worker->idler, world_timeout(engine->in.world));
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

/* What another thread has begun comes to its end or fails, so it is enough to look at whether it has failed.
 * The clock is for other ranks. */
bool wait_on(engine_t *engine, worker_t *worker, patience_t *patience) {
  double limit = world_timeout(engine->in.world);
  if (step_failed(engine)) return false;
  bool slept = idle(&worker->idler, patience->looks);
  patience->looks += patience->looks < INT_MAX / 2;
  if (!slept || limit <= 0) return true;
  double now = clock_seconds();
  if (patience->asleep <= 0) patience->asleep = now;
  if (now - patience->asleep > limit) atomic_store(&engine->control->failed, EXCHANGE_FAILED);
  return true;
}

bool count_wait(engine_t *engine, worker_t *worker, const atomic_long *counter, long number) {
  patience_t patience = {0};
  while (atomic_load_explicit(counter, memory_order_acquire) < number)
    if (!wait_on(engine, worker, &patience)) return false;
  return true;
}

bool step_failed(const engine_t *engine) {
  return atomic_load_explicit(&engine->control->failed, memory_order_relaxed) != 0;
}

/* A step on one node. The counters that deal out work are set back where nobody uses them: two phases before
 * they are needed. */
static void do_step(engine_t *engine, worker_t *worker, int thread, const step_t *step, long tick,
                    ls_error *error) {
  bool streams = engine->stream != NULL;
  rows_phase(engine, worker, step);
  team_wait(engine, worker);
  if (thread == 0) atomic_store_explicit(&engine->next_block, 0, memory_order_relaxed);
  if (thread == 0 && streams) stream_release(engine->stream, step->step);
  if (!fold_phase(engine, worker, thread, step, tick)) return;
  if (!node_wait(engine, worker)) return;
  if (thread == 0) {
    atomic_store_explicit(&engine->next_tile, 0, memory_order_relaxed);
    atomic_store_explicit(&engine->next_own, 0, memory_order_relaxed);
  }
  if (thread == 0 && streams) tell_failed_reader(engine, error);
  update_phase(engine, worker, thread, step, error);
  if (streams || !updated_by_fold(engine, step)) node_wait(engine, worker);
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

void engine_set_halt(engine_t *engine, engine_wants_t *wants, void *context) {
  engine->wants_halt = wants;
  engine->halt_context = context;
}

bool engine_can_halt(const engine_t *engine) {
  return engine->nodes > 1 && engine->lbfgs == NULL && engine->wants_halt != NULL;
}

bool engine_halted(const engine_t *engine) {
  return engine_can_halt(engine) && atomic_load(&engine->control->halt_known) == engine->ticks;
}

int64_t engine_steps_done(const engine_t *engine) {
  return engine->steps_done;
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
  do_step(engine, worker, thread, step, tick, error);
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
  int64_t end = to;
#pragma omp parallel num_threads(engine->in.layout->threads + drives)
  {
    int thread = omp_get_thread_num() - drives;
    worker_t *worker = &engine->workers[thread >= 0 ? thread : engine->in.layout->threads];
    bool goes_on = true;
    omp_set_num_threads(1);
    float_mode_begin();
    if (thread < 0) idle_wake_promptly(true);
    worker->mark = clock_seconds();
    int64_t t = from;
    for (; t < to && goes_on; t++) {
      if (t > from && staged_halted(engine, worker, thread, engine->ticks + (t - from))) break;
      step_t step = {.step = t,
                     .updates = updates_before + (t - from),
                     .rows = step_rows(partition, batch, t),
                     .freedom = step_freedom(engine, t),
                     .want_norm = like.want_norm && t == to - 1,
                     .keep = like.keep};
      goes_on = take_part(engine, thread, &step, engine->ticks + (t - from), error);
      worker_record(engine, worker, thread, &step, engine->timed + (t - from));
    }
    if (goes_on && thread >= 0 && engine->nodes > 1) staged_end(engine, worker, engine->ticks + (t - from));
    if (thread == 0) end = t;
    if (thread < 0) idle_wake_promptly(false);
  }
  engine->steps_done = end;
  engine->ticks += end - from;
  engine->timed += end - from;
  TRY(end_reading(engine, end, error));
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
