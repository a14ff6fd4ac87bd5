#include "math/cholesky.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LANES = 8 };

/* sum of a_i b_i, i < n: lane i mod 8, lanes added in pairs */
static double dot(int64_t n, const double *a, const double *b) {
  double sum[LANES] = {0}, rest = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int64_t k = 0; k < LANES; k++) sum[k] += a[i + k] * b[i + k];
  for (; i < n; i++) rest += a[i] * b[i];
  return (((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))) + rest;
}

int64_t cholesky_factor(int64_t n, double *a) {
  for (int64_t i = 0; i < n; i++) {
    double *row = a + i * n;
    for (int64_t j = 0; j < i; j++) row[j] = (row[j] - dot(j, row, a + j * n)) / a[j * n + j];
    const double pivot = row[i] - dot(i, row, row);
    if (!(pivot > (double)n * DBL_EPSILON * row[i])) return i;
    row[i] = sqrt(pivot);
  }
  return n;
}

/* Row i of L u = I: u_i = (e_i - sum over j < i of l_ij u_j) / l_ii. */
void cholesky_invert(int64_t n, const double *l, double *u) {
  memset(u, 0, (size_t)(n * n) * sizeof *u);
  for (int64_t i = 0; i < n; i++) {
    double *restrict row = u + i * n;
    for (int64_t j = 0; j < i; j++) {
      const double factor = l[i * n + j], *restrict above = u + j * n;
      for (int64_t c = 0; c <= j; c++) row[c] -= factor * above[c];
    }
    for (int64_t c = 0; c < i; c++) row[c] /= l[i * n + i];
    row[i] = 1 / l[i * n + i];
  }
}
