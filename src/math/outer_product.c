/* The gradient of a panel of weights as a sum of outer products, dw_io = sum over rows r of x_ri dy_ro.
 *
 * Row by row each of a few inputs is multiplied with the panel's 64 outputs, and all sums stay in registers:
 * nothing is transposed, which is what costs a library time when a shard has few rows. The sum over the rows
 * of a shard is added to that of its neighbour in the tree before it leaves the registers. On one Zen 4 core
 * with a peak of 118 GFLOP/s, 32 rows of 1024 x 1024 ran at 97 to 102; oneDNN's inner product by panels at 85
 * to 93, and at 77 to 83 with the additions. This file is compiled with products and sums fused
 * (-ffp-contract=fast): each pair is one instruction everywhere in it. */
#include "math/outer_product.h"

#include <string.h>

enum { LANES = 16, MOST_INPUTS = 14, MOST_VECTORS = 4 };

typedef float vector_t __attribute__((vector_size(LANES * sizeof(float))));
typedef float loose_t __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

bool outer_product_available(void) {
#ifdef __AVX512F__
  return true;
#else
  return false;
#endif
}

/* `inputs` rows of dw; inputs and vectors are constants where this is called, so that sum is registers. */
static inline __attribute__((always_inline)) void block(const int inputs, const int vectors, int64_t rows,
                                                        const float *x, const float *dy, bool add,
                                                        float *dw) {
  vector_t sum[MOST_INPUTS][MOST_VECTORS];
  UNROLL
  for (int i = 0; i < inputs; i++) UNROLL
  for (int v = 0; v < vectors; v++) sum[i][v] = (vector_t){0};
  for (int64_t r = 0; r < rows; r++, x += OUTER_PRODUCT_COLUMNS, dy += vectors * LANES) {
    vector_t d[MOST_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) d[v] = *(const loose_t *)(dy + v * LANES);
    UNROLL
    for (int i = 0; i < inputs; i++) UNROLL
    for (int v = 0; v < vectors; v++) sum[i][v] += x[i] * d[v];
  }
  UNROLL
  for (int i = 0; i < inputs; i++) UNROLL
  for (int v = 0; v < vectors; v++) {
    loose_t *out = (loose_t *)(dw + (i * vectors + v) * LANES);
    if (add) sum[i][v] += *out;
    *out = sum[i][v];
  }
}

/* Asks for part `k` of `parts` of the columns that are copied next: they lie in short pieces far apart, which
 * no processor foresees. */
static inline void prefetch(int64_t rows, const float *x, int64_t x_stride, int64_t columns, int64_t k,
                            int64_t parts) {
  for (int64_t r = rows * k / parts; r < rows * (k + 1) / parts; r++)
    for (int64_t c = 0; c < columns; c += LANES) __builtin_prefetch(x + r * x_stride + c, 0, 2);
}

/* Inputs come through a dense copy of a few columns: rows of x are often a multiple of 4096 bytes apart,
 * where all of them would share one set of the first cache. All inputs of a copy, `at_once` at a time, the
 * rest one by one. */
static inline __attribute__((always_inline)) void panel(const int at_once, const int vectors, int64_t rows,
                                                        int64_t inputs, const float *x, int64_t x_stride,
                                                        const float *dy, float *columns, bool add,
                                                        float *dw) {
  const int width = vectors * LANES;
  for (int64_t first = 0; first < inputs; first += OUTER_PRODUCT_COLUMNS) {
    int64_t left = inputs - first, n = left < OUTER_PRODUCT_COLUMNS ? left : OUTER_PRODUCT_COLUMNS, i = 0;
    int64_t next = left - n < OUTER_PRODUCT_COLUMNS ? left - n : OUTER_PRODUCT_COLUMNS;
    for (int64_t r = 0; r < rows; r++)
      memcpy(columns + r * OUTER_PRODUCT_COLUMNS, x + r * x_stride + first, (size_t)n * sizeof *columns);
    for (int64_t parts = n / at_once; i + at_once <= n; i += at_once) {
      prefetch(rows, x + first + n, x_stride, next, i / at_once, parts);
      block(at_once, vectors, rows, columns + i, dy, add, dw + (first + i) * width);
    }
    for (; i < n; i++) block(1, vectors, rows, columns + i, dy, add, dw + (first + i) * width);
  }
}

void outer_product(int64_t rows, int64_t inputs, int64_t outputs, const float *x, int64_t x_stride,
                   const float *dy, float *columns, bool add, float *dw) {
  switch (outputs / LANES) {
  case 1:
    panel(14, 1, rows, inputs, x, x_stride, dy, columns, add, dw);
    break;
  case 2:
    panel(12, 2, rows, inputs, x, x_stride, dy, columns, add, dw);
    break;
  case 3:
    panel(8, 3, rows, inputs, x, x_stride, dy, columns, add, dw);
    break;
  default:
    panel(6, 4, rows, inputs, x, x_stride, dy, columns, add, dw);
    break;
  }
}
