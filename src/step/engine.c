/* The functions of the engine between steps. Its set-up is in engine_create.c, the loop over steps in
 * steps.c, losses in losses.c. */
#include "step/engine_impl.h"

#include <stdlib.h>
#include <string.h>

const engine_inputs_t *engine_inputs(const engine_t *engine) {
  return &engine->in;
}

/* ---- parameters and state ---- */

const float *engine_parameters(const engine_t *engine) {
  return engine->node.parameters;
}

ls_status engine_set_parameters(engine_t *engine, const float *vector, ls_error *error) {
  if (engine->lbfgs != NULL) lbfgs_forget(engine);
  if (engine->node.is_first) {
    memcpy(engine->node.parameters, vector, engine->plan.floats * sizeof *vector);
    graph_transpose(engine->in.graph, engine->node.parameters, 0, engine->plan.floats);
  }
  return world_barrier(engine->in.world, error);
}

void engine_set_state(engine_t *engine, int k, const float *vector) {
  if (vector == NULL)
    memset(engine->updates.states[k], 0, engine->plan.own_blocks * GRAPH_BLOCK * sizeof *vector);
  else
    plan_pick_shares(&engine->plan, vector, engine->updates.states[k]);
}

/* Collects the shares of all ranks to a whole vector on rank 0; vector is NULL elsewhere. */
static ls_status gather_shares(engine_t *engine, const float *shares, float *vector, ls_error *error) {
  world_t *world = engine->in.world;
  const plan_t *plan = &engine->plan;
  if (world_size(world) == 1) {
    plan_place_shares(plan, 0, shares, vector);
    return LS_OK;
  }
  size_t ranks = (size_t)world_size(world), *sizes = calloc(ranks, sizeof *sizes), at = 0;
  bool root = world_rank(world) == 0;
  float *all = root ? malloc(plan->floats * sizeof *all) : NULL;
  ls_status status = LS_OK;
  if (sizes == NULL || (root && all == NULL))
    status = error_set(error, LS_NO_MEMORY, "no memory to collect a vector from all ranks (%.1f MB)",
                       (double)plan->floats * sizeof *all / 1e6);
  TRY_OR_DONE(world_agree(world, status, error));
  for (size_t r = 0; r < ranks; r++) sizes[r] = plan_place_shares(plan, (int)r, NULL, NULL) * sizeof *all;
  TRY_OR_DONE(world_gather_pieces(world, shares, sizes, all, 0, error));
  for (size_t r = 0; root && r < ranks; r++) at += plan_place_shares(plan, (int)r, all + at, vector);
done:
  free(all);
  free(sizes);
  return status;
}

ls_status engine_get_state(engine_t *engine, int k, float *vector, ls_error *error) {
  return gather_shares(engine, engine->updates.states[k], vector, error);
}

size_t engine_state_ranges(const engine_t *engine, int rank, state_range_t *out) {
  const plan_t *plan = &engine->plan;
  bool own = rank == world_rank(engine->in.world);
  for (size_t b = 0; b < plan->n_buckets && out != NULL; b++) {
    block_range_t share = own ? plan->buckets[b].own : rank_share(plan, b, rank);
    out[b] = (state_range_t){share.first * GRAPH_BLOCK, share.count * GRAPH_BLOCK};
  }
  return plan->n_buckets;
}

float *engine_own_state(engine_t *engine, int k) {
  return engine->updates.states[k];
}

/* ---- steps ---- */

void engine_begin_epoch(engine_t *engine, int64_t epoch) {
  rows_begin_epoch(&engine->rows, epoch);
}

ls_status engine_run(engine_t *engine, int64_t from, int64_t to, int64_t updates_before, bool want_norm,
                     ls_error *error) {
  if (engine->lbfgs != NULL) return lbfgs_run(engine, from, to, updates_before, error);
  return steps_run(
      engine, &(steps_t){.from = from, .to = to, .updates_before = updates_before, .want_norm = want_norm},
      error);
}

ls_status engine_try(engine_t *engine, int64_t step, int64_t updates_before, ls_error *error) {
  const steps_t steps = {.from = step, .to = step + 1, .updates_before = updates_before, .keep = true};
  const int64_t timed = engine->timed;
  ls_status status = steps_run(engine, &steps, error);
  engine->timed = timed;
  return status;
}

ls_status engine_gradient(engine_t *engine, int64_t step, int64_t updates_before, float *vector,
                          ls_error *error) {
  TRY(engine_try(engine, step, updates_before, error));
  return gather_shares(engine, engine->updates.gradient, vector, error);
}

int64_t engine_rows(engine_t *engine, int64_t step, int s, float *x, int32_t *labels, float *values,
                    float *weights) {
  return rows_copy(&engine->rows, step, s, x, labels, values, weights);
}

int64_t engine_row_number(const engine_t *engine, int64_t step, int s, int64_t i) {
  const rank_rows_t *rows = &engine->rows;
  int64_t begin = 0, first = rows->shard_begin[s];
  if (rows->stream != NULL) return -1;
  rows_slice(rows, s, step, &begin);
  return shard_first(engine->in.train->partition, engine->in.layout->first_shard + s) +
         rows->order[first + begin + i] - first;
}

int64_t engine_steps_done(const engine_t *engine) {
  return engine->rows.steps_done;
}

void engine_set_halt(engine_t *engine, engine_wants_t *wants, void *context) {
  engine->halt = (halt_t){wants, context};
}

bool engine_halted(engine_t *engine) {
  return engine_can_halt(engine) && engine->strategy->halted(&engine->threads[0], engine->ticks);
}

skips_t engine_skips(const engine_t *engine) {
  return engine->threads[0].skips;
}

void engine_set_skips(engine_t *engine, const skips_t *skips) {
  for (int i = 0; i < steps_threads(engine); i++) engine->threads[i].skips = *skips;
}

/* ---- figures ---- */

double engine_norm(const engine_t *engine) {
  return engine->updates.norm;
}

double engine_learning_rate(const engine_t *engine, int64_t updates_before) {
  return updates_learning_rate(&engine->updates, updates_before);
}

void engine_set_schedule(engine_t *engine, const schedule_t *schedule, const schedule_plan_t *plan) {
  engine->updates.schedule = schedule;
  engine->updates.rates = *plan;
}

void engine_set_plateau(engine_t *engine, double share) {
  engine->updates.rates.plateau = share;
}

void engine_seconds(const engine_t *engine, double seconds[PHASES]) {
  int threads = engine->in.layout->threads;
  for (int p = 0; p < PHASES; p++) {
    seconds[p] = 0;
    for (int t = 0; t < threads; t++) seconds[p] += engine->threads[t].waiter.seconds[p] / threads;
  }
}

int64_t engine_timed_steps(const engine_t *engine, const int64_t **rows) {
  *rows = engine->timed_rows;
  return engine->timed < engine->in.timed_steps ? engine->timed : engine->in.timed_steps;
}

void engine_step_seconds(const engine_t *engine, int64_t t, double seconds[STEP_SECONDS]) {
  int threads = engine->in.layout->threads;
  memset(seconds, 0, STEP_SECONDS * sizeof *seconds);
  for (int w = 0; w < threads; w++) {
    const double *now = engine->threads[w].waiter.timeline + t * PHASES;
    for (int p = 0; p < PHASES; p++) {
      double spent = t > 0 ? now[p] - now[p - PHASES] : now[p];
      seconds[p] += spent / threads;
      if (p == PHASE_EXCHANGE && spent > seconds[PHASES]) seconds[PHASES] = spent;
    }
  }
}
