/* Squared differences of rows and panels of points instead of products (squares.h): one chain of fused
 * squares and sums in the order of depth. */
#define PRODUCT product_squares
#include "math/product_kernel.h"

/* sums += (a - b)^2, or with scales s in panels like b's: (s (a - b))^2. */
INLINE void square_stretch(const int rows, const int panels, const bool scaled, int64_t depth,
                           const block_t *block, const float *a, const float *b, const float *s,
                           sums_t *sums) {
  UNROLL_SOME
  for (int64_t k = 0; k < depth; k++, b += PRODUCT_PANEL, s += PRODUCT_PANEL) {
    vector_t column[GROUP * VECTORS], scale[GROUP * VECTORS];
    UNROLL
    for (int v = 0; v < panels * VECTORS; v++) {
      const int64_t at = v / VECTORS * block->b_panel + v % VECTORS * LANES;
      column[v] = *(const loose_t *)(b + at);
      if (scaled) scale[v] = *(const loose_t *)(s + at);
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
      vector_t factor = a[r * block->a_stride + k] - (vector_t){0};
      UNROLL
      for (int v = 0; v < panels * VECTORS; v++) {
        vector_t difference = factor - column[v];
        if (scaled) difference *= scale[v];
        sums->of[r][v] += difference * difference;
      }
    }
  }
}

INLINE void multiply(const int rows, const int panels, const block_t *block, sums_t *sums) {
  const float *fetch = block->fetch;
  for (int64_t k = 0; k < block->depth; k += STRETCH) {
    const int64_t left = block->depth - k, depth = left < STRETCH ? left : STRETCH;
    const float *a = block->a + k, *b = block->b + k * PRODUCT_PANEL;
    fetch_lines(fetch, block->lines);
    fetch += block->lines * LINE;
    if (block->scales == NULL)
      square_stretch(rows, panels, false, depth, block, a, b, b, sums);
    else
      square_stretch(rows, panels, true, depth, block, a, b, block->scales + k * PRODUCT_PANEL, sums);
  }
}
