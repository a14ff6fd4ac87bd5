#include "math/jacobi.h"

#include <math.h>

enum { MOST_SWEEPS = 60 };

/* Rows p and q of the matrix m (n, n) become c m_p - s m_q and s m_p + c m_q. */
static void turn_rows(int64_t n, double *m, int64_t p, int64_t q, double c, double s) {
  for (int64_t k = 0; k < n; k++) {
    const double x = m[p * n + k], y = m[q * n + k];
    m[p * n + k] = c * x - s * y;
    m[q * n + k] = s * x + c * y;
  }
}

static void turn_columns(int64_t n, double *m, int64_t p, int64_t q, double c, double s) {
  for (int64_t k = 0; k < n; k++) {
    const double x = m[k * n + p], y = m[k * n + q];
    m[k * n + p] = c * x - s * y;
    m[k * n + q] = s * x + c * y;
  }
}

/* The rotation that makes a_pq zero: t = tan of its angle is the smaller root of t^2 + 2 tau t - 1 = 0. */
static void annihilate(int64_t n, double *a, double *vectors, int64_t p, int64_t q) {
  const double tau = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const double t = (tau >= 0 ? 1 : -1) / (fabs(tau) + sqrt(1 + tau * tau));
  const double c = 1 / sqrt(1 + t * t), s = t * c;
  turn_rows(n, a, p, q, c, s);
  turn_columns(n, a, p, q, c, s);
  a[p * n + q] = a[q * n + p] = 0;
  turn_rows(n, vectors, p, q, c, s);
}

/* One rotation for each element that is not negligible beside its diagonal. Returns whether there was any. */
static int sweep(int64_t n, double *a, double *vectors) {
  int turned = 0;
  for (int64_t p = 0; p < n; p++)
    for (int64_t q = p + 1; q < n; q++) {
      const double limit = 1e-16 * sqrt(fabs(a[p * n + p])) * sqrt(fabs(a[q * n + q]));
      if (!(fabs(a[p * n + q]) > limit)) continue;
      annihilate(n, a, vectors, p, q);
      turned = 1;
    }
  return turned;
}

static void swap_rows(int64_t n, double *vectors, int64_t i, int64_t j) {
  for (int64_t k = 0; k < n; k++) {
    const double x = vectors[i * n + k];
    vectors[i * n + k] = vectors[j * n + k];
    vectors[j * n + k] = x;
  }
}

void jacobi_eigen(int64_t n, double *a, double *vectors, double *values) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < n; k++) vectors[i * n + k] = i == k;
  for (int i = 0; i < MOST_SWEEPS && sweep(n, a, vectors); i++)
    ;
  for (int64_t i = 0; i < n; i++) values[i] = a[i * n + i];
  for (int64_t i = 0; i < n; i++) {
    int64_t least = i;
    for (int64_t k = i + 1; k < n; k++)
      if (values[k] < values[least]) least = k;
    const double value = values[i];
    values[i] = values[least];
    values[least] = value;
    if (least != i) swap_rows(n, vectors, i, least);
  }
}
