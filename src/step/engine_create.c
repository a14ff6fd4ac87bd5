/* clang-format off */
/* The engine's set-up. It allocates everything that a step needs, so a step allocates nothing. Each part is
 * built from the parts before it, which it takes as arguments:
 *
 *   strategy -> division -> plan -> updates -> the strategy's state and the node's memory -> rows -> threads */
/* clang-format on */
#include "step/engine_impl.h"

#include "base/activity.h"
#include "base/float_mode.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static ls_status create_plan(engine_t *engine, division_t division, ls_error *error) {
  world_t *world = engine->in.world;
  int ranks = world_size(world), *node_of = malloc((size_t)ranks * sizeof *node_of);
  if (node_of == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
  for (int r = 0; r < ranks; r++) node_of[r] = world_node_of(world, r);
  ls_status status = plan_create(engine->in.graph, division, node_of, ranks, world_rank(world),
                                 &engine->arena, &engine->plan, error);
  free(node_of);
  return status;
}

static ls_status create_updates(engine_t *engine, ls_error *error) {
  TRY(updates_create(&engine->in, &engine->plan, &engine->arena, &engine->updates, error));
  if (engine->updates.method->layerwise.trust == NULL) return LS_OK;
  return layers_create(engine->in.graph, &engine->arena, &engine->updates.layers, error);
}

/* ---- threads ---- */

static ls_status create_buffers(engine_t *engine, thread_t *thread, ls_error *error) {
  const engine_inputs_t *in = &engine->in;
  arena_t *arena = &engine->arena;
  size_t rows = (size_t)engine->rows.shape.call_rows;
  row_buffers_t *buffers = &thread->buffers;
  waiter_t *waiter = &thread->waiter;
  buffers->targets.labels = arena_new(arena, rows, sizeof *buffers->targets.labels);
  buffers->resident = arena_new(arena, rows, sizeof *buffers->resident);
  buffers->targets.values = arena_new(arena, rows * (size_t)in->objective->targets, sizeof(float));
  buffers->targets.weights = arena_new(arena, rows, sizeof *buffers->targets.weights);
  waiter->timeline = arena_new(arena, (size_t)in->timed_steps * PHASES, sizeof(double));
  thread->levels =
      arena_new(arena, (size_t)(engine->fold.depth - 1) * graph_largest_tile(in->graph), sizeof(float));
  thread->gradient = arena_new(arena, GRAPH_BLOCK, sizeof(float));
  thread->stack = arena_new(arena, (size_t)(engine->state.depth + 1) * GRAPH_BLOCK, sizeof(float));
  if (buffers->targets.labels == NULL || buffers->resident == NULL || buffers->targets.values == NULL ||
      buffers->targets.weights == NULL || waiter->timeline == NULL || thread->levels == NULL ||
      thread->gradient == NULL || thread->stack == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a thread's buffers");
  return LS_OK;
}

static ls_status create_contexts(engine_t *engine, ls_error *error) {
  const world_t *world = engine->in.world;
  /* between nodes, the communicating thread gives up first: it can ask which node does not answer */
  const bool has_lane = world_nodes(world) > 1 && world_place(world) < world_lanes(world);
  const double limit = has_lane ? world_timeout(world) : world_patience(world);
  const int computing = engine->in.layout->threads, all = steps_threads(engine);
  engine->threads = arena_new(&engine->arena, (size_t)all, sizeof *engine->threads);
  engine->team = arena_new(&engine->arena, 1, sizeof *engine->team);
  engine->timed_rows = arena_new(&engine->arena, (size_t)engine->in.timed_steps, sizeof *engine->timed_rows);
  if (engine->threads == NULL || engine->team == NULL || engine->timed_rows == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the rank's threads");
  barrier_init(engine->team, computing);
  for (int t = 0; t < all; t++) {
    engine->threads[t] = (thread_t){.role = t < computing ? COMPUTES : COMMUNICATES,
                                    .number = t < computing ? t : 0,
                                    .job = &engine->in,
                                    .plan = &engine->plan,
                                    .fold = &engine->fold,
                                    .strategy = engine->strategy,
                                    .halt = &engine->halt,
                                    .own = engine->state.own,
                                    .rows = &engine->rows,
                                    .node = &engine->node,
                                    .updates = &engine->updates,
                                    .faults = &engine->faults,
                                    .team = engine->team,
                                    .waiter = {.failed = &engine->node.control->failed, .limit = limit}};
    TRY(create_buffers(engine, &engine->threads[t], error));
  }
  return LS_OK;
}

/* Each thread allocates the memory of its kernels itself, so that the pages are close to its core. */
static ls_status create_threads(engine_t *engine, ls_error *error) {
  const int threads = engine->in.layout->threads;
  int got = 0;
  TRY(create_contexts(engine, error));
  ls_status status = LS_OK;
  omp_set_dynamic(0);
#pragma omp parallel num_threads(steps_threads(engine))
  {
    ls_error own = {0};
    thread_t *thread = steps_thread(engine, omp_get_thread_num());
    omp_set_num_threads(1);
    float_mode_begin();
#pragma omp single
    got = omp_get_num_threads() - engine->state.communicates;
    if (thread->role == COMPUTES &&
        graph_worker_create(engine->in.graph, engine->rows.shape.call_rows, engine->rows.shape.together, true,
                            &thread->kernels, &own) != LS_OK) {
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

/* ---- the engine ---- */

static ls_status check_size(const engine_t *engine, ls_error *error) {
  if (engine->in.train->rows >= (int64_t)1 << 32)
    return error_set(error, LS_BAD_SETTINGS,
                     "%lld rows on one rank: start more ranks, at most 2^32 rows each",
                     (long long)engine->in.train->rows);
  return LS_OK;
}

static ls_status create_parts(engine_t *engine, ls_error *error) {
  const engine_inputs_t *in = &engine->in;
  world_t *world = in->world;
  division_t division;
  engine->strategy = strategy_choose(in->settings->parallel.reduce, world_nodes(world));
  engine->fold = fold_plan(in->layout);
  TRY(engine->strategy->divide(in, &division, error));
  ls_status status = check_size(engine, error);
  if (status == LS_OK) status = create_plan(engine, division, error);
  if (status == LS_OK) status = create_updates(engine, error);
  TRY(world_agree(world, status, error));
  const strategy_setup_t setup = {.job = in,
                                  .plan = &engine->plan,
                                  .fold = &engine->fold,
                                  .updates = &engine->updates,
                                  .arena = &engine->arena};
  TRY(engine->strategy->create(&setup, &engine->node, &engine->state, error));
  TRY(world_agree(world, lbfgs_create(engine, error), error));
  status = rows_create(in, engine->lbfgs != NULL, &engine->arena, &engine->rows, error);
  TRY(world_agree(world, status, error));
  return world_agree(world, create_threads(engine, error), error);
}

ls_status engine_create(const engine_inputs_t *inputs, engine_t **out, ls_error *error) {
  activity_set("setting up the training");
  engine_t *engine = aligned_alloc(_Alignof(engine_t), sizeof *engine);
  ls_status status = engine == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the engine") : LS_OK;
  if (engine != NULL) *engine = (engine_t){.in = *inputs}; /* before another rank's failure destroys it */
  TRY_OR_DONE(world_agree(inputs->world, status, error));
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
  for (int t = 0; own->threads != NULL && t < own->in.layout->threads; t++)
    graph_worker_destroy(&own->threads[t].kernels);
  rows_free(&own->rows);
  if (own->strategy != NULL && own->strategy->destroy != NULL) own->strategy->destroy(own->state.own);
  node_destroy(&own->node);
  arena_free(&own->arena);
  free(own);
  *engine = NULL;
}

/* ---- how much memory it takes ---- */

engine_memory_t engine_memory(const settings_t *settings, const layout_t *layout, const graph_t *graph,
                              const world_t *world) {
  const strategy_memory_t strategy =
      strategy_choose(settings->parallel.reduce, world_nodes(world))->memory(layout, graph, world);
  double vector = (double)graph_floats(graph) * sizeof(float);
  int states = optimizer_find(settings->optimizer.name)->states;
  slice_shape_t shape = slice_shape(settings->train.global_batch_size, layout->shards);
  return (engine_memory_t){.parameters = strategy.copies * (double)graph_buffer_floats(graph) * sizeof(float),
                           .partials = fold_plan(layout).n * strategy.subtree_sums,
                           .states = vector * (states + 1) / strategy.shares,
                           .exchange = strategy.exchange,
                           .tape = (double)(layout->own_shards * shape.padded) *
                                   (double)graph_tape_floats(graph, true) * sizeof(float)};
}
