#include "health/copies.h"

#include "base/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- checksums of copies ---- */

/* Floats of which one checksum is made. */
enum { CHUNK = 64 * GRAPH_BLOCK };

/* A sum over chunks first, first + every, ... of a vector, in which each chunk's checksum has a weight of its
 * own. So any threads and ranks may divide the chunks among themselves. */
static uint64_t sum_chunks(const float *values, size_t floats, size_t first, size_t every, int threads) {
  const size_t chunks = (floats + CHUNK - 1) / CHUNK;
  uint64_t sum = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : sum) schedule(static)
  for (size_t c = first; c < chunks; c += every) {
    size_t n = floats - c * CHUNK < CHUNK ? floats - c * CHUNK : CHUNK;
    sum += checksum_of(values + c * CHUNK, n * sizeof *values) * (2 * c + 1);
  }
  return sum;
}

/* Whether every rank has a copy of its own, also of the optimiser's state. */
static bool are_ranks(const engine_t *engine) {
  return strcmp(engine_inputs(engine)->settings->parallel.reduce, "mpi") == 0;
}

int copies_count(const engine_t *engine) {
  const world_t *world = engine_inputs(engine)->world;
  return are_ranks(engine) ? world_size(world) : world_nodes(world);
}

/* This rank's part of the checksum of its copy. */
static uint64_t own_sum(engine_t *engine) {
  const engine_inputs_t *in = engine_inputs(engine);
  const bool all = are_ranks(engine);
  const size_t place = all ? 0 : (size_t)world_place(in->world),
               places = all ? 1 : (size_t)world_places(in->world);
  const size_t floats = graph_floats(in->graph);
  const int threads = in->layout->threads, states = optimizer_find(in->settings->optimizer.name)->states;
  uint64_t sum = sum_chunks(engine_parameters(engine), floats, place, places, threads);
  for (int k = 0; k < states && all; k++)
    sum = sum * 31 + sum_chunks(engine_own_state(engine, k), floats, 0, 1, threads);
  return sum;
}

ls_status copies_sum(engine_t *engine, uint64_t *sums, ls_error *error) {
  world_t *world = engine_inputs(engine)->world;
  const size_t ranks = (size_t)world_size(world);
  uint64_t mine = own_sum(engine), *all = malloc(ranks * sizeof *all);
  ls_status status =
      all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the checksums of copies") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &mine, sizeof mine, all, error));
  memset(sums, 0, ranks * sizeof *sums);
  for (size_t r = 0; r < ranks; r++)
    sums[are_ranks(engine) ? (int)r : world_node_of(world, (int)r)] += all[r];
done:
  free(all);
  return status;
}

/* ---- who differs ---- */

/* The checksum that more than half of the copies have. */
static bool find_majority(const uint64_t *sums, int copies, uint64_t *out) {
  for (int c = 0; c < copies; c++) {
    int same = 0;
    for (int other = 0; other < copies; other++) same += sums[other] == sums[c];
    if (2 * same <= copies) continue;
    *out = sums[c];
    return true;
  }
  return false;
}

static const char *host_of(const world_t *world, int copy, bool ranks) {
  int rank = ranks ? copy : 0;
  while (!ranks && rank + 1 < world_size(world) && world_node_of(world, rank) != copy) rank++;
  return world_host(world, rank);
}

bool copies_describe(const engine_t *engine, const uint64_t *sums, char *out, size_t size) {
  const world_t *world = engine_inputs(engine)->world;
  const bool ranks = are_ranks(engine);
  const int copies = copies_count(engine);
  uint64_t majority = 0;
  const bool known = find_majority(sums, copies, &majority);
  size_t length = 0;
  int named = 0;
  for (int c = 0; c < copies; c++) {
    if (known && sums[c] == majority) continue;
    int added = length < size ? snprintf(out + length, size - length, "%s%s %d (%s)", named == 0 ? "" : ", ",
                                         ranks ? "rank" : "node", c, host_of(world, c, ranks))
                              : 0;
    length += added > 0 ? (size_t)added : 0;
    named++;
  }
  if (named == 0) return false;
  if (length < size)
    snprintf(out + length, size - length,
             known && named == 1 ? " differs from the others"
             : known             ? " differ from the others"
                                 : " do not agree, and there is no majority");
  return true;
}
