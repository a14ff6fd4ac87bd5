/* LAPACK is column-major. The lower triangle of a row-major matrix is the upper triangle of a column-major
 * one, and rows of right-hand sides are columns. So nothing is transposed. */
#include "math/linear.h"

#include <inttypes.h>
#include <lapacke.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* OpenBLAS, if it replaces LAPACK, splits sums among as many threads as there are cores. The bits would then
 * depend on the number of cores. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));

static void use_one_thread(void) {
  if (openblas_set_num_threads != NULL) openblas_set_num_threads(1);
}

static ls_status check_size(int64_t n, ls_error *error) {
  if (n <= LINEAR_MOST) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS, "%" PRId64 " unknowns are more than the %d that can be solved for",
                   n, LINEAR_MOST);
}

/* scale[i] = 1 / sqrt(a_ii). Returns false when a diagonal element is not positive. */
static bool diagonal_scale(int64_t n, const double *a, double *scale) {
  for (int64_t i = 0; i < n; i++) {
    if (!(a[i * n + i] > 0)) return false;
    scale[i] = 1 / sqrt(a[i * n + i]);
  }
  return true;
}

static ls_status factorise(int64_t n, double *a, double *reciprocal_condition, ls_error *error) {
  const lapack_int size = (lapack_int)n;
  double norm = LAPACKE_dlansy(LAPACK_COL_MAJOR, '1', 'U', size, a, size);
  lapack_int info = LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'U', size, a, size);
  *reciprocal_condition = 0;
  if (info == 0) info = LAPACKE_dpocon(LAPACK_COL_MAJOR, 'U', size, a, size, norm, reciprocal_condition);
  if (info >= 0) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "Cholesky factors of %" PRId64 " unknowns failed: LAPACK says %d", n,
                   (int)info);
}

ls_status linear_solve(int64_t n, double *a, int64_t columns, double *x, double least,
                       double *reciprocal_condition, ls_error *error) {
  TRY(check_size(n, error));
  double *scale = malloc((size_t)n * sizeof *scale);
  if (scale == NULL) return error_set(error, LS_NO_MEMORY, "no memory to solve for %" PRId64 " unknowns", n);
  ls_status status = LS_OK;
  double condition = 0;
  use_one_thread();
  if (diagonal_scale(n, a, scale)) {
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j <= i; j++) a[i * n + j] *= scale[i] * scale[j];
    status = factorise(n, a, &condition, error);
  }
  if (status == LS_OK && condition > 0 && condition >= least) {
    for (int64_t k = 0; k < columns; k++)
      for (int64_t i = 0; i < n; i++) x[k * n + i] *= scale[i];
    LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'U', (lapack_int)n, (lapack_int)columns, a, (lapack_int)n, x,
                   (lapack_int)n);
    for (int64_t k = 0; k < columns; k++)
      for (int64_t i = 0; i < n; i++) x[k * n + i] *= scale[i];
  }
  if (status == LS_OK) *reciprocal_condition = condition;
  free(scale);
  return status;
}

ls_status linear_eigen(int64_t n, double *a, double *values, ls_error *error) {
  TRY(check_size(n, error));
  use_one_thread();
  lapack_int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)n, a, (lapack_int)n, values);
  if (info == 0) return LS_OK;
  return error_set(error, info < 0 ? LS_NO_MEMORY : LS_DIVERGED,
                   "eigenvalues of %" PRId64 " unknowns failed: LAPACK says %d", n, (int)info);
}

void linear_library_version(char *out, size_t size) {
  lapack_int major = 0, minor = 0, patch = 0;
  LAPACKE_ilaver(&major, &minor, &patch);
  snprintf(out, size, "LAPACK %d.%d.%d", (int)major, (int)minor, (int)patch);
}
