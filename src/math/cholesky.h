/* Cholesky factors in double, in plain arithmetic and a fixed order: the bits are the same on every CPU,
 * unlike those of LAPACK (math/linear.h). Pure; thread-safe. */
#ifndef MATH_CHOLESKY_H
#define MATH_CHOLESKY_H

#include <stdint.h>

/* a (n, n) = L Lᵀ. Reads the lower triangle of a, and replaces it by L. Returns the number of rows done: n,
 * or less when the pivot of the next row is not larger than n units in the last place of its diagonal
 * element: then a is singular, or not positive. Row-by-row (Golub and Van Loan 2013, section 4.2). */
int64_t cholesky_factor(int64_t n, double *a);

/* u (n, n) = L^-1, lower-triangular; the rest of u is zero. So (L Lᵀ)^-1 = uᵀ u. */
void cholesky_invert(int64_t n, const double *l, double *u);

#endif
