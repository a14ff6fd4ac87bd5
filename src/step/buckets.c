#include "step/buckets.h"

#include <string.h>

/* ---- shares ---- */

block_range_t bucket_share(const plan_t *plan, size_t bucket, int lane, int node) {
  block_range_t blocks = plan->buckets[bucket].blocks;
  int nodes = plan->division.nodes;
  size_t shares = (size_t)(plan->division.lanes * nodes), i = (size_t)(lane * nodes + node);
  size_t first = blocks.count * i / shares;
  return (block_range_t){blocks.first + first, blocks.count * (i + 1) / shares - first};
}

block_range_t rank_share(const plan_t *plan, size_t bucket, int rank) {
  if (plan->lane_of[rank] < 0) return (block_range_t){0, 0};
  return bucket_share(plan, bucket, plan->lane_of[rank], plan->node_of[rank]);
}

block_range_t lane_shares(const plan_t *plan, size_t bucket, int lane) {
  block_range_t first = bucket_share(plan, bucket, lane, 0);
  block_range_t last = bucket_share(plan, bucket, lane, plan->division.nodes - 1);
  return (block_range_t){first.first, last.first + last.count - first.first};
}

block_range_t updater_range(const plan_t *plan, const bucket_t *bucket, int i) {
  size_t n = (size_t)plan->division.updaters, count = bucket->own.count;
  size_t first = count * (size_t)i / n;
  return (block_range_t){bucket->own.first + first, count * ((size_t)i + 1) / n - first};
}

size_t section_bucket(const plan_t *plan, size_t section) {
  return plan->n_buckets > 1 ? section + 1 : 0;
}

/* ---- set-up ---- */

/* Two sections may meet inside a block. The block goes with the earlier section, whose gradient is complete
 * last. */
static block_range_t section_blocks(const plan_t *plan, size_t s) {
  const section_t *section = &plan->sections[s];
  size_t first = s == 0 ? 0 : (section->offset + GRAPH_BLOCK - 1) / GRAPH_BLOCK;
  size_t end =
      s + 1 == plan->n_sections ? plan->weight_blocks : (section[1].offset + GRAPH_BLOCK - 1) / GRAPH_BLOCK;
  return (block_range_t){first, end - first};
}

static void cut_buckets(plan_t *plan) {
  plan->buckets[0].blocks = (block_range_t){0, plan->blocks};
  if (plan->n_buckets == 1) return;
  plan->buckets[0].blocks = (block_range_t){plan->weight_blocks, plan->blocks - plan->weight_blocks};
  for (size_t s = 0; s < plan->n_sections; s++) plan->buckets[s + 1].blocks = section_blocks(plan, s);
}

/* A rank's lane is its place in its node. Ranks beyond the lanes update nothing. When every rank updates
 * everything, whole vectors are collected from rank 0 alone. */
static void find_lanes(plan_t *plan, const int *node_of) {
  for (int r = 0, place = 0; r < plan->ranks; r++) {
    place = r > 0 && node_of[r] == node_of[r - 1] ? place + 1 : 0;
    plan->node_of[r] = plan->division.nodes > 1 ? node_of[r] : 0;
    plan->lane_of[r] = place < plan->division.lanes ? place : -1;
    if (plan->division.every_rank_all) plan->lane_of[r] = r == 0 ? 0 : -1;
  }
}

ls_status plan_create(const graph_t *graph, division_t division, const int *node_of, int ranks, int rank,
                      arena_t *arena, plan_t *out, ls_error *error) {
  plan_t plan = {.division = division,
                 .floats = graph_floats(graph),
                 .blocks = graph_floats(graph) / GRAPH_BLOCK,
                 .weight_blocks = graph_weight_floats(graph) / GRAPH_BLOCK,
                 .trained_blocks = graph_trained_floats(graph) / GRAPH_BLOCK,
                 .n_sections = graph_cut(graph, division.bucket_floats, NULL),
                 .ranks = ranks};
  plan.n_buckets = plan.n_sections > 1 ? plan.n_sections + 1 : 1;
  plan.sections = arena_new(arena, plan.n_sections, sizeof *plan.sections);
  plan.buckets = arena_new(arena, plan.n_buckets, sizeof *plan.buckets);
  plan.node_of = arena_new(arena, (size_t)ranks, sizeof *plan.node_of);
  plan.lane_of = arena_new(arena, (size_t)ranks, sizeof *plan.lane_of);
  if (plan.sections == NULL || plan.buckets == NULL || plan.node_of == NULL || plan.lane_of == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the plan of the update");
  graph_cut(graph, division.bucket_floats, plan.sections);
  cut_buckets(&plan);
  find_lanes(&plan, node_of);
  for (size_t b = 0; b < plan.n_buckets; b++) {
    bucket_t *bucket = &plan.buckets[b];
    bucket->own = division.every_rank_all ? bucket->blocks : rank_share(&plan, b, rank);
    bucket->at = plan.own_blocks;
    plan.own_blocks += bucket->own.count;
  }
  *out = plan;
  return LS_OK;
}

/* ---- whole vectors ---- */

void plan_pick_shares(const plan_t *plan, const float *vector, float *shares) {
  for (size_t b = 0; b < plan->n_buckets; b++) {
    const bucket_t *bucket = &plan->buckets[b];
    memcpy(shares + bucket->at * GRAPH_BLOCK, vector + bucket->own.first * GRAPH_BLOCK,
           bucket->own.count * GRAPH_BLOCK * sizeof *vector);
  }
}

size_t plan_place_shares(const plan_t *plan, int r, const float *shares, float *vector) {
  size_t at = 0;
  for (size_t b = 0; b < plan->n_buckets; b++) {
    block_range_t share = rank_share(plan, b, r);
    if (vector != NULL)
      memcpy(vector + share.first * GRAPH_BLOCK, shares + at, share.count * GRAPH_BLOCK * sizeof *vector);
    at += share.count * GRAPH_BLOCK;
  }
  return at;
}
