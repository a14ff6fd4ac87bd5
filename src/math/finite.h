/* Whether floats are finite, as fast as they can be read: as integers, because the comparison of floats is
 * off limits to a compiler that must respect NaN. */
#ifndef MATH_FINITE_H
#define MATH_FINITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether n floats are all finite. Pure. */
static inline bool floats_are_finite(const float *values, size_t n) {
  enum { INFINITY_BITS = 0x7F800000, ALL_BUT_SIGN = 0x7FFFFFFF };
  int32_t most = 0;
  for (size_t i = 0; i < n; i++) {
    union {
      float value;
      int32_t bits;
    } number = {values[i]};
    int32_t magnitude = number.bits & ALL_BUT_SIGN;
    most = magnitude > most ? magnitude : most;
  }
  return most < INFINITY_BITS;
}

/* The first of n floats that is not finite; n if all are. Pure. */
static inline size_t floats_first_bad(const float *values, size_t n) {
  size_t i = 0;
  while (i < n && floats_are_finite(values + i, 1)) i++;
  return i;
}

#endif
