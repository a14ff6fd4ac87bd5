/* Sums of products over rows, G += Zᵀ Z in double: what least squares asks of its data.
 *
 * Rows of z are padded with zeros to whole tiles, and of G, which is symmetric, only the lower triangle is
 * made, in whole tiles too. An element is a sum over rows in their order, whoever computes which tiles. Pure
 * and thread-safe on different rows of tiles. */
#ifndef MATH_GRAM_H
#define MATH_GRAM_H

#include <stdint.h>

enum { GRAM_TILE = 8 };

/* n columns, padded to whole tiles. */
int64_t gram_width(int64_t n);

/* Row `tile` of the tiles of g (width, width), those at and below the diagonal, += its part of zᵀ z over z
 * (rows, width). z and g are 64-byte aligned. */
void gram_add(int64_t rows, int64_t width, const double *z, int64_t tile, double *g);

#endif
