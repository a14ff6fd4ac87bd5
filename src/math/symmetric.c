/* How the matrix is used while it becomes tridiagonal: step k takes row and column k away.
 *
 *     k | v v v v      the lower triangle holds what is left of the matrix,
 *       | a . . .      the upper one the reflections that are done (v, row k)
 *       | a a . .
 *
 * The update of a step and the product of the next one share a pass over the triangle. */
#include "math/symmetric.h"

#include "math/lanes.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Columns of the vectors that rotations turn together, and steps whose rotations wait for it. */
enum { CHUNK = 8 * LANE_COUNT, MOST_WAITING = 64, MOST_STEPS = 60 };

static const double EPSILON = 2.220446049250313e-16, TINY = 1e-140;

double dot_lanes(int64_t n, const double *x, const double *y) {
  lanes_t even = {0}, odd = {0};
  int64_t i = 0;
  for (; i + 2 * LANE_COUNT <= n; i += 2 * LANE_COUNT) {
    even += lanes_at(x + i) * lanes_at(y + i);
    odd += lanes_at(x + i + LANE_COUNT) * lanes_at(y + i + LANE_COUNT);
  }
  for (int lane = 0; i < n; i++, lane = (lane + 1) % LANE_COUNT) even[lane] += x[i] * y[i];
  return lanes_sum(even + odd);
}

/* ---- to tridiagonal form ---- */

typedef struct {
  int64_t n;
  double *a;                 /* (n, n) */
  double *diagonal, *beside; /* (n): the tridiagonal matrix; beside[i] is between i and i + 1 */
  double *tau;               /* (n): reflection k is 1 - tau_k v vᵀ, v in row k right of the diagonal */
  double *column;            /* (n) */
  double *v, *w;             /* (n): a - v wᵀ - w vᵀ is what is left of the matrix */
  double *product;           /* (n) */
} tridiagonal_t;

/* Column k below the diagonal, updated. */
static void take_column(const tridiagonal_t *t, int64_t k) {
  for (int64_t i = k; i < t->n; i++)
    t->column[i] = t->a[i * t->n + k] - t->v[i] * t->w[k] - t->w[i] * t->v[k];
}

/* The reflection that turns column k below the diagonal, x, into (beta, 0, ..., 0): v = x / (x_1 - beta) but
 * v_1 = 1, and tau = (beta - x_1) / beta. The sign of beta is that of -x_1, so nothing cancels. */
static void reflect(const tridiagonal_t *t, int64_t k) {
  const int64_t first = k + 1, rest = t->n - first - 1;
  double *x = t->column + first, *v = t->a + k * t->n + first;
  const double below = rest > 0 ? dot_lanes(rest, x + 1, x + 1) : 0;
  double beta = x[0], divisor = 1;
  t->tau[k] = 0;
  if (below > 0) {
    beta = x[0] <= 0 ? sqrt(x[0] * x[0] + below) : -sqrt(x[0] * x[0] + below);
    divisor = x[0] - beta;
    t->tau[k] = -divisor / beta;
  }
  v[0] = 1;
  for (int64_t i = 1; i <= rest; i++) v[i] = below > 0 ? x[i] / divisor : 0;
  t->beside[k] = beta;
}

/* row -= a v + b w; product += row u_i; returns row . u. All (n). */
static double pass_row(int64_t n, double a, const double *v, double b, const double *w, double u_i,
                       const double *u, double *row, double *product) {
  lanes_t sum = {0};
  int64_t i = 0;
  for (; i + LANE_COUNT <= n; i += LANE_COUNT) {
    lanes_t x = lanes_at(row + i);
    x -= a * lanes_at(v + i) + b * lanes_at(w + i);
    *(loose_lanes_t *)(row + i) = x;
    *(loose_lanes_t *)(product + i) += x * u_i;
    sum += x * lanes_at(u + i);
  }
  for (int lane = 0; i < n; i++, lane++) {
    row[i] -= a * v[i] + b * w[i];
    product[i] += row[i] * u_i;
    sum[lane] += row[i] * u[i];
  }
  return lanes_sum(sum);
}

/* Updates what is left of the matrix by v and w, and multiplies it by the reflection's vector: p = A u. Then
 * v = u and w = tau p - (tau²/2) (p . u) u are the next update. */
static void pass_matrix(const tridiagonal_t *t, int64_t k) {
  const int64_t n = t->n, first = k + 1, left = n - first;
  const double *u = t->a + k * n + first;
  double *v = t->v + first, *w = t->w + first, *p = t->product;
  memset(p, 0, (size_t)left * sizeof *p);
  for (int64_t i = 0; i < left; i++) {
    double *row = t->a + (first + i) * n + first;
    const double sum = pass_row(i, w[i], v, v[i], w, u[i], u, row, p);
    row[i] -= 2 * v[i] * w[i];
    p[i] += sum + row[i] * u[i];
  }
  const double tau = t->tau[k], share = 0.5 * tau * tau * dot_lanes(left, p, u);
  for (int64_t i = 0; i < left; i++) w[i] = tau * p[i] - share * u[i];
  memcpy(v, u, (size_t)left * sizeof *v);
}

static void make_tridiagonal(const tridiagonal_t *t) {
  memset(t->v, 0, (size_t)t->n * sizeof *t->v);
  memset(t->w, 0, (size_t)t->n * sizeof *t->w);
  for (int64_t k = 0; k < t->n; k++) {
    take_column(t, k);
    t->diagonal[k] = t->column[k];
    t->beside[k] = 0;
    if (k + 1 == t->n) break;
    reflect(t, k);
    pass_matrix(t, k);
  }
}

/* x (n), a vector of the tridiagonal matrix, becomes one of a: the reflections, last first. */
static void reflect_back(const tridiagonal_t *t, double *x) {
  for (int64_t k = t->n - 2; k >= 0; k--) {
    const double *v = t->a + k * t->n + k + 1;
    const double share = t->tau[k] * dot_lanes(t->n - k - 1, v, x + k + 1);
    for (int64_t i = 0; i < t->n - k - 1; i++) x[k + 1 + i] -= share * v[i];
  }
}

/* ---- to diagonal form ---- */

/* The rotations of one step, from the rows (high - 1, high) up to (low, low + 1). */
typedef struct {
  int64_t low, high;
  double *turns; /* (2 (high - low)): cosine and sine, in the order in which rows turn */
} chase_t;

/* Rotations wait until there are many: then a chunk of columns stays in cache while all of them turn it. */
typedef struct {
  int64_t n, chunks, waiting;
  const symmetric_team_t *team; /* or NULL */
  chase_t chases[MOST_WAITING];
  double *turns;   /* (MOST_WAITING, 2 n) */
  double *vectors; /* (chunks, n, CHUNK): row i is the i-th vector of the tridiagonal matrix */
} rotations_t;

static void turn_chunk(const chase_t *chase, lanes_t (*rows)[CHUNK / LANE_COUNT]) {
  enum { PARTS = CHUNK / LANE_COUNT };
  const double *turn = chase->turns;
  lanes_t low[PARTS], high[PARTS];
  for (int p = 0; p < PARTS; p++) high[p] = rows[chase->high][p];
  for (int64_t i = chase->high - 1; i >= chase->low; i--, turn += 2) {
    const double c = turn[0], s = turn[1];
    for (int p = 0; p < PARTS; p++) low[p] = rows[i][p];
    for (int p = 0; p < PARTS; p++) rows[i + 1][p] = s * low[p] + c * high[p];
    for (int p = 0; p < PARTS; p++) high[p] = c * low[p] - s * high[p];
  }
  for (int p = 0; p < PARTS; p++) rows[chase->low][p] = high[p];
}

/* Does all waiting rotations of a chunk. */
static void turn_columns(void *context, int64_t chunk) {
  const rotations_t *rotations = context;
  for (int64_t i = 0; i < rotations->waiting; i++)
    turn_chunk(&rotations->chases[i], (void *)(rotations->vectors + chunk * rotations->n * CHUNK));
}

static void share(const symmetric_team_t *team, int64_t n, void (*work)(void *context, int64_t i),
                  void *context) {
  if (team != NULL)
    team->run(team->threads, n, work, context);
  else
    for (int64_t i = 0; i < n; i++) work(context, i);
}

static void turn_all(rotations_t *rotations) {
  share(rotations->team, rotations->chunks, turn_columns, rotations);
  rotations->waiting = 0;
}

/* One implicit step on the block [low, high] of the tridiagonal matrix: a bulge is chased from its end to its
 * beginning. Without a bulge, the block falls apart there. */
static void step(const tridiagonal_t *t, int64_t low, int64_t high, rotations_t *rotations) {
  double *d = t->diagonal, *e = t->beside;
  double *turns = rotations->turns + rotations->waiting * 2 * t->n, *turn = turns;
  const double half = (d[low + 1] - d[low]) / (2 * e[low]), root = sqrt(half * half + 1);
  double g = d[high] - d[low] + e[low] / (half + (half < 0 ? -root : root));
  double s = 1, c = 1, p = 0;
  int64_t i = high - 1;
  for (; i >= low; i--, turn += 2) {
    const double f = s * e[i], b = c * e[i], r = sqrt(f * f + g * g);
    e[i + 1] = r;
    if (!(r > 0)) break;
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    const double q = (d[i] - g) * s + 2 * c * b;
    p = s * q;
    d[i + 1] = g + p;
    g = c * q - b;
    turn[0] = c;
    turn[1] = s;
  }
  if (i >= low) {
    d[i + 1] -= p;
  } else {
    d[low] -= p;
    e[low] = g;
  }
  e[high] = 0;
  if (i + 1 < high) rotations->chases[rotations->waiting++] = (chase_t){i + 1, high, turns};
  if (rotations->waiting == MOST_WAITING) turn_all(rotations);
}

/* The end of the block that begins at `low`: what is beside its diagonal there is negligible. */
static int64_t block_end(const tridiagonal_t *t, int64_t low) {
  int64_t high = low;
  for (; high + 1 < t->n; high++) {
    const double size = fabs(t->diagonal[high]) + fabs(t->diagonal[high + 1]);
    if (fabs(t->beside[high]) <= EPSILON * size || fabs(t->beside[high]) <= TINY) break;
  }
  return high;
}

/* False if the steps do not end: the numbers are not finite. */
static bool make_diagonal(const tridiagonal_t *t, rotations_t *rotations) {
  for (int64_t low = 0; low < t->n; low++) {
    int steps = 0;
    for (int64_t high; (high = block_end(t, low)) > low;) {
      if (steps++ == MOST_STEPS) return false;
      step(t, low, high, rotations);
    }
  }
  turn_all(rotations);
  return true;
}

/* ---- both ---- */

/* The largest element by size of the lower triangle; NaN if one is not finite. */
static double largest(int64_t n, const double *a) {
  double most = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k <= i; k++) {
      if (!isfinite(a[i * n + k])) return NAN;
      if (fabs(a[i * n + k]) > most) most = fabs(a[i * n + k]);
    }
  return most;
}

static void scale_matrix(int64_t n, double *a, double factor) {
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k <= i; k++) a[i * n + k] *= factor;
}

/* order (n): the values from the largest to the smallest, equal ones in their order. */
static void sort_values(int64_t n, const double *values, int64_t *order) {
  for (int64_t i = 0; i < n; i++) {
    int64_t at = i;
    for (; at > 0 && values[order[at - 1]] < values[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
}

void largest_positive(int64_t n, double *x) {
  int64_t most = 0;
  for (int64_t i = 1; i < n; i++)
    if (fabs(x[i]) > fabs(x[most])) most = i;
  if (x[most] < 0)
    for (int64_t i = 0; i < n; i++) x[i] = -x[i];
}

/* What becomes of the vectors of the tridiagonal matrix. */
typedef struct {
  const tridiagonal_t *t;
  const rotations_t *rotations;
  const int64_t *order;
  double *vectors;
} taking_t;

static void take_vector(void *context, int64_t i) {
  const taking_t *taking = context;
  const int64_t n = taking->t->n, row = taking->order[i];
  double *x = taking->vectors + i * n;
  for (int64_t k = 0; k < n; k++)
    x[k] = taking->rotations->vectors[(k / CHUNK * n + row) * CHUNK + k % CHUNK];
  reflect_back(taking->t, x);
  largest_positive(n, x);
}

/* A power of two near 1 / largest, so that scaling does not round. */
static double scale_for(double largest) {
  int exponent = 0;
  if (largest > 0) (void)frexp(largest, &exponent);
  return ldexp(1, exponent > 1000 ? -1000 : exponent < -1000 ? 1000 : -exponent);
}

static ls_status eigen(const tridiagonal_t *t, rotations_t *rotations, int64_t *order, int64_t wanted,
                       double *vectors, double *values, ls_error *error) {
  const int64_t n = t->n;
  const double most = largest(n, t->a), scale = scale_for(most);
  if (isnan(most)) return error_set(error, LS_DIVERGED, "a matrix of %" PRId64 " rows is not finite", n);
  scale_matrix(n, t->a, scale);
  make_tridiagonal(t);
  for (int64_t k = 0; k < n; k++) rotations->vectors[(k / CHUNK * n + k) * CHUNK + k % CHUNK] = 1;
  if (!make_diagonal(t, rotations))
    return error_set(error, LS_DIVERGED, "the eigenvalues of a matrix of %" PRId64 " rows were not found", n);
  sort_values(n, t->diagonal, order);
  share(rotations->team, wanted, take_vector, &(taking_t){t, rotations, order, vectors});
  for (int64_t i = 0; i < n; i++) values[i] = t->diagonal[order[i]] / scale;
  return LS_OK;
}

ls_status symmetric_eigen(int64_t n, double *a, int64_t wanted, const symmetric_team_t *team, double *vectors,
                          double *values, ls_error *error) {
  enum { WORK_VECTORS = 7 };
  const size_t size = (size_t)n;
  const int64_t chunks = (n + CHUNK - 1) / CHUNK;
  const size_t elements = (size_t)chunks * size * CHUNK;
  rotations_t *rotations = calloc(1, sizeof *rotations);
  double *work = calloc(WORK_VECTORS * size, sizeof *work),
         *turns = calloc(MOST_WAITING * 2 * size, sizeof *turns);
  double *rotated = aligned_alloc(sizeof(lanes_t), elements * sizeof *rotated);
  int64_t *order = calloc(size, sizeof *order);
  ls_status status = LS_OK;
  if (rotations == NULL || work == NULL || turns == NULL || rotated == NULL || order == NULL) {
    status = error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " eigenvectors", n);
  } else {
    const tridiagonal_t t = {n,
                             a,
                             .diagonal = work,
                             .beside = work + size,
                             .tau = work + 2 * size,
                             .column = work + 3 * size,
                             .v = work + 4 * size,
                             .w = work + 5 * size,
                             .product = work + 6 * size};
    memset(rotated, 0, elements * sizeof *rotated);
    *rotations = (rotations_t){.n = n, .chunks = chunks, .team = team, .turns = turns, .vectors = rotated};
    status = eigen(&t, rotations, order, wanted, vectors, values, error);
  }
  free(order);
  free(rotated);
  free(turns);
  free(work);
  free(rotations);
  return status;
}

/* ---- orthonormal rows ---- */

/* x -= (q_i . x) q_i for i < n, in one pass over all (modified Gram and Schmidt). */
static void remove_rows(int64_t n, int64_t length, const double *q, double *x) {
  for (int64_t i = 0; i < n; i++) {
    const double share = dot_lanes(length, q + i * length, x);
    for (int64_t k = 0; k < length; k++) x[k] -= share * q[i * length + k];
  }
}

int64_t orthonormal_rows(int64_t n, int64_t length, double *q) {
  static const double negligible = 1e-12;
  int64_t rank = 0;
  for (int64_t i = 0; i < n; i++) {
    double *x = q + i * length;
    const double before = sqrt(dot_lanes(length, x, x));
    remove_rows(i, length, q, x);
    const double between = sqrt(dot_lanes(length, x, x));
    const bool is_spanned = !(between > negligible * before);
    if (!is_spanned) remove_rows(i, length, q, x);
    const double after = sqrt(dot_lanes(length, x, x));
    for (int64_t k = 0; k < length; k++) x[k] = is_spanned ? 0 : x[k] / after;
    rank += !is_spanned;
  }
  return rank;
}
