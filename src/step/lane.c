#include "step/lane.h"

#include <string.h>

ls_status lane_create(world_t *world, const plan_t *plan, size_t most, arena_t *arena, lane_t *out,
                      ls_error *error) {
  *out = (lane_t){.world = world,
                  .plan = plan,
                  .doubles = arena_new(arena, most, sizeof(double)),
                  .counts = arena_new(arena, (size_t)plan->division.nodes, sizeof(int))};
  if (out->doubles == NULL || out->counts == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the exchange between nodes");
  return LS_OK;
}

/* Copies between `values` and the lane's doubles, which lie node by node, and bucket by bucket within a node:
 * out of `values` for the own node, into them for the others. */
static void copy_doubles(lane_t *lane, double *values, const size_t *first, bool own) {
  const int this_node = world_node(lane->world), place = world_place(lane->world);
  double *at = lane->doubles;
  for (int node = 0; node < lane->plan->division.nodes; node++) {
    const double *begin = at;
    for (size_t b = 0; b < lane->plan->n_buckets; b++) {
      block_range_t share = bucket_share(lane->plan, b, place, node);
      size_t end = share.first + share.count;
      size_t from = first == NULL ? share.first : first[share.first];
      size_t n = (first == NULL ? end : first[end]) - from;
      if (own && node == this_node) memcpy(at, values + from, n * sizeof *values);
      if (!own && node != this_node) memcpy(values + from, at, n * sizeof *values);
      at += n;
    }
    lane->counts[node] = (int)(at - begin);
  }
}

ls_status lane_share_doubles(lane_t *lane, double *values, const size_t *first, ls_error *error) {
  copy_doubles(lane, values, first, true);
  ls_status status = world_lane_gather_f64(lane->world, lane->doubles, lane->counts, error);
  copy_doubles(lane, values, first, false);
  return status;
}

ls_status lane_share_parameters(lane_t *lane, float *parameters, ls_error *error) {
  const int place = world_place(lane->world);
  for (int node = 0; node < lane->plan->division.nodes; node++)
    lane->counts[node] = (int)(bucket_share(lane->plan, 0, place, node).count * GRAPH_BLOCK);
  return world_lane_gather(lane->world, parameters + lane_shares(lane->plan, 0, place).first * GRAPH_BLOCK,
                           lane->counts, error);
}
