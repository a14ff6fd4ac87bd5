/* Loops limited only by the multipliers: as many independent sums in registers as the latency requires. Each
 * sum passes through an empty asm statement, because a compiler that sees equal sums would compute only one
 * of them. This file is compiled once for each instruction set, with fused multiply-add. */
#include "math/kernels.h"
#include "math/variant.h"

#if defined __x86_64__ && LOCKSTEP_LANES == 8
enum { SUMS = 12 }; /* 16 registers; 12 sums hide the latency */
#else
enum { SUMS = 24 }; /* 32 registers */
#endif

#ifdef __aarch64__
#define OPAQUE(x) __asm__ volatile("" : "+w"(x))
#elif defined __AVX512F__
#define OPAQUE(x) __asm__ volatile("" : "+v"(x))
#else
#define OPAQUE(x) __asm__ volatile("" : "+x"(x))
#endif

static double peak_fp32(int64_t rounds) {
  vector_t sums[SUMS], a = {0}, b = {0};
  OPAQUE(a); /* hides from the compiler that the values are zero */
  OPAQUE(b);
  UNROLL
  for (int i = 0; i < SUMS; i++) {
    sums[i] = a;
    OPAQUE(sums[i]);
  }
  for (int64_t r = 0; r < rounds; r++) UNROLL
  for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * a + b;
  UNROLL
  for (int i = 0; i < SUMS; i++) OPAQUE(sums[i]);
  return (double)rounds * SUMS * LANES * 2;
}

#ifdef __AVX512BF16__
#include <immintrin.h>

static double peak_dot(int64_t rounds) {
  __m512 sums[SUMS], zero = _mm512_setzero_ps();
  OPAQUE(zero);
  UNROLL
  for (int i = 0; i < SUMS; i++) {
    sums[i] = zero;
    OPAQUE(sums[i]);
  }
  const __m512bh pair = (__m512bh)zero;
  for (int64_t r = 0; r < rounds; r++) UNROLL
  for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], pair, pair);
  UNROLL
  for (int i = 0; i < SUMS; i++) OPAQUE(sums[i]);
  return (double)rounds * SUMS * LANES * 4;
}
#endif

#ifdef __AMX_BF16__
#include "math/tiles.h"

static double peak_tiles(int64_t rounds) {
  tiles_t tiles;
  tiles_begin(&tiles);
  TILE_ZERO(&tiles, 0);
  TILE_ZERO(&tiles, 1);
  TILE_ZERO(&tiles, 2);
  TILE_ZERO(&tiles, 3);
  TILE_ZERO(&tiles, 4);
  TILE_ZERO(&tiles, 5);
  TILE_ZERO(&tiles, 6);
  TILE_ZERO(&tiles, 7);
  for (int64_t r = 0; r < rounds; r++) {
    TILE_MULTIPLY(&tiles, 0, 4, 6);
    TILE_MULTIPLY(&tiles, 1, 4, 7);
    TILE_MULTIPLY(&tiles, 2, 5, 6);
    TILE_MULTIPLY(&tiles, 3, 5, 7);
  }
  return (double)rounds * 4 * PRODUCT_TILE * PRODUCT_TILE * PRODUCT_TILE * 4;
}
#endif

const peaks_t VARIANT(peaks) = {.of = {
                                    [ARITHMETIC_FP32] = peak_fp32,
#ifdef __AMX_BF16__
                                    [ARITHMETIC_TILE] = peak_tiles,
#endif
#ifdef __AVX512BF16__
                                    [ARITHMETIC_DOT] = peak_dot,
#endif
                                }};
