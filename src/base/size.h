/* Products and sums of sizes that come from files. A damaged file may promise more than a size_t can count; a
 * size that wrapped around would pass every later check. */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Multiplies *size by count. Returns false and leaves *size unchanged if the product does not fit, or if
 * count is negative. */
static inline bool size_multiply(size_t *size, int64_t count) {
  size_t product = 0;
  if (count < 0 || __builtin_mul_overflow(*size, (size_t)count, &product)) return false;
  *size = product;
  return true;
}

/* a b, or the largest int64_t if the product does not fit. For counts of steps and rows, a and b >= 0. */
static inline int64_t count_product(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/* The bytes of an array: `element` times all of shape (dims). Returns false if they cannot be counted. */
static inline bool size_of_shape(size_t element, int dims, const int64_t *shape, size_t *bytes) {
  size_t product = element;
  for (int k = 0; k < dims; k++)
    if (!size_multiply(&product, shape[k])) return false;
  *bytes = product;
  return true;
}

#endif
