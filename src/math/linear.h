/* Symmetric linear algebra in double: the only place that knows LAPACKE. Matrices are (n, n) and row-major;
 * of a symmetric one the lower triangle is read. Runs on one thread, so that the order of sums is always the
 * same. Thread-safe. */
#ifndef MATH_LINEAR_H
#define MATH_LINEAR_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { LINEAR_MOST = 32768 }; /* n beyond which the library's integers do not reach */

/* x (columns, n): row k becomes the solution of A x_k = b_k, whose b_k it held; A is positive definite. A is
 * brought to a unit diagonal before its Cholesky factors are taken, so that units of measurement do not
 * count. *reciprocal_condition: 1 / (|A| |A^-1|) of that matrix in the 1-norm, as estimated from the factors;
 * when it is below `least`, or A has no factors (0), x is left as it was. A is overwritten. */
ls_status linear_solve(int64_t n, double *a, int64_t columns, double *x, double least,
                       double *reciprocal_condition, ls_error *error);

/* A = sum of values[i] v_i v_iᵀ, values ascending: row i of a becomes v_i. */
ls_status linear_eigen(int64_t n, double *a, double *values, ls_error *error);

/* "LAPACK 3.11.0". In out. */
void linear_library_version(char *out, size_t size);

#endif
