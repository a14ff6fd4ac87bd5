/* clang-format off */
/* How the parameter vector is divided: which blocks are exchanged together, and which rank updates which
 * blocks.
 *
 *   vector     | bucket 1: weights of section 1 | bucket 2: weights of section 2 | ... | bucket 0: all else |
 *   bucket 1   | lane 0: node 0, node 1, ... | lane 1: node 0, node 1, ... | ... |
 *
 * The vector is cut into *buckets*, and each bucket into *shares* on block boundaries. There is one share for
 * each pair (lane, node), ordered by lane, so the shares of one lane are neighbours. A lane consists of the
 * ranks at the same position of their nodes. A rank updates its share of every bucket. Its optimiser state
 * and gradient hold its shares one after the other, in the order of the buckets.
 *
 * The nodes exchange a bucket as a whole. If nothing is exchanged, one bucket holds everything. The plan is
 * constant after plan_create and shared by all threads. */
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
  block_range_t own; /* this rank's share of the blocks; count 0 if the rank updates nothing */
  size_t at; /* own blocks in the buckets before this one: the position of the share in the rank's memory */
} bucket_t;

/* The decisions of a strategy about the division. */
typedef struct {
  int nodes, lanes;      /* a bucket has nodes * lanes shares */
  int updaters;          /* threads of a rank that update its share, each a part */
  bool every_rank_all;   /* each rank has its own copy of the vector and updates the whole copy */
  size_t bucket_floats;  /* approximate number of weights in a bucket; SIZE_MAX / 4: one bucket */
  double bucket_seconds; /* time to send a node's messages for a bucket; 0: not known */
} division_t;

typedef struct {
  division_t division;
  size_t floats;                                /* of the vector */
  size_t blocks, weight_blocks, trained_blocks; /* running statistics follow the trained blocks */
  section_t *sections; /* (n_sections): the parts of the network that have a bucket each */
  bucket_t *buckets;   /* (n_buckets): one for all else and one for each section; or a single one */
  size_t n_sections, n_buckets;
  size_t own_blocks; /* blocks of this rank in all buckets */
  int ranks;
  int *node_of, *lane_of; /* (ranks): nodes as the division counts them; lane -1: updates nothing */
} plan_t;

/* node_of (ranks): the node of each rank; ranks of a node are neighbours. Memory comes from the arena. Not
 * collective. LS_NO_MEMORY. */
ls_status plan_create(const graph_t *graph, division_t division, const int *node_of, int ranks, int rank,
                      arena_t *arena, plan_t *out, ls_error *error);

/* The share of (lane, node); the share of a rank, empty if it updates nothing; all shares of a lane. Pure.
 */
block_range_t bucket_share(const plan_t *plan, size_t bucket, int lane, int node);
block_range_t rank_share(const plan_t *plan, size_t bucket, int rank);
block_range_t lane_shares(const plan_t *plan, size_t bucket, int lane);

/* The part of the rank's own share that updater number `i` of division.updaters updates. Pure. */
block_range_t updater_range(const plan_t *plan, const bucket_t *bucket, int i);

/* The bucket with the weights of a section. */
size_t section_bucket(const plan_t *plan, size_t section);

/* The position of the float at `offset` of the vector in this rank's memory for its own shares. */
static inline size_t share_index(const bucket_t *bucket, size_t offset) {
  return offset - bucket->own.first * GRAPH_BLOCK + bucket->at * GRAPH_BLOCK;
}

/* Copies this rank's shares out of a whole vector to shares (own_blocks * GRAPH_BLOCK). */
void plan_pick_shares(const plan_t *plan, const float *vector, float *shares);

/* Copies the shares of rank r, which are one after the other, to their places in the vector, and returns
 * their number of floats. If vector is NULL, it only counts. */
size_t plan_place_shares(const plan_t *plan, int r, const float *shares, float *vector);

#endif
