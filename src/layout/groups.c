#include "layout/groups.h"

#include <math.h>

/* ceil(n / g) rounds, each as long as a group of floor(ranks / g) ranks takes, of which as many work as there
 * are shards. Among equal numbers the largest one wins, because smaller groups lose less time in
 * synchronisation. */
int groups_count(int64_t n, int ranks, int shards) {
  int best = 1;
  double soonest = INFINITY;
  for (int g = 1; g <= ranks && g <= n; g++) {
    int working = ranks / g < shards ? ranks / g : shards;
    double rounds = (double)((n + g - 1) / g), time = rounds / working;
    if (time > soonest) continue;
    soonest = time;
    best = g;
  }
  return best;
}

/* The items of one group. */
static ls_status work_some(world_t *group, int part, int groups, int64_t n, int threads, group_work_t *work,
                           void *context, ls_error *error) {
  for (int64_t item = part; item < n; item += groups) TRY(work(group, item, threads, context, error));
  return LS_OK;
}

ls_status groups_run(world_t *world, const settings_t *settings, int shards, int64_t n, group_work_t *work,
                     void *context, ls_error *error) {
  layout_t layout;
  world_t *group = NULL;
  int part = 0, groups = groups_count(n, world_size(world), shards);
  TRY(layout_plan(world, settings, shards, &layout, error)); /* threads per rank while all ranks work */
  int threads = layout.openmp != NULL ? SETTINGS_AUTO : layout.threads;
  if (groups == 1) return work_some(world, 0, 1, n, threads, work, context, error);
  TRY(world_split(world, groups, &part, &group, error));
  ls_status status = work_some(group, part, groups, n, threads, work, context, error);
  world_destroy(&group);
  return world_agree(world, status, error);
}
