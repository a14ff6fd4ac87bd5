#include "study/interconnect.h"

#include "base/clock.h"
#include "base/progress.h"
#include "comm/ping_pong.h"
#include "study/exchange_probe.h"

#include <stdlib.h>
#include <string.h>

/* 8 bytes to 4 MiB */
static const size_t sizes[INTERCONNECT_SIZES] = {8,      64,     512,     2048,    8192,   32768,
                                                 131072, 524288, 1048576, 2097152, 4194304};
enum {
  REPEATS = 15,
  FEWEST_SIZES = 4, /* of exchanges */
};

static const struct {
  const char *name, *text;
} levels[INTERCONNECT_LEVEL_COUNT] = {
#define INTERCONNECT_ROW(code, name, text) [code] = {name, text},
    INTERCONNECT_LEVELS(INTERCONNECT_ROW)
#undef INTERCONNECT_ROW
};

const char *interconnect_name(interconnect_level_t level) {
  return levels[level].name;
}

const char *interconnect_text(interconnect_level_t level) {
  return levels[level].text;
}

void interconnect_fit(interconnect_line_t *line) {
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
static ls_status measure_pair(world_t *world, int other, interconnect_line_t *line, ls_error *error) {
  for (int i = 0; i < INTERCONNECT_SIZES; i++) {
    line->bytes[i] = (double)sizes[i];
    progress_beat();
    TRY(ping_pong(world, 0, other, sizes[i], REPEATS, &line->seconds[i], error));
  }
  line->sizes = INTERCONNECT_SIZES;
  interconnect_fit(line);
  return LS_OK;
}

/* The first rank on rank 0's node, or on another node; -1 if there is none. */
static int first_rank(const world_t *world, bool same_node) {
  for (int r = 1; r < world_size(world); r++)
    if ((world_node_of(world, r) == world_node_of(world, 0)) == same_node) return r;
  return -1;
}

/* ---- the exchange ---- */

static int compare(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* Median over the repeats of the time of the slowest rank. */
static ls_status time_exchange(world_t *world, size_t blocks, double *seconds, ls_error *error) {
  exchange_probe_t *probe = NULL;
  int64_t times[REPEATS];
  ls_status status = LS_OK;
  TRY(exchange_probe_create(world, blocks, &probe, error));
  for (int i = -2; i < REPEATS; i++) {
    TRY_OR_DONE(world_barrier(world, error));
    double began = clock_seconds();
    status = exchange_probe_run(probe, error);
    if (i >= 0) times[i] = (int64_t)(1e9 * (clock_seconds() - began));
    TRY_OR_DONE(world_agree(world, status, error));
  }
  TRY_OR_DONE(world_max_i64(world, times, REPEATS, error));
  qsort(times, REPEATS, sizeof *times, compare);
  *seconds = (double)times[REPEATS / 2] * 1e-9;
done:
  exchange_probe_destroy(&probe);
  return status;
}

/* Measures the exchange of vectors of growing size: from one block of parameters for each rank with a lane
 * on, each vector twice as long as the one before. */
static ls_status measure_exchange(world_t *world, interconnect_line_t *line, ls_error *error) {
  const size_t nodes = (size_t)world_nodes(world), most = sizes[INTERCONNECT_SIZES - 1];
  size_t blocks = nodes * (size_t)world_lanes(world);
  for (double bytes = 0; line->sizes < INTERCONNECT_SIZES; blocks *= 2) {
    if (bytes >= (double)most && line->sizes >= FEWEST_SIZES) break;
    progress_beat();
    bytes = exchange_probe_bytes(world, blocks);
    line->bytes[line->sizes] = bytes;
    TRY(time_exchange(world, blocks, &line->seconds[line->sizes], error));
    line->sizes++;
  }
  interconnect_fit(line);
  return LS_OK;
}

ls_status interconnect_measure(world_t *world, interconnect_line_t lines[INTERCONNECT_LEVEL_COUNT],
                               ls_error *error) {
  memset(lines, 0, INTERCONNECT_LEVEL_COUNT * sizeof *lines);
  progress_begin(0, NULL, "measuring messages");
  int near = first_rank(world, true), far = first_rank(world, false);
  if (near > 0) TRY(measure_pair(world, near, &lines[INTERCONNECT_IN_NODE], error));
  if (far > 0) TRY(measure_pair(world, far, &lines[INTERCONNECT_BETWEEN_NODES], error));
  if (world_nodes(world) > 1) TRY(measure_exchange(world, &lines[INTERCONNECT_EXCHANGE], error));
  progress_end();
  return LS_OK;
}
