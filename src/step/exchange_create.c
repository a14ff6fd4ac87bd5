/* Set-up of the exchange between nodes: which sums a node sends, where those of others go, and how all are
 * added up. */
#include "step/exchange_impl.h"

#include <string.h>

bool exchange_takes_part(const engine_t *engine) {
  return engine->nodes > 1 && world_place(engine->in.world) < engine->lanes;
}

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the exchange between nodes");
}

/* How to build each of this node's subtrees from those of its ranks: a plan over the leaves below it. */
static ls_status plan_own(engine_t *engine, exchange_t *exchange, ls_error *error) {
  size_t most = (size_t)world_places(engine->in.world) * TREE_MAX_PIECES;
  tree_node_t own[TREE_MAX_PIECES], *pieces = arena_new(&engine->arena, most, sizeof *pieces);
  tree_node_t *below = arena_new(&engine->arena, most, sizeof *below);
  const float **vectors = arena_new(&engine->arena, most, sizeof *vectors);
  exchange->own_pieces = cover_node(engine, world_node(engine->in.world), own);
  exchange->own = arena_new(&engine->arena, (size_t)exchange->own_pieces, sizeof *exchange->own);
  if (pieces == NULL || below == NULL || vectors == NULL || exchange->own == NULL) return no_memory(error);
  int n = node_pieces(engine, pieces, vectors);
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

/* The plan over the subtrees of all nodes: the same for every bucket, but for where they are. */
static ls_status plan_all(engine_t *engine, exchange_t *exchange, int *n, ls_error *error) {
  size_t nodes = (size_t)engine->nodes;
  tree_node_t *all = arena_new(&engine->arena, nodes * TREE_MAX_PIECES, sizeof *all);
  exchange->node_pieces = arena_new(&engine->arena, nodes, sizeof *exchange->node_pieces);
  exchange->counts = arena_new(&engine->arena, nodes, sizeof *exchange->counts);
  if (all == NULL || exchange->node_pieces == NULL || exchange->counts == NULL) return no_memory(error);
  *n = 0;
  for (int node = 0; node < engine->nodes; node++) {
    exchange->node_pieces[node] = cover_node(engine, node, all + *n);
    *n += exchange->node_pieces[node];
  }
  return sum_create(engine, engine->in.layout->shards, all, *n, &engine->total, error);
}

/* Where the subtrees of all nodes are for a bucket's own slice: this node's where the ranks leave them,
 * others where they are received. */
static void place_pieces(const engine_t *engine, const exchange_t *exchange, const bucket_t *bucket,
                         route_t *route) {
  const float *received = route->received;
  int n = 0;
  route->total.first = bucket->own.first * GRAPH_BLOCK;
  for (int node = 0; node < engine->nodes; node++)
    for (int k = 0; k < exchange->node_pieces[node]; k++, n++) {
      if (node == world_node(engine->in.world)) {
        route->total.pieces[n] = route->pieces[k] + (bucket->own.first - route->lane.first) * GRAPH_BLOCK;
        continue;
      }
      route->total.pieces[n] = received;
      received += bucket->own.count * GRAPH_BLOCK;
    }
}

static ls_status create_route(engine_t *engine, exchange_t *exchange, size_t b, int pieces, ls_error *error) {
  world_t *world = engine->in.world;
  arena_t *arena = &engine->arena;
  const bucket_t *bucket = &engine->buckets[b];
  route_t *route = &exchange->routes[b];
  size_t own = (size_t)exchange->own_pieces, others = (size_t)pieces - own, made = 0;
  *route = (route_t){.stage = bucket_stage(engine, b),
                     .tiles = bucket_tiles(engine, b) * world_places(world),
                     .lane = bucket_lane(engine, b),
                     .total = engine->total};
  for (size_t k = 0; k < own; k++) made += exchange->own[k].length > 1;
  size_t lane_floats = route->lane.count * GRAPH_BLOCK, own_floats = bucket->own.count * GRAPH_BLOCK;
  route->pieces = arena_new(arena, own, sizeof *route->pieces);
  route->made = arena_new(arena, made * lane_floats, sizeof(float));
  route->received = arena_new(arena, others * own_floats, sizeof(float));
  route->total.pieces = arena_new(arena, (size_t)pieces, sizeof *route->total.pieces);
  if (route->pieces == NULL || route->made == NULL || route->received == NULL || route->total.pieces == NULL)
    return no_memory(error);
  float *next = route->made;
  for (size_t k = 0; k < own; k++) {
    const sum_t *sum = &exchange->own[k];
    route->pieces[k] = sum->length > 1 ? next : sum->pieces[0] + route->lane.first * GRAPH_BLOCK;
    if (sum->length > 1) next += lane_floats;
  }
  place_pieces(engine, exchange, bucket, route);
  return LS_OK;
}

/* A bucket sends its subtrees or parameters to each other node, and awaits those of all others; words are two
 * messages for each. */
static ls_status create_transfer(engine_t *engine, exchange_t *exchange, int pieces, ls_error *error) {
  size_t nodes = (size_t)engine->nodes,
         of_bucket = nodes * ((size_t)exchange->own_pieces + 2) + (size_t)pieces;
  exchange->words = arena_new(&engine->arena, nodes, sizeof *exchange->words);
  if (exchange->words == NULL) return no_memory(error);
  return transfer_create(engine->in.world, engine->n_buckets * of_bucket + 2 * nodes, &exchange->transfer,
                         error);
}

ls_status exchange_create(engine_t *engine, ls_error *error) {
  int pieces = 0;
  if (!exchange_takes_part(engine)) return LS_OK;
  exchange_t *exchange = arena_new(&engine->arena, 1, sizeof *exchange);
  if (exchange == NULL) return no_memory(error);
  engine->exchange = exchange;
  TRY(plan_own(engine, exchange, error));
  TRY(plan_all(engine, exchange, &pieces, error));
  exchange->routes = arena_new(&engine->arena, engine->n_buckets, sizeof *exchange->routes);
  exchange->doubles = arena_new(&engine->arena, engine->blocks + 2 * engine->trust.n_pieces, sizeof(double));
  if (exchange->routes == NULL || exchange->doubles == NULL) return no_memory(error);
  for (size_t b = 0; b < engine->n_buckets; b++) TRY(create_route(engine, exchange, b, pieces, error));
  return create_transfer(engine, exchange, pieces, error);
}

void exchange_destroy(engine_t *engine) {
  if (engine->exchange != NULL) transfer_destroy(&engine->exchange->transfer);
}

int exchange_depth(const engine_t *engine) {
  int depth = 0;
  if (engine->exchange == NULL) return 0;
  for (int k = 0; k < engine->exchange->own_pieces; k++)
    if (engine->exchange->own[k].depth > depth) depth = engine->exchange->own[k].depth;
  return depth;
}
