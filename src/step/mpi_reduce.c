/* The strategy of parallel.reduce=mpi, the textbook method for comparison: each rank folds whole vectors, MPI
 * adds them up over ranks, and each rank updates its own copy of all parameters. Each rank is a node of its
 * own. The order of MPI's sum is the library's, so the bits depend on the layout. */
#include "step/strategy.h"
#include "step/whole_update.h"

#include <string.h>

typedef struct {
  tree_plan_t
      total;  /* plan with a single vector, the memory of the gradient, which holds the sum over ranks */
  float *sum; /* the same memory */
  _Alignas(64) atomic_long next_tile;
} mpi_state_t;

/* ---- a step ---- */

/* Adds up the subtrees of this rank, a part per thread, then sums over ranks. */
static void reduce(thread_t *thread) {
  const mpi_state_t *state = thread->own;
  const node_memory_t *node = thread->node;
  const size_t floats = thread->plan->floats;
  block_range_t range = update_range(thread, &thread->plan->buckets[0]);
  for (size_t i = range.first * GRAPH_BLOCK; i < (range.first + range.count) * GRAPH_BLOCK; i++) {
    float sum = node->partials[i];
    for (int k = 1; k < thread->fold->n; k++) sum += node->partials[(size_t)k * floats + i];
    state->sum[i] = sum;
  }
  waiter_mark(&thread->waiter, PHASE_UPDATE);
  team_meet(thread);
  if (thread->number == 0 && world_sum_f32(thread->job->world, state->sum, floats, thread->error) != LS_OK)
    atomic_store(&node->control->failed, EXCHANGE_FAILED);
  waiter_mark(&thread->waiter, PHASE_EXCHANGE);
  team_meet(thread);
}

/* Tells all ranks whether a reader failed, or a loss is not finite. Between two barriers, so that all threads
 * see it after the same step. */
static void tell_ranks(thread_t *thread) {
  control_t *control = thread->node->control;
  const stream_t *stream = thread->rows->stream;
  const long number = thread->step.tick + 1;
  int64_t told[] = {stream != NULL && stream_failed(stream) ? READER_FAILED : 0,
                    atomic_load(&control->bad_loss) == number};
  if (world_max_i64(thread->job->world, told, 2, thread->error) != LS_OK) told[0] = EXCHANGE_FAILED;
  if (told[0] != 0) atomic_store(&control->failed, (int)told[0]);
  if (told[1] != 0) atomic_store(&control->bad_loss, number);
}

static bool step(thread_t *thread) {
  mpi_state_t *state = thread->own;
  stream_t *stream = thread->rows->stream;
  const bool first = thread->number == 0;
  const long tiles = (long)graph_tiles(thread->job->graph);
  update_prepare(thread);
  rows_pass(thread);
  team_meet(thread);
  if (first) rows_restart(thread->rows);
  if (first && stream != NULL) stream_release(stream, thread->step.index);
  for (long i; (i = atomic_fetch_add_explicit(&state->next_tile, 1, memory_order_relaxed)) < tiles;) {
    if (i == 0) rows_add_losses(thread);
    fold_into_vectors(thread, (size_t)i);
  }
  waiter_mark(&thread->waiter, PHASE_FOLD);
  if (!node_meet(thread)) return false;
  if (first) atomic_store_explicit(&state->next_tile, 0, memory_order_relaxed);
  if (first && (stream != NULL || thread->updates->skips)) tell_ranks(thread);
  reduce(thread);
  update_take_range(thread, &thread->plan->buckets[0], &state->total);
  if (thread->waits && !thread->step.keep) update_whole(thread);
  waiter_mark(&thread->waiter, PHASE_UPDATE);
  node_meet(thread);
  return !waiter_failed(&thread->waiter);
}

/* ---- set-up ---- */

static bool suits(const char *reduce, int nodes) {
  (void)nodes;
  return strcmp(reduce, "mpi") == 0;
}

static strategy_memory_t memory(const layout_t *layout, const graph_t *graph, const world_t *world) {
  (void)layout;
  return (strategy_memory_t){.copies = world_places(world),
                             .subtree_sums = (double)graph_floats(graph) * sizeof(float),
                             .shares = 1};
}

static ls_status divide(const engine_inputs_t *job, division_t *out, ls_error *error) {
  (void)error;
  *out = (division_t){.nodes = 1,
                      .lanes = 1,
                      .updaters = job->layout->threads,
                      .every_rank_all = true,
                      .bucket_floats = SIZE_MAX / 4};
  return LS_OK;
}

static ls_status create_own(const strategy_setup_t *setup, node_memory_t *node, strategy_state_t *out,
                            ls_error *error) {
  const int threads = setup->job->layout->threads;
  const node_request_t request = {.threads = {.all = threads, .most = threads},
                                  .subtree_floats = setup->plan->floats,
                                  .subtrees = setup->fold->n,
                                  .squares = 2 * setup->updates->layers.n_fragments};
  mpi_state_t *state = arena_new(setup->arena, 1, sizeof *state);
  if (state == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the sum over ranks");
  TRY(node_create_private(setup->job, setup->plan, &request, setup->arena, node, error));
  const tree_node_t whole = {0, 1};
  TRY(tree_plan_create(1, &whole, 1, setup->arena, &state->total, error));
  state->sum = setup->updates->gradient;
  state->total.vectors[0] = state->sum;
  *out = (strategy_state_t){.own = state, .depth = state->total.depth};
  return LS_OK;
}

static ls_status create(const strategy_setup_t *setup, node_memory_t *node, strategy_state_t *out,
                        ls_error *error) {
  return world_agree(setup->job->world, create_own(setup, node, out, error), error);
}

const strategy_t mpi_strategy = {.name = "mpi",
                                 .suits = suits,
                                 .memory = memory,
                                 .divide = divide,
                                 .create = create,
                                 .step = step,
                                 .copies_at_once = true};
