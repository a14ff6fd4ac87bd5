/* Solutions and eigenvalues against matrices whose answers are known; products against the plain sum. */
#include "math/linear.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { N = 5 };

static void solved_well(ls_status status, const ls_error *error) {
  cr_assert_eq(status, LS_OK, "%s", error->message);
}

/* The Hilbert matrix, a_ij = 1 / (i + j + 1), the usual badly conditioned one; lower triangle alone. */
static void hilbert(int n, double *a) {
  for (int i = 0; i < n * n; i++) a[i] = NAN;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) a[i * n + j] = 1.0 / (i + j + 1);
}

/* H x = 1 has integer solutions: for n = 5 5, -120, 630, -1120, 630. */
Test(linear, solves_with_the_lower_triangle_alone) {
  static const double exact[N] = {5, -120, 630, -1120, 630};
  ls_error error = {0};
  double a[N * N], x[2 * N], reciprocal = 0;
  hilbert(N, a);
  for (int i = 0; i < N; i++) x[i] = 1;
  for (int i = 0; i < N; i++) x[N + i] = i == 0; /* the first column of the inverse, 25, -300, ... */
  solved_well(linear_solve(N, a, 2, x, DBL_EPSILON, &reciprocal, &error), &error);
  for (int i = 0; i < N; i++) cr_expect_float_eq(x[i], exact[i], 1e-8, "x[%d] = %.17g", i, x[i]);
  /* an error of n κ ε of the largest element is what rounding allows (Higham: "Accuracy and stability of
   * numerical algorithms", 2002, section 10.1) */
  const double allowed = N / reciprocal * DBL_EPSILON * 300;
  cr_expect_float_eq(x[N], 25, allowed);
  cr_expect_float_eq(x[N + 1], -300, allowed);
  cr_expect(reciprocal > 1e-7 && reciprocal < 1e-4, "%g", reciprocal);
}

/* Rows and columns in other units: the same solution in those units, the same condition. */
Test(linear, units_do_not_count) {
  static const double unit[N] = {1e-9, 1, 1e6, 1e12, 3e-4};
  ls_error error = {0};
  double a[N * N], b[N * N], x[N] = {1, 1, 1, 1, 1}, y[N], plain = 0, scaled = 0;
  hilbert(N, a);
  hilbert(N, b);
  for (int i = 0; i < N; i++) y[i] = unit[i];
  for (int i = 0; i < N; i++)
    for (int j = 0; j <= i; j++) b[i * N + j] *= unit[i] * unit[j];
  solved_well(linear_solve(N, a, 1, x, DBL_EPSILON, &plain, &error), &error);
  solved_well(linear_solve(N, b, 1, y, DBL_EPSILON, &scaled, &error), &error);
  for (int i = 0; i < N; i++) cr_expect_float_eq(y[i] * unit[i], x[i], 1e-9 * fabs(x[i]));
  cr_expect_float_eq(plain, scaled, 1e-9 * plain);
}

Test(linear, a_singular_matrix_is_told_and_nothing_is_solved) {
  ls_error error = {0};
  double a[4] = {1, NAN, 2, 4}, x[2] = {7, 8}, reciprocal = 1;
  solved_well(linear_solve(2, a, 1, x, 2 * DBL_EPSILON, &reciprocal, &error), &error);
  cr_expect_lt(reciprocal, 2 * DBL_EPSILON);
  cr_expect(x[0] == 7 && x[1] == 8);
  double zero[4] = {1, NAN, 0, 0};
  solved_well(linear_solve(2, zero, 1, x, 2 * DBL_EPSILON, &reciprocal, &error), &error);
  cr_expect_eq(reciprocal, 0);
}

/* The second difference matrix, 2 on the diagonal and -1 beside it, has eigenvalues 2 - 2 cos(i pi / (n +
 * 1)). */
Test(linear, eigenvalues_ascend_and_rows_are_vectors) {
  ls_error error = {0};
  double a[N * N], values[N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i * N + j] = j > i ? NAN : i == j ? 2 : i == j + 1 ? -1 : 0;
  solved_well(linear_eigen(N, a, values, &error), &error);
  for (int i = 0; i < N; i++) {
    const double *v = a + i * N;
    cr_expect_float_eq(values[i], 2 - 2 * cos((i + 1) * acos(-1.0) / (N + 1)), 1e-14);
    for (int k = 0; k < N; k++) {
      double av = 2 * v[k] - (k > 0 ? v[k - 1] : 0) - (k + 1 < N ? v[k + 1] : 0);
      cr_expect_float_eq(av, values[i] * v[k], 1e-13);
    }
  }
}
