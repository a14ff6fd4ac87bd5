/* The product of float factors: one chain of fused multiply-adds. */
#define PRODUCT product_fp32
#include "math/product_kernel.h"

INLINE void multiply_stretch(const int rows, const int panels, int64_t depth, const float *a,
                             int64_t a_stride, const float *b, int64_t b_panel, sums_t *sums) {
  UNROLL_SOME
  for (int64_t k = 0; k < depth; k++, b += PRODUCT_PANEL) {
    vector_t column[GROUP * VECTORS];
    UNROLL
    for (int v = 0; v < panels * VECTORS; v++) {
      const float *at = b + v / VECTORS * b_panel + v % VECTORS * LANES;
      if (AHEAD > 0) __builtin_prefetch(at + AHEAD * PRODUCT_PANEL, 0, 3);
      column[v] = *(const loose_t *)at;
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
      vector_t factor = a[r * a_stride + k] - (vector_t){0};
      if (LANES == 16) KEEP(factor); /* broadcasts once into a register, not once per product */
      UNROLL
      for (int v = 0; v < panels * VECTORS; v++) sums->of[r][v] += factor * column[v];
    }
  }
}

INLINE void multiply(const int rows, const int panels, const block_t *block, sums_t *sums) {
  const float *fetch = block->fetch;
  for (int64_t k = 0; k < block->depth; k += STRETCH) {
    int64_t left = block->depth - k;
    fetch_lines(fetch, block->lines);
    fetch += block->lines * LINE;
    if (LANES < 16 && left >= STRETCH) /* constant size, so the compiler unrolls the loop */
      multiply_stretch(rows, panels, STRETCH, block->a + k, block->a_stride, block->b + k * PRODUCT_PANEL,
                       block->b_panel, sums);
    else
      multiply_stretch(rows, panels, left < STRETCH ? left : STRETCH, block->a + k, block->a_stride,
                       block->b + k * PRODUCT_PANEL, block->b_panel, sums);
  }
}
