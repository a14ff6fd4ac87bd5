#include "cluster/moments.h"

#include "math/panels.h"

#include <math.h>
#include <string.h>

enum { HEAD = 8 }; /* doubles in front of the shares: a cache line */

/* A responsibility below exp(-70) = 4e-31 counts as zero: beside the largest one of its row, and beside what
 * each component has anyway (maximize.h), a double cannot hold it. In many dimensions most are that small. */
#define LEAST_LOG_SHARE (-70.0)

static size_t padded(int64_t n) {
  return (size_t)gaussians_width(n);
}

static size_t square_elements(covariance_form_t covariance, int64_t k, int64_t width) {
  if (covariance == COVARIANCE_TIED) return 0;
  return (size_t)k * (covariance == COVARIANCE_FULL ? triangle_elements(width) : (size_t)width);
}

size_t moments_elements(covariance_form_t covariance, int64_t k, int64_t d) {
  const int64_t width = gaussians_width(d);
  return HEAD + padded(k) + (size_t)(k * width) + square_elements(covariance, k, width);
}

component_sums_t moments_of(covariance_form_t covariance, int64_t k, int64_t d, double *leaf) {
  double *shares = leaf + HEAD, *sums = shares + padded(k);
  double *squares = sums + k * gaussians_width(d);
  return (component_sums_t){.log_density = leaf,
                            .weight = leaf + 1,
                            .shares = shares,
                            .sums = sums,
                            .squares = covariance == COVARIANCE_TIED ? NULL : squares};
}

ls_status moments_worker_create(const gaussians_t *gaussians, int64_t rows, arena_t *arena,
                                moments_worker_t *out, ls_error *error) {
  const size_t n = (size_t)rows, k = (size_t)gaussians->k, width = (size_t)gaussians->width;
  const size_t of_logs = (size_t)gaussians_scratch(gaussians, rows);
  const size_t scratch = of_logs > n * width ? of_logs : n * width;
  moments_worker_t worker = {.x = arena_new(arena, n * width, sizeof(float)),
                             .scratch = arena_new(arena, scratch, sizeof(double)),
                             .z = arena_new(arena, n * k, sizeof(double)),
                             .shares = arena_new(arena, n * k, sizeof(share_t)),
                             .counts = arena_new(arena, k, sizeof(int64_t))};
  if (worker.x == NULL || worker.scratch == NULL || worker.z == NULL || worker.shares == NULL ||
      worker.counts == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for responsibilities");
  *out = worker;
  return LS_OK;
}

/* ---- expectation ---- */

static int64_t largest(int64_t k, const double *z) {
  int64_t best = 0;
  for (int64_t i = 1; i < k; i++)
    if (z[i] > z[best]) best = i;
  return best;
}

static void take_share(moments_worker_t *worker, int64_t rows, int64_t component, int64_t row, double share) {
  worker->shares[component * rows + worker->counts[component]++] =
      (share_t){.row = row, .share = share, .root = sqrt(share)};
}

/* Shares one row out. Returns its log-density: m + log sum of exp(z - m), with the largest z in m, so that no
 * exponential overflows. */
static double share_row(const moments_pass_t *pass, moments_worker_t *worker, int64_t row, double weight) {
  const int64_t k = pass->gaussians->k;
  double *z = worker->z + row * k, sum = 0;
  const int64_t best = largest(k, z);
  const double most = z[best];
  if (pass->is_hard) {
    take_share(worker, pass->most_rows, best, row, weight);
    return most;
  }
  for (int64_t i = 0; i < k; i++) {
    z[i] = z[i] - most > LEAST_LOG_SHARE ? exp(z[i] - most) : 0;
    sum += z[i];
  }
  for (int64_t i = 0; i < k; i++)
    if (z[i] > 0) take_share(worker, pass->most_rows, i, row, weight * (z[i] / sum));
  return most + log(sum);
}

static void share_rows(const moments_pass_t *pass, moments_worker_t *worker, int64_t n, const float *weights,
                       component_sums_t *moments) {
  memset(worker->counts, 0, (size_t)pass->gaussians->k * sizeof *worker->counts);
  for (int64_t r = 0; r < n; r++) {
    const double weight = weights == NULL ? 1 : (double)weights[r];
    if (!(weight > 0)) continue;
    *moments->log_density += weight * share_row(pass, worker, r, weight);
    *moments->weight += weight;
  }
}

/* ---- moments ---- */

static void add_products(int64_t width, int64_t n, int64_t capacity, const double *rows, double *tiles) {
  for (int64_t tile = 0; tile < width / PANEL_SIDE; tile++) triangle_add(n, capacity, rows, tile, tiles);
}

static void add_component(const moments_pass_t *pass, moments_worker_t *worker, const float *x,
                          int64_t component, component_sums_t *moments) {
  const gaussians_t *gaussians = pass->gaussians;
  const int64_t width = gaussians->width, n = worker->counts[component];
  const share_t *shares = worker->shares + component * pass->most_rows;
  const double *mean = gaussians->mean + component * width;
  double *sums = moments->sums + component * width;
  if (n == 0) return;
  for (int64_t i = 0; i < n; i++) moments->shares[component] += shares[i].share;
  switch (pass->covariance) {
  case COVARIANCE_TIED:
    component_scale(width, n, pass->most_rows, shares, x, mean, sums, worker->scratch);
    return;
  case COVARIANCE_DIAGONAL:
  case COVARIANCE_SPHERICAL:
    component_share(width, n, shares, x, mean, sums, moments->squares + component * width);
    return;
  case COVARIANCE_FULL:
    component_scale(width, n, pass->most_rows, shares, x, mean, sums, worker->scratch);
    add_products(width, n, pass->most_rows, worker->scratch,
                 moments->squares + (size_t)component * triangle_elements(width));
  }
}

/* Rows whose padding is zero: x itself if no column is missing. */
static const float *pad(int64_t d, int64_t width, int64_t n, const float *x, float *padded) {
  if (d == width) return x;
  for (int64_t r = 0; r < n; r++) memcpy(padded + r * width, x + r * d, (size_t)d * sizeof *x);
  return padded;
}

void moments_add(const moments_pass_t *pass, moments_worker_t *worker, int64_t n, const float *x,
                 const float *weights, double *leaf) {
  const gaussians_t *gaussians = pass->gaussians;
  component_sums_t moments = moments_of(pass->covariance, gaussians->k, gaussians->d, leaf);
  const float *rows = pad(gaussians->d, gaussians->width, n, x, worker->x);
  gaussians_logs(gaussians, n, rows, worker->scratch, worker->z);
  share_rows(pass, worker, n, weights, &moments);
  for (int64_t i = 0; i < gaussians->k; i++) add_component(pass, worker, rows, i, &moments);
}

/* ---- scatter of all rows ---- */

size_t scatter_elements(int64_t d) {
  return triangle_elements(gaussians_width(d));
}

void scatter_add(int64_t d, moments_worker_t *worker, int64_t n, const float *x, const float *weights,
                 const double *centre, double *leaf) {
  const int64_t width = gaussians_width(d);
  memset(worker->scratch, 0, (size_t)(n * width) * sizeof *worker->scratch);
  for (int64_t r = 0; r < n; r++) {
    const double root = weights == NULL ? 1 : sqrt((double)weights[r]);
    for (int64_t c = 0; c < d; c++)
      worker->scratch[panels_at(n, r, c)] = root * ((double)x[r * d + c] - centre[c]);
  }
  add_products(width, n, n, worker->scratch, leaf);
}
