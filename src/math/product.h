/* Private to the math room: the matrix product used by every pass of a dense layer.
 *
 * c = a b. a is row-major; b and c are cut into panels of PRODUCT_PANEL columns. Drawn with a panel width of
 * 4 and a depth of 3; letters show the order in memory:
 *
 *               a             b: panel 0   panel 1          c: panel 0   panel 1
 *            depth ->            columns     columns
 *     row 0  a b c       depth   a b c d     m n o p    row 0  . . . .   . . . .
 *     row 1  d e f         |     e f g h     q r s t    row 1  . . . .   . . . .
 *                          v     i j k l     u v w x
 *
 * One step of depth in a panel of b is one cache line. All instruction sets share this layout. A kernel with
 * wide registers multiplies several panels at once; panels do not become wider. So the parameters, and the
 * sums over them, have the same order everywhere.
 *
 * A factor is a 32-bit word: a float, or a pair of bf16 numbers that are consecutive along the depth, the
 * first in the lower half. Depths and strides count words. c, its start and the terms added to it are always
 * floats.
 *
 * There are three arithmetics. Each gives the same bits in every kernel. For words x of a and y of b, with x0
 * the lower half of x and x1 the upper, starting from c:
 *
 *   fp32   c = fma(x, y, c), in the order of depth.
 *   tile   As tdpbf16ps, for 16 words at a time: e = o = 0; for each word e = fma(x0, y0, e) and
 *          o = fma(x1, y1, o); then c = c + (e + o). Depth is a multiple of 16.
 *   dot    As vdpbf16ps: c = fma(x0, y0, fma(x1, y1, c)).
 *
 * Rounding is to nearest even. Denormals count as zero if the thread's mode says so (base/float_mode.h). */
#ifndef MATH_PRODUCT_H
#define MATH_PRODUCT_H

#include <stdint.h>

enum {
  PRODUCT_PANEL = 16, /* floats of a cache line, an AVX-512 register, a row of a tile */
  PRODUCT_TILE = 16,  /* words of depth, rows and columns of a tile */
  PRODUCT_MOST_TERMS =
      33, /* sums that can wait for a product: one per level of the tree, and one of a leaf */
};

typedef struct {
  int64_t rows, depth, columns;
  const float *a; /* (rows, depth), rows are a_stride words apart */
  int64_t a_stride;
  const float *b; /* panels of (depth, PRODUCT_PANEL), b_panel words apart */
  int64_t b_panel;
  const float *scales; /* panels like b's, for squares (squares.h); NULL: none */
  float *c;            /* rows are c_stride floats apart, panels c_panel floats apart */
  int64_t c_stride, c_panel;
  /* a and b of the next call, to prefetch. NULL: prefetches the next panels of this call instead. */
  const float *next_a, *next_b;
  int64_t next_a_floats, next_b_floats;
} product_t;

/* A buffer with the row stride of c and its own distance between panels. */
typedef struct {
  float *floats;
  int64_t panel;
} product_sum_t;

/* c = max(s, slope s) with s = start + a b and slope in [0, 1]; slope 1 is the identity, 0 is relu. start
 * (columns) may be NULL for zero. Thread-safe, like the whole room. */
typedef void product_store_t(const product_t *product, const float *start, float slope);

/* c = terms[0] + (terms[1] + … (terms[n - 1] + a b)), or a b when n is 0. columns is a multiple of
 * PRODUCT_PANEL. The product is completed before anything is added to it. c may be one of the terms. */
typedef void product_add_t(const product_t *product, const product_sum_t *terms, int n);

typedef struct {
  product_store_t *store;
  product_add_t *add;
} product_kernels_t;

#endif
