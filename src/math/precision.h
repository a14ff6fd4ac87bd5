/* Precisions: the type of the factors in the products of dense layers during training. Sums, and everything
 * that is not a factor of a product, are floats in every precision.
 *
 * bf16 is the upper half of a float: sign, exponent, and 7 of the 23 fraction bits. Two consecutive numbers
 * along the depth of a product form a word:
 *
 *   bits of a word   31 … 16                15 … 0
 *                    number 2k + 1          number 2k
 *
 * So a row of factors has half as many words, and products of words (product.h) have the same loops in every
 * precision. */
#ifndef MATH_PRECISION_H
#define MATH_PRECISION_H

#include "base/error.h"
#include "base/text.h"
#include "math/product.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The order in which products are summed (product.h). */
typedef enum { ARITHMETIC_FP32, ARITHMETIC_TILE, ARITHMETIC_DOT, ARITHMETICS } arithmetic_t;

typedef struct {
  const char *name, *meaning;
  arithmetic_t arithmetic;
  int64_t factors; /* factors per word: 1 or 2 */
  int64_t depth;   /* factors along the depth are padded with zeros to a multiple of this */
} precision_t;

enum { PRECISION_FP32, PRECISION_BF16, PRECISION_BF16_DOT, PRECISIONS };
extern const precision_t precisions[PRECISIONS];
enum { PRECISION_MOST_DEPTH = 2 * PRODUCT_TILE }; /* the largest `depth` in the table */

/* Finds a precision by name. LS_BAD_SETTINGS when there is none. Every CPU supports every precision.
 * Thread-safe. */
ls_status precision_find(const char *name, const precision_t **out, ls_error *error);

/* A warning when the selected instruction set has nothing that makes this precision faster than fp32. NULL
 * otherwise. Static. */
const char *precision_slow(const precision_t *precision);

/* Lists the table (text.h). */
bool precision_choice(size_t i, choice_t *out);

/* Words that n factors need along the depth. */
static inline int64_t precision_words(const precision_t *precision, int64_t n) {
  return (n + precision->depth - 1) / precision->depth * precision->depth / precision->factors;
}

/* ---- rounding ---- */

/* may_alias: words are written as pairs and read as floats. */
typedef uint32_t pair_t __attribute__((may_alias));
typedef uint16_t half_t __attribute__((may_alias));

/* Rounds x to the nearest bf16 number, ties to even. NaN stays NaN. With u the bits of x, the result is the
 * upper half of u + 0x7fff + (bit 16 of u). A carry leads to the next number, and from the largest one to
 * infinity. */
static inline uint32_t bf16_round(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  uint32_t rounded = (u + 0x7fffU + (u >> 16 & 1U)) >> 16, quiet = u >> 16 | 0x40U;
  return (u & 0x7fffffffU) > 0x7f800000U ? quiet : rounded;
}

/* out[i] = the pair of first[i] and second[i], i < n. */
void bf16_pairs(int64_t n, const float *first, const float *second, pair_t *out);

/* out[i] = x[i] rounded, i < n. */
void bf16_halves(int64_t n, const float *x, half_t *out);

/* Rounds x (rows, columns) to out (rows, words of columns), the pairs of each row, padded with zeros as the
 * precision requires. */
void bf16_rows(const precision_t *precision, int64_t rows, int64_t columns, const float *x, float *out);

#endif
