/* Measures the cost of communication between the threads and ranks of a node: cache lines that move between
 * cores, barriers, sums of vectors. */
#include "base/clock.h"
#include "base/progress.h"
#include "study/bench_impl.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- cache lines that move between cores ---- */

enum { CROSS_FLOATS = 1 << 16 }; /* 256 KB: fits in a core's own cache */

/* Seconds to read the whole buffer. */
static double read_all(const float *buffer) {
  double began = clock_seconds();
  float sums[16] = {0};
  for (size_t i = 0; i < CROSS_FLOATS; i += 16)
    for (size_t k = 0; k < 16; k++) sums[k] += buffer[i + k];
  double seconds = clock_seconds() - began;
  __asm__ volatile("" : : "r"(sums) : "memory");
  return seconds;
}

static double write_all(float *buffer, float value) {
  double began = clock_seconds();
  for (size_t i = 0; i < CROSS_FLOATS; i++) buffer[i] = value;
  __asm__ volatile("" : : "r"(buffer) : "memory");
  return clock_seconds() - began;
}

/* The node's first thread writes and its second thread reads. The second thread reads the buffer right after
 * the first one wrote it, then again from its own cache. Then the first thread writes the lines that the
 * second one has read. All threads take part in the barriers. */
static void measure_crossing(const team_t *team, int number, float *buffer, double out[3]) {
  enum { TIMES = 21 };
  double read[TIMES], again[TIMES], write[TIMES];
  for (int i = 0; i < TIMES; i++) {
    if (number == 0) write[i] = write_all(buffer, (float)i);
    bench_meet(team, team->barrier);
    if (number == 1) {
      read[i] = read_all(buffer);
      again[i] = read_all(buffer);
    }
    bench_meet(team, team->barrier);
  }
  const double bytes = CROSS_FLOATS * sizeof(float);
  if (number == 0) out[1] = bytes / median(write + 1, TIMES - 1);
  if (number != 1) return;
  out[0] = bytes / median(read, TIMES);
  out[2] = bytes / median(again, TIMES);
}

/* ---- the barrier ---- */

static double measure_barrier(const team_t *team) {
  enum { ROUNDS = 2000 };
  double seconds[REPEATS];
  for (int i = 0; i < REPEATS; i++) {
    bench_meet(team, team->barrier);
    double began = clock_seconds();
    for (int k = 0; k < ROUNDS; k++) bench_meet(team, team->barrier);
    seconds[i] = (clock_seconds() - began) / ROUNDS;
  }
  return median(seconds, REPEATS);
}

/* ---- sums of vectors ---- */

/* Sums as the update does: each rank sums its slice of all vectors in order and leaves the result where all
 * ranks can read it. */
static void sum_in_window(const team_t *team, const window_t *vectors, float *sum, size_t n) {
  size_t places = (size_t)world_places(team->world), place = (size_t)world_place(team->world);
  size_t first = n * place / places, end = n * (place + 1) / places;
  bench_meet(team, team->places);
  memcpy(sum + first, (const float *)window_segment(vectors, 0) + first, (end - first) * sizeof *sum);
  for (size_t p = 1; p < places; p++) {
    const float *restrict vector = window_segment(vectors, (int)p);
    float *restrict to = sum;
    for (size_t i = first; i < end; i++) to[i] += vector[i];
  }
  bench_meet(team, team->places);
}

static ls_status measure_size(const team_t *team, size_t bytes, bench_reduction_t *out, ls_error *error) {
  window_t *vectors = NULL, *sum = NULL;
  size_t n = bytes / sizeof(float);
  int times = bytes > 1 << 22 ? REPEATS : 10 * REPEATS;
  double seconds[2][10 * REPEATS];
  progress_beat();
  ls_status status = window_create(team->world, bytes, "vectors to sum", &vectors, error);
  if (status == LS_OK)
    status = window_create(team->world, world_place(team->world) == 0 ? bytes : 0, "a sum", &sum, error);
  float *own = status == LS_OK ? window_segment(vectors, world_place(team->world)) : NULL;
  for (int i = -1; i < times && status == LS_OK;
       i++) { /* the first round touches all pages and is not counted */
    double began = clock_seconds();
    sum_in_window(team, vectors, window_segment(sum, 0), n);
    double between = clock_seconds();
    status = world_sum_f32(team->world, own, n, error);
    if (i < 0) continue;
    seconds[0][i] = between - began;
    seconds[1][i] = clock_seconds() - between;
  }
  if (status == LS_OK)
    *out = (bench_reduction_t){bytes, median(seconds[0], times), median(seconds[1], times)};
  window_destroy(&sum);
  window_destroy(&vectors);
  return status;
}

/* Only on a single node, because the library's sum covers all ranks. */
static ls_status measure_reductions(const team_t *team, bench_t *out, ls_error *error) {
  static const size_t sizes[BENCH_SIZES] = {4096, 16384, 65536, 262144, 1 << 20, 1 << 22, 1 << 24, 1 << 26};
  if (world_nodes(team->world) > 1 || world_places(team->world) == 1) return LS_OK;
  for (size_t i = 0; i < BENCH_SIZES; i++) {
    TRY(measure_size(team, sizes[i], &out->reductions[i], error));
    out->n_reductions = i + 1;
  }
  return LS_OK;
}

ls_status bench_node(const team_t *team, bench_t *out, ls_error *error) {
  window_t *window = NULL;
  size_t bytes = world_place(team->world) == 0 ? CROSS_FLOATS * sizeof(float) : 0;
  double crossing[3] = {0}, barrier = 0;
  TRY(window_create(team->world, bytes, "a buffer to pass round", &window, error));
  float *buffer = window_segment(window, 0);
#pragma omp parallel num_threads(team->threads)
  {
    int number = team->first + omp_get_thread_num();
    omp_set_num_threads(1);
    if (team->all > 1) measure_crossing(team, number, buffer, crossing);
    double own = measure_barrier(team);
    if (omp_get_thread_num() == 0) barrier = own;
  }
  window_destroy(&window);
  double nodes = world_nodes(team->world);
  double *figures[] = {&out->machine.cross_read, &out->machine.cross_write, &out->machine.own_read};
  for (int i = 0; i < 3; i++) {
    TRY(sum_over_ranks(team->world, crossing[i], figures[i], error));
    *figures[i] /= nodes;
  }
  TRY(mean_over_ranks(team->world, barrier, 1, &out->machine.barrier, error));
  return measure_reductions(team, out, error);
}
