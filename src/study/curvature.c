#include "study/curvature.h"

#include "base/activity.h"
#include "base/arena.h"
#include "base/random.h"
#include "model/frozen.h"

#include <math.h>
#include <string.h>

enum { MOST_PRODUCTS = 30, ENOUGH_ROWS = 8192 };

/* Ends the iteration when two products in a row have changed the eigenvalue by no more than this share. */
static const double settled = 1e-4;

/* e, as a share of the norm of w, or of 1 if that is larger. It grows until gradients differ by a share of
 * at least `visible`, because their own rounding errors are some 1e-7. */
static const double first_share = 1e-3, last_share = 0.1, visible = 1e-3;

typedef struct {
  const training_t *training;
  size_t n;                     /* floats of the parameter vector that are trained */
  int64_t steps;                /* batches that the gradient is a mean over */
  float *w, *moved;             /* whole parameter vectors, on every rank */
  float *gradient;              /* whole; used on rank 0, as is the rest */
  double *sums[2];              /* (n): mean gradients at w + e v and w - e v */
  double *v, *before, *product; /* (n): the direction, the one before, H v */
  double e;
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

/* ---- vectors on rank 0 ---- */

static double dot(const double *x, const double *y, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

static void scale(double *x, double factor, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factor;
}

/* A random direction of length 1 in which parameters are trained. */
static ls_status choose_direction(curvature_t *work, ls_error *error) {
  const training_t *training = work->training;
  const graph_t *graph = training->graph;
  frozen_t frozen;
  const size_t most = graph_plain_floats(graph);
  double *numbers = arena_new(&work->arena, most, sizeof *numbers);
  float *plain = arena_new(&work->arena, most, sizeof *plain);
  if (numbers == NULL || plain == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a direction of %zu parameters", most);
  memset(work->moved, 0, graph_floats(graph) * sizeof *work->moved);
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *array = graph_parameter(graph, i);
    const random_stream_t stream = {
        .seed = training->settings->train.seed, .purpose = RANDOM_CURVATURE, .shard = i};
    if (array->is_statistic) continue;
    random_normal(&stream, parameter_values(array), numbers);
    for (size_t k = 0; k < parameter_values(array); k++) plain[k] = (float)numbers[k];
    graph_pack(graph, i, plain, work->moved);
  }
  TRY(frozen_create(graph, &training->settings->model.freeze, &work->arena, &frozen, error));
  frozen_set(&frozen, 0, work->n, NULL, work->moved);
  for (size_t i = 0; i < work->n; i++) work->v[i] = (double)work->moved[i];
  scale(work->v, 1 / sqrt(dot(work->v, work->v, work->n)), work->n);
  return LS_OK;
}

/* ---- products ---- */

/* The mean gradient at w + e v on rank 0. Collective. */
static ls_status gradient_at(curvature_t *work, double e, double *sum, ls_error *error) {
  const training_t *training = work->training;
  const int64_t batch = training->settings->train.global_batch_size;
  const bool is_root = world_rank(training->world) == 0;
  const size_t size = graph_floats(training->graph) * sizeof *work->moved;
  double rows = 0;
  memcpy(work->moved, work->w, size);
  for (size_t i = 0; i < work->n && is_root; i++)
    work->moved[i] = (float)((double)work->w[i] + e * work->v[i]);
  TRY(world_broadcast(training->world, work->moved, size, 0, error));
  TRY(engine_set_parameters(training->engine, work->moved, error));
  if (is_root) memset(sum, 0, work->n * sizeof *sum);
  for (int64_t t = 0; t < work->steps; t++) {
    const double own = (double)step_rows(training->partition, batch, t);
    TRY(engine_gradient(training->engine, t, 0, is_root ? work->gradient : NULL, error));
    for (size_t i = 0; i < work->n && is_root; i++) sum[i] += own * (double)work->gradient[i];
    rows += own;
  }
  if (is_root) scale(sum, 1 / rows, work->n);
  return LS_OK;
}

/* H v on rank 0. *share: by how much the two gradients differ, as a share of their size. Collective. */
static ls_status multiply(curvature_t *work, double *share, ls_error *error) {
  TRY(gradient_at(work, work->e, work->sums[0], error));
  TRY(gradient_at(work, -work->e, work->sums[1], error));
  if (world_rank(work->training->world) != 0) return LS_OK;
  const double size = sqrt(dot(work->sums[0], work->sums[0], work->n));
  for (size_t i = 0; i < work->n; i++)
    work->product[i] = (work->sums[0][i] - work->sums[1][i]) / (2 * work->e);
  *share = 2 * work->e * sqrt(dot(work->product, work->product, work->n)) / size;
  return LS_OK;
}

/* Chooses e, and leaves the first product. Every rank has the same e. Collective. */
static ls_status choose_distance(curvature_t *work, ls_error *error) {
  double norm = 0, share = 0;
  for (size_t i = 0; i < work->n; i++) norm += (double)work->w[i] * (double)work->w[i];
  norm = fmax(1, sqrt(norm));
  for (double e = first_share; e < 2 * last_share; e *= 10) {
    work->e = e * norm;
    TRY(multiply(work, &share, error));
    TRY(world_broadcast(work->training->world, &share, sizeof share, 0, error));
    if (!(share < visible)) break;
  }
  return LS_OK;
}

/* ---- the method of Lanczos ---- */

/* One more row of the tridiagonal matrix, from the product with v; then v is the next direction. */
static void take_product(curvature_t *work, double *diagonal, double *beside, int k) {
  const size_t n = work->n;
  double *next = work->product;
  diagonal[k] = dot(work->product, work->v, n);
  for (size_t i = 0; i < n; i++)
    next[i] -= diagonal[k] * work->v[i] + (k > 0 ? beside[k - 1] * work->before[i] : 0);
  beside[k] = sqrt(dot(next, next, n));
  if (beside[k] > 0) scale(next, 1 / beside[k], n);
  work->product = work->before;
  work->before = work->v;
  work->v = next;
}

/* The eigenvalue, the same on every rank. Collective. */
static ls_status iterate(curvature_t *work, double *out, ls_error *error) {
  double diagonal[MOST_PRODUCTS] = {0}, beside[MOST_PRODUCTS] = {0}, share = 0, last = INFINITY;
  int calm = 0;
  TRY(choose_distance(work, error));
  for (int k = 0; k < MOST_PRODUCTS && calm < 2; k++) {
    double told[2] = {NAN, 0}; /* the eigenvalue; whether the next direction has a length */
    if (k > 0) TRY(multiply(work, &share, error));
    if (world_rank(work->training->world) == 0) {
      take_product(work, diagonal, beside, k);
      if (isfinite(beside[k])) told[0] = curvature_of_tridiagonal(diagonal, beside, k + 1);
      told[1] = beside[k] > settled * fabs(told[0]);
    }
    TRY(world_broadcast(work->training->world, told, sizeof told, 0, error));
    *out = told[0];
    if (!isfinite(*out) || told[1] == 0) return LS_OK;
    calm = fabs(*out - last) <= settled * fabs(*out) ? calm + 1 : 0;
    last = *out;
  }
  return LS_OK;
}

/* ---- the whole ---- */

static ls_status prepare(curvature_t *work, ls_error *error) {
  const training_t *training = work->training;
  const size_t floats = graph_floats(training->graph), n = graph_trained_floats(training->graph);
  const bool is_root = world_rank(training->world) == 0;
  double **const own[] = {&work->sums[0], &work->sums[1], &work->v, &work->before, &work->product};
  bool has_all = true;
  work->n = n;
  work->w = arena_new(&work->arena, floats, sizeof *work->w);
  work->moved = arena_new(&work->arena, floats, sizeof *work->moved);
  work->gradient = arena_new(&work->arena, is_root ? floats : 0, sizeof *work->gradient);
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    *own[i] = arena_new(&work->arena, is_root ? n : 0, sizeof **own[i]);
    has_all = has_all && *own[i] != NULL;
  }
  if (!has_all || work->w == NULL || work->moved == NULL || work->gradient == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for the curvature of %zu parameters", n);
  memcpy(work->w, engine_parameters(training->engine), floats * sizeof *work->w);
  return is_root ? choose_direction(work, error) : LS_OK;
}

ls_status curvature_largest(const training_t *training, double *out, ls_error *error) {
  const int64_t batch = training->settings->train.global_batch_size;
  const int64_t per_epoch = epoch_steps(training->partition, batch);
  const int64_t enough = batch < ENOUGH_ROWS ? ENOUGH_ROWS / batch : 1;
  curvature_t work = {.training = training, .steps = enough < per_epoch ? enough : per_epoch};
  engine_faults_t faults;
  double found = NAN;
  if (strcmp(training->settings->train.precision, "fp32") != 0) {
    *out = NAN;
    return LS_OK;
  }
  activity_set("measuring the curvature of the loss");
  ls_status status = world_agree(training->world, prepare(&work, error), error);
  engine_begin_epoch(training->engine, 0);
  if (status == LS_OK) status = iterate(&work, &found, error);
  if (status == LS_OK) status = engine_set_parameters(training->engine, work.w, error);
  if (status == LS_OK) status = engine_take_faults(training->engine, &faults, error); /* of points w + e v */
  arena_free(&work.arena);
  if (status == LS_OK) *out = found;
  return status;
}
