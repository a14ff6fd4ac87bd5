/* A step where there are several nodes, as the threads of a rank see it that compute: cut into parts, so that
 * the exchange between nodes (exchange.c), which another thread drives, goes on meanwhile.
 *
 * Forward goes section by section, each as soon as its new parameters are there, those of the first layers
 * first. Backward goes stage by stage: when deltas have come down to a layer, half of its weight gradients
 * are folded and enter the exchange, and only then are the deltas handed on through its weights. So the
 * gradients of the last layers are under way while deltas come down to earlier ones, and their new parameters
 * while the next step goes forward through the first ones.
 *
 * What the next step begins with, the first layer's parameters, is folded last, and would be waited for all
 * the way there and back. So the other half of the gradients, of all layers but the first, is put off until
 * then: it is computed while the first layer's are under way, and in the order in which forward will need it.
 *
 * Nobody is told anything but by counters that only grow: `tick` counts the steps, so who waits for something
 * of a step knows what number the counter will have. */
#include "step/engine_impl.h"

/* ---- stages ---- */

static size_t stage_of_node(const engine_t *engine, size_t node) {
  size_t g = engine->n_stages - 1;
  while (g > 0 && engine->stages[g].node > node) g--;
  return g;
}

static bool overlaps(const engine_t *engine, size_t tile, size_t bucket) {
  tile_t place = graph_tile(engine->in.graph, tile);
  slice_t blocks = engine->buckets[bucket].blocks;
  for (size_t r = 0; r < place.runs; r++) {
    size_t offset = place.offset + r * place.stride;
    if (offset < (blocks.first + blocks.count) * GRAPH_BLOCK &&
        offset + place.floats > blocks.first * GRAPH_BLOCK)
      return true;
  }
  return false;
}

long bucket_tiles(const engine_t *engine, size_t bucket) {
  long n = 0;
  for (size_t i = 0; i < graph_tiles(engine->in.graph); i++) n += overlaps(engine, i, bucket);
  return n;
}

/* The lowest that any of its tiles is of. */
size_t bucket_stage(const engine_t *engine, size_t bucket) {
  size_t stage = engine->n_stages - 1;
  for (size_t i = 0; i < graph_tiles(engine->in.graph); i++) {
    size_t of_tile = stage_of_node(engine, graph_tile_node(engine->in.graph, i));
    if (of_tile < stage && overlaps(engine, i, bucket)) stage = of_tile;
  }
  return stage;
}

/* Sections of stage g, the first one to *first. */
static size_t stage_sections(const engine_t *engine, size_t g, size_t *first) {
  size_t n = 0;
  for (size_t s = 0; s < engine->n_sections; s++) {
    if (engine->sections[s].first != engine->stages[g].node) continue;
    if (n++ == 0) *first = s;
  }
  return n;
}

/* Whether a tile of stage g is put off: those are that have a share in no bucket of the first half. */
static bool is_late(const engine_t *engine, size_t g, size_t tile) {
  size_t first = 0, sections = stage_sections(engine, g, &first);
  if (g == 0 || engine->n_buckets == 1 || overlaps(engine, tile, 0)) return false;
  for (size_t s = 0; s < first + (sections + 1) / 2; s++)
    if (overlaps(engine, tile, section_bucket(engine, s))) return false;
  return true;
}

/* Appends the tiles of stage g that are late, or those that are not, to the order, which has n. */
static size_t order_stage(engine_t *engine, size_t g, bool late, size_t n) {
  const graph_t *graph = engine->in.graph;
  for (size_t i = 0; i < graph_tiles(graph); i++)
    if (stage_of_node(engine, graph_tile_node(graph, i)) == g && is_late(engine, g, i) == late)
      engine->tile_order[n++] = i;
  return n;
}

ls_status staged_create(engine_t *engine, ls_error *error) {
  const graph_t *graph = engine->in.graph;
  size_t tiles = graph_tiles(graph), n = 0;
  if (engine->nodes == 1) return LS_OK;
  engine->stages = arena_new(&engine->arena, engine->n_sections, sizeof *engine->stages);
  engine->tile_order = arena_new(&engine->arena, tiles, sizeof *engine->tile_order);
  if (engine->stages == NULL || engine->tile_order == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the order of gradient tiles");
  for (size_t s = 0; s < engine->n_sections; s++)
    if (s == 0 || engine->sections[s].first != engine->sections[s - 1].first)
      engine->stages[engine->n_stages++].node = engine->sections[s].first;
  for (size_t g = engine->n_stages; g-- > 0;) {
    n = order_stage(engine, g, false, n);
    engine->stages[g].end_tile = (long)n;
  }
  for (size_t g = 0; g < engine->n_stages; g++) n = order_stage(engine, g, true, n);
  return LS_OK;
}

/* ---- waiting for parameters ---- */

static bool wait_for_bucket(engine_t *engine, worker_t *worker, size_t bucket, long tick) {
  const atomic_long *arrived = &engine->progress[bucket].arrived;
  long number = tick * engine->lanes;
  if (atomic_load_explicit(arrived, memory_order_acquire) >= number) return true;
  worker_mark(worker, PHASE_WAIT);
  atomic_fetch_add_explicit(&engine->waiting, 1, memory_order_relaxed);
  bool came = count_wait(engine, worker, arrived, number);
  atomic_fetch_sub_explicit(&engine->waiting, 1, memory_order_relaxed);
  worker_mark(worker, PHASE_EXCHANGE);
  return came;
}

/* Biases of all layers are one bucket, the first. */
static bool wait_for_section(engine_t *engine, worker_t *worker, size_t section, long tick) {
  if (section == 0 && !wait_for_bucket(engine, worker, 0, tick)) return false;
  return wait_for_bucket(engine, worker, section_bucket(engine, section), tick);
}

bool staged_end(engine_t *engine, worker_t *worker, long tick) {
  for (size_t b = 0; b < engine->n_buckets; b++)
    if (!wait_for_bucket(engine, worker, b, tick)) return false;
  return true;
}

bool staged_halted(engine_t *engine, worker_t *worker, int thread, long tick) {
  if (!engine_can_halt(engine)) return false;
  if (thread >= 0 && !wait_for_bucket(engine, worker, 0, tick)) return false; /* as the step will find out */
  return atomic_load_explicit(&engine->control->halt_known, memory_order_relaxed) == tick;
}

/* ---- the step ---- */

/* Whether section s reads, for its rows, what the section before it has made: all do but those in the middle
 * of a layer that is cut, which add outputs to it. */
static bool reads_before(const engine_t *engine, size_t s) {
  const section_t *section = &engine->sections[s];
  bool is_last = s + 1 == engine->n_sections || section[1].first != section->first;
  return section->from == 0 || is_last;
}

/* The next tile before number `end`; `end` when there is none. */
static long take_tile(engine_t *engine, long end) {
  long next = atomic_load_explicit(&engine->next_tile, memory_order_relaxed);
  while (next < end && !atomic_compare_exchange_weak_explicit(&engine->next_tile, &next, next + 1,
                                                              memory_order_relaxed, memory_order_relaxed)) {
  }
  return next < end ? next : end;
}

/* Tiles of the order, up to number end_tile. */
static void fold_tiles(engine_t *engine, worker_t *worker, const step_t *step, long end_tile, long tick) {
  long begin = tick * (long)graph_tiles(engine->in.graph), end = begin + end_tile;
  for (long i; (i = take_tile(engine, end)) < end;) {
    size_t tile = engine->tile_order[i - begin];
    if (i == begin) add_losses(engine, step);
    fold_pieces(engine, worker, step, tile);
    for (size_t b = 0; b < engine->n_buckets; b++)
      if (overlaps(engine, tile, b))
        atomic_fetch_add_explicit(&engine->progress[b].folded, 1, memory_order_release);
  }
  worker_mark(worker, PHASE_FOLD);
}

/* Forward is over: the stream's rows are no more needed. That a reader has failed, or that this rank wants
 * the run to end, is told before this rank's gradients are complete, so that all nodes know it in this step
 * (exchange.c). By one thread. */
static void tell_node(engine_t *engine, const step_t *step, long tick) {
  if (engine_can_halt(engine) && !step->keep && engine->wants_halt(engine->halt_context))
    atomic_store_explicit(&engine->control->halt_wanted, tick + 1, memory_order_relaxed);
  if (engine->stream == NULL) return;
  stream_release(engine->stream, step->step);
  if (stream_failed(engine->stream)) atomic_store(&engine->control->reader_failed, 1);
}

bool staged_step(engine_t *engine, worker_t *worker, int thread, const step_t *step, long tick) {
  long calls = rows_calls(engine), end = tick * calls * (long)(engine->n_sections + engine->n_stages);
  for (size_t s = 0; s < engine->n_sections; s++) {
    if (!wait_for_section(engine, worker, s, tick)) return false;
    rows_forward(engine, worker, step, &engine->sections[s], end += calls);
    if (s + 1 == engine->n_sections || reads_before(engine, s + 1)) team_wait(engine, worker);
  }
  if (thread == 0) tell_node(engine, step, tick);
  size_t above = graph_nodes(engine->in.graph);
  for (size_t g = engine->n_stages; g-- > 0;) {
    rows_backward(engine, worker, above, engine->stages[g].node, end += calls);
    above = engine->stages[g].node;
    team_wait(engine, worker);
    if (thread == 0) atomic_fetch_add_explicit(&engine->progress[g].handed, 1, memory_order_release);
    fold_tiles(engine, worker, step, engine->stages[g].end_tile, tick);
  }
  fold_tiles(engine, worker, step, (long)graph_tiles(engine->in.graph), tick);
  return true;
}
