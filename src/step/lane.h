/* What the ranks of a lane pass round all at once, in one collective call: numbers of blocks, and whole
 * shares of parameters. A lane is the ranks at the same place of their nodes. Private to the strategy
 * `overlapped`. */
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

/* World and plan are borrowed; memory comes from the arena. `most`: doubles that are shared at a time, of all
 * blocks. LS_NO_MEMORY. */
ls_status lane_create(world_t *world, const plan_t *plan, size_t most, arena_t *arena, lane_t *out,
                      ls_error *error);

/* Doubles of this lane's blocks to and from other nodes (strategy_t.share). Collective over the lane. */
ls_status lane_share_doubles(lane_t *lane, double *values, const size_t *first, ls_error *error);

/* The shares of the only bucket: each node's new parameters to all nodes. Collective over the lane. */
ls_status lane_share_parameters(lane_t *lane, float *parameters, ls_error *error);

#endif
