/* Sums over rows of products of columns in double: G += ZᵀZ, and sums of outer products in general. Least
 * squares and principal components need them.
 *
 * Columns come in panels of 8: z is (panels, capacity, 8), rows of a panel side by side; what is left of the
 * last panel is zero. G is symmetric, so only tiles of 8 x 8 on and below the diagonal are computed, and
 * stored one after the other, rows of tiles from the first:
 *
 *     0
 *     1 2
 *     3 4 5
 *
 * Each element is summed in row order by fused products and sums, whichever thread computes its tile, and
 * with any instruction set. Pure; thread-safe on different tile rows. */
#ifndef MATH_PANELS_H
#define MATH_PANELS_H

#include <stddef.h>
#include <stdint.h>

enum { PANEL_SIDE = 8 };

/* n columns, rounded up to whole panels. */
int64_t panels_width(int64_t n);

/* The numbers that the tiles of G for `width` columns hold. */
size_t triangle_elements(int64_t width);

/* Where column c of row r is in z. */
static inline int64_t panels_at(int64_t capacity, int64_t r, int64_t c) {
  return (c / PANEL_SIDE * capacity + r) * PANEL_SIDE + c % PANEL_SIDE;
}

/* Adds zᵀz over the first `rows` rows of z to tile row `tile` of g. z and g are 64-byte aligned. */
void triangle_add(int64_t rows, int64_t capacity, const double *z, int64_t tile, double *g);

/* matrix (width, width), lower triangle = the tiles of g. */
void triangle_unpack(int64_t width, const double *g, double *matrix);

/* g (tiles, 8, 8): tile t += aᵀ b_t, a sum over n rows. a (n, 8) is a panel, b_t = b + t stride (n, 8) are
 * panels, all 64-byte aligned. */
void outer_add(int64_t n, const double *a, int64_t tiles, const double *b, int64_t stride, double *g);

#endif
