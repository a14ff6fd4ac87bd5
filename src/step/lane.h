/* Collective calls along a lane: each rank sends its numbers of blocks, or its whole share of the parameters,
 * to all ranks of the lane. A lane consists of the ranks at the same position of their nodes. Private to the
 * strategy `overlapped`. */
#ifndef STEP_LANE_H
#define STEP_LANE_H

#include "base/arena.h"
#include "comm/world.h"
#include "step/buckets.h"

typedef struct {
  world_t *world;
  const plan_t *plan;
  double *doubles; /* room for this lane's part of all doubles */
  int *counts;     /* (nodes) */
} lane_t;

/* World and plan are borrowed; memory comes from the arena. `most`: the largest number of doubles, over all
 * blocks, that a call shares. LS_NO_MEMORY. */
ls_status lane_create(world_t *world, const plan_t *plan, size_t most, arena_t *arena, lane_t *out,
                      ls_error *error);

/* Shares the doubles of this lane's blocks with the other nodes (strategy_t.share). Collective over the lane.
 */
ls_status lane_share_doubles(lane_t *lane, double *values, const size_t *first, ls_error *error);

/* Sends each node's new parameters, its share of the only bucket, to all nodes. Collective over the lane. */
ls_status lane_share_parameters(lane_t *lane, float *parameters, ls_error *error);

#endif
