/* clang-format off */
/* How the parameter vector is divided: which blocks travel together, and which rank updates which blocks.
 *
 *   vector     | bucket 1: weights of section 1 | bucket 2: weights of section 2 | ... | bucket 0: all else |
 *   bucket 1   | lane 0: node 0, node 1, ... | lane 1: node 0, node 1, ... | ... |
 *
 * The vector is cut into *buckets*, and each bucket into *shares* on block boundaries. There is one share for
 * each pair (lane, node), lane by lane, so the shares of one lane are neighbours. A lane is the ranks at the
 * same place of their nodes. A rank updates its share of every bucket. What it holds for its shares (optimiser
 * state, gradient) lies share behind share, in the order of the buckets.
 *
 * A bucket is what goes through the exchange between nodes together. Where nothing is exchanged there is one
 * bucket of everything. The plan is constant after plan_create and shared by all threads. */
/* clang-format on */
#ifndef STEP_BUCKETS_H
#define STEP_BUCKETS_H

#include "base/arena.h"
#include "model/graph.h"

/* A run of parameter blocks; `first` and `count` in blocks of GRAPH_BLOCK floats. */
typedef struct {
  size_t first, count;
} block_range_t;

typedef struct {
  block_range_t blocks;
  block_range_t own; /* this rank's share of them; count 0 for a rank that updates nothing */
  size_t at; /* own blocks of the buckets before this one: where the share lies in the rank's memory */
} bucket_t;

/* What a strategy decides about the division. */
typedef struct {
  int nodes, lanes;      /* a bucket has nodes * lanes shares */
  int updaters;          /* threads of a rank that divide its share among them */
  bool every_rank_all;   /* each rank has a copy of the vector and updates all of it */
  size_t bucket_floats;  /* weights in a bucket, about; SIZE_MAX / 4: one bucket */
  double bucket_seconds; /* a node's messages for a bucket are so long on the line; 0: not known */
} division_t;

typedef struct {
  division_t division;
  size_t floats;                                /* of the vector */
  size_t blocks, weight_blocks, trained_blocks; /* behind the trained blocks: running statistics */
  section_t *sections;                          /* (n_sections): the network as the exchange cuts it */
  bucket_t *buckets; /* (n_buckets): one for each section and one for all else; or one */
  size_t n_sections, n_buckets;
  size_t own_blocks; /* of this rank, in all buckets */
  int ranks;
  int *node_of, *lane_of; /* (ranks): nodes as the division counts them; lane -1: updates nothing */
} plan_t;

/* node_of (ranks): the node of each rank; ranks of a node are neighbours. Memory comes from the arena. Not
 * collective. LS_NO_MEMORY. */
ls_status plan_create(const graph_t *graph, division_t division, const int *node_of, int ranks, int rank,
                      arena_t *arena, plan_t *out, ls_error *error);

/* The share of (lane, node); that of a rank, empty where it updates nothing; and all shares of a lane. Pure.
 */
block_range_t bucket_share(const plan_t *plan, size_t bucket, int lane, int node);
block_range_t rank_share(const plan_t *plan, size_t bucket, int rank);
block_range_t lane_shares(const plan_t *plan, size_t bucket, int lane);

/* What updater number `i` of division.updaters updates of the rank's own share. Pure. */
block_range_t updater_range(const plan_t *plan, const bucket_t *bucket, int i);

/* The bucket with the weights of a section. */
size_t section_bucket(const plan_t *plan, size_t section);

/* Where the float at `offset` of the vector lies in what this rank holds for its own shares. */
static inline size_t share_index(const bucket_t *bucket, size_t offset) {
  return offset - bucket->own.first * GRAPH_BLOCK + bucket->at * GRAPH_BLOCK;
}

/* Copies this rank's shares out of a whole vector: shares (own_blocks * GRAPH_BLOCK). */
void plan_pick_shares(const plan_t *plan, const float *vector, float *shares);

/* Copies the shares of rank r, one behind the other, to their places in the vector, and returns how many
 * floats they are. NULL for vector: only counts. */
size_t plan_place_shares(const plan_t *plan, int r, const float *shares, float *vector);

#endif
