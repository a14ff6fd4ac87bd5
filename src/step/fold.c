/* The second phase of a step: gradients of the weights, tile by tile, folded over a rank's shards while they
 * are in cache.
 *
 * With several nodes, or when the library adds up ranks, a rank leaves whole vectors of partial sums for what
 * comes next. On one node tiles pass from rank to rank while they are in cache, and nothing else is kept of
 * them. All ranks fold them in one order, dealt out so that owners take turns. A rank's sums of the tile
 * whose turn is i lie in slot i mod n_slots of its segment; when all ranks have folded theirs, the rank that
 * owns the parameters adds up all sums of the tile in tree order and updates them. A rank updates what is
 * ready, and else goes on to fold: so one that is late is waited for only when the ring is full of tiles that
 * need it, and what two ranks lose at different times is lost once. Nobody can wait for himself: of all turns
 * at work the first is folded into a slot that is free and, when all have, found ready by its owner, since
 * who waits for a slot goes on to update. */
#include "step/engine_impl.h"

#include <string.h>

/* ---- one tile ---- */

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

static fold_t fold_of(engine_t *engine, worker_t *worker, const step_t *step, size_t tile) {
  return (fold_t){engine, worker, step, tile, graph_tile(engine->in.graph, tile)};
}

/* A tile's sums over the largest subtrees of this rank's shards, run behind run: subtree k's run r at
 * out + k piece + r stride. */
static void fold_tile_pieces(const fold_t *fold, float *out, size_t stride) {
  for (int k = 0; k < fold->engine->n_pieces; k++)
    fold_node(fold, fold->engine->pieces[k],
              (dense_sum_t){out + (size_t)k * fold->engine->piece_floats, (int64_t)stride});
}

/* ---- losses ---- */

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

/* ---- whole vectors ---- */

void fold_pieces(engine_t *engine, worker_t *worker, const step_t *step, size_t tile) {
  const fold_t fold = fold_of(engine, worker, step, tile);
  fold_tile_pieces(&fold, engine->partials + fold.tile.offset, fold.tile.stride);
}

/* ---- the ring ---- */

/* Turn i of a step, in the ring. */
typedef struct {
  fold_t fold;
  size_t at;    /* where its slot begins in a segment, in floats */
  slot_t *slot; /* NULL for a rank that is alone: its threads have a slot each */
  long users;   /* ranks that have used the slot for earlier turns, counted over all steps */
} turn_t;

static turn_t turn_of(engine_t *engine, worker_t *worker, int thread, const step_t *step, long tick, long i) {
  turn_t turn = {.fold = fold_of(engine, worker, step, engine->tile_order[i])};
  int places = world_places(engine->in.world);
  if (places == 1) {
    turn.at = (size_t)thread * engine->slot_floats;
    return turn;
  }
  long tiles = (long)graph_tiles(engine->in.graph), n = engine->n_slots, slot = i % n;
  long rounds = (tiles - slot + n - 1) / n; /* of the slot, in a step */
  turn.at = (size_t)slot * engine->slot_floats;
  turn.slot = &engine->slots[slot];
  turn.users = (tick * rounds + i / n) * places;
  return turn;
}

/* What the rank owns of a run of the vector, [first, first + n), whose sums lie `at` floats behind where the
 * segments begin. */
static void take_run(const fold_t *fold, const optimizer_step_t *update, size_t first, size_t n, size_t at) {
  engine_t *engine = fold->engine;
  const bucket_t *all = &engine->buckets[0];
  size_t begin = all->own.first * GRAPH_BLOCK, end = begin + all->own.count * GRAPH_BLOCK;
  size_t from = first > begin ? first : begin, to = first + n < end ? first + n : end;
  for (size_t i = from; i < to; i += GRAPH_BLOCK) {
    size_t floats = to - i < GRAPH_BLOCK ? to - i : GRAPH_BLOCK;
    const float *sum = sum_floats(&engine->total, at + (i - first), floats, fold->worker->stack);
    if (gradient_waits(engine, fold->step))
      keep_floats(engine, fold->worker, all, fold->step, i, floats, sum);
    else
      update_floats(engine, fold->worker, all, fold->step, update, i, floats, sum);
  }
}

static void update_turn(const turn_t *turn, const optimizer_step_t *update) {
  const tile_t *tile = &turn->fold.tile;
  for (size_t r = 0; r < tile->runs; r++)
    take_run(&turn->fold, update, tile->offset + r * tile->stride, tile->floats, turn->at + r * tile->floats);
  if (turn->slot != NULL) atomic_fetch_add_explicit(&turn->slot->updated, 1, memory_order_release);
  worker_mark(turn->fold.worker, PHASE_UPDATE);
}

/* The rank owns parameters of the tile. */
static bool owns_part(const engine_t *engine, size_t number) {
  const tile_t tile = graph_tile(engine->in.graph, number);
  const slice_t *own = &engine->buckets[0].own;
  size_t begin = own->first * GRAPH_BLOCK, end = begin + own->count * GRAPH_BLOCK;
  return tile.offset < end && begin < tile.offset + (tile.runs - 1) * tile.stride + tile.floats;
}

/* Who owns nothing of the tile has no more to do with the slot. */
static void fold_turn(const turn_t *turn) {
  engine_t *engine = turn->fold.engine;
  fold_tile_pieces(&turn->fold, engine->partials + turn->at, turn->fold.tile.floats);
  if (turn->slot != NULL) {
    if (!owns_part(engine, turn->fold.number))
      atomic_fetch_add_explicit(&turn->slot->updated, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&turn->slot->folded, 1, memory_order_release);
  }
  worker_mark(turn->fold.worker, PHASE_FOLD);
}

/* A thread at the ring. */
typedef struct {
  engine_t *engine;
  worker_t *worker;
  int thread;
  const step_t *step;
  long tick;
  optimizer_step_t update;
} ring_t;

static turn_t turn_at(const ring_t *ring, long i) {
  return turn_of(ring->engine, ring->worker, ring->thread, ring->step, ring->tick, i);
}

/* Updates the next of the rank's own turns, if all ranks have folded it and no other thread takes it. */
static bool update_next(const ring_t *ring) {
  engine_t *engine = ring->engine;
  long next = atomic_load_explicit(&engine->next_own, memory_order_relaxed);
  if (next >= engine->n_own_turns) return false;
  const turn_t turn = turn_at(ring, engine->own_turns[next]);
  long ranks = turn.users + world_places(engine->in.world);
  if (atomic_load_explicit(&turn.slot->folded, memory_order_acquire) < ranks) return false;
  if (!atomic_compare_exchange_strong_explicit(&engine->next_own, &next, next + 1, memory_order_relaxed,
                                               memory_order_relaxed))
    return false;
  update_turn(&turn, &ring->update);
  return true;
}

/* Updates what is ready, and on until a counter is at `number`; false: in vain. */
static bool update_until(const ring_t *ring, const atomic_long *counter, long number) {
  patience_t patience = {0};
  for (;;) {
    while (update_next(ring)) patience = (patience_t){0};
    if (atomic_load_explicit(counter, memory_order_acquire) >= number) break;
    if (!wait_on(ring->engine, ring->worker, &patience)) return false;
    worker_mark(ring->worker, PHASE_WAIT);
  }
  return true;
}

static bool fold_ring(const ring_t *ring) {
  engine_t *engine = ring->engine;
  long tiles = (long)graph_tiles(engine->in.graph);
  for (long i; (i = atomic_fetch_add_explicit(&engine->next_tile, 1, memory_order_relaxed)) < tiles;) {
    const turn_t turn = turn_at(ring, i);
    if (i == 0) add_losses(engine, ring->step);
    if (turn.slot != NULL && !update_until(ring, &turn.slot->updated, turn.users)) return false;
    fold_turn(&turn);
    if (turn.slot == NULL) update_turn(&turn, &ring->update);
  }
  return update_until(ring, &engine->next_own, engine->n_own_turns);
}

bool fold_phase(engine_t *engine, worker_t *worker, int thread, const step_t *step, long tick) {
  if (engine->shared) {
    const ring_t ring = {engine, worker, thread, step, tick, update_settings(engine, step)};
    return fold_ring(&ring);
  }
  long tiles = (long)graph_tiles(engine->in.graph);
  for (long i; (i = atomic_fetch_add_explicit(&engine->next_tile, 1, memory_order_relaxed)) < tiles;) {
    if (i == 0) add_losses(engine, step);
    fold_pieces(engine, worker, step, (size_t)i);
  }
  worker_mark(worker, PHASE_FOLD);
  return true;
}

/* ---- set-up ---- */

/* A rank's threads are at work on as many turns as they are, so each may be some turns late before another
 * waits for it. */
enum { TURNS_IN_RING = 16 };

int fold_slots(int most_threads, int places, size_t tiles) {
  if (places == 1) return most_threads;
  int slots = TURNS_IN_RING * most_threads;
  return tiles < (size_t)slots ? (int)tiles : slots;
}

size_t fold_slot_floats(const graph_t *graph) {
  enum { LINE = 16 }; /* floats of a cache line */
  return (graph_largest_tile(graph) + LINE - 1) / LINE * LINE;
}

static int owner_of(const engine_t *engine, size_t tile) {
  size_t block = graph_tile(engine->in.graph, tile).offset / GRAPH_BLOCK;
  int lane = engine->lanes - 1;
  while (lane > 0 && bucket_slice(engine, 0, lane, 0).first > block) lane--;
  return lane;
}

/* Owners take turns: before an owner's tile number k come as many of each owner's tiles, and one more of
 * those before it. */
static void order_tiles(engine_t *engine, size_t *tiles_of, size_t *seen) {
  size_t tiles = graph_tiles(engine->in.graph);
  for (size_t i = 0; i < tiles; i++) tiles_of[owner_of(engine, i)]++;
  for (size_t i = 0; i < tiles; i++) {
    int owner = owner_of(engine, i);
    size_t k = seen[owner]++, turn = 0;
    for (int lane = 0; lane < engine->lanes; lane++) {
      size_t before = k + (lane < owner);
      turn += before < tiles_of[lane] ? before : tiles_of[lane];
    }
    engine->tile_order[turn] = i;
  }
}

/* None for a rank that is alone: it updates each turn behind its fold. */
static ls_status list_own_turns(engine_t *engine, ls_error *error) {
  long tiles = (long)graph_tiles(engine->in.graph);
  if (world_places(engine->in.world) == 1) return LS_OK;
  engine->own_turns = arena_new(&engine->arena, (size_t)tiles, sizeof *engine->own_turns);
  if (engine->own_turns == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the turns of gradient tiles");
  for (long i = 0; i < tiles; i++)
    if (owns_part(engine, engine->tile_order[i])) engine->own_turns[engine->n_own_turns++] = i;
  return LS_OK;
}

ls_status fold_create(engine_t *engine, ls_error *error) {
  size_t lanes = (size_t)engine->lanes;
  if (engine->nodes > 1 || !engine->shared) return LS_OK;
  engine->tile_order = arena_new(&engine->arena, graph_tiles(engine->in.graph), sizeof *engine->tile_order);
  size_t *tiles_of = arena_new(&engine->arena, 2 * lanes, sizeof *tiles_of);
  if (engine->tile_order == NULL || tiles_of == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the order of gradient tiles");
  order_tiles(engine, tiles_of, tiles_of + lanes);
  return list_own_turns(engine, error);
}

void fold_plan_ring(engine_t *engine, int most_threads) {
  engine->piece_floats = engine->floats;
  if (engine->nodes > 1 || !engine->shared) return;
  engine->n_slots = fold_slots(most_threads, world_places(engine->in.world), graph_tiles(engine->in.graph));
  engine->slot_floats = fold_slot_floats(engine->in.graph);
  engine->piece_floats = (size_t)engine->n_slots * engine->slot_floats;
}
