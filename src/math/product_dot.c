/* The product of pairs of bf16 numbers in the arithmetic of vdpbf16ps (product.h). Uses the instruction in
 * the copy compiled for it, otherwise two fused multiply-adds. */
#define PRODUCT product_dot
#include "math/product_kernel.h"

#if defined __AVX512BF16__ && LOCKSTEP_LANES == 16
#include <immintrin.h>

INLINE vector_t pair_dot(vector_t sum, words_t a, words_t b) {
  return (vector_t)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
#else
/* The upper product first, rounding after each sum (Intel: "Software Developer's Manual", volume 2,
 * VDPBF16PS). */
INLINE vector_t pair_dot(vector_t sum, words_t a, words_t b) {
  sum = sum + (vector_t)(a & 0xffff0000U) * (vector_t)(b & 0xffff0000U);
  return sum + (vector_t)(a << 16) * (vector_t)(b << 16);
}
#endif

INLINE void multiply(const int rows, const int panels, const block_t *block, sums_t *sums) {
  const float *fetch = block->fetch, *b = block->b;
  for (int64_t k = 0; k < block->depth; k++, b += PRODUCT_PANEL) {
    if (k % STRETCH == 0) {
      fetch_lines(fetch, block->lines);
      fetch += block->lines * LINE;
    }
    words_t column[GROUP * VECTORS];
    UNROLL
    for (int v = 0; v < panels * VECTORS; v++)
      column[v] = *(const loose_words_t *)(b + v / VECTORS * block->b_panel + v % VECTORS * LANES);
    UNROLL
    for (int r = 0; r < rows; r++) {
      const words_t factor = broadcast(block->a + r * block->a_stride + k);
      UNROLL
      for (int v = 0; v < panels * VECTORS; v++) sums->of[r][v] = pair_dot(sums->of[r][v], factor, column[v]);
    }
  }
}
