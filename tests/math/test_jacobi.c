/* Jacobi's rotations: eigenvalues in closed form, and the matrix back from its eigenvectors. */
#include "math/jacobi.h"

#include <criterion/criterion.h>
#include <math.h>

/* 2 on the diagonal and -1 beside it: the eigenvalues are 2 - 2 cos(k pi / (n + 1)). */
Test(jacobi, eigenvalues_of_a_chain) {
  enum { MOST = 40 };
  static double a[MOST * MOST], vectors[MOST * MOST], values[MOST];
  for (int n = 1; n <= MOST; n += 13) {
    for (int i = 0; i < n; i++)
      for (int k = 0; k < n; k++) a[i * n + k] = i == k ? 2 : i == k + 1 || k == i + 1 ? -1 : 0;
    jacobi_eigen(n, a, vectors, values);
    for (int k = 0; k < n; k++)
      cr_expect_float_eq(values[k], 2 - 2 * cos((k + 1) * acos(-1) / (n + 1)), 1e-12, "%d of %d", k, n);
  }
}

/* Any symmetric matrix, with a double eigenvalue, of numbers of very different sizes. */
Test(jacobi, eigenvectors_make_the_matrix) {
  enum { N = 6 };
  double before[N * N], a[N * N], vectors[N * N], values[N];
  for (int i = 0; i < N; i++)
    for (int k = 0; k < N; k++)
      before[i * N + k] = a[i * N + k] = sin(i * k + 1) * pow(10, (i + k) % 3) + (i == k);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < i; k++) before[i * N + k] = a[i * N + k] = before[k * N + i] = a[k * N + i];
  jacobi_eigen(N, a, vectors, values);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < N; k++) {
      double sum = 0, product = 0;
      for (int v = 0; v < N; v++) sum += values[v] * vectors[v * N + i] * vectors[v * N + k];
      for (int v = 0; v < N; v++) product += vectors[i * N + v] * vectors[k * N + v];
      cr_expect_float_eq(sum, before[i * N + k], 1e-11, "element %d, %d", i, k);
      cr_expect_float_eq(product, i == k, 1e-13, "vectors %d and %d", i, k);
    }
  for (int k = 0; k + 1 < N; k++) cr_expect_leq(values[k], values[k + 1]);
}
