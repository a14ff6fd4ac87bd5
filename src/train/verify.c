#include "train/verify.h"

#include "base/checksum.h"
#include "run/run_directory.h"

#include <inttypes.h>
#include <math.h>
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
static bool copies_are_ranks(const trainer_t *trainer) {
  return strcmp(trainer->settings->parallel.reduce, "mpi") == 0;
}

static int count_copies(const trainer_t *trainer) {
  return copies_are_ranks(trainer) ? world_size(trainer->world) : world_nodes(trainer->world);
}

/* This rank's part of the checksum of its copy. */
static uint64_t own_sum(const trainer_t *trainer) {
  const bool all = copies_are_ranks(trainer);
  const world_t *world = trainer->world;
  const size_t place = all ? 0 : (size_t)world_place(world), places = all ? 1 : (size_t)world_places(world);
  const int threads = trainer->layout.threads;
  uint64_t sum =
      sum_chunks(engine_parameters(trainer->engine), graph_floats(trainer->graph), place, places, threads);
  for (int k = 0; k < trainer->optimizer->states && all; k++) {
    size_t floats = 0;
    const float *state = engine_own_state(trainer->engine, k, &floats);
    sum = sum * 31 + sum_chunks(state, floats, 0, 1, threads);
  }
  return sum;
}

ls_status verify_sums(trainer_t *trainer, uint64_t *sums, int *copies, ls_error *error) {
  world_t *world = trainer->world;
  const size_t ranks = (size_t)world_size(world);
  uint64_t mine = own_sum(trainer), *all = malloc(ranks * sizeof *all);
  ls_status status =
      all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the checksums of copies") : LS_OK;
  TRY_OR_DONE(trainer_agree(trainer, status, error));
  TRY_OR_DONE(world_gather(world, &mine, sizeof mine, all, error));
  *copies = count_copies(trainer);
  memset(sums, 0, ranks * sizeof *sums);
  for (size_t r = 0; r < ranks; r++)
    sums[copies_are_ranks(trainer) ? (int)r : world_node_of(world, (int)r)] += all[r];
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

bool verify_describe(const world_t *world, const uint64_t *sums, int copies, bool ranks, char *out,
                     size_t size) {
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

/* ---- going back ---- */

static bool verifies(const trainer_t *trainer) {
  const interval_t *every = &trainer->settings->train.verify_every;
  return (every->steps > 0 || every->epochs > 0) && count_copies(trainer) > 1;
}

void verify_advise(const trainer_t *trainer, const log_t *log) {
  const interval_t *every = &trainer->settings->train.verify_every;
  if ((every->steps > 0 || every->epochs > 0) && !verifies(trainer))
    log_warn(log, "train.verify_every has no effect: there is only one copy of the parameters, on one node");
}

/* Finds the newest checkpoint, and loads it or the initial parameters. */
static ls_status go_back(trainer_t *trainer, ls_error *error) {
  position_t position = {.best_loss = INFINITY, .best_step = -1, .shards = trainer->layout.shards};
  bool found = false;
  ls_status status = LS_OK;
  if (is_root(trainer))
    status = run_newest_checkpoint(&trainer->run, trainer->options->log, &found, &position, error);
  TRY(trainer_agree(trainer, status, error));
  TRY(world_broadcast(trainer->world, &found, sizeof found, 0, error));
  TRY(world_broadcast(trainer->world, &position, sizeof position, 0, error));
  trainer->position = position;
  trainer->resumed = found;
  return trainer_load_again(trainer, error);
}

ls_status verify_copies(trainer_t *trainer, ls_error *error) {
  const int64_t step = trainer->position.step;
  char what[512];
  int copies = 0;
  if (!verifies(trainer)) return LS_OK;
  uint64_t *sums = malloc((size_t)world_size(trainer->world) * sizeof *sums);
  ls_status status =
      sums == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the checksums of copies") : LS_OK;
  TRY_OR_DONE(trainer_agree(trainer, status, error));
  TRY_OR_DONE(verify_sums(trainer, sums, &copies, error));
  if (!verify_describe(trainer->world, sums, copies, copies_are_ranks(trainer), what, sizeof what)) goto done;
  if (trainer->guard.returns++ < VERIFY_RETURNS) {
    TRY_OR_DONE(go_back(trainer, error));
    trainer->guard.returned = true;
    log_warn(trainer->options->log,
             "silent corruption: after step %" PRId64
             " the parameters of %s. The run returns to step %" PRId64,
             step, what, trainer->position.step);
    report_return(&trainer->record.report, step, trainer->position.step, what);
  } else {
    status = error_set(
        error, LS_FAILED,
        "silent corruption: after step %" PRId64
        " the parameters of %s. The run has returned to a checkpoint %d times already: leave these hosts "
        "out, and continue with --resume from the newest checkpoint",
        step, what, VERIFY_RETURNS);
  }
done:
  free(sums);
  return status;
}
