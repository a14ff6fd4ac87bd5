/* The product of factors that are pairs of bf16 numbers, by the instruction for it. Empty where the build's
 * CPU has none. */
#include "math/product.h"

#ifdef __AVX512BF16__

#include "math/product_vectors.h"

#include <immintrin.h>

/* What product_emulated.c says of its own: this instruction, and nothing else, differs. */
INLINE vector_t pair_dot(vector_t sum, words_t a, words_t b) {
  return (vector_t)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

INLINE vector_t multiply_add(vector_t sum, float a, vector_t column) {
  return pair_dot(sum, broadcast(a), (words_t)column);
}

#define PRODUCT_STORE product_store_bf16
#define PRODUCT_ADD   product_add_bf16
#include "math/product_kernel.h"

#endif
