/* Runs side by side: several independent pieces of work, such as the members of an ensemble, each done by a
 * group of ranks that works as if it had been started alone. */
#ifndef LAYOUT_GROUPS_H
#define LAYOUT_GROUPS_H

#include "layout/layout.h"

/* A group does the work of one item. `threads`: number of threads per rank, or SETTINGS_AUTO. Collective over
 * the group. */
typedef ls_status group_work_t(world_t *group, int64_t item, int threads, void *context, ls_error *error);

/* The number of groups of `ranks` ranks that does n items of `shards` shards each soonest. */
int groups_count(int64_t n, int ranks, int shards);

/* Calls `work` for the items 0 .. n - 1. Each group takes every groups_count-th item and ends at its first
 * failure, which becomes a failure of all ranks once all groups have ended. The settings say how many threads
 * a rank has. Collective. */
ls_status groups_run(world_t *world, const settings_t *settings, int shards, int64_t n, group_work_t *work,
                     void *context, ls_error *error);

#endif
