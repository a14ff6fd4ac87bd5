/* How the parameter vector is dealt out: cut into buckets, those into slices on block boundaries, one for
 * each (lane, node), lane-major, so that the slices of a lane are neighbours. A rank updates its slice of
 * every bucket, and what it holds for them (optimiser state, gradient) lies slice behind slice.
 *
 * A bucket is what goes through the exchange between nodes together: the weights of a section of the network,
 * or all that is not weights. On one node nothing is exchanged, and there is one bucket of everything. */
#include "comm/ping_pong.h"
#include "step/engine_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The size of buckets. Small ones let what is needed sooner overtake, and let the update begin while the rest
 * is on its way; yet each of their messages has to be announced and answered, by threads that look now and
 * then only, so it should take the line longer than that. */
enum {
  FEWEST_BUCKETS = 8, /* also of a fast line */
  MOST_BUCKETS = 128,
  LEAST_BUCKET = 1 << 16,  /* floats: 0.25 MB */
  LEAST_MESSAGE = 1 << 14, /* floats of a slice: 64 KB */
  PROBE_BYTES = 1 << 18,   /* of the message that tells how fast the line is */
  PROBES = 3,
};
static const double BUCKET_SECONDS = 1e-3; /* that a node sends, there and again back */

/* ---- buckets ---- */

/* The first rank of another node; ranks of a node are neighbours. */
static int first_abroad(const world_t *world) {
  int rank = 0;
  while (world_node_of(world, rank) == world_node_of(world, 0)) rank++;
  return rank;
}

ls_status slices_plan(engine_t *engine, ls_error *error) {
  double seconds = 0;
  engine->bucket_floats = SIZE_MAX / 4;
  /* L-BFGS asks for the whole vector anyway */
  if (engine->nodes == 1 || engine->optimizer->update == NULL) return LS_OK;
  TRY(ping_pong(engine->in.world, 0, first_abroad(engine->in.world), PROBE_BYTES, PROBES, &seconds, error));
  double sent = BUCKET_SECONDS / seconds * PROBE_BYTES / sizeof(float), all = (double)engine->floats;
  double floats = sent * engine->nodes / (engine->nodes - 1); /* a node keeps the slice that is its own */
  double least = fmax(LEAST_BUCKET, (double)LEAST_MESSAGE * engine->lanes * engine->nodes);
  floats = fmin(floats, all / FEWEST_BUCKETS);
  floats = fmax(floats, fmax(least, all / MOST_BUCKETS));
  engine->bucket_floats = (size_t)floats;
  engine->bucket_seconds = floats / sent * (engine->nodes - 1) / engine->nodes * BUCKET_SECONDS;
  return LS_OK;
}

slice_t bucket_slice(const engine_t *engine, size_t bucket, int lane, int node) {
  slice_t blocks = engine->buckets[bucket].blocks;
  size_t parts = (size_t)(engine->lanes * engine->nodes), i = (size_t)(lane * engine->nodes + node);
  size_t first = blocks.count * i / parts;
  return (slice_t){blocks.first + first, blocks.count * (i + 1) / parts - first};
}

slice_t rank_slice(const engine_t *engine, size_t bucket, int rank) {
  if (engine->lane_of[rank] < 0) return (slice_t){0, 0};
  int node = engine->nodes > 1 ? world_node_of(engine->in.world, rank) : 0;
  return bucket_slice(engine, bucket, engine->lane_of[rank], node);
}

slice_t bucket_lane(const engine_t *engine, size_t bucket) {
  int lane = world_place(engine->in.world);
  slice_t first = bucket_slice(engine, bucket, lane, 0);
  slice_t last = bucket_slice(engine, bucket, lane, engine->nodes - 1);
  return (slice_t){first.first, last.first + last.count - first.first};
}

size_t section_bucket(const engine_t *engine, size_t section) {
  return engine->n_buckets > 1 ? section + 1 : 0;
}

/* A block in which two sections meet goes with the earlier one, whose gradient is complete last. */
static slice_t section_blocks(const engine_t *engine, size_t s) {
  size_t first = s == 0 ? 0 : (engine->sections[s].offset + GRAPH_BLOCK - 1) / GRAPH_BLOCK;
  size_t end = s + 1 == engine->n_sections ? engine->weight_blocks
                                           : (engine->sections[s + 1].offset + GRAPH_BLOCK - 1) / GRAPH_BLOCK;
  return (slice_t){first, end - first};
}

static ls_status cut_buckets(engine_t *engine, ls_error *error) {
  const graph_t *graph = engine->in.graph;
  size_t floats = engine->bucket_floats;
  engine->n_sections = graph_cut(graph, floats, NULL);
  engine->n_buckets = engine->n_sections > 1 ? engine->n_sections + 1 : 1;
  engine->sections = arena_new(&engine->arena, engine->n_sections, sizeof *engine->sections);
  engine->buckets = arena_new(&engine->arena, engine->n_buckets, sizeof *engine->buckets);
  if (engine->sections == NULL || engine->buckets == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  graph_cut(graph, floats, engine->sections);
  engine->buckets[0].blocks = (slice_t){0, engine->blocks};
  if (engine->n_buckets == 1) return LS_OK;
  engine->buckets[0].blocks = (slice_t){engine->weight_blocks, engine->blocks - engine->weight_blocks};
  for (size_t s = 0; s < engine->n_sections; s++) engine->buckets[s + 1].blocks = section_blocks(engine, s);
  return LS_OK;
}

/* ---- slices ---- */

/* Each rank's lane: its place in its node, or none. With reduce: mpi everybody updates everything, and files
 * take it from rank 0. */
static void find_lanes(engine_t *engine) {
  const world_t *world = engine->in.world;
  for (int r = 0, place = 0; r < world_size(world); r++) {
    place = r > 0 && world_node_of(world, r) == world_node_of(world, r - 1) ? place + 1 : 0;
    engine->lane_of[r] = place < engine->lanes ? place : -1;
    if (!engine->shared) engine->lane_of[r] = r == 0 ? 0 : -1;
  }
}

ls_status slices_create(engine_t *engine, ls_error *error) {
  const world_t *world = engine->in.world;
  TRY(cut_buckets(engine, error));
  engine->lane_of = arena_new(&engine->arena, (size_t)world_size(world), sizeof *engine->lane_of);
  if (engine->lane_of == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
  find_lanes(engine);
  for (size_t b = 0; b < engine->n_buckets; b++) {
    bucket_t *bucket = &engine->buckets[b];
    bucket->own = engine->shared ? rank_slice(engine, b, world_rank(world)) : bucket->blocks;
    bucket->at = engine->own_blocks;
    engine->own_blocks += bucket->own.count;
  }
  return LS_OK;
}

/* ---- whole vectors ---- */

void scatter_slices(const engine_t *engine, const float *vector, float *slices) {
  for (size_t b = 0; b < engine->n_buckets; b++) {
    const bucket_t *bucket = &engine->buckets[b];
    memcpy(slices + bucket->at * GRAPH_BLOCK, vector + bucket->own.first * GRAPH_BLOCK,
           bucket->own.count * GRAPH_BLOCK * sizeof *vector);
  }
}

/* Rank r's slices, one behind the other, to their places; returns how many floats they are. `vector` may be
 * NULL. */
static size_t place_slices(const engine_t *engine, int r, const float *slices, float *vector) {
  size_t at = 0;
  for (size_t b = 0; b < engine->n_buckets; b++) {
    slice_t slice = rank_slice(engine, b, r);
    if (vector != NULL)
      memcpy(vector + slice.first * GRAPH_BLOCK, slices + at, slice.count * GRAPH_BLOCK * sizeof *vector);
    at += slice.count * GRAPH_BLOCK;
  }
  return at;
}

ls_status gather_slices(engine_t *engine, const float *slices, float *vector, ls_error *error) {
  world_t *world = engine->in.world;
  size_t ranks = (size_t)world_size(world), *sizes = calloc(ranks, sizeof *sizes), at = 0;
  bool root = world_rank(world) == 0;
  float *pieces = root ? malloc(engine->floats * sizeof *pieces) : NULL;
  ls_status status = LS_OK;
  if (sizes == NULL || (root && pieces == NULL))
    status = error_set(error, LS_NO_MEMORY, "no memory to collect a vector from all ranks (%.1f MB)",
                       (double)engine->floats * sizeof *pieces / 1e6);
  TRY_OR_DONE(world_agree(world, status, error));
  for (size_t r = 0; r < ranks; r++) sizes[r] = place_slices(engine, (int)r, NULL, NULL) * sizeof *pieces;
  TRY_OR_DONE(world_gather_pieces(world, slices, sizes, pieces, 0, error));
  for (size_t r = 0; root && r < ranks; r++) at += place_slices(engine, (int)r, pieces + at, vector);
done:
  free(pieces);
  free(sizes);
  return status;
}
