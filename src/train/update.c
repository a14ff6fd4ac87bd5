/* The last phase of a step: an allreduce with the update fused into the middle of it.
 *
 * The parameter vector is cut into slices on block boundaries, one for each (lane, node), lane-major, so that
 * the slices of a lane are neighbours. On one node a rank reads its slice of all partial sums and adds them
 * in tree order, block by block in cache. With several nodes, the ranks of a lane first fold their node's
 * partial sums into the node's subtrees and exchange slices of those (all-to-all); afterwards they pass round
 * the new parameters (allgather). Either way every number is the sum over the same tree. */
#include "train/engine_impl.h"

#include <math.h>
#include <string.h>

/* ---- set-up ---- */

slice_t slice_number(const engine_t *engine, int lane, int node) {
  size_t parts = (size_t)(engine->lanes * engine->nodes), i = (size_t)(lane * engine->nodes + node);
  size_t first = engine->blocks * i / parts;
  return (slice_t){first, engine->blocks * (i + 1) / parts - first};
}

/* The subtrees that ranks [first, first + ranks) hold, rank by rank. */
static int cover_ranks(const engine_t *engine, int first, int ranks, tree_node_t *pieces) {
  int shards = engine->in.layout->shards, n = 0;
  int size = world_size(engine->in.world);
  for (int r = first; r < first + ranks; r++)
    n += tree_cover(shards, rank_first_shard(shards, size, r), rank_shards(shards, size, r), pieces + n);
  return n;
}

static ls_status sum_create(engine_t *engine, int leaves, const tree_node_t *pieces, int n_pieces, sum_t *sum,
                            ls_error *error) {
  sum->length = 2 * n_pieces - 1;
  sum->program = arena_new(&engine->arena, (size_t)sum->length, sizeof *sum->program);
  sum->pieces = arena_new(&engine->arena, (size_t)n_pieces, sizeof *sum->pieces);
  if (sum->program == NULL || sum->pieces == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  sum->depth = tree_plan(leaves, pieces, n_pieces, sum->program);
  return LS_OK;
}

/* Pieces of this node's ranks, with the vectors that hold them. */
static int node_pieces(const engine_t *engine, tree_node_t *pieces, const float **vectors) {
  const world_t *world = engine->in.world;
  int first = world_rank(world) - world_place(world), n = 0;
  for (int place = 0; place < world_places(world); place++) {
    int own = cover_ranks(engine, first + place, 1, pieces + n);
    const float *segment = window_segment(engine->partial_window, place);
    for (int k = 0; k < own; k++) vectors[n + k] = segment + (size_t)k * engine->floats;
    n += own;
  }
  return n;
}

/* The ranks of a node: neighbours. */
static void node_ranks(const world_t *world, int node, int *first, int *ranks) {
  *first = -1;
  *ranks = 0;
  for (int r = 0; r < world_size(world); r++) {
    if (world_node_of(world, r) != node) continue;
    if (*first < 0) *first = r;
    ++*ranks;
  }
}

static int cover_node(const engine_t *engine, int node, tree_node_t pieces[TREE_MAX_PIECES]) {
  int first = 0, ranks = 0, shards = engine->in.layout->shards, size = world_size(engine->in.world);
  node_ranks(engine->in.world, node, &first, &ranks);
  int lo = rank_first_shard(shards, size, first), count = 0;
  for (int r = first; r < first + ranks; r++) count += rank_shards(shards, size, r);
  return tree_cover(shards, lo, count, pieces);
}

/* How to build each of this node's subtrees from those of its ranks: a plan over the leaves below it. */
static ls_status plan_own(engine_t *engine, const tree_node_t *pieces, const float *const *vectors, int n,
                          ls_error *error) {
  exchange_t *exchange = &engine->exchange;
  tree_node_t own[TREE_MAX_PIECES];
  exchange->own_pieces = cover_node(engine, world_node(engine->in.world), own);
  exchange->own = arena_new(&engine->arena, (size_t)exchange->own_pieces, sizeof *exchange->own);
  tree_node_t *below = arena_new(&engine->arena, (size_t)n, sizeof *below);
  if (exchange->own == NULL || below == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  for (int k = 0, at = 0; k < exchange->own_pieces; k++) {
    int count = 0;
    for (; at + count < n && pieces[at + count].lo < own[k].lo + own[k].n; count++)
      below[count] = (tree_node_t){pieces[at + count].lo - own[k].lo, pieces[at + count].n};
    TRY(sum_create(engine, own[k].n, below, count, &exchange->own[k], error));
    memcpy(exchange->own[k].pieces, vectors + at, (size_t)count * sizeof *vectors);
    at += count;
  }
  return LS_OK;
}

/* Counts and buffers of the lane's all-to-all, and the plan over what it brings. */
static ls_status plan_exchange(engine_t *engine, ls_error *error) {
  const world_t *world = engine->in.world;
  exchange_t *exchange = &engine->exchange;
  size_t nodes = (size_t)engine->nodes, send = 0, receive = 0;
  int **counts[] = {&exchange->send_counts, &exchange->receive_counts, &exchange->lane_counts,
                    &exchange->norm_counts};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    if ((*counts[i] = arena_new(&engine->arena, nodes, sizeof(int))) == NULL)
      return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  tree_node_t *all = arena_new(&engine->arena, nodes * TREE_MAX_PIECES, sizeof *all);
  if (all == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  int lane = world_place(world), n = 0;
  for (int node = 0; node < engine->nodes; node++) {
    slice_t slice = slice_number(engine, lane, node);
    int pieces = cover_node(engine, node, all + n);
    n += pieces;
    exchange->norm_counts[node] = (int)slice.count;
    exchange->lane_count += slice.count;
    exchange->lane_counts[node] = (int)(slice.count * GRAPH_BLOCK);
    exchange->send_counts[node] = exchange->own_pieces * exchange->lane_counts[node];
    exchange->receive_counts[node] = pieces * (int)(engine->slice.count * GRAPH_BLOCK);
    send += (size_t)exchange->send_counts[node];
    receive += (size_t)exchange->receive_counts[node];
  }
  exchange->lane_first = slice_number(engine, lane, 0).first;
  exchange->send = arena_new(&engine->arena, send, sizeof(float));
  exchange->receive = arena_new(&engine->arena, receive, sizeof(float));
  if (exchange->send == NULL || exchange->receive == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the exchange between nodes (%.1f MB)",
                     (double)(send + receive) * sizeof(float) / 1e6);
  TRY(sum_create(engine, engine->in.layout->shards, all, n, &engine->total, error));
  engine->total.first = engine->slice.first * GRAPH_BLOCK;
  for (int k = 0; k < n; k++)
    engine->total.pieces[k] = exchange->receive + (size_t)k * engine->slice.count * GRAPH_BLOCK;
  return LS_OK;
}

static ls_status plan_slices(engine_t *engine, ls_error *error) {
  const world_t *world = engine->in.world;
  int size = world_size(world);
  engine->slices = arena_new(&engine->arena, (size_t)size, sizeof *engine->slices);
  if (engine->slices == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  if (!engine->shared) {
    engine->slices[0] = engine->slice = (slice_t){0, engine->blocks};
    return LS_OK;
  }
  for (int r = 0, place = 0; r < size; r++) {
    place = r > 0 && world_node_of(world, r) == world_node_of(world, r - 1) ? place + 1 : 0;
    if (place < engine->lanes) engine->slices[r] = slice_number(engine, place, world_node_of(world, r));
  }
  engine->slice = engine->slices[world_rank(world)];
  return LS_OK;
}

static ls_status slice_buffers(engine_t *engine, ls_error *error) {
  size_t floats = engine->slice.count * GRAPH_BLOCK;
  engine->gradient = arena_new(&engine->arena, floats, sizeof(float));
  bool all = engine->gradient != NULL;
  for (int k = 0; k < engine->optimizer->states; k++)
    all = all && (engine->states[k] = arena_new(&engine->arena, floats, sizeof(float))) != NULL;
  return all ? LS_OK
             : error_set(error, LS_NO_MEMORY, "no memory for the optimiser's state (%.1f MB)",
                         (double)floats * sizeof(float) * (1 + engine->optimizer->states) / 1e6);
}

ls_status update_create(engine_t *engine, ls_error *error) {
  TRY(plan_slices(engine, error));
  TRY(slice_buffers(engine, error));
  TRY(trust_create(engine, error));
  if (!engine->shared) { /* the sum over ranks is the library's; what is left is one vector */
    tree_node_t whole = {0, 1};
    TRY(sum_create(engine, 1, &whole, 1, &engine->total, error));
    engine->total.pieces[0] = engine->gradient;
    return LS_OK;
  }
  int places = world_places(engine->in.world);
  size_t most = (size_t)places * TREE_MAX_PIECES;
  tree_node_t *pieces = arena_new(&engine->arena, most, sizeof *pieces);
  const float **vectors = arena_new(&engine->arena, most, sizeof *vectors);
  if (pieces == NULL || vectors == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  int n = node_pieces(engine, pieces, vectors);
  if (engine->nodes > 1) {
    TRY(plan_own(engine, pieces, vectors, n, error));
    return world_place(engine->in.world) < engine->lanes ? plan_exchange(engine, error) : LS_OK;
  }
  TRY(sum_create(engine, engine->in.layout->shards, pieces, n, &engine->total, error));
  memcpy(engine->total.pieces, vectors, (size_t)n * sizeof *vectors);
  return LS_OK;
}

/* ---- the phase ---- */

/* The sum of block `block`: runs the program on a stack in cache. The result may be one of the vectors
 * itself. */
static const float *sum_block(const sum_t *sum, size_t block, float *stack) {
  const float *top[TREE_MAX_PIECES + 2];
  int n = 0;
  for (int i = 0; i < sum->length; i++) {
    if (sum->program[i] != TREE_ADD) {
      top[n++] = sum->pieces[sum->program[i]] + (block * GRAPH_BLOCK - sum->first);
      continue;
    }
    const float *a = top[n - 2], *b = top[n - 1];
    float *out = stack + (size_t)(n - 2) * GRAPH_BLOCK;
    for (size_t k = 0; k < GRAPH_BLOCK; k++) out[k] = a[k] + b[k];
    top[--n - 1] = out;
  }
  return top[0];
}

/* This thread's part of a run of blocks. */
static slice_t part_of(slice_t slice, int thread, int threads) {
  size_t t = (size_t)thread, n = (size_t)threads;
  size_t first = slice.count * t / n;
  return (slice_t){slice.first + first, slice.count * (t + 1) / n - first};
}

/* g = sum / rows + l2 w + l1 sign(w) for n floats from `first` on; penalties on weights, not on biases. */
static void mean_gradient(const engine_t *engine, size_t first, size_t n, const float *restrict sum,
                          float scale, float *restrict g) {
  const float *restrict w = engine->parameters + first;
  float l1 = optimizer_takes_l1(engine->optimizer) ? 0 : (float)engine->in.settings->train.l1;
  float l2 = (float)engine->in.settings->train.l2;
  if (first >= engine->weight_blocks * GRAPH_BLOCK || (l1 == 0 && l2 == 0)) {
    for (size_t i = 0; i < n; i++) g[i] = sum[i] * scale;
    return;
  }
  for (size_t i = 0; i < n; i++) {
    float sign = (float)(w[i] > 0) - (float)(w[i] < 0);
    g[i] = sum[i] * scale + l2 * w[i] + l1 * sign;
  }
}

double sum_squares(const float *g, size_t n) {
  double lanes[8] = {0};
  for (size_t i = 0; i < n; i += 8)
    for (size_t k = 0; k < 8; k++) lanes[k] += (double)g[i + k] * (double)g[i + k];
  return tree_sum(lanes, 8, 1);
}

/* Applies the mean gradient g of floats [first, first + n): within one block. */
static void apply(engine_t *engine, const optimizer_step_t *step, size_t first, size_t n, const float *g) {
  size_t at = first - engine->slice.first * GRAPH_BLOCK;
  float *states[OPTIMIZER_MAX_STATES] = {0};
  for (int k = 0; k < engine->optimizer->states; k++) states[k] = engine->states[k] + at;
  engine->optimizer->update(step, first < engine->weight_blocks * GRAPH_BLOCK, n, engine->parameters + first,
                            g, states);
}

/* Floats [first, first + n) that are running statistics: no gradient, and not the optimiser's. */
static bool step_statistics(engine_t *engine, const step_t *step, size_t first, size_t n, const float *sum) {
  if (first < engine->trained_blocks * GRAPH_BLOCK) return false;
  graph_step_statistics(engine->in.graph, first, n, sum, (double)step->rows, (double)step->freedom,
                        engine->parameters + first);
  return true;
}

void update_floats(engine_t *engine, worker_t *worker, const step_t *step, const optimizer_step_t *update,
                   size_t first, size_t count, const float *sum) {
  if (step_statistics(engine, step, first, count, sum)) return;
  for (size_t i = 0; i < count; i += GRAPH_BLOCK) {
    size_t n = count - i < GRAPH_BLOCK ? count - i : GRAPH_BLOCK;
    mean_gradient(engine, first + i, n, sum + i, 1.0F / (float)step->rows, worker->gradient);
    apply(engine, update, first + i, n, worker->gradient);
  }
  graph_transpose(engine->in.graph, engine->parameters, first, count);
}

/* The textbook way: each rank's sum, then MPI_Allreduce. Its order is the library's. */
static void reduce_by_library(engine_t *engine, worker_t *worker, int thread, ls_error *error) {
  slice_t part = part_of(engine->slice, thread, engine->in.layout->threads);
  for (size_t i = part.first * GRAPH_BLOCK; i < (part.first + part.count) * GRAPH_BLOCK; i++) {
    float sum = engine->partials[i];
    for (int k = 1; k < engine->n_pieces; k++) sum += engine->partials[(size_t)k * engine->floats + i];
    engine->gradient[i] = sum;
  }
  worker_mark(worker, PHASE_UPDATE);
  team_wait(engine, worker);
  if (thread == 0 && world_sum_f32(engine->in.world, engine->gradient, engine->floats, error) != LS_OK)
    atomic_store(&engine->control->failed, 1);
  worker_mark(worker, PHASE_EXCHANGE);
  team_wait(engine, worker);
}

/* This node's subtrees of every slice of the lane, to the node that owns the slice. */
static void exchange_sums(engine_t *engine, worker_t *worker, int thread, ls_error *error) {
  exchange_t *exchange = &engine->exchange;
  if (world_place(engine->in.world) >= engine->lanes) return;
  float *to = exchange->send;
  for (int node = 0; node < engine->nodes; node++) {
    slice_t slice = slice_number(engine, world_place(engine->in.world), node);
    slice_t part = part_of(slice, thread, engine->in.layout->threads);
    for (int k = 0; k < exchange->own_pieces; k++, to += slice.count * GRAPH_BLOCK)
      for (size_t b = part.first; b < part.first + part.count; b++)
        memcpy(to + (b - slice.first) * GRAPH_BLOCK, sum_block(&exchange->own[k], b, worker->stack),
               GRAPH_BLOCK * sizeof *to);
  }
  worker_mark(worker, PHASE_UPDATE);
  team_wait(engine, worker);
  if (thread == 0 && world_lane_all_to_all(engine->in.world, exchange->send, exchange->send_counts,
                                           exchange->receive, exchange->receive_counts, error) != LS_OK)
    atomic_store(&engine->control->failed, 1);
  worker_mark(worker, PHASE_EXCHANGE);
  team_wait(engine, worker);
}

/* New parameters to the other nodes, and theirs into the transposed copy; this rank's threads have all
 * written theirs. */
static void exchange_parameters(engine_t *engine, worker_t *worker, int thread, ls_error *error) {
  if (world_place(engine->in.world) >= engine->lanes) return;
  worker_mark(worker, PHASE_UPDATE);
  team_wait(engine, worker);
  const exchange_t *exchange = &engine->exchange;
  float *parameters = engine->parameters + exchange->lane_first * GRAPH_BLOCK;
  if (thread == 0 && world_lane_gather(engine->in.world, parameters, exchange->lane_counts, error) != LS_OK)
    atomic_store(&engine->control->failed, 1);
  worker_mark(worker, PHASE_EXCHANGE);
  team_wait(engine, worker);
  slice_t lane = {exchange->lane_first, exchange->lane_count};
  slice_t part = part_of(lane, thread, engine->in.layout->threads);
  graph_transpose(engine->in.graph, engine->parameters, part.first * GRAPH_BLOCK, part.count * GRAPH_BLOCK);
}

void share_squares(engine_t *engine, worker_t *worker, int thread, double *lane, const int *counts,
                   ls_error *error) {
  worker_mark(worker, PHASE_UPDATE);
  node_wait(engine, worker);
  if (engine->nodes == 1) return;
  if (thread == 0 && world_place(engine->in.world) < engine->lanes &&
      world_lane_gather_f64(engine->in.world, lane, counts, error) != LS_OK)
    atomic_store(&engine->control->failed, 1);
  worker_mark(worker, PHASE_EXCHANGE);
  node_wait(engine, worker);
}

/* |g| over all parameters, the same on every thread: squares of blocks, added in the tree. */
static double global_norm(engine_t *engine, worker_t *worker, int thread, ls_error *error) {
  share_squares(engine, worker, thread, engine->control->norms + engine->exchange.lane_first,
                engine->exchange.norm_counts, error);
  return sqrt(tree_sum(engine->control->norms, (int)engine->blocks, 1));
}

/* Whether the norm of the whole gradient must be known before any of it is applied. */
static bool needs_norm(const engine_t *engine, const step_t *step) {
  return step->want_norm || engine->in.settings->train.clip_norm > 0;
}

/* Whether the whole gradient must be there before any of it is applied. */
static bool gradient_waits(const engine_t *engine, const step_t *step) {
  return step->keep || engine->trust.n_pieces > 0 || needs_norm(engine, step);
}

bool update_while_folding(const engine_t *engine, const step_t *step) {
  return engine->shared && world_size(engine->in.world) == 1 && !gradient_waits(engine, step);
}

/* The mean gradient of a part of the slice, to where it waits; squares of its blocks for the norm. */
static void keep_gradient(engine_t *engine, worker_t *worker, const step_t *step, slice_t part) {
  for (size_t b = part.first; b < part.first + part.count; b++) {
    float *g = worker->gradient;
    const float *sum = sum_block(&engine->total, b, worker->stack);
    memset(g, 0, GRAPH_BLOCK * sizeof *g);
    if (b < engine->trained_blocks)
      mean_gradient(engine, b * GRAPH_BLOCK, GRAPH_BLOCK, sum, 1.0F / (float)step->rows, g);
    else if (!step->keep)
      step_statistics(engine, step, b * GRAPH_BLOCK, GRAPH_BLOCK, sum);
    engine->control->norms[b] = sum_squares(g, GRAPH_BLOCK);
    memcpy(engine->gradient + (b - engine->slice.first) * GRAPH_BLOCK, g, GRAPH_BLOCK * sizeof *g);
  }
}

/* The gradient that waits, cut to clip_norm. */
static void clip(engine_t *engine, worker_t *worker, int thread, slice_t part, ls_error *error) {
  double norm = global_norm(engine, worker, thread, error), most = engine->in.settings->train.clip_norm;
  if (thread == 0) engine->norm = norm;
  if (most <= 0 || !(norm > most)) return;
  float shrink = (float)(most / norm);
  float *g = engine->gradient + (part.first - engine->slice.first) * GRAPH_BLOCK;
  for (size_t i = 0; i < part.count * GRAPH_BLOCK; i++) g[i] *= shrink;
}

/* The update from the gradient that waits in memory. */
static void update_waiting(engine_t *engine, worker_t *worker, int thread, const step_t *step, slice_t part,
                           const optimizer_step_t *update, ls_error *error) {
  if (needs_norm(engine, step)) clip(engine, worker, thread, part, error);
  if (engine->trust.n_pieces > 0) {
    trust_update(engine, worker, thread, part, update, error);
    return;
  }
  for (size_t b = part.first; b < part.first + part.count && b < engine->trained_blocks; b++)
    apply(engine, update, b * GRAPH_BLOCK, GRAPH_BLOCK,
          engine->gradient + (b - engine->slice.first) * GRAPH_BLOCK);
  graph_transpose(engine->in.graph, engine->parameters, part.first * GRAPH_BLOCK, part.count * GRAPH_BLOCK);
}

optimizer_step_t update_settings(const engine_t *engine, const step_t *step) {
  const settings_t *settings = engine->in.settings;
  optimizer_step_t update = {.learning_rate = engine_learning_rate(engine, step->updates),
                             .momentum = settings->optimizer.momentum,
                             .nesterov = settings->optimizer.nesterov,
                             .beta1 = settings->optimizer.beta1,
                             .beta2 = settings->optimizer.beta2,
                             .epsilon = settings->optimizer.epsilon,
                             .alpha = settings->optimizer.alpha,
                             .weight_decay = settings->optimizer.weight_decay,
                             .trust_coefficient = settings->optimizer.trust_coefficient,
                             .l1 = settings->train.l1,
                             .step = step->updates + 1};
  optimizer_prepare(engine->optimizer, &update);
  return update;
}

void update_phase(engine_t *engine, worker_t *worker, int thread, const step_t *step, ls_error *error) {
  const optimizer_step_t update = update_settings(engine, step);
  if (!engine->shared) reduce_by_library(engine, worker, thread, error);
  if (engine->nodes > 1) exchange_sums(engine, worker, thread, error);
  slice_t part = part_of(engine->slice, thread, engine->in.layout->threads);
  if (gradient_waits(engine, step)) {
    keep_gradient(engine, worker, step, part);
    if (step->keep) return;
    update_waiting(engine, worker, thread, step, part, &update, error);
  } else {
    for (size_t b = part.first; b < part.first + part.count; b++)
      update_floats(engine, worker, step, &update, b * GRAPH_BLOCK, GRAPH_BLOCK,
                    sum_block(&engine->total, b, worker->stack));
  }
  if (engine->nodes > 1) exchange_parameters(engine, worker, thread, error);
  worker_mark(worker, PHASE_UPDATE);
}
