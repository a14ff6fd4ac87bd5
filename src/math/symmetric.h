/* Eigenvectors of a large symmetric matrix with the same bits on every CPU: Householder's reflections make
 * the matrix tridiagonal (Golub and Van Loan 2013, section 8.3.1), implicit QL steps with Wilkinson's shift
 * make that diagonal (section 8.3.3; Dubrulle, Martin and Wilkinson 1968), and the vectors that are wanted
 * are reflected back. Sums have eight lanes in a fixed order, products and sums are not fused, and nothing
 * but
 * +, -, *, / and sqrt is called. 784 x 784 takes half a second on one core. Jacobi's rotations
 * (math/jacobi.h) are simpler, and slower from about 20 rows on; LAPACK's (math/linear.h) depend on the
 * library. */
#ifndef MATH_SYMMETRIC_H
#define MATH_SYMMETRIC_H

#include "base/error.h"

#include <stdint.h>

/* How a caller's threads share work: `run` calls work(context, i) once for each i < n, in any order. */
typedef struct {
  void (*run)(int threads, int64_t n, void (*work)(void *context, int64_t i), void *context);
  int threads;
} symmetric_team_t;

/* a (n, n) = sum of values[i] v_i v_iᵀ with values (n) in descending order. Row i of vectors (wanted, n)
 * becomes v_i, of length 1, for i < wanted <= n; the largest component of v_i is positive (the first of equal
 * ones), so that its sign is no matter of chance. Reads the lower triangle of a and overwrites a. Work space
 * is another n² doubles. team: NULL for this thread alone; no bits depend on it. LS_NO_MEMORY; LS_DIVERGED if
 * a holds numbers that are not finite. Thread-safe. */
ls_status symmetric_eigen(int64_t n, double *a, int64_t wanted, const symmetric_team_t *team, double *vectors,
                          double *values, ls_error *error);

/* Turns x (n) round, to -x, if its largest component by size (the first of equal ones) is negative. */
void largest_positive(int64_t n, double *x);

/* Makes the rows of q (n, length) orthonormal, one after the other, by two passes of Gram and Schmidt's
 * method ("twice is enough": Giraud, Langou, Rozložník and van den Eshof 2005). A row that the rows before it
 * span, but for rounding, becomes zero. Returns the number of rows that are not zero. Thread-safe. */
int64_t orthonormal_rows(int64_t n, int64_t length, double *q);

/* Sum over i of x_i y_i in eight lanes, which are added in a fixed order. */
double dot_lanes(int64_t n, const double *x, const double *y);

#endif
