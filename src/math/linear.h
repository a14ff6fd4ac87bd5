/* Symmetric linear algebra in double. No other file knows LAPACKE. Matrices are (n, n) and row-major; only
 * the lower triangle of a symmetric matrix is read. Runs on one thread, so the order of sums never changes.
 * Thread-safe. */
#ifndef MATH_LINEAR_H
#define MATH_LINEAR_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { LINEAR_MOST = 32766 }; /* the largest n: dsyevd needs 2 n^2 + 6 n + 1 numbers, counted in 32 bits */

/* Solves A x_k = b_k for positive definite A. x (columns, n): row k holds b_k and becomes x_k. A is first
 * scaled to a unit diagonal, so units of measurement do not matter, then factored by Cholesky.
 * *reciprocal_condition is an estimate of 1 / (|A| |A^-1|) in the 1-norm for the scaled matrix, or 0 when A
 * has no Cholesky factors. When it is 0 or below `least`, the function returns LS_OK and leaves x unchanged.
 * Overwrites A. LS_BAD_SETTINGS when n exceeds LINEAR_MOST. */
ls_status linear_solve(int64_t n, double *a, int64_t columns, double *x, double least,
                       double *reciprocal_condition, ls_error *error);

/* Eigenvectors: A = sum of values[i] v_i v_iᵀ, with values in ascending order. Row i of a becomes v_i.
 * LS_BAD_SETTINGS when n exceeds LINEAR_MOST, LS_DIVERGED when the iteration does not converge. */
ls_status linear_eigen(int64_t n, double *a, double *values, ls_error *error);

/* Writes the version, for example "LAPACK 3.11.0", to out. */
void linear_library_version(char *out, size_t size);

#endif
