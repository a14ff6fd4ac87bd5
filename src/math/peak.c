/* Loops whose only limit is the multipliers: as many independent sums as their latency asks for, in
 * registers. This file is compiled with products and sums fused. */
#include "math/peak.h"

#include "math/product.h"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

enum { SUMS = PRODUCT_LANES == 16 ? 24 : 12 }; /* latency x units, and registers to spare */

typedef float vector_t __attribute__((vector_size(PRODUCT_LANES * sizeof(float))));

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* Results must be wanted by somebody, or the compiler leaves the work out. */
static void keep(const vector_t *values) {
  __asm__ volatile("" : : "r"(values) : "memory");
}

double peak_fp32(int64_t rounds) {
  vector_t sums[SUMS], a = {0}, b = {0};
  __asm__ volatile("" : "+x"(a), "+x"(b)); /* unknown to the compiler, zero to the multipliers */
  UNROLL
  for (int i = 0; i < SUMS; i++) {
    sums[i] = a;
    __asm__ volatile("" : "+x"(sums[i])); /* each a sum of its own */
  }
  for (int64_t r = 0; r < rounds; r++) UNROLL
  for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * a + b;
  keep(sums);
  return (double)rounds * SUMS * PRODUCT_LANES * 2;
}

#ifdef __AVX512BF16__
double peak_bf16(int64_t rounds) {
  __m512 sums[SUMS];
  __m512bh a = (__m512bh)_mm512_setzero_ps(), b = a;
  UNROLL
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_ps();
  for (int64_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+v"(a), "+v"(b));
    UNROLL
    for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
  }
  keep((const vector_t *)sums);
  return (double)rounds * SUMS * 64;
}
#else
double peak_bf16(int64_t rounds) {
  (void)rounds;
  return 0;
}
#endif
