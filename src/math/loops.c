/* Loops over arrays that benefit from wider vectors: elementary functions and rounding to bf16. This file is
 * compiled once for each instruction set (variant.h). All copies give the same bits. */
#include "math/elementary.h"
#include "math/kernels.h"
#include "math/precision.h"

#include <string.h>

/* y_i = f(x_i). The last values, if fewer than a vector, are padded with zeros. */
INLINE void map(size_t n, const float *x, float *y, vector_t (*f)(vector_t)) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) *(loose_t *)(y + i) = f(*(const loose_t *)(x + i));
  if (i == n) return;
  vector_t rest = {0};
  memcpy(&rest, x + i, (n - i) * sizeof *x);
  rest = f(rest);
  memcpy(y + i, &rest, (n - i) * sizeof *y);
}

static void exp_loop(size_t n, const float *x, float *y) {
  map(n, x, y, elementary_exp);
}

static void log1p_loop(size_t n, const float *x, float *y) {
  map(n, x, y, elementary_log1p);
}

static void cos_loop(size_t n, const float *x, float *y) {
  map(n, x, y, elementary_cos);
}

static void pairs_loop(int64_t n, const float *restrict first, const float *restrict second,
                       pair_t *restrict out) {
  for (int64_t i = 0; i < n; i++) out[i] = bf16_round(first[i]) | bf16_round(second[i]) << 16;
}

static void halves_loop(int64_t n, const float *restrict x, half_t *restrict out) {
  for (int64_t i = 0; i < n; i++) out[i] = (half_t)bf16_round(x[i]);
}

const loops_t VARIANT(loops) = {
    .exp = exp_loop, .log1p = log1p_loop, .cos = cos_loop, .pairs = pairs_loop, .halves = halves_loop};
