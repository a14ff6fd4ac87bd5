/* A walk over this rank's rows of a split, shard by shard, in memory or streamed. Fitting uses it. */
#ifndef DATA_SPLIT_WALK_H
#define DATA_SPLIT_WALK_H

#include "comm/world.h"
#include "data/dataset.h"

/* Rows [first, first + rows) of those that are resident, rows [row, row + rows) of this rank's; they belong
 * to its shard number `shard` (from 0). A shard's rows may come in several calls, in order, all but the last
 * of a multiple of PART_ROWS rows (data/stream.h). */
typedef struct {
  int shard;
  int64_t first, row, rows;
} split_walk_t;

/* Adds up the vectors of all shards in the order of the tree. own (shards of this rank, width); total (width)
 * on every rank. Collective. */
ls_status split_sum(world_t *world, const split_t *split, size_t width, const double *own, double *total,
                    ls_error *error);

/* Calls `take` for all of this rank's rows, each once. Collective. */
ls_status split_walk(world_t *world, const split_t *split,
                     void (*take)(void *context, const split_walk_t *walk), void *context, ls_error *error);

#endif
