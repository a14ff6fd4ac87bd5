#include "comm/imagine.h"

#include "comm/world_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names the hosts of the ranks and numbers their nodes. Ranks are numbered host by host, so a new node begins
 * with each host, and after ranks_per_node ranks of one. */
static void place_ranks(world_t *world, const imagined_t *job) {
  const int fewest = job->ranks / job->hosts, larger = job->ranks % job->hosts;
  int rank = 0;
  for (int host = 0; host < job->hosts; host++) {
    const int ranks = fewest + (host < larger);
    for (int i = 0; i < ranks && rank < world->size; i++, rank++) {
      world->nodes += i == 0 || (job->ranks_per_node > 0 && i % job->ranks_per_node == 0);
      world->node_of[rank] = world->nodes - 1;
      snprintf(world->hosts[rank], HOST_NAME_SIZE, "host-%d", host);
    }
  }
}

/* The smallest number of ranks on a node. */
static int count_lanes(const world_t *world) {
  int lanes = world->size, places = 0;
  for (int r = 0; r < world->size; r++) {
    places++;
    const bool is_last = r + 1 == world->size || world->node_of[r + 1] != world->node_of[r];
    if (is_last && places < lanes) lanes = places;
    if (is_last) places = 0;
  }
  return lanes;
}

ls_status world_imagine(const imagined_t *job, world_t **out, ls_error *error) {
  world_t *world = calloc(1, sizeof *world);
  const size_t size = (size_t)(job->working < job->ranks ? job->working : job->ranks);
  if (world != NULL) {
    *world = (world_t){.start = MPI_COMM_NULL,
                       .all = MPI_COMM_NULL,
                       .node = MPI_COMM_NULL,
                       .lane = MPI_COMM_NULL,
                       .size = (int)size,
                       .lost = true}; /* so that collective calls return `why` at once */
    error_set(&world->why, LS_COMM, "ranks that are only planned cannot communicate");
    world->node_of = calloc(size, sizeof *world->node_of);
    world->hosts = calloc(size, sizeof *world->hosts);
  }
  if (world == NULL || world->node_of == NULL || world->hosts == NULL) {
    world_forget(&world);
    return error_set(error, LS_NO_MEMORY, "no memory for the table of ranks");
  }
  place_ranks(world, job);
  world->lanes = count_lanes(world);
  world_imagine_rank(world, 0);
  *out = world;
  return LS_OK;
}

void world_forget(world_t **world) {
  if (*world == NULL) return;
  free((*world)->node_of);
  free((*world)->hosts);
  free(*world);
  *world = NULL;
}

void world_imagine_rank(world_t *world, int rank) {
  const char *host = world->hosts[rank];
  int first = rank, end = rank + 1;
  world->rank = rank;
  world->node_index = world->node_of[rank];
  while (first > 0 && world->node_of[first - 1] == world->node_index) first--;
  while (end < world->size && world->node_of[end] == world->node_index) end++;
  world->place = rank - first;
  world->places = end - first;
  while (first > 0 && strcmp(world->hosts[first - 1], host) == 0) first--;
  while (end < world->size && strcmp(world->hosts[end], host) == 0) end++;
  world->host_ranks = end - first;
}
