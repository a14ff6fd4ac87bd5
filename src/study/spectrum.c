#include "study/spectrum.h"

#include "base/activity.h"
#include "base/progress.h"
#include "math/jacobi.h"
#include "study/hessian.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_PRODUCTS = 200 };

/* A Ritz value has converged when its error is at most this share of the largest one's size. */
static const double settled = 1e-3;

typedef struct {
  hessian_t hessian;
  int64_t k, most;                   /* products at most */
  double **basis;                    /* (most + 1): vectors (n) on rank 0, taken when they are needed */
  double *diagonal, *beside;         /* (most) of T */
  double *matrix, *vectors, *values; /* (most, most) twice, (most): scratch */
  int restarts;
  spectrum_t found;
  arena_t arena;
} lanczos_t;

static ls_status no_memory(const lanczos_t *work, ls_error *error) {
  return error_set(error, LS_NO_MEMORY,
                   "no memory for %" PRId64 " directions of %zu parameters: ask for fewer eigenvalues",
                   work->most, work->hessian.n);
}

/* ---- set-up ---- */

static ls_status take_memory(lanczos_t *work, ls_error *error) {
  const size_t m = (size_t)work->most;
  work->basis = arena_new(&work->arena, m + 1, sizeof *work->basis);
  work->diagonal = arena_new(&work->arena, m, sizeof *work->diagonal);
  work->beside = arena_new(&work->arena, m, sizeof *work->beside);
  work->matrix = arena_new(&work->arena, m * m, sizeof *work->matrix);
  work->vectors = arena_new(&work->arena, m * m, sizeof *work->vectors);
  work->values = arena_new(&work->arena, m, sizeof *work->values);
  bool has_all = work->basis != NULL && work->diagonal != NULL && work->beside != NULL;
  has_all = has_all && work->matrix != NULL && work->vectors != NULL && work->values != NULL;
  return has_all ? LS_OK : no_memory(work, error);
}

static ls_status new_vector(lanczos_t *work, int64_t j, ls_error *error) {
  work->basis[j] = arena_new(&work->arena, work->hessian.n, sizeof **work->basis);
  return work->basis[j] != NULL ? LS_OK : no_memory(work, error);
}

/* On rank 0: how many products there can be, memory, and the first direction. */
static ls_status prepare(lanczos_t *work, ls_error *error) {
  size_t parameters = 0;
  TRY(hessian_rank(&work->hessian, &work->arena, &parameters, error));
  work->found.parameters = (int64_t)parameters;
  work->most = work->found.parameters < MOST_PRODUCTS ? work->found.parameters : MOST_PRODUCTS;
  if (work->k > work->most) work->k = work->most;
  TRY(take_memory(work, error));
  TRY(new_vector(work, 0, error));
  return hessian_direction(&work->hessian, work->restarts++, &work->arena, work->basis[0], error);
}

/* ---- a step, on rank 0 ---- */

/* Makes z orthogonal to directions 0 .. j; once more, because the first time leaves errors of rounding. */
static void orthogonalise(const lanczos_t *work, int64_t j, double *z) {
  const size_t n = work->hessian.n;
  for (int pass = 0; pass < 2; pass++)
    for (int64_t i = 0; i <= j; i++) {
      const double share = hessian_dot(work->basis[i], z, n);
      for (size_t l = 0; l < n; l++) z[l] -= share * work->basis[i][l];
    }
}

/* From z = H q_j to row j of T and q_{j+1}, which takes the place of z. A product inside of the space of the
 * directions before gives no new one: then a random direction goes on. */
static ls_status take_product(lanczos_t *work, int64_t j, ls_error *error) {
  const size_t n = work->hessian.n;
  double *z = work->basis[j + 1];
  work->diagonal[j] = hessian_dot(work->basis[j], z, n);
  orthogonalise(work, j, z);
  work->beside[j] = sqrt(hessian_dot(z, z, n));
  double length = work->beside[j], scale = fabs(work->diagonal[0]);
  for (int64_t i = 0; i <= j; i++) scale = fmax(scale, fabs(work->diagonal[i]));
  if (j + 1 == work->found.parameters) work->beside[j] = 0; /* they are all directions there are */
  if (j + 1 < work->found.parameters && !(length > 1e-10 * scale)) {
    work->beside[j] = 0;
    TRY(hessian_direction(&work->hessian, work->restarts++, &work->arena, z, error));
    orthogonalise(work, j, z);
    length = sqrt(hessian_dot(z, z, n));
  }
  if (length > 0) hessian_scale(z, 1 / length, n);
  return LS_OK;
}

/* The Ritz values after m products, and whether they are good enough. */
static bool judge(lanczos_t *work, int64_t m) {
  double *matrix = work->matrix;
  spectrum_t *found = &work->found;
  memset(matrix, 0, (size_t)(m * m) * sizeof *matrix);
  for (int64_t i = 0; i < m; i++) {
    matrix[i * m + i] = work->diagonal[i];
    if (i + 1 < m) matrix[i * m + i + 1] = matrix[(i + 1) * m + i] = work->beside[i];
  }
  jacobi_eigen(m, matrix, work->vectors, work->values);
  const double limit = settled * fmax(fabs(work->values[0]), fabs(work->values[m - 1]));
  found->k = work->k < m ? work->k : m;
  found->smallest = work->values[0];
  found->smallest_error = fabs(work->beside[m - 1] * work->vectors[m - 1]);
  found->has_converged = found->k == work->k && found->smallest_error <= limit;
  for (int64_t i = 0; i < found->k; i++) {
    const int64_t at = m - 1 - i;
    found->values[i] = work->values[at];
    found->errors[i] = fabs(work->beside[m - 1] * work->vectors[at * m + m - 1]);
    found->has_converged = found->has_converged && found->errors[i] <= limit;
  }
  return found->has_converged;
}

static void give_up(lanczos_t *work) {
  work->found.k = work->k;
  work->found.smallest = work->found.smallest_error = NAN;
  for (int64_t i = 0; i < work->k; i++) work->found.values[i] = work->found.errors[i] = NAN;
}

/* Returns whether the work is done. */
static ls_status take(lanczos_t *work, int64_t j, bool *done, ls_error *error) {
  TRY(take_product(work, j, error));
  const int64_t m = j + 1;
  work->found.products = m;
  *done = !isfinite(work->beside[j]) || !isfinite(work->diagonal[j]);
  if (*done)
    give_up(work);
  else if (m % (m < 50 ? 5 : 20) == 0 || m == work->most)
    *done = judge(work, m) || m == work->most;
  return LS_OK;
}

/* ---- the whole ---- */

typedef enum { GOES_ON, DONE, STOPPED } state_t;

/* Collective. */
static ls_status iterate(lanczos_t *work, spectrum_stop_t *stop, void *context, ls_error *error) {
  hessian_t *hessian = &work->hessian;
  const bool is_root = hessian_is_root(hessian);
  int64_t state = GOES_ON;
  for (int64_t j = 0; state == GOES_ON; j++) {
    bool done = false;
    ls_status status = is_root ? new_vector(work, j + 1, error) : LS_OK;
    TRY(world_agree(hessian->world, status, error));
    double *v = is_root ? work->basis[j] : NULL, *product = is_root ? work->basis[j + 1] : NULL;
    TRY(j == 0 ? hessian_choose_distance(hessian, v, product, error)
               : hessian_multiply(hessian, v, product, error));
    if (is_root) status = take(work, j, &done, error);
    TRY(world_agree(hessian->world, status, error));
    if (is_root) state = done ? DONE : stop != NULL && stop(context) ? STOPPED : GOES_ON;
    TRY(world_broadcast(hessian->world, &state, sizeof state, 0, error));
    progress_reach(j + 1);
    activity_beat();
  }
  if (state == STOPPED) return error_set(error, LS_STOPPED, "stopped before the eigenvalues were found");
  return world_broadcast(hessian->world, &work->found, sizeof work->found, 0, error);
}

ls_status spectrum_find(engine_t *engine, int64_t steps, int64_t k, spectrum_stop_t *stop, void *context,
                        spectrum_t *out, ls_error *error) {
  lanczos_t work = {.k = k};
  activity_set("looking for eigenvalues of the Hessian");
  ls_status status = hessian_open(engine, steps, &work.arena, &work.hessian, error);
  if (status == LS_OK) {
    status = hessian_is_root(&work.hessian) ? prepare(&work, error) : LS_OK;
    status = world_agree(work.hessian.world, status, error);
    progress_begin(MOST_PRODUCTS, "product", "eigenvalues of the Hessian");
    if (status == LS_OK) status = iterate(&work, stop, context, error);
    progress_end();
    status = hessian_close(&work.hessian, status, error);
  }
  if (status == LS_OK) *out = work.found;
  arena_free(&work.arena);
  return status;
}
