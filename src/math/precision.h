/* Precisions: how the factors of dense layers' products are held in training. Sums, and all that is not a
 * factor of a product, are floats in each of them.
 *
 * bf16 is the upper half of a float: its sign and exponent, and 7 of the 23 bits behind the point. Two
 * numbers that follow each other along the depth of a product make a word, the first in its lower half; so a
 * row of factors is half as many words, and products of words (product.h) have the same loops in each
 * precision. */
#ifndef MATH_PRECISION_H
#define MATH_PRECISION_H

#include "base/error.h"
#include "base/text.h"
#include "math/product.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const char *name, *meaning;
  int64_t factors; /* in a word: 1 or 2 */
  void (*store)(const product_t *product, const float *start, float slope, int64_t columns);
  void (*add)(const product_t *product, const float *const *terms, int n);
} precision_t;

enum { PRECISION_FP32, PRECISION_BF16, PRECISION_BF16_EMULATED, PRECISIONS };
extern const precision_t precisions[PRECISIONS];

/* The row of a name that this CPU and this build can compute in; else LS_BAD_SETTINGS, with what they lack.
 * Thread-safe. */
ls_status precision_find(const char *name, const precision_t **out, ls_error *error);

/* The table as choices. */
bool precision_choice(size_t i, choice_t *out);

/* Words that n factors take along the depth. */
static inline int64_t precision_words(const precision_t *precision, int64_t n) {
  return (n + precision->factors - 1) / precision->factors;
}

/* ---- rounding ---- */

/* Words that are written as pairs are read as floats. */
typedef uint32_t pair_t __attribute__((may_alias));
typedef uint16_t half_t __attribute__((may_alias));

/* The bf16 number nearest to x, of two equally near ones that which is even; NaN stays NaN. With u the bits
 * of x, the upper half of u + 0x7fff + (bit 16 of u): a carry moves to the next number, at the end to
 * infinity. */
static inline uint32_t bf16_round(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  uint32_t rounded = (u + 0x7fffU + (u >> 16 & 1U)) >> 16, quiet = u >> 16 | 0x40U;
  return (u & 0x7fffffffU) > 0x7f800000U ? quiet : rounded;
}

/* out[i] = the pair of first[i] and second[i], n of them. */
void bf16_pairs(int64_t n, const float *restrict first, const float *restrict second, pair_t *restrict out);

/* out (rows, words of columns) = x (rows, columns), the pairs of each row; an odd last one is paired with
 * zero. */
void bf16_rows(int64_t rows, int64_t columns, const float *x, float *out);

#endif
