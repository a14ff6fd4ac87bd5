/* Gram matrices: G += Zᵀ Z in double, a sum over rows. Least squares needs them.
 *
 * Rows of z are padded with zeros to whole tiles. G is symmetric, so only tiles on and below the diagonal are
 * computed. Each element is summed in row order, whichever thread computes its tile. Pure; thread-safe on
 * different tile rows. */
#ifndef MATH_GRAM_H
#define MATH_GRAM_H

#include <stdint.h>

enum { GRAM_TILE = 8 };

/* n columns, rounded up to whole tiles. */
int64_t gram_width(int64_t n);

/* Adds zᵀ z over z (rows, width) to tile row `tile` of g (width, width), up to the diagonal tile. z and g are
 * 64-byte aligned. */
void gram_add(int64_t rows, int64_t width, const double *z, int64_t tile, double *g);

#endif
