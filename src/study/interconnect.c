#include "study/network.h"

#include "base/clock.h"
#include "comm/ping_pong.h"

#include <stdlib.h>
#include <string.h>

/* 8 bytes to 4 MiB */
static const size_t sizes[NETWORK_SIZES] = {8,      64,     512,     2048,    8192,   32768,
                                            131072, 524288, 1048576, 2097152, 4194304};
enum { REPEATS = 15 };

static const struct {
  const char *name, *text;
} levels[NETWORK_LEVEL_COUNT] = {
#define NETWORK_ROW(code, name, text) [code] = {name, text},
    NETWORK_LEVELS(NETWORK_ROW)
#undef NETWORK_ROW
};

const char *network_name(network_level_t level) {
  return levels[level].name;
}

const char *network_text(network_level_t level) {
  return levels[level].text;
}

void network_fit(network_line_t *line) {
  /* minimum of sum w (alpha + beta n - t)^2 with w = 1 / t^2 */
  double w = 0, wn = 0, wnn = 0, wt = 0, wnt = 0;
  for (int i = 0; i < line->sizes; i++) {
    double n = line->bytes[i], t = line->seconds[i], weight = 1 / (t * t);
    w += weight;
    wn += weight * n;
    wnn += weight * n * n;
    wt += weight * t;
    wnt += weight * n * t;
  }
  double determinant = w * wnn - wn * wn;
  line->alpha = (wt * wnn - wnt * wn) / determinant;
  line->beta = (w * wnt - wn * wt) / determinant;
}

/* Measures messages between rank 0 and another rank. */
static ls_status measure_pair(world_t *world, int other, network_line_t *line, ls_error *error) {
  for (int i = 0; i < NETWORK_SIZES; i++) {
    line->bytes[i] = (double)sizes[i];
    TRY(ping_pong(world, 0, other, sizes[i], REPEATS, &line->seconds[i], error));
  }
  line->sizes = NETWORK_SIZES;
  network_fit(line);
  return LS_OK;
}

/* The first rank on rank 0's node, or on another node; -1 if there is none. */
static int first_rank(const world_t *world, bool same_node) {
  for (int r = 1; r < world_size(world); r++)
    if ((world_node_of(world, r) == world_node_of(world, 0)) == same_node) return r;
  return -1;
}

/* ---- the exchange ---- */

typedef struct {
  float *send, *receive; /* (nodes, slice) */
  int *counts;           /* (nodes) */
  int slice;             /* floats of a lane's slice that one node owns */
} buffers_t;

/* One exchange: an all-to-all sends slices of the sums to their owners, and a gather returns the new
 * parameters. */
static ls_status exchange_once(world_t *world, const buffers_t *buffers, ls_error *error) {
  if (world_place(world) >= world_lanes(world)) return LS_OK;
  TRY(world_lane_all_to_all(world, buffers->send, buffers->counts, buffers->receive, buffers->counts, error));
  return world_lane_gather(world, buffers->receive, buffers->counts, error);
}

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Median over the repeats of the time of the slowest rank. */
static ls_status time_exchange(world_t *world, const buffers_t *buffers, double *seconds, ls_error *error) {
  int64_t times[REPEATS];
  for (int i = -2; i < REPEATS; i++) {
    TRY(world_barrier(world, error));
    double began = clock_seconds();
    ls_status status = exchange_once(world, buffers, error);
    if (i >= 0) times[i] = (int64_t)(1e9 * (clock_seconds() - began));
    TRY(world_agree(world, status, error));
  }
  TRY(world_max_i64(world, times, REPEATS, error));
  qsort(times, REPEATS, sizeof *times, compare);
  *seconds = (double)times[REPEATS / 2] * 1e-9;
  return LS_OK;
}

/* Measures the exchange for messages of growing size. On each lane a node sends 2 (nodes - 1) slices, half of
 * them in the all-to-all and half in the gather, and receives as many. */
static ls_status measure_exchange(world_t *world, network_line_t *line, ls_error *error) {
  int nodes = world_nodes(world), lanes = world_lanes(world);
  size_t most = sizes[NETWORK_SIZES - 1] / sizeof(float) + 1;
  buffers_t buffers = {.send = calloc(most * 2, sizeof(float)),
                       .receive = calloc(most * 2, sizeof(float)),
                       .counts = calloc((size_t)nodes, sizeof(int))};
  ls_status status = LS_OK;
  if (buffers.send == NULL || buffers.receive == NULL || buffers.counts == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to measure the exchange between nodes");
  TRY_OR_DONE(world_agree(world, status, error));
  for (int i = 2; i < NETWORK_SIZES; i++) {
    buffers.slice = (int)(sizes[i] / sizeof(float)) / (2 * (nodes - 1) * lanes) + 1;
    for (int n = 0; n < nodes; n++) buffers.counts[n] = buffers.slice;
    line->bytes[line->sizes] = 2.0 * (nodes - 1) * lanes * buffers.slice * sizeof(float);
    TRY_OR_DONE(time_exchange(world, &buffers, &line->seconds[line->sizes], error));
    line->sizes++;
  }
  network_fit(line);
done:
  free(buffers.send);
  free(buffers.receive);
  free(buffers.counts);
  return status;
}

ls_status network_measure(world_t *world, network_line_t lines[NETWORK_LEVEL_COUNT], ls_error *error) {
  memset(lines, 0, NETWORK_LEVEL_COUNT * sizeof *lines);
  int near = first_rank(world, true), far = first_rank(world, false);
  if (near > 0) TRY(measure_pair(world, near, &lines[NETWORK_IN_NODE], error));
  if (far > 0) TRY(measure_pair(world, far, &lines[NETWORK_BETWEEN_NODES], error));
  if (world_nodes(world) > 1) TRY(measure_exchange(world, &lines[NETWORK_EXCHANGE], error));
  return LS_OK;
}
