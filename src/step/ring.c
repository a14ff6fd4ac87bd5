/* The strategy for one node: rows, then fold and update in one phase, through the ring. */
#include "step/ring.h"

#include "step/strategy.h"
#include "step/whole_update.h"

#include <string.h>

/* ---- the protocol ---- */

/* Turn i of a step in the ring. */
typedef struct {
  long number;
  int slot;
  long before; /* the value of slot->folded and slot->done when all earlier turns of the slot are done */
} turn_t;

static turn_t turn_at(const ring_pass_t *pass, long i) {
  const ring_t *ring = pass->ring;
  if (ring->slots == NULL) return (turn_t){.number = i, .slot = pass->thread};
  long slot = i % ring->n_slots;
  long rounds = (ring->turns - slot + ring->n_slots - 1) / ring->n_slots; /* of the slot, in a step */
  return (turn_t){
      .number = i, .slot = (int)slot, .before = (pass->tick * rounds + i / ring->n_slots) * ring->ranks};
}

/* Updates the next of the rank's own turns, if all ranks have folded it and no other thread takes it. */
static bool update_next(const ring_pass_t *pass) {
  ring_t *ring = pass->ring;
  long next = atomic_load_explicit(&ring->next_own, memory_order_relaxed);
  if (next >= ring->n_own_turns) return false;
  const turn_t turn = turn_at(pass, ring->own_turns[next]);
  slot_t *slot = &ring->slots[turn.slot];
  if (atomic_load_explicit(&slot->folded, memory_order_acquire) < turn.before + ring->ranks) return false;
  if (!atomic_compare_exchange_strong_explicit(&ring->next_own, &next, next + 1, memory_order_relaxed,
                                               memory_order_relaxed))
    return false;
  pass->update(pass->context, turn.number, turn.slot);
  atomic_fetch_add_explicit(&slot->done, 1, memory_order_release);
  waiter_mark(pass->waiter, PHASE_UPDATE);
  return true;
}

/* Updates what is ready until a counter has reached `number`. */
static bool update_until(const ring_pass_t *pass, const atomic_long *counter, long number) {
  patience_t patience = {0};
  for (;;) {
    while (update_next(pass)) patience = (patience_t){0};
    if (atomic_load_explicit(counter, memory_order_acquire) >= number) return true;
    if (!waiter_pause(pass->waiter, &patience)) return false;
    waiter_mark(pass->waiter, PHASE_WAIT);
  }
}

bool ring_run(const ring_pass_t *pass) {
  ring_t *ring = pass->ring;
  for (long i; (i = atomic_fetch_add_explicit(&ring->next_turn, 1, memory_order_relaxed)) < ring->turns;) {
    const turn_t turn = turn_at(pass, i);
    slot_t *slot = ring->slots == NULL ? NULL : &ring->slots[turn.slot];
    if (slot != NULL && !update_until(pass, &slot->done, turn.before)) return false;
    pass->fold(pass->context, i, turn.slot);
    if (slot != NULL && !ring->owns[i]) atomic_fetch_add_explicit(&slot->done, 1, memory_order_relaxed);
    if (slot != NULL) atomic_fetch_add_explicit(&slot->folded, 1, memory_order_release);
    waiter_mark(pass->waiter, PHASE_FOLD);
    if (slot == NULL) {
      pass->update(pass->context, i, turn.slot);
      waiter_mark(pass->waiter, PHASE_UPDATE);
    }
  }
  return update_until(pass, &ring->next_own, ring->n_own_turns);
}

void ring_restart(ring_t *ring) {
  atomic_store_explicit(&ring->next_turn, 0, memory_order_relaxed);
  atomic_store_explicit(&ring->next_own, 0, memory_order_relaxed);
}

/* ---- a step ---- */

typedef struct {
  ring_t ring;
  size_t *tile_order; /* (tiles): the tile of each turn */
  size_t slot_floats; /* of a segment */
  tree_plan_t total;  /* the gradient sum of a tile: its vectors are the segments of all ranks */
} ring_state_t;

static void fold_turn(void *context, long turn, int slot) {
  thread_t *thread = context;
  const ring_state_t *state = thread->own;
  const size_t tile = state->tile_order[turn];
  if (turn == 0) rows_add_losses(thread);
  fold_tile(thread, tile, thread->node->partials + (size_t)slot * state->slot_floats,
            thread->node->subtree_floats, graph_tile(thread->job->graph, tile).floats);
}

/* Updates this rank's part of the run [first, first + n) of the vector. The sums begin at float `at` of each
 * segment. */
static void update_run(thread_t *thread, size_t first, size_t n, size_t at) {
  const ring_state_t *state = thread->own;
  const bucket_t *all = &thread->plan->buckets[0];
  size_t begin = all->own.first * GRAPH_BLOCK, end = begin + all->own.count * GRAPH_BLOCK;
  size_t from = first > begin ? first : begin, to = first + n < end ? first + n : end;
  for (size_t i = from; i < to; i += GRAPH_BLOCK) {
    size_t floats = to - i < GRAPH_BLOCK ? to - i : GRAPH_BLOCK;
    update_take(thread, all, i, floats,
                tree_plan_add(&state->total, at + (i - first), floats, thread->stack));
  }
}

static void update_turn(void *context, long turn, int slot) {
  thread_t *thread = context;
  const ring_state_t *state = thread->own;
  const tile_t tile = graph_tile(thread->job->graph, state->tile_order[turn]);
  for (size_t r = 0; r < tile.runs; r++)
    update_run(thread, tile.offset + r * tile.stride, tile.floats,
               (size_t)slot * state->slot_floats + r * tile.floats);
}

/* Work counters are reset two phases before their next use, when no thread reads them. A reader's failure is
 * stored between two barriers of the node, so that all threads see it after the same step. */
static bool step(thread_t *thread) {
  ring_state_t *state = thread->own;
  stream_t *stream = thread->rows->stream;
  const bool first = thread->number == 0;
  const ring_pass_t pass = {.ring = &state->ring,
                            .waiter = &thread->waiter,
                            .thread = thread->number,
                            .tick = thread->step.tick,
                            .fold = fold_turn,
                            .update = update_turn,
                            .context = thread};
  update_prepare(thread);
  rows_pass(thread);
  team_meet(thread);
  if (first) rows_restart(thread->rows);
  if (first && stream != NULL) stream_release(stream, thread->step.index);
  if (!ring_run(&pass)) return false;
  if (!node_meet(thread)) return false;
  if (first) ring_restart(&state->ring);
  if (first && stream != NULL && stream_failed(stream))
    atomic_store(&thread->node->control->failed, READER_FAILED);
  if (thread->waits) update_find_squares(thread, &thread->plan->buckets[0]);
  if (thread->waits && !thread->step.keep) update_whole(thread);
  waiter_mark(&thread->waiter, PHASE_UPDATE);
  if (stream != NULL || thread->waits) node_meet(thread);
  return !waiter_failed(&thread->waiter);
}

/* ---- set-up ---- */

/* Each thread of a rank works on one turn. A thread may be several turns late before another rank has to wait
 * for it. */
enum { TURNS_IN_RING = 16 };

static int count_slots(int most_threads, int ranks, size_t tiles) {
  if (ranks == 1) return most_threads;
  int slots = TURNS_IN_RING * most_threads;
  return tiles < (size_t)slots ? (int)tiles : slots;
}

static size_t slot_floats(const graph_t *graph) {
  enum { LINE = 16 }; /* floats of a cache line */
  return (graph_largest_tile(graph) + LINE - 1) / LINE * LINE;
}

static bool suits(const char *reduce, int nodes) {
  return strcmp(reduce, "shared") == 0 && nodes == 1;
}

static strategy_memory_t memory(const layout_t *layout, const graph_t *graph, const world_t *world) {
  int slots = count_slots(layout->threads, world_places(world), graph_tiles(graph));
  return (strategy_memory_t){.copies = 1,
                             .subtree_sums = slots * (double)slot_floats(graph) * sizeof(float),
                             .shares = world_lanes(world)};
}

static ls_status divide(const engine_inputs_t *job, division_t *out, ls_error *error) {
  (void)error;
  *out = (division_t){.nodes = 1,
                      .lanes = world_lanes(job->world),
                      .updaters = job->layout->threads,
                      .bucket_floats = SIZE_MAX / 4};
  return LS_OK;
}

static int owner_of(const strategy_setup_t *setup, size_t tile) {
  size_t block = graph_tile(setup->job->graph, tile).offset / GRAPH_BLOCK;
  int lane = setup->plan->division.lanes - 1;
  while (lane > 0 && bucket_share(setup->plan, 0, lane, 0).first > block) lane--;
  return lane;
}

/* Owners take turns: before tile number k of an owner come k tiles of each owner, and one more of each owner
 * before it in the order of lanes. tiles_of, seen: (lanes), zero. */
static void order_tiles(const strategy_setup_t *setup, size_t *tiles_of, size_t *seen, size_t *tile_order) {
  size_t tiles = graph_tiles(setup->job->graph);
  for (size_t i = 0; i < tiles; i++) tiles_of[owner_of(setup, i)]++;
  for (size_t i = 0; i < tiles; i++) {
    int owner = owner_of(setup, i);
    size_t k = seen[owner]++, turn = 0;
    for (int lane = 0; lane < setup->plan->division.lanes; lane++) {
      size_t before = k + (lane < owner);
      turn += before < tiles_of[lane] ? before : tiles_of[lane];
    }
    tile_order[turn] = i;
  }
}

/* Whether the rank's share and the tile meet. */
static bool owns_some(const strategy_setup_t *setup, size_t number) {
  const tile_t tile = graph_tile(setup->job->graph, number);
  const block_range_t *own = &setup->plan->buckets[0].own;
  size_t begin = own->first * GRAPH_BLOCK, end = begin + own->count * GRAPH_BLOCK;
  return tile.offset < end && begin < tile.offset + (tile.runs - 1) * tile.stride + tile.floats;
}

static ls_status plan_turns(const strategy_setup_t *setup, ring_state_t *state, ls_error *error) {
  size_t tiles = graph_tiles(setup->job->graph), lanes = (size_t)setup->plan->division.lanes;
  state->tile_order = arena_new(setup->arena, tiles, sizeof *state->tile_order);
  size_t *tiles_of = arena_new(setup->arena, 2 * lanes, sizeof *tiles_of);
  bool *owns = arena_new(setup->arena, tiles, sizeof *owns);
  long *own_turns = arena_new(setup->arena, tiles, sizeof *own_turns);
  if (state->tile_order == NULL || tiles_of == NULL || owns == NULL || own_turns == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the order of gradient tiles");
  order_tiles(setup, tiles_of, tiles_of + lanes, state->tile_order);
  ring_t *ring = &state->ring;
  ring->turns = (long)tiles;
  ring->ranks = world_places(setup->job->world);
  ring->owns = owns;
  ring->own_turns = own_turns;
  for (long i = 0; i < ring->turns; i++) {
    owns[i] = owns_some(setup, state->tile_order[i]);
    if (owns[i] && ring->ranks > 1) own_turns[ring->n_own_turns++] = i;
  }
  return LS_OK;
}

/* The gradient sum from the partial sums of all ranks. */
static ls_status plan_total(const strategy_setup_t *setup, const node_memory_t *node, tree_plan_t *out,
                            ls_error *error) {
  size_t most = (size_t)world_places(setup->job->world) * TREE_MAX_PIECES;
  tree_node_t *subtrees = arena_new(setup->arena, most, sizeof *subtrees);
  const float **vectors = arena_new(setup->arena, most, sizeof *vectors);
  if (subtrees == NULL || vectors == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  int n = node_subtrees(setup->job, node, subtrees, vectors);
  TRY(tree_plan_create(setup->job->layout->shards, subtrees, n, setup->arena, out, error));
  memcpy(out->vectors, vectors, (size_t)n * sizeof *vectors);
  return LS_OK;
}

static ls_status create(const strategy_setup_t *setup, node_memory_t *node, strategy_state_t *out,
                        ls_error *error) {
  world_t *world = setup->job->world;
  ring_state_t *state = arena_new(setup->arena, 1, sizeof *state);
  ls_status status = state == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the ring") : LS_OK;
  if (status == LS_OK) status = plan_turns(setup, state, error);
  TRY(world_agree(world, status, error));
  node_threads_t threads;
  TRY(node_count_threads(setup->job, &threads, error));
  ring_t *ring = &state->ring;
  ring->n_slots = count_slots(threads.most, ring->ranks, (size_t)ring->turns);
  state->slot_floats = slot_floats(setup->job->graph);
  const node_request_t request = {.threads = threads,
                                  .subtree_floats = (size_t)ring->n_slots * state->slot_floats,
                                  .subtrees = setup->fold->n,
                                  .counter_bytes = (size_t)ring->n_slots * sizeof(slot_t),
                                  .squares = 2 * setup->updates->layers.n_fragments};
  TRY(node_create_shared(setup->job, setup->plan, &request, node, error));
  TRY(world_barrier(world, error));
  if (ring->ranks > 1) ring->slots = node->counters;
  TRY(world_agree(world, plan_total(setup, node, &state->total, error), error));
  *out = (strategy_state_t){.own = state, .depth = state->total.depth};
  return LS_OK;
}

const strategy_t ring_strategy = {.name = "ring",
                                  .suits = suits,
                                  .memory = memory,
                                  .divide = divide,
                                  .create = create,
                                  .step = step,
                                  .copies_at_once = true};
