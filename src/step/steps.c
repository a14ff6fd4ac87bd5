/* The loop over steps: one OpenMP region for all steps of a call. It allocates nothing, prints nothing, and
 * locks nothing. The strategy decides how a step works. */
#include "step/engine_impl.h"

#include "base/activity.h"
#include "base/clock.h"
#include "base/float_mode.h"

#include <omp.h>
#include <string.h>

int steps_threads(const engine_t *engine) {
  return engine->in.layout->threads + engine->state.communicates;
}

/* Only the thread that created the world, number 0, may call MPI, so it is the communicating thread if there
 * is one. */
thread_t *steps_thread(engine_t *engine, int i) {
  if (!engine->state.communicates) return &engine->threads[i];
  return &engine->threads[i == 0 ? engine->in.layout->threads : i - 1];
}

/* Degrees of freedom of a variance over the rows of step t. Only running statistics need them. */
static int64_t step_freedom(const engine_t *engine, int64_t t) {
  const partition_t partition = engine->in.train->partition;
  int64_t batch = engine->in.settings->train.global_batch_size, calls = 0;
  if (engine->plan.trained_blocks == engine->plan.blocks) return 0;
  for (int s = 0; s < partition.shards; s++) {
    int64_t rows = slice_begin(partition, batch, s, t + 1) - slice_begin(partition, batch, s, t);
    calls += (rows + engine->rows.shape.call_rows - 1) / engine->rows.shape.call_rows;
  }
  return step_rows(partition, batch, t) - calls;
}

static step_t step_at(const engine_t *engine, const steps_t *steps, int64_t t) {
  int64_t batch = engine->in.settings->train.global_batch_size;
  return (step_t){.index = t,
                  .updates = steps->updates_before + (t - steps->from),
                  .rows = step_rows(engine->in.train->partition, batch, t),
                  .freedom = step_freedom(engine, t),
                  .tick = engine->ticks + (t - steps->from),
                  .want_norm = steps->want_norm && t == steps->to - 1,
                  .keep = steps->keep};
}

/* Records the step that has just ended at position `at` of the thread's timeline. */
static void record(engine_t *engine, thread_t *thread, int64_t at) {
  if (at >= engine->in.timed_steps) return;
  memcpy(thread->waiter.timeline + at * PHASES, thread->waiter.seconds, sizeof thread->waiter.seconds);
  if (thread->role == COMPUTES && thread->number == 0) engine->timed_rows[at] = thread->step.rows;
}

bool engine_can_halt(const engine_t *engine) {
  return engine->strategy->halted != NULL && engine->lbfgs == NULL && engine->halt.wants != NULL;
}

/* Counts a step that was skipped, or accepts its losses. False: too many steps have been skipped in a row. */
static bool settle(const engine_t *engine, thread_t *thread) {
  const long number = thread->step.tick + 1;
  skips_t *skips = &thread->skips;
  if (!engine->updates.skips || thread->step.keep) return true;
  if (engine->strategy->halted != NULL) engine->strategy->halted(thread, number); /* waits */
  const bool skipped = atomic_load(&thread->node->control->skipped) == number;
  if (!skipped && thread->role == COMPUTES && thread->number == 0) rows_accept_losses(thread->rows);
  skips->in_a_row = skipped ? skips->in_a_row + 1 : 0;
  skips->steps += skipped;
  skips->rows += skipped ? thread->step.rows : 0;
  return skips->in_a_row < engine->in.settings->train.max_skips;
}

/* Runs the steps of one thread. Returns the first step that it did not run. */
static int64_t take_steps(engine_t *engine, thread_t *thread, const steps_t *steps) {
  const strategy_t *strategy = engine->strategy;
  bool goes_on = true, progresses = true;
  const bool is_main = thread == steps_thread(engine, 0);
  int64_t t = steps->from;
  for (; t < steps->to && goes_on && progresses; t++) {
    if (is_main) activity_step();
    if (t > steps->from && engine_can_halt(engine) &&
        strategy->halted(thread, engine->ticks + (t - steps->from)))
      break;
    thread->step = step_at(engine, steps, t);
    goes_on = strategy->step(thread);
    progresses = settle(engine, thread);
    record(engine, thread, engine->timed + (t - steps->from));
  }
  if (goes_on && strategy->end != NULL) strategy->end(thread, engine->ticks + (t - steps->from));
  return t;
}

/* Turns the failure of one rank's reader into an error on all ranks. */
static ls_status end_reading(engine_t *engine, int64_t to, ls_error *error) {
  stream_t *stream = engine->rows.stream;
  rows_end_reading(&engine->rows, to);
  if (stream == NULL || atomic_load(&engine->node.control->failed) != READER_FAILED) return LS_OK;
  return world_agree(engine->in.world, stream_status(stream, error), error);
}

ls_status steps_run(engine_t *engine, const steps_t *steps, ls_error *error) {
  rows_begin_reading(&engine->rows, steps->from);
  int64_t end = steps->to;
#pragma omp parallel num_threads(steps_threads(engine))
  {
    thread_t *thread = steps_thread(engine, omp_get_thread_num());
    const bool communicates = thread->role == COMMUNICATES;
    omp_set_num_threads(1);
    float_mode_begin();
    if (communicates) idle_wake_promptly(true);
    thread->error = error;
    thread->waiter.mark = clock_seconds();
    int64_t stopped = take_steps(engine, thread, steps);
    if (!communicates && thread->number == 0) end = stopped;
    if (communicates) idle_wake_promptly(false);
  }
  engine->rows.steps_done = end;
  engine->ticks += end - steps->from;
  engine->timed += end - steps->from;
  TRY(end_reading(engine, end, error));
  if (atomic_load(&engine->node.control->failed) == 0) return LS_OK;
  return world_abandon(engine->in.world, "ranks of this node do not come to the end of a step", error);
}
