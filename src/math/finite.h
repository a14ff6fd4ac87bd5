/* Whether floats are finite, as fast as they can be read: as integers, because the comparison of floats is
 * off limits to a compiler that must respect NaN. */
#ifndef MATH_FINITE_H
#define MATH_FINITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bits of a float without its sign: ordered like magnitudes, and FLOAT_INFINITY or more for infinity and
 * NaN. */
enum { FLOAT_INFINITY = 0x7F800000 };
static inline int32_t float_magnitude(float value) {
  union {
    float value;
    int32_t bits;
  } number = {value};
  return number.bits & 0x7FFFFFFF;
}

static inline int32_t larger_magnitude(int32_t most, float value) {
  int32_t magnitude = float_magnitude(value);
  return magnitude > most ? magnitude : most;
}

/* Whether n floats are all finite. Pure. */
static inline bool floats_are_finite(const float *values, size_t n) {
  int32_t most = 0;
  for (size_t i = 0; i < n; i++) most = larger_magnitude(most, values[i]);
  return most < FLOAT_INFINITY;
}

/* The first of n floats that is not finite; n if all are. Pure. */
static inline size_t floats_first_bad(const float *values, size_t n) {
  size_t i = 0;
  while (i < n && floats_are_finite(values + i, 1)) i++;
  return i;
}

#endif
