/* Inside of the room: the one matrix product that every pass of a dense layer is made of.
 *
 * c = a b with b a panel, [depth][PRODUCT_PANEL] floats, dense. Each element of c is one chain of fused
 * products and sums in the order of depth, started from zero or from its bias: so its bits depend on its own
 * row of a and column of b alone, and on nothing that the shape of a call could change.
 *
 * A factor is a word of 32 bits: a float, or, for the functions called so, a pair of bf16 numbers that follow
 * each other along the depth, the first in the lower half. Of a pair the second product is added first.
 * Depths and strides count words. c, what it starts from and what is added to it are always floats. */
#ifndef MATH_PRODUCT_H
#define MATH_PRODUCT_H

#include <stdint.h>

enum {
#ifdef __AVX512F__
  PRODUCT_LANES = 16,
  PRODUCT_VECTORS = 4, /* across a panel: with 6 rows, 24 sums and what they are made of fill 32 registers */
#else
  PRODUCT_LANES = 8,
  PRODUCT_VECTORS = 2, /* with 6 rows, 12 sums and what they are made of fill 16 registers */
#endif
  PRODUCT_PANEL = PRODUCT_LANES * PRODUCT_VECTORS
};

typedef struct {
  int64_t rows, depth;
  const float *a; /* (rows, depth), rows a_stride words apart */
  int64_t a_stride;
  const float *b;     /* (depth, PRODUCT_PANEL), dense */
  const float *fetch; /* fetch_floats that the caller reads after this, fetched meanwhile */
  int64_t fetch_floats;
  float *c; /* (rows, columns), rows c_stride floats apart */
  int64_t c_stride;
} product_t;

/* c = max(s, slope s) with s = a b + start; slope in [0, 1]: 1 leaves s as it is, 0 is relu. start (columns),
 * or NULL for zero; columns <= PRODUCT_PANEL. Thread-safe, as all of this room. */
void product_store(const product_t *product, const float *start, float slope, int64_t columns);

/* c = terms[0] + (terms[1] + … (terms[n - 1] + a b)), or a b when there are none; all (rows, PRODUCT_PANEL)
 * with the stride of c. The product is complete before anything is added to it. c may be one of the terms. */
void product_add(const product_t *product, const float *const *terms, int n);

/* The same of pairs: on any CPU; and by AVX512_BF16's instruction, in builds for a CPU that has it. */
void product_store_emulated(const product_t *product, const float *start, float slope, int64_t columns);
void product_add_emulated(const product_t *product, const float *const *terms, int n);
void product_store_bf16(const product_t *product, const float *start, float slope, int64_t columns);
void product_add_bf16(const product_t *product, const float *const *terms, int n);

/* out (columns, rows) = in (rows, columns) transposed; rows of in and out lie in_stride and out_stride floats
 * apart. */
void transpose(int64_t rows, int64_t columns, const float *in, int64_t in_stride, float *out,
               int64_t out_stride);

#endif
