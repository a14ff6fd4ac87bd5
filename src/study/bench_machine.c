/* Measures the machine without a network: floating-point units and memory, with all threads at once. */
#include "base/activity.h"
#include "base/progress.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/float_mode.h"
#include "math/peak.h"
#include "math/precision.h"
#include "study/bench_impl.h"

#include <omp.h>
#include <stdlib.h>

/* ---- the team ---- */

/* Numbers the threads of the node in rank order. */
static ls_status number_threads(team_t *team, ls_error *error) {
  world_t *world = team->world;
  int size = world_size(world), *threads = malloc((size_t)size * sizeof *threads);
  ls_status status =
      threads == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &team->threads, sizeof *threads, threads, error));
  for (int r = 0; r < size; r++) {
    if (world_node_of(world, r) != world_node(world)) continue;
    team->all += threads[r];
    if (r < world_rank(world)) team->first += threads[r];
  }
done:
  free(threads);
  return status;
}

ls_status team_create(world_t *world, int threads, double seconds, team_t *out, ls_error *error) {
  team_t team = {.world = world, .threads = threads, .seconds = seconds};
  bool first = world_place(world) == 0;
  TRY(number_threads(&team, error));
  TRY(window_create(world, first ? 2 * sizeof(barrier_t) : 0, "the barriers", &team.window, error));
  team.barrier = window_segment(team.window, 0);
  team.places = team.barrier + 1;
  if (first) {
    barrier_init(team.barrier, team.all);
    barrier_init(team.places, world_places(world));
  }
  ls_status status = world_barrier(world, error);
  if (status == LS_OK)
    *out = team;
  else
    team_destroy(&team);
  return status;
}

/* Only the main thread may ask other ranks. */
void bench_meet(const team_t *team, barrier_t *barrier) {
  bool came = barrier_wait(barrier, NULL, world_patience(team->world));
  if (omp_get_thread_num() == 0) activity_step();
  if (!came && omp_get_thread_num() == 0)
    world_abandon(team->world, "the threads of this node do not meet", NULL);
}

void team_destroy(team_t *team) {
  window_destroy(&team->window);
}

static int compare(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

double median(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, compare);
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

ls_status sum_over_ranks(world_t *world, double mine, double *out, ls_error *error) {
  int size = world_size(world);
  double *all = malloc((size_t)size * sizeof *all);
  ls_status status = all == NULL ? error_set(error, LS_NO_MEMORY, "no memory for the table of ranks") : LS_OK;
  TRY_OR_DONE(world_agree(world, status, error));
  TRY_OR_DONE(world_gather(world, &mine, sizeof mine, all, error));
  *out = 0;
  for (int r = 0; r < size; r++) *out += all[r];
done:
  free(all);
  return status;
}

ls_status mean_over_ranks(world_t *world, double mine, double count, double *out, ls_error *error) {
  double sum = 0, all = 0;
  TRY(sum_over_ranks(world, mine, &sum, error));
  TRY(sum_over_ranks(world, count, &all, error));
  *out = sum / all;
  return LS_OK;
}

/* ---- floating-point peak ---- */

/* FLOP/s of this thread while the others do the same; 0 if the CPU lacks the instruction. */
static double measure_peak(const team_t *team, double seconds, arithmetic_t arithmetic) {
  double rates[REPEATS];
  int64_t rounds = 1 << 16;
  for (;; rounds *= 2) { /* until the rounds take long enough; also warms up the core */
    double began = clock_seconds();
    if (peak_run(arithmetic, rounds) == 0) return 0;
    if (clock_seconds() - began > seconds / (2 * REPEATS)) break;
  }
  for (int i = 0; i < REPEATS; i++) {
    bench_meet(team, team->barrier);
    double began = clock_seconds(), flops = peak_run(arithmetic, rounds);
    rates[i] = flops / (clock_seconds() - began);
  }
  return median(rates, REPEATS);
}

ls_status bench_peak(const team_t *team, int precision, double seconds, double *out, ls_error *error) {
  double flops = 0;
  progress_beat();
#pragma omp parallel num_threads(team->threads) reduction(+ : flops)
  {
    omp_set_num_threads(1);
    float_mode_begin();
    flops += measure_peak(team, seconds, precisions[precision].arithmetic);
  }
  return sum_over_ranks(team->world, flops, out, error);
}

/* ---- memory ---- */

enum { STREAM_FLOATS = 1 << 23 }; /* 32 MB each, more than a core's share of any cache */

/* Computes c = a + b over arrays that exceed every cache; returns the bytes/s of this thread. */
static double measure_stream(const team_t *team, float *restrict c, const float *restrict a,
                             const float *restrict b) {
  double rates[REPEATS];
  for (int i = 0; i < REPEATS; i++) {
    bench_meet(team, team->barrier);
    double began = clock_seconds();
    for (size_t k = 0; k < STREAM_FLOATS; k++) c[k] = a[k] + b[k];
    rates[i] = 3.0 * STREAM_FLOATS * sizeof *c / (clock_seconds() - began);
  }
  return median(rates, REPEATS);
}

/* Allocates three arrays for each thread of this rank, one after the other. */
static float *stream_memory(const team_t *team, arena_t *arena) {
  return arena_new(arena, (size_t)team->threads * 3 * STREAM_FLOATS, sizeof(float));
}

ls_status bench_machine(const team_t *team, bench_t *out, ls_error *error) {
  arena_t arena = {0};
  double bandwidth = 0;
  float *memory = stream_memory(team, &arena);
  ls_status status = memory == NULL ? error_set(error, LS_NO_MEMORY, "no memory to measure memory") : LS_OK;
  TRY_OR_DONE(world_agree(team->world, status, error));
  TRY_OR_DONE(bench_peak(team, PRECISION_FP32, team->seconds, &out->machine.peak_fp32, error));
  TRY_OR_DONE(bench_peak(team, PRECISION_BF16, team->seconds, &out->machine.peak_bf16, error));
  TRY_OR_DONE(bench_peak(team, PRECISION_BF16_DOT, team->seconds, &out->machine.peak_bf16_dot, error));
#pragma omp parallel num_threads(team->threads) reduction(+ : bandwidth)
  {
    float *own = memory + (size_t)omp_get_thread_num() * 3 * STREAM_FLOATS;
    omp_set_num_threads(1);
    float_mode_begin();
    bandwidth += measure_stream(team, own, own + STREAM_FLOATS, own + 2 * STREAM_FLOATS);
  }
  TRY_OR_DONE(sum_over_ranks(team->world, bandwidth, &out->machine.bandwidth, error));
done:
  arena_free(&arena);
  return status;
}

int bench_peak_precision(const bench_t *b) {
  const double peaks[PRECISIONS] = {[PRECISION_FP32] = b->machine.peak_fp32,
                                    [PRECISION_BF16] = b->machine.peak_bf16,
                                    [PRECISION_BF16_DOT] = b->machine.peak_bf16_dot};
  return peaks[b->precision] > 0 ? b->precision : PRECISION_FP32;
}
