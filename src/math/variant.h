/* Private to the math room: for files that are compiled once for each instruction set (CMakeLists.txt).
 * LOCKSTEP_VARIANT names the copy. Exports of a copy end in that name: VARIANT(exp_floats) is
 * exp_floats_avx512. */
#ifndef MATH_VARIANT_H
#define MATH_VARIANT_H

#define VARIANT_JOIN(name, variant)   name##_##variant
#define VARIANT_EXPAND(name, variant) VARIANT_JOIN(name, variant)
#define VARIANT(name)                 VARIANT_EXPAND(name, LOCKSTEP_VARIANT)

/* LOCKSTEP_LANES: floats per vector in this copy. */
enum { LANES = LOCKSTEP_LANES };
#if LOCKSTEP_LANES == 16 && !defined __AVX512F__
#define LOCKSTEP_EMULATED
#endif

#include <stdint.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
typedef float vector_t __attribute__((vector_size(LANES * sizeof(float))));
typedef float loose_t __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef int32_t mask_t __attribute__((vector_size(LANES * sizeof(float))));
typedef uint32_t words_t __attribute__((vector_size(LANES * sizeof(float))));
typedef uint32_t loose_words_t __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* UNROLL lets the compiler keep arrays in registers. Emulated vectors do not fit in registers, so their loops
 * are not unrolled. */
#ifdef LOCKSTEP_EMULATED
#define UNROLL
#define UNROLL_SOME
#elif defined __clang__
#define UNROLL      _Pragma("clang loop unroll(full)")
#define UNROLL_SOME _Pragma("clang loop unroll_count(8)")
#else
#define UNROLL      _Pragma("GCC unroll 32")
#define UNROLL_SOME _Pragma("GCC unroll 8")
#endif
#if LOCKSTEP_LANES == 16 /* one step of depth is long enough to keep the multipliers busy */
#undef UNROLL_SOME
#define UNROLL_SOME
#endif

/* Copies a word to every lane without interpreting it as a float. Uses intrinsics, because compilers take a
 * detour through an integer register. */
INLINE words_t broadcast(const float *word) {
#if defined __x86_64__ && LOCKSTEP_LANES == 8
  return (words_t)_mm256_broadcast_ss(word);
#elif defined __AVX512F__
  return (words_t)_mm512_set1_ps(*word);
#else
  uint32_t bits;
  memcpy(&bits, word, sizeof bits);
  return bits - (words_t){0};
#endif
}

/* Makes the compiler keep a value in a register. Otherwise it would load the value from memory at each
 * use. */
#ifdef __AVX512F__
#define KEEP(x) __asm__("" : "+v"(x))
#else
#define KEEP(x) (void)(x)
#endif

/* x for x > 0, otherwise slope x. Adding zero turns -0 into 0. NaN stays NaN. */
INLINE vector_t rectify(vector_t x, float slope) {
  vector_t low = x * slope;
  mask_t positive = x > 0.0F;
  return (vector_t)(((mask_t)x & positive) | ((mask_t)low & ~positive)) + 0.0F;
}

#endif
