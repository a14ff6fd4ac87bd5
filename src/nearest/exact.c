#include "nearest/exact.h"

#include <math.h>
#include <string.h>

enum { MOST_BITS = 50, SUM_BITS = 61 };

/* Added to a number below 2^51, 1.5 · 2^52 leaves the nearest whole number in the lower bits. */
#define ROUNDS 0x1.8p52

static inline int64_t whole(double value) {
  const double shifted = value + ROUNDS, zero = ROUNDS;
  int64_t bits, offset;
  memcpy(&bits, &shifted, sizeof bits);
  memcpy(&offset, &zero, sizeof offset);
  return bits - offset;
}

ls_status exact_create(int64_t k, int64_t inputs, int threads, arena_t *arena, exact_t *out,
                       ls_error *error) {
  exact_t exact = {.k = k, .inputs = inputs, .threads = threads};
  const size_t numbers = (size_t)(k * (1 + inputs));
  exact.mean = arena_new(arena, (size_t)inputs, sizeof *exact.mean);
  exact.scale = arena_new(arena, (size_t)inputs, sizeof *exact.scale);
  exact.total = arena_new(arena, numbers, sizeof *exact.total);
  exact.own = arena_new(arena, (size_t)threads, sizeof *exact.own);
  bool is_there = exact.mean != NULL && exact.scale != NULL && exact.total != NULL && exact.own != NULL;
  for (int t = 0; t < threads && is_there; t++) {
    exact.own[t] = arena_new(arena, numbers, sizeof(int64_t));
    is_there = exact.own[t] != NULL;
  }
  if (!is_there)
    return error_set(error, LS_NO_MEMORY, "no memory for the sums of clusters with %d threads (%.1f MB)",
                     threads, (double)numbers * sizeof(int64_t) * (threads + 1) / 1e6);
  *out = exact;
  return LS_OK;
}

/* The largest power of two with which the sum of `rows` numbers, none larger than `most`, stays in range. */
static double scale_for(double most, int64_t rows) {
  int bits = SUM_BITS - (ilogb((double)rows) + 1);
  if (bits > MOST_BITS) bits = MOST_BITS;
  return most > 0 && isfinite(most) ? ldexp(1, bits - (ilogb(most) + 1)) : 1;
}

void exact_scale(exact_t *exact, int64_t rows, const double *mean, const float *most, float weight) {
  exact->weights = weight > 0 ? scale_for((double)weight, rows) : 1;
  for (int64_t c = 0; c < exact->inputs; c++) {
    exact->mean[c] = mean[c];
    exact->scale[c] = scale_for(((double)most[c] + fabs(mean[c])) * (weight > 0 ? (double)weight : 1), rows);
  }
}

void exact_begin(exact_t *exact) {
  for (int t = 0; t < exact->threads; t++)
    memset(exact->own[t], 0, (size_t)(exact->k * (1 + exact->inputs)) * sizeof(int64_t));
}

void exact_add(const exact_t *exact, int thread, int64_t k, const float *x, double weight, int64_t first,
               int64_t n) {
  int64_t *restrict sum = exact->own[thread] + k * (1 + exact->inputs);
  const double *mean = exact->mean, *scale = exact->scale;
  if (first == 0) sum[0] += whole(weight * exact->weights);
  for (int64_t c = first; c < first + n; c++)
    sum[1 + c] += whole(weight * ((double)x[c] - mean[c]) * scale[c]);
}

void exact_move(const exact_t *exact, int thread, int64_t from, int64_t to, const float *x, double weight) {
  const int64_t n = exact->inputs, whole_weight = whole(weight * exact->weights);
  int64_t *restrict before = exact->own[thread] + from * (1 + n);
  int64_t *restrict now = exact->own[thread] + to * (1 + n);
  const double *mean = exact->mean, *scale = exact->scale;
  *before++ -= whole_weight;
  *now++ += whole_weight;
  for (int64_t c = 0; c < n; c++) {
    const int64_t value = whole(weight * ((double)x[c] - mean[c]) * scale[c]);
    before[c] -= value;
    now[c] += value;
  }
}

ls_status exact_end(exact_t *exact, world_t *world, bool goes_on, ls_error *error) {
  const size_t n = (size_t)(exact->k * (1 + exact->inputs));
  int64_t *restrict sum = exact->own[0];
  for (int t = 1; t < exact->threads; t++)
    for (size_t i = 0; i < n; i++) sum[i] += exact->own[t][i];
  TRY(world_sum_i64(world, sum, n, error));
  if (!goes_on) memset(exact->total, 0, n * sizeof *exact->total);
  for (size_t i = 0; i < n; i++) exact->total[i] += sum[i];
  return LS_OK;
}

double exact_weight(const exact_t *exact, int64_t k) {
  return (double)exact->total[k * (1 + exact->inputs)] / exact->weights;
}

double exact_sum(const exact_t *exact, int64_t k, int64_t c) {
  return (double)exact->total[k * (1 + exact->inputs) + 1 + c] / exact->scale[c];
}
