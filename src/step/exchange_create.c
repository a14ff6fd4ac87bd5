/* Set-up of the exchange: the size of buckets, the sums that a node sends, the memory for received sums, and
 * the order in which all are added. */
#include "step/exchange.h"

#include "comm/ping_pong.h"

#include <math.h>
#include <string.h>

/* ---- the size of buckets ---- */

/* With small buckets, urgent parameters are sent earlier, and the update begins while other buckets are still
 * being sent. But every message costs a handshake between threads that poll only now and then, so sending a
 * bucket should take longer than a handshake. */
enum {
  FEWEST_BUCKETS = 8, /* also on a fast line */
  MOST_BUCKETS = 128,
  LEAST_BUCKET = 1 << 16,  /* floats: 0.25 MB */
  LEAST_MESSAGE = 1 << 14, /* floats of a share: 64 KB */
  PROBE_BYTES = 1 << 18,   /* size of the messages that measure the line */
  PROBES = 3,
};
static const double BUCKET_SECONDS =
    1e-3; /* sending time of a bucket: gradients, and as long again for parameters */

/* The first rank of another node; ranks of a node are neighbours. */
static int first_abroad(const world_t *world) {
  int rank = 0;
  while (world_node_of(world, rank) == world_node_of(world, 0)) rank++;
  return rank;
}

ls_status exchange_division(world_t *world, size_t vector_floats, division_t *out, ls_error *error) {
  double seconds = 0, all = (double)vector_floats, nodes = world_nodes(world), lanes = world_lanes(world);
  TRY(ping_pong(world, 0, first_abroad(world), PROBE_BYTES, PROBES, &seconds, error));
  double sent = BUCKET_SECONDS / seconds * PROBE_BYTES / sizeof(float);
  double floats = sent * nodes / (nodes - 1); /* a node keeps its own share */
  double least = fmax(LEAST_BUCKET, (double)LEAST_MESSAGE * lanes * nodes);
  floats = fmin(floats, all / FEWEST_BUCKETS);
  floats = fmax(floats, fmax(least, all / MOST_BUCKETS));
  *out = (division_t){.nodes = world_nodes(world),
                      .lanes = world_lanes(world),
                      .updaters = 1, /* the communicating thread */
                      .bucket_floats = (size_t)floats,
                      .bucket_seconds = floats / sent * (nodes - 1) / nodes * BUCKET_SECONDS};
  return LS_OK;
}

/* ---- sums ---- */

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the exchange between nodes");
}

/* Plans how each subtree of this node is added up from the subtrees of the node's ranks. */
static ls_status plan_own(const exchange_setup_t *setup, arena_t *arena, exchange_t *exchange,
                          ls_error *error) {
  const tree_node_t *own = setup->covers[setup->node];
  tree_node_t *below = arena_new(arena, (size_t)setup->n_subtrees, sizeof *below);
  exchange->own_subtrees = setup->n_covers[setup->node];
  exchange->own = arena_new(arena, (size_t)exchange->own_subtrees, sizeof *exchange->own);
  if (below == NULL || exchange->own == NULL) return no_memory(error);
  for (int k = 0, at = 0; k < exchange->own_subtrees; k++) {
    int n = 0;
    for (; at + n < setup->n_subtrees && setup->subtrees[at + n].lo < own[k].lo + own[k].n; n++)
      below[n] = (tree_node_t){setup->subtrees[at + n].lo - own[k].lo, setup->subtrees[at + n].n};
    TRY(tree_plan_create(own[k].n, below, n, arena, &exchange->own[k], error));
    memcpy(exchange->own[k].vectors, setup->vectors + at, (size_t)n * sizeof *setup->vectors);
    at += n;
  }
  return LS_OK;
}

/* The plan over the subtrees of all nodes. It is the same for every bucket, except for the addresses of the
 * sums. */
static ls_status plan_all(const exchange_setup_t *setup, arena_t *arena, exchange_t *exchange, int *n,
                          tree_plan_t *out, ls_error *error) {
  size_t nodes = (size_t)setup->plan->division.nodes;
  tree_node_t *all = arena_new(arena, nodes * TREE_MAX_PIECES, sizeof *all);
  exchange->node_subtrees = arena_new(arena, nodes, sizeof *exchange->node_subtrees);
  if (all == NULL || exchange->node_subtrees == NULL) return no_memory(error);
  *n = 0;
  for (size_t node = 0; node < nodes; node++) {
    exchange->node_subtrees[node] = setup->n_covers[node];
    for (int k = 0; k < setup->n_covers[node]; k++) all[(*n)++] = setup->covers[node][k];
  }
  return tree_plan_create(setup->leaves, all, *n, arena, out, error);
}

/* Sets the addresses of the subtrees of all nodes for a bucket's own share. Those of this node are where the
 * ranks write them, those of other nodes where they are received. */
static void place_sums(const exchange_t *exchange, const bucket_t *bucket, route_t *route) {
  const float *received = route->received;
  int n = 0;
  route->total.first = bucket->own.first * GRAPH_BLOCK;
  for (int node = 0; node < exchange->plan->division.nodes; node++)
    for (int k = 0; k < exchange->node_subtrees[node]; k++, n++) {
      if (node == exchange->node) {
        route->total.vectors[n] = route->sums[k] + (bucket->own.first - route->lane.first) * GRAPH_BLOCK;
        continue;
      }
      route->total.vectors[n] = received;
      received += bucket->own.count * GRAPH_BLOCK;
    }
}

static ls_status create_route(const exchange_setup_t *setup, arena_t *arena, exchange_t *exchange, size_t b,
                              int subtrees, const tree_plan_t *total, ls_error *error) {
  const bucket_t *bucket = &setup->plan->buckets[b];
  route_t *route = &exchange->routes[b];
  size_t own = (size_t)exchange->own_subtrees, others = (size_t)subtrees - own, made = 0;
  *route = (route_t){.stage = setup->folds[b].stage,
                     .tiles = setup->folds[b].tiles * setup->ranks,
                     .lane = lane_shares(setup->plan, b, setup->lane),
                     .total = *total};
  for (size_t k = 0; k < own; k++) made += exchange->own[k].length > 1;
  size_t lane_floats = route->lane.count * GRAPH_BLOCK, own_floats = bucket->own.count * GRAPH_BLOCK;
  route->sums = arena_new(arena, own, sizeof *route->sums);
  route->made = arena_new(arena, made * lane_floats, sizeof(float));
  route->received = arena_new(arena, others * own_floats, sizeof(float));
  route->total.vectors = arena_new(arena, (size_t)subtrees, sizeof *route->total.vectors);
  if (route->sums == NULL || route->made == NULL || route->received == NULL || route->total.vectors == NULL)
    return no_memory(error);
  float *next = route->made;
  for (size_t k = 0; k < own; k++) {
    const tree_plan_t *plan = &exchange->own[k];
    route->sums[k] = plan->length > 1 ? next : plan->vectors[0] + route->lane.first * GRAPH_BLOCK;
    if (plan->length > 1) next += lane_floats;
  }
  place_sums(exchange, bucket, route);
  return LS_OK;
}

ls_status exchange_create(const exchange_setup_t *setup, arena_t *arena, exchange_t *out, ls_error *error) {
  const size_t buckets = setup->plan->n_buckets;
  tree_plan_t total;
  int subtrees = 0;
  *out = (exchange_t){.plan = setup->plan,
                      .node = setup->node,
                      .lane = setup->lane,
                      .ranks = setup->ranks,
                      .parameters = setup->parameters,
                      .signals = setup->signals,
                      .progress = setup->progress,
                      .failed = setup->failed,
                      .waiting = setup->waiting};
  TRY(plan_own(setup, arena, out, error));
  TRY(plan_all(setup, arena, out, &subtrees, &total, error));
  out->routes = arena_new(arena, buckets, sizeof *out->routes);
  out->words = arena_new(arena, (size_t)setup->plan->division.nodes, sizeof *out->words);
  if (out->routes == NULL || out->words == NULL) return no_memory(error);
  for (size_t b = 0; b < buckets; b++) TRY(create_route(setup, arena, out, b, subtrees, &total, error));
  return LS_OK;
}

/* A bucket sends its subtrees and parameters to each other node and receives theirs. Words are two messages
 * per node. */
size_t exchange_messages(const exchange_t *exchange) {
  size_t nodes = (size_t)exchange->plan->division.nodes;
  size_t of_bucket = nodes * ((size_t)exchange->own_subtrees + 2);
  for (size_t node = 0; node < nodes; node++) of_bucket += (size_t)exchange->node_subtrees[node];
  return exchange->plan->n_buckets * of_bucket + 2 * nodes;
}

int exchange_depth(const exchange_t *exchange) {
  int depth = exchange->routes[0].total.depth;
  for (int k = 0; k < exchange->own_subtrees; k++)
    if (exchange->own[k].depth > depth) depth = exchange->own[k].depth;
  return depth;
}
