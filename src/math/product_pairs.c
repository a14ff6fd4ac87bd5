/* The product of pairs of bf16 numbers in the arithmetic of AMX tiles (product.h), by fused multiply-adds of
 * floats. The product of two bf16 numbers is exact in a float.
 *
 * For the depth of each tile, all even products are summed first, then all odd ones, so the sums of one pass
 * fit in registers. Halves of a are converted to floats in advance, because each serves all columns. Halves
 * of b are converted when they are read, by a shift or a mask. */
#define PRODUCT product_pairs
#include "math/product_kernel.h"

INLINE vector_t half_of(words_t words, const bool odd) {
  return odd ? (vector_t)(words & 0xffff0000U) : (vector_t)(words << 16);
}

/* A tile's words of a as floats: of[0] even halves, of[1] odd halves. */
typedef struct {
  float of[2][MOST_ROWS][PRODUCT_TILE] __attribute__((aligned(64)));
} halves_t;

INLINE void split(const int rows, const float *a, int64_t a_stride, halves_t *halves) {
  UNROLL
  for (int r = 0; r < rows; r++) UNROLL
  for (int k = 0; k < PRODUCT_TILE; k += LANES) {
    words_t words = *(const loose_words_t *)(a + r * a_stride + k);
    *(vector_t *)(halves->of[0][r] + k) = half_of(words, false);
    *(vector_t *)(halves->of[1][r] + k) = half_of(words, true);
  }
}

/* The sums over one half of the words of a tile's depth, starting from zero. */
INLINE void sum_halves(const int rows, const int panels, const bool odd, const halves_t *a, const float *b,
                       int64_t b_panel, sums_t *sums) {
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
      vector_t factor = a->of[odd][r][k] - (vector_t){0};
      if (LANES == 16) KEEP(factor);
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
    halves_t halves;
    sums_t even, odd;
    split(rows, a, block->a_stride, &halves);
    sum_halves(rows, panels, false, &halves, b, block->b_panel, &even);
    sum_halves(rows, panels, true, &halves, b, block->b_panel, &odd);
    UNROLL
    for (int r = 0; r < rows; r++) UNROLL
    for (int v = 0; v < panels * VECTORS; v++) sums->of[r][v] += even.of[r][v] + odd.of[r][v];
    a += PRODUCT_TILE;
    b += PRODUCT_TILE * PRODUCT_PANEL;
  }
}
