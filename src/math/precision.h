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

/* In which order products are summed (product.h). */
typedef enum { ARITHMETIC_FP32, ARITHMETIC_TILE, ARITHMETIC_DOT, ARITHMETICS } arithmetic_t;

typedef struct {
  const char *name, *meaning;
  arithmetic_t arithmetic;
  int64_t factors; /* in a word: 1 or 2 */
  int64_t depth;   /* factors along the depth are completed with zeros to a multiple of this */
} precision_t;

enum { PRECISION_FP32, PRECISION_BF16, PRECISION_BF16_DOT, PRECISIONS };
extern const precision_t precisions[PRECISIONS];
enum { PRECISION_MOST_DEPTH = 2 * PRODUCT_TILE }; /* the largest `depth` of all */

/* The row of a name; else LS_BAD_SETTINGS. Every CPU computes in every precision. Thread-safe. */
ls_status precision_find(const char *name, const precision_t **out, ls_error *error);

/* What somebody who chose a precision for its speed should know: that the selected instruction set has
 * nothing that makes it faster than fp32. NULL where it has. Static. */
const char *precision_slow(const precision_t *precision);

/* The table as choices. */
bool precision_choice(size_t i, choice_t *out);

/* Words that n factors take along the depth. */
static inline int64_t precision_words(const precision_t *precision, int64_t n) {
  return (n + precision->depth - 1) / precision->depth * precision->depth / precision->factors;
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
void bf16_pairs(int64_t n, const float *first, const float *second, pair_t *out);

/* out[i] = x[i] rounded, n of them. */
void bf16_halves(int64_t n, const float *x, half_t *out);

/* out (rows, words of columns) = x (rows, columns), the pairs of each row, completed with zeros as the
 * precision asks. */
void bf16_rows(const precision_t *precision, int64_t rows, int64_t columns, const float *x, float *out);

#endif
