/* The product of factors that are pairs of bf16 numbers, on any CPU: what vdpbf16ps does, in plain fused
 * products and sums. */
#include "math/product.h"

#include "math/product_vectors.h"

/* The two numbers of each word as floats: a bf16 number is the upper half of one. */
INLINE vector_t upper(words_t words) {
  return (vector_t)(words & 0xffff0000U);
}

INLINE vector_t lower(words_t words) {
  return (vector_t)(words << 16);
}

/* sum + a b of both numbers of a pair, in the order of the instruction: the upper one first, each sum rounded
 * (Intel: "Software Developer's Manual", volume 2, VDPBF16PS). A product of two bf16 numbers is exact. The
 * instruction takes denormals for zero and makes none; here they are numbers like others, so the two may
 * differ by what a number below 1.2e-38 contributes. */
INLINE vector_t pair_dot(vector_t sum, words_t a, words_t b) {
  sum = sum + upper(a) * upper(b);
  return sum + lower(a) * lower(b);
}

INLINE vector_t multiply_add(vector_t sum, float a, vector_t column) {
  return pair_dot(sum, broadcast(a), (words_t)column);
}

#define PRODUCT_STORE product_store_emulated
#define PRODUCT_ADD   product_add_emulated
#include "math/product_kernel.h"
