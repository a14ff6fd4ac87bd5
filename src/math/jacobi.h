/* Eigenvectors of a small symmetric matrix by Jacobi's rotations (Golub and Van Loan 2013, section 8.5):
 * plain arithmetic in a fixed order, so the bits are the same on every CPU. LAPACK's (math/linear.h) is
 * faster, but its bits depend on the library. Thread-safe. */
#ifndef MATH_JACOBI_H
#define MATH_JACOBI_H

#include <stdint.h>

/* a (n, n) = sum of values[i] v_i v_iᵀ, with values (n) in ascending order. Row i of `vectors` (n, n) becomes
 * v_i, of length 1. Overwrites a, of which both triangles are read. */
void jacobi_eigen(int64_t n, double *a, double *vectors, double *values);

#endif
