/* Private to the math room: elementary functions of a vector, by SLEEF. SLEEF's variants with fused
 * multiply-add return the same bits for every vector width, so they are called by name, not through SLEEF's
 * dispatcher. The error is at most one unit in the last place (u10). */
#ifndef MATH_ELEMENTARY_H
#define MATH_ELEMENTARY_H

#include "math/variant.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <sleef.h>

#if defined __x86_64__ && LOCKSTEP_LANES == 8
#define ELEMENTARY(name)                                                                                     \
  INLINE vector_t elementary_##name(vector_t x) {                                                            \
    return (vector_t)Sleef_##name##f8_u10avx2((__m256)x);                                                    \
  }
#elif defined __AVX512F__
#define ELEMENTARY(name)                                                                                     \
  INLINE vector_t elementary_##name(vector_t x) {                                                            \
    return (vector_t)Sleef_##name##f16_u10avx512f((__m512)x);                                                \
  }
#elif defined __x86_64__ /* an emulated vector is two vectors of the baseline */
#define ELEMENTARY(name)                                                                                     \
  INLINE vector_t elementary_##name(vector_t x) {                                                            \
    union {                                                                                                  \
      vector_t all;                                                                                          \
      __m256 half[2];                                                                                        \
    } u = {x};                                                                                               \
    for (int i = 0; i < 2; i++) u.half[i] = Sleef_##name##f8_u10avx2(u.half[i]);                             \
    return u.all;                                                                                            \
  }
#else
#define ELEMENTARY(name)                                                                                     \
  INLINE vector_t elementary_##name(vector_t x) {                                                            \
    union {                                                                                                  \
      vector_t all;                                                                                          \
      float32x4_t part[LANES / 4];                                                                           \
    } u = {x};                                                                                               \
    for (int i = 0; i < LANES / 4; i++) u.part[i] = Sleef_##name##f4_u10advsimd(u.part[i]);                  \
    return u.all;                                                                                            \
  }
#endif

ELEMENTARY(exp)
ELEMENTARY(expm1)
ELEMENTARY(log1p)
ELEMENTARY(tanh)
ELEMENTARY(cos)

#undef ELEMENTARY

#endif
