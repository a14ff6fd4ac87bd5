/* Eigenvectors by reflections and QL steps: closed forms, Jacobi's rotations, the matrix back from its
 * eigenvectors; and orthonormal rows. */
#include "math/jacobi.h"
#include "math/symmetric.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { MOST = 75 };

/* 2 on the diagonal and -1 beside it: the eigenvalues are 2 - 2 cos(k pi / (n + 1)). */
Test(symmetric, eigenvalues_of_a_chain) {
  static double a[MOST * MOST], vectors[MOST * MOST], values[MOST];
  ls_error error = {0};
  for (int n = 1; n <= MOST; n += n < 9 ? 1 : 22) {
    for (int i = 0; i < n; i++)
      for (int k = 0; k < n; k++) a[i * n + k] = i == k ? 2 : i == k + 1 || k == i + 1 ? -1 : 0;
    cr_assert_eq(symmetric_eigen(n, a, n, NULL, vectors, values, &error), LS_OK, "%s", error.message);
    for (int k = 0; k < n; k++)
      cr_expect_float_eq(values[k], 2 - 2 * cos((n - k) * acos(-1) / (n + 1)), 1e-13, "%d of %d", k, n);
  }
}

/* A covariance of numbers of very different sizes, with columns that are zero and columns that are equal. */
static void make_matrix(int n, double *a) {
  for (int i = 0; i < n; i++)
    for (int k = 0; k <= i; k++) {
      const int p = i % 7 == 3 ? 2 : i, q = k % 7 == 3 ? 2 : k;
      const double size = p % 5 == 4 || q % 5 == 4 ? 0 : pow(10, (p + q) % 4);
      a[i * n + k] = a[k * n + i] = size * (cos(p * q + 0.5) + (p == q ? 2 : 0));
    }
}

Test(symmetric, eigenvectors_make_the_matrix) {
  static double before[MOST * MOST], a[MOST * MOST], vectors[MOST * MOST], values[MOST], jacobi[MOST],
      others[MOST * MOST];
  ls_error error = {0};
  for (int n = 1; n <= MOST; n += 37) {
    make_matrix(n, before);
    memcpy(a, before, sizeof a);
    cr_assert_eq(symmetric_eigen(n, a, n, NULL, vectors, values, &error), LS_OK, "%s", error.message);
    memcpy(a, before, sizeof a);
    jacobi_eigen(n, a, others, jacobi);
    const double size = fabs(values[0]);
    for (int i = 0; i < n; i++) cr_expect_float_eq(values[i], jacobi[n - 1 - i], 1e-13 * size);
    for (int i = 0; i < n; i++)
      for (int k = 0; k < n; k++) {
        double sum = 0, product = 0;
        for (int v = 0; v < n; v++) sum += values[v] * vectors[v * n + i] * vectors[v * n + k];
        for (int v = 0; v < n; v++) product += vectors[i * n + v] * vectors[k * n + v];
        cr_expect_float_eq(sum, before[i * n + k], 1e-13 * size, "element %d, %d of %d", i, k, n);
        cr_expect_float_eq(product, i == k, 1e-13, "vectors %d and %d of %d", i, k, n);
      }
  }
}

/* A team whose threads come to the work in another order. */
static void run_backwards(int threads, int64_t n, void (*work)(void *context, int64_t i), void *context) {
  cr_assert_eq(threads, 3);
  while (n-- > 0) work(context, n);
}

static const symmetric_team_t backwards = {run_backwards, 3};

Test(symmetric, some_vectors_are_the_first_ones_with_a_fixed_sign) {
  enum { N = 40, SOME = 3 };
  static double a[N * N], all[N * N], some[SOME * N], values[N];
  ls_error error = {0};
  make_matrix(N, a);
  cr_assert_eq(symmetric_eigen(N, a, N, NULL, all, values, &error), LS_OK);
  make_matrix(N, a);
  cr_assert_eq(symmetric_eigen(N, a, SOME, &backwards, some, values, &error), LS_OK);
  cr_expect_arr_eq(all, some, sizeof some);
  for (int i = 0; i < SOME; i++) {
    double least = 0, most = 0;
    for (int k = 0; k < N; k++) least = fmin(least, some[i * N + k]), most = fmax(most, some[i * N + k]);
    cr_expect_geq(most, -least, "vector %d", i);
  }
}

/* Scaling by a power of two changes no digit, even if products of elements overflow. */
Test(symmetric, sizes_do_not_matter) {
  enum { N = 12 };
  static double a[N * N], b[N * N], vectors[N * N], scaled[N * N], values[N], sizes[N];
  const double factors[] = {0x1p-600, 0x1p700};
  ls_error error = {0};
  make_matrix(N, a);
  cr_assert_eq(symmetric_eigen(N, a, N, NULL, vectors, values, &error), LS_OK);
  for (int f = 0; f < 2; f++) {
    make_matrix(N, b);
    for (int i = 0; i < N * N; i++) b[i] *= factors[f];
    cr_assert_eq(symmetric_eigen(N, b, N, NULL, scaled, sizes, &error), LS_OK);
    cr_expect_arr_eq(vectors, scaled, sizeof vectors);
    for (int i = 0; i < N; i++) cr_expect_eq(sizes[i], values[i] * factors[f], "value %d", i);
  }
}

Test(symmetric, refuses_numbers_that_are_not_finite) {
  double a[4] = {1, 0, NAN, 2}, vectors[4], values[2] = {7, 7};
  ls_error error = {0};
  cr_expect_eq(symmetric_eigen(2, a, 2, NULL, vectors, values, &error), LS_DIVERGED);
  cr_expect(strstr(error.message, "not finite") != NULL, "%s", error.message);
  cr_expect_eq(values[0], 7);
}

Test(symmetric, orthonormal_rows_span_the_same_and_say_their_rank) {
  enum { N = 5, LENGTH = 21 };
  double q[N * LENGTH], before[N * LENGTH];
  for (int i = 0; i < N; i++)
    for (int k = 0; k < LENGTH; k++) q[i * LENGTH + k] = cos(i + 0.3 * k) * (1 + 1e-7 * ((i * k) % 5));
  for (int k = 0; k < LENGTH; k++) q[3 * LENGTH + k] = q[k] - 2 * q[LENGTH + k];
  memcpy(before, q, sizeof q);
  cr_expect_eq(orthonormal_rows(N, LENGTH, q), N - 1);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      cr_expect_float_eq(dot_lanes(LENGTH, q + i * LENGTH, q + j * LENGTH), i == j && i != 3, 1e-14);
  for (int i = 0; i < N; i++) { /* each row is a combination of those that come out */
    double rest[LENGTH];
    memcpy(rest, before + i * LENGTH, sizeof rest);
    for (int j = 0; j < N; j++) {
      const double share = dot_lanes(LENGTH, rest, q + j * LENGTH);
      for (int k = 0; k < LENGTH; k++) rest[k] -= share * q[j * LENGTH + k];
    }
    cr_expect_lt(sqrt(dot_lanes(LENGTH, rest, rest)), 1e-11, "row %d", i);
  }
}
