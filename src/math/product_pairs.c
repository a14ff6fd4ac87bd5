/* The product of pairs of bf16 numbers in the arithmetic of AMX's tiles (product.h), by fused products and
 * sums of floats. The product of two bf16 numbers is exact in a float.
 *
 * Of each tile's depth all even products are summed, then all odd ones: so the sums of one pass fit in
 * registers. Each word is loaded twice, and a shift or a mask makes a float of its half. */
#define PRODUCT product_pairs
#include "math/product_kernel.h"

INLINE vector_t half_of(words_t words, const bool odd) {
  return odd ? (vector_t)(words & 0xffff0000U) : (vector_t)(words << 16);
}

/* The sums of one half of the words of a tile's depth, from zero. */
INLINE void sum_halves(const int rows, const int panels, const bool odd, const float *a, int64_t a_stride,
                       const float *b, int64_t b_panel, sums_t *sums) {
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int v = 0; v < panels * VECTORS; v++) sums->of[r][v] = (vector_t){0};
  UNROLL_SOME
  for (int k = 0; k < PRODUCT_TILE; k++, b += PRODUCT_PANEL) {
    vector_t column[GROUP * VECTORS];
    UNROLL
    for (int v = 0; v < panels * VECTORS; v++)
      column[v] = half_of(*(const loose_words_t *)(b + v / VECTORS * b_panel + v % VECTORS * LANES), odd);
    UNROLL
    for (int r = 0; r < rows; r++) {
      vector_t factor = half_of(broadcast(a + r * a_stride + k), odd);
      UNROLL
      for (int v = 0; v < panels * VECTORS; v++) sums->of[r][v] += factor * column[v];
    }
  }
}

INLINE void multiply(const int rows, const int panels, const block_t *block, sums_t *sums) {
  const float *fetch = block->fetch, *a = block->a, *b = block->b;
  for (int64_t k = 0; k < block->depth; k += PRODUCT_TILE) {
    if (k % STRETCH == 0) {
      fetch_lines(fetch, block->lines);
      fetch += block->lines * LINE;
    }
    sums_t even, odd;
    sum_halves(rows, panels, false, a, block->a_stride, b, block->b_panel, &even);
    sum_halves(rows, panels, true, a, block->a_stride, b, block->b_panel, &odd);
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < panels * VECTORS; v++) sums->of[r][v] += even.of[r][v] + odd.of[r][v];
    a += PRODUCT_TILE;
    b += PRODUCT_TILE * PRODUCT_PANEL;
  }
}
