/* The exchange that bench measures moves what the exchange of a training step moves: afterwards each rank of
 * a lane has the parameters of all owners, and every node has sent as many bytes as the report says. */
#include "study/exchange_probe.h"

#include "step/buckets.h"

#include "mpi/check.h"

#include <math.h>
#include <stdlib.h>

/* Owners are told by number: node n writes n + 1 to its lane of the vector, and what it receives replaces all
 * but its own share. */
static void fill(exchange_probe_t *probe, float value) {
  for (size_t b = 0, first = 0, n = 0; exchange_probe_bucket(probe, b, &first, &n); b++)
    for (size_t i = first; i < first + n; i++) exchange_probe_vector(probe)[i] = value;
}

/* In every bucket of the lane lie the shares of nodes 0, 1, ..., which differ by a block at most. Returns the
 * floats of this node's shares. */
static size_t check_bucket(const exchange_probe_t *probe, const float *vector, size_t b, int nodes, int own) {
  size_t first = 0, n = 0, of_own = 0, least = SIZE_MAX, most = 0;
  exchange_probe_bucket(probe, b, &first, &n);
  size_t at = first;
  for (int node = 0; node < nodes; node++) {
    size_t begin = at;
    while (at < first + n && (int)vector[at] == node + 1) at++;
    size_t share = at - begin;
    if (share < least) least = share;
    if (share > most) most = share;
    if (node == own) of_own = share;
  }
  CHECK(at == first + n, "bucket %zu: float %zu is %g", b, at, (double)vector[at]);
  CHECK(most - least <= GRAPH_BLOCK, "bucket %zu: shares of %zu to %zu floats", b, least, most);
  return of_own;
}

static void check_exchange(world_t *world, size_t blocks) {
  ls_error error = {0};
  exchange_probe_t *probe = NULL;
  int nodes = world_nodes(world), own = world_node(world);
  CHECK_OK(exchange_probe_create(world, blocks, &probe, &error));
  if (probe == NULL) return;
  int64_t sent = 0;
  for (int round = 0; round < 3; round++) {
    fill(probe, (float)(own + 1));
    CHECK_OK(world_barrier(world, &error)); /* nobody writes to a vector that is still filled */
    CHECK_OK(exchange_probe_run(probe, &error));
    sent = 0;
    for (size_t b = 0, first = 0, n = 0; exchange_probe_bucket(probe, b, &first, &n); b++) {
      if (n == 0) continue;
      size_t mine = check_bucket(probe, exchange_probe_vector(probe), b, nodes, own);
      /* gradients of all other shares, and the own parameters to every other node */
      sent += (int64_t)((n - mine + (size_t)(nodes - 1) * mine) * sizeof(float));
    }
    CHECK_OK(world_barrier(world, &error));
  }
  CHECK_OK(world_sum_i64(world, &sent, 1, &error));
  int64_t told = llround(exchange_probe_bytes(world, blocks) * nodes);
  CHECK(sent == told, "%zu blocks: %lld bytes are sent, not %lld", blocks, (long long)sent, (long long)told);
  exchange_probe_destroy(&probe);
}

int main(int argc, char **argv) {
  world_t *world = NULL;
  ls_error error = {0};
  if (world_create(&argc, &argv, &world, &error) != LS_OK) {
    fprintf(stderr, "%s\n", error.message);
    return EXIT_FAILURE;
  }
  for (int per_node = 1; per_node <= 2; per_node++) {
    CHECK_OK(world_group(world, per_node, &error));
    for (size_t blocks = 1; blocks < 2000 && world_nodes(world) > 1; blocks = 3 * blocks + 2)
      check_exchange(world, blocks);
  }
  world_destroy(&world);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
