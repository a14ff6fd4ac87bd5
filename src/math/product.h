/* Inside of the room: the one matrix product that every pass of a dense layer is made of.
 *
 * c = a b, with a row-major and b and c cut into panels of PRODUCT_PANEL columns. A panel of b is (depth,
 * PRODUCT_PANEL), dense: one step of depth is one cache line. All instruction sets share this layout. A
 * kernel with wide registers multiplies several panels at once instead of using wider ones, so parameters lie
 * in one order everywhere, and so do the sums over them.
 *
 * A factor is a word of 32 bits: a float, or a pair of bf16 numbers that follow each other along the depth,
 * the first in the lower half. Depths and strides count words. c, what it starts from and what is added to it
 * are always floats.
 *
 * Three arithmetics, each with the same bits in every kernel. For x of a and y of b, and c from its start:
 *   fp32   c = fma(x, y, c), in the order of depth;
 *   tile   what tdpbf16ps does to 16 words, over and over: e = o = 0; for each word e = fma(x0, y0, e) and
 *          o = fma(x1, y1, o), with x0 the lower half of x; then c = c + (e + o). Depth is a multiple of 16;
 *   dot    what vdpbf16ps does: c = fma(x0, y0, fma(x1, y1, c)).
 * Rounding is to nearest even. Denormals count as zero where the thread's mode says so (base/float_mode.h).
 */
#ifndef MATH_PRODUCT_H
#define MATH_PRODUCT_H

#include <stdint.h>

enum {
  PRODUCT_PANEL = 16,      /* floats of a cache line, of an AVX-512 register, of a row of a tile */
  PRODUCT_TILE = 16,       /* words of depth, rows and columns of a tile */
  PRODUCT_MOST_TERMS = 32, /* sums that may wait for a product: one for each level of the tree */
};

typedef struct {
  int64_t rows, depth, columns;
  const float *a; /* (rows, depth), rows a_stride words apart */
  int64_t a_stride;
  const float *b; /* panels of (depth, PRODUCT_PANEL), b_panel words apart */
  int64_t b_panel;
  float *c; /* rows c_stride floats apart, panels c_panel floats apart */
  int64_t c_stride, c_panel;
  /* a and b of the call that follows, fetched meanwhile; NULL: the panels that follow in this call are */
  const float *next_a, *next_b;
  int64_t next_a_floats, next_b_floats;
} product_t;

/* Something that lies like c, but for the distance of its panels. */
typedef struct {
  float *floats;
  int64_t panel;
} product_sum_t;

/* c = max(s, slope s) with s = start + a b; slope in [0, 1]: 1 leaves s as it is, 0 is relu. start (columns),
 * or NULL for zero. Thread-safe, as all of this room. */
typedef void product_store_t(const product_t *product, const float *start, float slope);

/* c = terms[0] + (terms[1] + … (terms[n - 1] + a b)), or a b when there are none; columns are whole panels.
 * The product is complete before anything is added to it. c may be one of the terms. */
typedef void product_add_t(const product_t *product, const product_sum_t *terms, int n);

typedef struct {
  product_store_t *store;
  product_add_t *add;
} product_kernels_t;

#endif
