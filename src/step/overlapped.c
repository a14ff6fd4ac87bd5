/* clang-format off */
/* The strategy for several nodes. The communicating thread drives the exchange (exchange.h) while the other
 * threads compute. 1, 2, 3: layers; g: gradients; p: parameters on the line between nodes.
 *
 *   computing    ... forward 1  2  3 | half g3  delta  half g2  delta  g1  half g2  half g3 | forward 1  2  3 ...
 *   line         half p3               half g3, p3 ...  half g2, p2 ...  g1 ......... p1  half g2  half p2 ...
 *
 * Forward runs section by section. A section starts as soon as its new parameters have arrived. Backward runs
 * stage by stage. When deltas have reached a layer, half of the layer's weight gradients are folded and enter
 * the exchange; then the deltas are passed on to the layer before. So the gradients of the last layers are
 * sent while deltas pass through earlier layers, and their new parameters are sent while the next step runs
 * forward through the first layers.
 *
 * The next step begins with the parameters of the first layer, whose gradient is folded last. All threads
 * would wait while these gradients and parameters are exchanged. So the other half of the gradients of all
 * later layers is computed in this time, in the order in which forward needs their parameters.
 *
 * Threads communicate only by counters that never decrease. `tick` counts the steps, so a waiting thread can
 * compute the value to wait for. */
/* clang-format on */
#include "step/exchange.h"
#include "step/lane.h"
#include "step/strategy.h"
#include "step/whole_update.h"

#include <math.h>
#include <string.h>

/* A stage of backward: the sections that begin with the same node of the network. Tiles of the order before
 * end_tile are folded before backward continues with the stage below. */
typedef struct {
  size_t node;
  long end_tile;
} stage_t;

typedef struct {
  const engine_inputs_t *job;
  const plan_t *plan;
  stage_t *stages; /* (n_stages) */
  size_t n_stages;
  size_t *tile_order; /* (tiles): the order in which tiles are folded */
  float *parameters;  /* of the node */
  signals_t *signals; /* shared by the node */
  progress_t *progress;
  bool has_lane; /* then the following are set: */
  exchange_t exchange;
  lane_t lane;
  _Alignas(64) atomic_long next_tile; /* counted over all steps */
  _Alignas(64) atomic_int waiting;    /* threads that wait for new parameters */
} overlapped_t;

/* ---- stages and tiles ---- */

static size_t stage_of_node(const overlapped_t *own, size_t node) {
  size_t g = own->n_stages - 1;
  while (g > 0 && own->stages[g].node > node) g--;
  return g;
}

static bool overlaps(const overlapped_t *own, size_t tile, size_t bucket) {
  tile_t place = graph_tile(own->job->graph, tile);
  block_range_t blocks = own->plan->buckets[bucket].blocks;
  for (size_t r = 0; r < place.runs; r++) {
    size_t offset = place.offset + r * place.stride;
    if (offset < (blocks.first + blocks.count) * GRAPH_BLOCK &&
        offset + place.floats > blocks.first * GRAPH_BLOCK)
      return true;
  }
  return false;
}

/* Counts the tiles that overlap a bucket, and finds their lowest stage. */
static bucket_fold_t bucket_fold(const overlapped_t *own, size_t bucket) {
  const graph_t *graph = own->job->graph;
  bucket_fold_t fold = {.stage = own->n_stages - 1};
  for (size_t i = 0; i < graph_tiles(graph); i++) {
    if (!overlaps(own, i, bucket)) continue;
    size_t stage = stage_of_node(own, graph_tile_node(graph, i));
    if (stage < fold.stage) fold.stage = stage;
    fold.tiles++;
  }
  return fold;
}

/* Whether a tile of stage g is folded late: it does not overlap the buckets of the first half. */
static bool is_late(const overlapped_t *own, size_t g, size_t tile) {
  const plan_t *plan = own->plan;
  size_t first = 0, sections = 0;
  if (g == 0 || plan->n_buckets == 1 || overlaps(own, tile, 0)) return false;
  for (size_t s = 0; s < plan->n_sections; s++) {
    if (plan->sections[s].first != own->stages[g].node) continue;
    if (sections++ == 0) first = s;
  }
  for (size_t s = 0; s < first + (sections + 1) / 2; s++)
    if (overlaps(own, tile, section_bucket(plan, s))) return false;
  return true;
}

/* Appends the late tiles of stage g, or the other ones, to the order, which has n tiles so far. */
static size_t order_stage(overlapped_t *own, size_t g, bool late, size_t n) {
  const graph_t *graph = own->job->graph;
  for (size_t i = 0; i < graph_tiles(graph); i++)
    if (stage_of_node(own, graph_tile_node(graph, i)) == g && is_late(own, g, i) == late)
      own->tile_order[n++] = i;
  return n;
}

static ls_status plan_stages(overlapped_t *own, arena_t *arena, ls_error *error) {
  const plan_t *plan = own->plan;
  size_t n = 0;
  own->stages = arena_new(arena, plan->n_sections, sizeof *own->stages);
  own->tile_order = arena_new(arena, graph_tiles(own->job->graph), sizeof *own->tile_order);
  if (own->stages == NULL || own->tile_order == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the order of gradient tiles");
  for (size_t s = 0; s < plan->n_sections; s++)
    if (s == 0 || plan->sections[s].first != plan->sections[s - 1].first)
      own->stages[own->n_stages++].node = plan->sections[s].first;
  for (size_t g = own->n_stages; g-- > 0;) {
    n = order_stage(own, g, false, n);
    own->stages[g].end_tile = (long)n;
  }
  for (size_t g = 0; g < own->n_stages; g++) n = order_stage(own, g, true, n);
  return LS_OK;
}

/* ---- waiting for parameters ---- */

static bool wait_for_bucket(thread_t *thread, size_t bucket, long tick) {
  overlapped_t *own = thread->own;
  const atomic_long *arrived = &own->progress[bucket].arrived;
  long number = tick * own->plan->division.lanes;
  if (atomic_load_explicit(arrived, memory_order_acquire) >= number) return true;
  waiter_mark(&thread->waiter, PHASE_WAIT);
  atomic_fetch_add_explicit(&own->waiting, 1, memory_order_relaxed);
  bool came = waiter_await(&thread->waiter, arrived, number);
  atomic_fetch_sub_explicit(&own->waiting, 1, memory_order_relaxed);
  waiter_mark(&thread->waiter, PHASE_EXCHANGE);
  return came;
}

/* Biases of all layers are one bucket, the first. */
static bool wait_for_section(thread_t *thread, size_t section, long tick) {
  if (section == 0 && !wait_for_bucket(thread, 0, tick)) return false;
  return wait_for_bucket(thread, section_bucket(thread->plan, section), tick);
}

static void end(thread_t *thread, long tick) {
  size_t b = 0;
  while (thread->role == COMPUTES && b < thread->plan->n_buckets && wait_for_bucket(thread, b, tick)) b++;
}

/* All nodes know of the request when the first bucket has arrived. The communicating thread need not wait for
 * it. */
static bool halted(thread_t *thread, long tick) {
  const overlapped_t *own = thread->own;
  if (thread->role == COMPUTES && !wait_for_bucket(thread, 0, tick)) return false; /* the step fails too */
  return atomic_load_explicit(&own->signals->halt_known, memory_order_relaxed) == tick;
}

/* ---- the step of a computing thread ---- */

/* Whether section s reads the results of the section before it. All sections do, except those that compute
 * further outputs of a layer that is cut into several sections. */
static bool reads_before(const plan_t *plan, size_t s) {
  const section_t *section = &plan->sections[s];
  bool is_last = s + 1 == plan->n_sections || section[1].first != section->first;
  return section->from == 0 || is_last;
}

/* The next tile before number `end`; `end` when there is none. */
static long take_tile(overlapped_t *own, long end) {
  long next = atomic_load_explicit(&own->next_tile, memory_order_relaxed);
  while (next < end && !atomic_compare_exchange_weak_explicit(&own->next_tile, &next, next + 1,
                                                              memory_order_relaxed, memory_order_relaxed)) {
  }
  return next < end ? next : end;
}

/* Folds tiles of the order, up to number end_tile. */
static void fold_tiles(thread_t *thread, long end_tile) {
  overlapped_t *own = thread->own;
  long begin = thread->step.tick * (long)graph_tiles(own->job->graph), end = begin + end_tile;
  for (long i; (i = take_tile(own, end)) < end;) {
    size_t tile = own->tile_order[i - begin];
    fold_into_vectors(thread, tile);
    for (size_t b = 0; b < own->plan->n_buckets; b++)
      if (overlaps(own, tile, b))
        atomic_fetch_add_explicit(&own->progress[b].folded, 1, memory_order_release);
  }
  waiter_mark(&thread->waiter, PHASE_FOLD);
}

/* Called by one thread when forward is complete: adds up losses, releases the rows of the stream, and tells
 * the node whether the loss is finite, a reader failed, or this rank asks to end the run. This happens before
 * the rank's gradients are complete, so all nodes learn of it in this step. */
static void tell_node(thread_t *thread) {
  const overlapped_t *own = thread->own;
  const halt_t *halt = thread->halt;
  stream_t *stream = thread->rows->stream;
  const long number = thread->step.tick + 1;
  rows_add_losses(thread);
  if (atomic_load(&thread->node->control->bad_loss) == number) atomic_store(&own->signals->bad_loss, number);
  if (halt->wants != NULL && !thread->step.keep && halt->wants(halt->context))
    atomic_store_explicit(&own->signals->halt_wanted, number, memory_order_relaxed);
  if (stream == NULL) return;
  stream_release(stream, thread->step.index);
  if (stream_failed(stream)) atomic_store(&own->signals->reader_failed, 1);
}

static bool compute(thread_t *thread) {
  const overlapped_t *own = thread->own;
  const plan_t *plan = own->plan;
  const long tick = thread->step.tick, calls = rows_calls(thread->rows);
  long end_call = tick * calls * (long)(plan->n_sections + own->n_stages);
  for (size_t s = 0; s < plan->n_sections; s++) {
    if (!wait_for_section(thread, s, tick)) return false;
    rows_forward(thread, &plan->sections[s], end_call += calls);
    if (s + 1 == plan->n_sections || reads_before(plan, s + 1)) team_meet(thread);
  }
  if (thread->number == 0) tell_node(thread);
  size_t above = graph_nodes(own->job->graph);
  for (size_t g = own->n_stages; g-- > 0;) {
    rows_backward(thread, above, own->stages[g].node, end_call += calls);
    above = own->stages[g].node;
    team_meet(thread);
    if (thread->number == 0) atomic_fetch_add_explicit(&own->progress[g].handed, 1, memory_order_release);
    fold_tiles(thread, own->stages[g].end_tile);
  }
  fold_tiles(thread, (long)graph_tiles(own->job->graph));
  return true;
}

/* ---- the step of the communicating thread ---- */

/* While others compute, the communicating thread may share a core with one of them. It sleeps for half the
 * sending time of a bucket, because no message completes earlier. */
static const double LEAST_NAP = 300e-6, LONGEST_NAP = 1e-3;

static void update_bucket(void *context, size_t bucket) {
  thread_t *thread = context;
  const overlapped_t *own = thread->own;
  update_take_range(thread, &own->plan->buckets[bucket], &own->exchange.routes[bucket].total);
}

static bool update_all(void *context) {
  thread_t *thread = context;
  const overlapped_t *own = thread->own;
  const long number = thread->step.tick + 1;
  if (atomic_load(&own->signals->bad_loss) == number) atomic_store(&thread->node->control->bad_loss, number);
  update_whole(thread);
  return !waiter_failed(&thread->waiter);
}

static void renew_copies(void *context, block_range_t blocks) {
  thread_t *thread = context;
  graph_transpose(thread->job->graph, thread->node->parameters, blocks.first * GRAPH_BLOCK,
                  blocks.count * GRAPH_BLOCK);
}

static ls_status give_up(void *context, const char *why) {
  thread_t *thread = context;
  return world_abandon(thread->job->world, why, thread->error);
}

static bool communicate(thread_t *thread) {
  overlapped_t *own = thread->own;
  const world_t *world = own->job->world;
  update_prepare(thread);
  const exchange_step_t step = {
      .tick = thread->step.tick,
      .waits = thread->waits,
      .keep = thread->step.keep,
      .nap = fmin(fmax(own->plan->division.bucket_seconds / 2, LEAST_NAP), LONGEST_NAP),
      .limit = world_timeout(world) > 0 ? world_patience(world) : 0,
      .stack = thread->stack,
      .update = update_bucket,
      .update_whole = update_all,
      .renew_copies = renew_copies,
      .give_up = give_up,
      .context = thread};
  bool reader_failed = false;
  ls_status status = exchange_run(&own->exchange, &step, &reader_failed, thread->error);
  if (status == LS_OK && reader_failed) atomic_store(&thread->node->control->failed, READER_FAILED);
  if (status != LS_OK) atomic_store(&thread->node->control->failed, EXCHANGE_FAILED);
  return !waiter_failed(&thread->waiter);
}

static bool step(thread_t *thread) {
  return thread->role == COMMUNICATES ? communicate(thread) : compute(thread);
}

/* The communicating threads of the node meet before and after, because the squares are in the node's memory.
 */
static void share(thread_t *thread, double *values, const size_t *first) {
  overlapped_t *own = thread->own;
  waiter_meet(&thread->waiter, &own->signals->lanes);
  if (lane_share_doubles(&own->lane, values, first, thread->error) != LS_OK)
    atomic_store(&thread->node->control->failed, EXCHANGE_FAILED);
  waiter_mark(&thread->waiter, PHASE_UPDATE);
  waiter_meet(&thread->waiter, &own->signals->lanes);
}

static ls_status share_parameters(void *state, block_range_t *range, ls_error *error) {
  overlapped_t *own = state;
  *range = (block_range_t){0, 0};
  if (!own->has_lane) return LS_OK;
  *range = lane_shares(own->plan, 0, own->exchange.lane);
  return lane_share_parameters(&own->lane, own->parameters, error);
}

/* ---- set-up ---- */

static bool suits(const char *reduce, int nodes) {
  return strcmp(reduce, "shared") == 0 && nodes > 1;
}

/* exchange: memory for the sums that this rank's lane sends or receives, if every node has the same number of
 * leaves and one subtree. */
static strategy_memory_t memory(const layout_t *layout, const graph_t *graph, const world_t *world) {
  double vector = (double)graph_floats(graph) * sizeof(float);
  double nodes = world_nodes(world), lane = vector / world_lanes(world);
  (void)layout;
  return (strategy_memory_t){.copies = 1,
                             .subtree_sums = vector,
                             .shares = nodes * world_lanes(world),
                             .exchange =
                                 world_place(world) >= world_lanes(world)
                                     ? 0
                                     : (nodes - 1) * lane / nodes + (world_places(world) > 1 ? lane : 0)};
}

/* L-BFGS needs the whole vector at once, so it has one bucket. */
static ls_status divide(const engine_inputs_t *job, division_t *out, ls_error *error) {
  if (optimizer_find(job->settings->optimizer.name)->update != NULL)
    return exchange_division(job->world, graph_floats(job->graph), out, error);
  *out = (division_t){.nodes = world_nodes(job->world),
                      .lanes = world_lanes(job->world),
                      .updaters = 1,
                      .bucket_floats = SIZE_MAX / 4};
  return LS_OK;
}

/* The exchange and the lane, for a rank that has one. */
static ls_status create_lane(const strategy_setup_t *setup, node_memory_t *node, overlapped_t *own,
                             ls_error *error) {
  const engine_inputs_t *job = setup->job;
  const plan_t *plan = setup->plan;
  world_t *world = job->world;
  size_t nodes = (size_t)plan->division.nodes, most = (size_t)world_places(world) * TREE_MAX_PIECES;
  tree_node_t *subtrees = arena_new(setup->arena, most, sizeof *subtrees);
  const float **vectors = arena_new(setup->arena, most, sizeof *vectors);
  tree_node_t(*covers)[TREE_MAX_PIECES] = arena_new(setup->arena, nodes, sizeof *covers);
  int *n_covers = arena_new(setup->arena, nodes, sizeof *n_covers);
  bucket_fold_t *folds = arena_new(setup->arena, plan->n_buckets, sizeof *folds);
  if (subtrees == NULL || vectors == NULL || covers == NULL || n_covers == NULL || folds == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the exchange between nodes");
  for (size_t n = 0; n < nodes; n++) n_covers[n] = node_cover(job, (int)n, covers[n]);
  for (size_t b = 0; b < plan->n_buckets; b++) folds[b] = bucket_fold(own, b);
  const exchange_setup_t exchange = {.plan = plan,
                                     .node = world_node(world),
                                     .lane = world_place(world),
                                     .ranks = world_places(world),
                                     .leaves = job->layout->shards,
                                     .subtrees = subtrees,
                                     .vectors = vectors,
                                     .n_subtrees = node_subtrees(job, node, subtrees, vectors),
                                     .covers = (const tree_node_t(*)[TREE_MAX_PIECES])covers,
                                     .n_covers = n_covers,
                                     .folds = folds,
                                     .parameters = node->parameters,
                                     .signals = own->signals,
                                     .progress = own->progress,
                                     .failed = &node->control->failed,
                                     .waiting = &own->waiting};
  TRY(exchange_create(&exchange, setup->arena, &own->exchange, error));
  TRY(lane_create(world, plan, plan->blocks + 2 * setup->updates->layers.n_fragments, setup->arena,
                  &own->lane, error));
  return transfer_create(world, exchange_messages(&own->exchange), &own->exchange.transfer, error);
}

static ls_status create(const strategy_setup_t *setup, node_memory_t *node, strategy_state_t *out,
                        ls_error *error) {
  const plan_t *plan = setup->plan;
  world_t *world = setup->job->world;
  overlapped_t *own = arena_new(setup->arena, 1, sizeof *own);
  ls_status status = LS_OK;
  if (own == NULL) {
    status = error_set(error, LS_NO_MEMORY, "no memory for the exchange between nodes");
  } else {
    *own = (overlapped_t){
        .job = setup->job, .plan = plan, .has_lane = world_place(world) < plan->division.lanes};
    *out = (strategy_state_t){.own = own, .communicates = own->has_lane};
    status = plan_stages(own, setup->arena, error);
  }
  TRY(world_agree(world, status, error));
  node_threads_t threads;
  TRY(node_count_threads(setup->job, &threads, error));
  const node_request_t request = {.threads = threads,
                                  .subtree_floats = plan->floats,
                                  .subtrees = setup->fold->n,
                                  .counter_bytes = sizeof(signals_t) + plan->n_buckets * sizeof(progress_t),
                                  .squares = 2 * setup->updates->layers.n_fragments};
  TRY(node_create_shared(setup->job, plan, &request, node, error));
  own->parameters = node->parameters;
  own->signals = node->counters;
  own->progress = (progress_t *)(own->signals + 1);
  if (node->is_first) barrier_init(&own->signals->lanes, plan->division.lanes);
  TRY(world_barrier(world, error));
  status = own->has_lane ? create_lane(setup, node, own, error) : LS_OK;
  TRY(world_agree(world, status, error));
  if (own->has_lane) out->depth = exchange_depth(&own->exchange);
  return LS_OK;
}

static void destroy(void *state) {
  overlapped_t *own = state;
  if (own != NULL) transfer_destroy(&own->exchange.transfer);
}

const strategy_t overlapped_strategy = {.name = "overlapped",
                                        .suits = suits,
                                        .memory = memory,
                                        .divide = divide,
                                        .create = create,
                                        .destroy = destroy,
                                        .step = step,
                                        .end = end,
                                        .halted = halted,
                                        .share = share,
                                        .share_parameters = share_parameters};
