#include "study/curvature.h"

#include "base/activity.h"
#include "base/arena.h"
#include "study/hessian.h"

#include <math.h>
#include <string.h>

enum { MOST_PRODUCTS = 30, ENOUGH_ROWS = 8192 };

/* Ends the iteration when two products in a row have changed the eigenvalue by no more than this share. */
static const double settled = 1e-4;

typedef struct {
  hessian_t hessian;
  double *v, *before, *product; /* (n) on rank 0: the direction, the one before, H v */
  arena_t arena;
} curvature_t;

/* ---- a small matrix ---- */

/* How many eigenvalues are below x: signs of a Sturm sequence (Golub and Van Loan 2013, section 8.4.1). */
static int count_below(const double *diagonal, const double *beside, int n, double x) {
  int below = 0;
  double d = 1;
  for (int i = 0; i < n; i++) {
    d = diagonal[i] - x - (i > 0 ? beside[i - 1] * beside[i - 1] / d : 0);
    if (d == 0) d = -1e-300;
    below += d < 0;
  }
  return below;
}

double curvature_of_tridiagonal(const double *diagonal, const double *beside, int n) {
  double low = -INFINITY, high = -INFINITY;
  for (int i = 0; i < n; i++) { /* circles of Gershgorin */
    const double radius = (i > 0 ? fabs(beside[i - 1]) : 0) + (i + 1 < n ? fabs(beside[i]) : 0);
    low = fmax(low, diagonal[i]); /* the largest eigenvalue is no less than an element of the diagonal */
    high = fmax(high, diagonal[i] + radius);
  }
  for (int k = 0; k < 100 && low < high; k++) {
    const double middle = low + (high - low) / 2;
    if (count_below(diagonal, beside, n, middle) == n)
      high = middle;
    else
      low = middle;
  }
  return high;
}

double curvature_limit(const optimizer_settings_t *optimizer, double lambda) {
  const double momentum = optimizer->nesterov ? optimizer->momentum : 0;
  return lambda > 0 ? 2 * (1 + momentum) / (1 + 2 * momentum) / lambda : NAN;
}

/* ---- the method of Lanczos ---- */

/* One more row of the tridiagonal matrix, from the product with v; then v is the next direction. */
static void take_product(curvature_t *work, double *diagonal, double *beside, int k) {
  const size_t n = work->hessian.n;
  double *next = work->product;
  diagonal[k] = hessian_dot(work->product, work->v, n);
  for (size_t i = 0; i < n; i++)
    next[i] -= diagonal[k] * work->v[i] + (k > 0 ? beside[k - 1] * work->before[i] : 0);
  beside[k] = sqrt(hessian_dot(next, next, n));
  if (beside[k] > 0) hessian_scale(next, 1 / beside[k], n);
  work->product = work->before;
  work->before = work->v;
  work->v = next;
}

/* The eigenvalue, the same on every rank. Collective. */
static ls_status iterate(curvature_t *work, double *out, ls_error *error) {
  hessian_t *hessian = &work->hessian;
  double diagonal[MOST_PRODUCTS] = {0}, beside[MOST_PRODUCTS] = {0}, last = INFINITY;
  int calm = 0;
  TRY(hessian_choose_distance(hessian, work->v, work->product, error));
  for (int k = 0; k < MOST_PRODUCTS && calm < 2; k++) {
    double told[2] = {NAN, 0}; /* the eigenvalue; whether the next direction has a length */
    if (k > 0) TRY(hessian_multiply(hessian, work->v, work->product, error));
    if (hessian_is_root(hessian)) {
      take_product(work, diagonal, beside, k);
      if (isfinite(beside[k])) told[0] = curvature_of_tridiagonal(diagonal, beside, k + 1);
      told[1] = beside[k] > settled * fabs(told[0]);
    }
    TRY(world_broadcast(hessian->world, told, sizeof told, 0, error));
    *out = told[0];
    if (!isfinite(*out) || told[1] == 0) return LS_OK;
    calm = fabs(*out - last) <= settled * fabs(*out) ? calm + 1 : 0;
    last = *out;
  }
  return LS_OK;
}

/* ---- the whole ---- */

static ls_status prepare(curvature_t *work, ls_error *error) {
  double **const own[] = {&work->v, &work->before, &work->product};
  bool has_all = true;
  if (!hessian_is_root(&work->hessian)) return LS_OK;
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    *own[i] = arena_new(&work->arena, work->hessian.n, sizeof **own[i]);
    has_all = has_all && *own[i] != NULL;
  }
  if (!has_all)
    return error_set(error, LS_NO_MEMORY, "no memory for the curvature of %zu parameters", work->hessian.n);
  return hessian_direction(&work->hessian, 0, &work->arena, work->v, error);
}

ls_status curvature_largest(const training_t *training, double *out, ls_error *error) {
  const int64_t batch = training->settings->train.global_batch_size;
  const int64_t per_epoch = epoch_steps(training->partition, batch);
  const int64_t enough = batch < ENOUGH_ROWS ? ENOUGH_ROWS / batch : 1;
  curvature_t work = {.v = NULL};
  double found = NAN;
  if (strcmp(training->settings->train.precision, "fp32") != 0) {
    *out = NAN;
    return LS_OK;
  }
  activity_set("measuring the curvature of the loss");
  ls_status status = hessian_open(training->engine, enough < per_epoch ? enough : per_epoch, &work.arena,
                                  &work.hessian, error);
  if (status == LS_OK) {
    status = world_agree(training->world, prepare(&work, error), error);
    if (status == LS_OK) status = iterate(&work, &found, error);
    status = hessian_close(&work.hessian, status, error);
  }
  arena_free(&work.arena);
  if (status == LS_OK) *out = found;
  return status;
}
