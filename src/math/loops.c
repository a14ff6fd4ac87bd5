/* Loops over arrays that benefit from wider vectors: elementary functions and rounding to bf16. This file is
 * compiled once for each instruction set (variant.h). All copies give the same bits. */
#include "math/elementary.h"
#include "math/kernels.h"
#include "math/precision.h"
#include "math/product.h"

#include <stdbool.h>
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

/* ---- squared distances in double ---- */

enum { WIDE = LANES / 2, PARTS = PRODUCT_PANEL / WIDE, ROWS_AT_ONCE = LANES == 16 ? 4 : 2 };
typedef double doubles_t __attribute__((vector_size(WIDE * sizeof(double)), aligned(8), may_alias));
typedef float halfway_t __attribute__((vector_size(WIDE * sizeof(float)), aligned(4), may_alias));

INLINE doubles_t widened(const float *x) {
  return __builtin_convertvector(*(const halfway_t *)x, doubles_t);
}

/* One chain for each element, in the order of the columns. */
INLINE void squares_some(const int rows, const bool scaled, int64_t in, const float *x, const float *points,
                         const float *scales, double *out) {
  doubles_t sum[ROWS_AT_ONCE][PARTS] = {0};
  for (int64_t i = 0; i < in; i++) UNROLL for (int p = 0; p < PARTS; p++) {
      const doubles_t point = widened(points + i * PRODUCT_PANEL + p * WIDE);
      UNROLL for (int r = 0; r < rows; r++) {
        doubles_t difference = (double)x[r * in + i] - point;
        if (scaled) difference *= widened(scales + i * PRODUCT_PANEL + p * WIDE);
        sum[r][p] += difference * difference;
      }
    }
  for (int r = 0; r < rows; r++)
    for (int p = 0; p < PARTS; p++) *(doubles_t *)(out + r * PRODUCT_PANEL + p * WIDE) = sum[r][p];
}

INLINE void squares_all(const bool scaled, int64_t in, int64_t rows, const float *x, const float *points,
                        const float *scales, double *out) {
  int64_t r = 0;
  for (; r + ROWS_AT_ONCE <= rows; r += ROWS_AT_ONCE)
    squares_some(ROWS_AT_ONCE, scaled, in, x + r * in, points, scales, out + r * PRODUCT_PANEL);
  for (; r < rows; r++) squares_some(1, scaled, in, x + r * in, points, scales, out + r * PRODUCT_PANEL);
}

static void squares_loop(int64_t in, int64_t rows, const float *x, const float *points, const float *scales,
                         double *out) {
  if (scales != NULL)
    squares_all(true, in, rows, x, points, scales, out);
  else
    squares_all(false, in, rows, x, points, NULL, out);
}

const loops_t VARIANT(loops) = {.exp = exp_loop,
                                .log1p = log1p_loop,
                                .cos = cos_loop,
                                .pairs = pairs_loop,
                                .halves = halves_loop,
                                .squares = squares_loop};
