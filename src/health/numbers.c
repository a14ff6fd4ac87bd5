#include "health/numbers.h"

#include "math/finite.h"

#include <stdlib.h>

/* The place in the vector of the first number of this rank's share that is not finite, INT64_MAX if all are
 * finite. Numbers of the ranges are in `values` where they are in the whole vector, or one after the other.
 */
static int64_t find_place(int threads, const state_range_t *ranges, size_t n, const float *values,
                          bool is_whole) {
  int64_t found = INT64_MAX;
  for (size_t r = 0, at = 0; r < n; at += ranges[r++].count) {
    const float *range = values + (is_whole ? ranges[r].first : at);
#pragma omp parallel for num_threads(threads) reduction(min : found)
    for (size_t i = 0; i < ranges[r].count; i += GRAPH_BLOCK) {
      if (floats_are_finite(range + i, GRAPH_BLOCK)) continue;
      int64_t place = (int64_t)(ranges[r].first + i + floats_first_bad(range + i, GRAPH_BLOCK));
      found = place < found ? place : found;
    }
  }
  return found;
}

/* The first number of this rank's share that is not finite: parameters first, then the states of the
 * optimiser, each like a vector that follows the one before. INT64_MAX: all are finite. */
static ls_status find_own(engine_t *engine, int64_t *found, ls_error *error) {
  const engine_inputs_t *in = engine_inputs(engine);
  const int64_t floats = (int64_t)graph_floats(in->graph);
  const int rank = world_rank(in->world), states = optimizer_find(in->settings->optimizer.name)->states;
  size_t n = engine_state_ranges(engine, rank, NULL);
  state_range_t *ranges = malloc(n * sizeof *ranges);
  if (ranges == NULL) return error_set(error, LS_NO_MEMORY, "no memory to check parameters");
  engine_state_ranges(engine, rank, ranges);
  *found = INT64_MAX;
  for (int k = -1; k < states && *found == INT64_MAX; k++) {
    const float *values = k < 0 ? engine_parameters(engine) : engine_own_state(engine, k);
    int64_t place = find_place(in->layout->threads, ranges, n, values, k < 0);
    if (place != INT64_MAX) *found = (k + 1) * floats + place;
  }
  free(ranges);
  return LS_OK;
}

ls_status numbers_check(engine_t *engine, int64_t *place, int *state, ls_error *error) {
  world_t *world = engine_inputs(engine)->world;
  const int64_t floats = (int64_t)graph_floats(engine_inputs(engine)->graph);
  int64_t found = INT64_MAX;
  TRY(world_agree(world, find_own(engine, &found, error), error));
  TRY(world_min_i64(world, &found, 1, error));
  *place = found == INT64_MAX ? -1 : found % floats;
  *state = found == INT64_MAX ? -1 : (int)(found / floats) - 1;
  return LS_OK;
}

const char *numbers_array(const graph_t *graph, int64_t place) {
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const extent_t extent = graph_extent(graph, i);
    if ((size_t)place >= extent.offset && (size_t)place < extent.offset + extent.floats)
      return graph_parameter(graph, i)->name;
  }
  return "a parameter";
}
