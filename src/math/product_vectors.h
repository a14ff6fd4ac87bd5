/* Inside of the room: the vectors that products are computed in. */
#ifndef MATH_PRODUCT_VECTORS_H
#define MATH_PRODUCT_VECTORS_H

#include "math/product.h"

#include <string.h>

enum { LANES = PRODUCT_LANES };

typedef float vector_t __attribute__((vector_size(LANES * sizeof(float))));
typedef float loose_t __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef int32_t mask_t __attribute__((vector_size(LANES * sizeof(float))));
typedef uint32_t words_t __attribute__((vector_size(LANES * sizeof(float))));

#define INLINE static inline __attribute__((always_inline))

/* A word in every lane, whatever it holds: no arithmetic of floats touches it. */
INLINE words_t broadcast(float word) {
  uint32_t bits;
  memcpy(&bits, &word, sizeof bits);
  return bits - (words_t){0};
}

#endif
