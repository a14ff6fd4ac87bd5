/* The ops centres and gaussians: scores of clusters and of the components of a Gaussian density. Each is last
 * in a network, and its parameters are fitted (lockstep cluster), not trained by gradients. Backward goes to
 * the inputs alone.
 *
 *   centres     z_k = -|x - c_k|^2 / 2
 *   gaussians   z_k = offset_k - |U_k (x - m_k)|^2 / 2, with C_k^-1 = U_k' U_k, U_k lower triangular, and
 *               offset_k = log w_k + log det U_k - (d / 2) log 2 pi; so z_k = log w_k + log N(x; m_k, C_k)
 *
 * The largest z of a row belongs to its cluster, and log sum exp z is the log-density. All forms take
 * differences before squares (math/squares.h). */
#include "model/op.h"

#include "math/squares.h"

#include <string.h>

/* What a covariance changes in the op gaussians. Forward: y (rows, K). Backward adds
 * weights (rows, K) times d (-|U_k (x - m_k)|^2 / 2) / d x to dx. Both may use call->work. */
struct covariance {
  const char *name;
  enum {
    FACTORS_OF_EACH, /* a matrix (d, d) for each component */
    FACTORS_OF_ALL,  /* one matrix (d, d) */
    FACTORS_ROWS,    /* a row (d) for each component */
    FACTORS_NUMBERS, /* a number for each component */
  } factors;
  void (*forward)(const call_t *call);
  void (*backward)(const call_t *call, float *dx);
  size_t (*work)(const node_t *node, int64_t rows); /* floats of work */
  /* |U_k (x - m)|^2 in double; factor: of all components */
  double (*reference)(const double *factor, int64_t d, int64_t k, const double *x, const double *m);
};

static int64_t width_of(const node_t *node) {
  return node->dense.layout.in;
}

/* ---- centres, and what means have in common with them ---- */

/* dx += sum over k of w_k (c_k - x), with w = weights (rows, K) times scale_k^2, or 1. */
static void pull_to_points(const call_t *call, const float *weights, const float *scales, float *dx) {
  const dense_layout_t *layout = &call->node->dense.layout;
  const int64_t d = layout->in, n = layout->out;
  const float *points = call->parameters + call->node->dense.weight;
  float *point = call->work;
  for (int64_t k = 0; k < n; k++) {
    const float square = scales != NULL ? scales[k] * scales[k] : 1.0F;
    dense_unpack_rows(layout, points, k, 1, point);
    for (int64_t r = 0; r < call->rows; r++) {
      const float weight = weights[r * n + k] * square, *x = call->x[0] + r * d;
      for (int64_t i = 0; i < d && weight != 0; i++) dx[r * d + i] += weight * (point[i] - x[i]);
    }
  }
}

static void clear(const call_t *call, float *dx) {
  memset(dx, 0, (size_t)(call->rows * width_of(call->node)) * sizeof *dx);
}

static void centres_forward(const call_t *call) {
  const node_t *node = call->node;
  squares_from_points(&node->dense.layout, call->rows, call->x[0], call->parameters + node->dense.weight,
                      NULL, call->y);
  for (int64_t i = 0; i < call->rows * node->width; i++) call->y[i] *= -0.5F;
}

static void centres_backward(const call_t *call, int input, float *dx) {
  (void)input;
  clear(call, dx);
  pull_to_points(call, call->dy, NULL, dx);
}

static size_t centres_work(const node_t *node, int64_t rows) {
  (void)rows;
  return (size_t)width_of(node);
}

static void centres_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                              const double *const *x, double *y) {
  (void)pass;
  (void)row;
  const int64_t d = width_of(node);
  const double *centres = plain + node->dense.plain_weight;
  for (int64_t k = 0; k < node->width; k++) {
    double sum = 0;
    for (int64_t i = 0; i < d; i++) sum += (x[0][i] - centres[k * d + i]) * (x[0][i] - centres[k * d + i]);
    y[k] = -0.5 * sum;
  }
}

const op_t op_centres = {.name = "centres",
                         .formula = "z_k = -|x - c_k|^2 / 2",
                         .derivative = "dx = sum of dz_k (c_k - x); the centres are fitted, not trained",
                         .n_inputs = 1,
                         .is_fitted = true,
                         .in_place = -1,
                         .work = centres_work,
                         .forward = centres_forward,
                         .backward = centres_backward,
                         .reference = centres_reference};

/* ---- diagonal and spherical: distances between points. A score is the difference of an offset and of a
 * square that may both be far larger than a log-density, so it is computed in double and rounded once. ----
 */

enum { SOME_POINTS = 64 }; /* at a time */

/* y. scales: in panels, as the means; or NULL. factors (K): of all inputs of a component; or NULL. */
static void scores_from_points(const call_t *call, const float *scales, const float *factors) {
  const node_t *node = call->node;
  const float *points = call->parameters + node->dense.weight,
              *offset = call->parameters + node->fitted.offset;
  double *squares = (double *)call->work; /* (rows, SOME_POINTS) */
  for (int64_t first = 0; first < node->width; first += SOME_POINTS) {
    dense_layout_t some = node->dense.layout;
    const size_t at = dense_position(&some, first, 0);
    some.out = node->width - first < SOME_POINTS ? node->width - first : SOME_POINTS;
    squares_in_double(&some, call->rows, call->x[0], points + at, scales != NULL ? scales + at : NULL,
                      SOME_POINTS, squares);
    for (int64_t r = 0; r < call->rows; r++)
      for (int64_t k = 0; k < some.out; k++) {
        const double factor = factors != NULL ? (double)factors[first + k] : 1;
        const double square = factor * factor * squares[r * SOME_POINTS + k];
        call->y[r * node->width + first + k] = (float)((double)offset[first + k] - square / 2);
      }
  }
}

/* ---- spherical: U_k = s_k 1 ---- */

static void spherical_forward(const call_t *call) {
  scores_from_points(call, NULL, call->parameters + call->node->fitted.factor);
}

static void spherical_backward(const call_t *call, float *dx) {
  pull_to_points(call, call->dy, call->parameters + call->node->fitted.factor, dx);
}

static double spherical_reference(const double *factor, int64_t d, int64_t k, const double *x,
                                  const double *m) {
  double sum = 0;
  for (int64_t i = 0; i < d; i++) sum += (x[i] - m[i]) * (x[i] - m[i]);
  return factor[k] * factor[k] * sum;
}

/* ---- diagonal: U_k = diag(s_k) ---- */

static void diagonal_forward(const call_t *call) {
  scores_from_points(call, call->parameters + call->node->fitted.factor, NULL);
}

static void diagonal_backward(const call_t *call, float *dx) {
  const node_t *node = call->node;
  const int64_t d = width_of(node), n = node->width;
  float *mean = call->work, *scale = mean + d;
  for (int64_t k = 0; k < n; k++) {
    dense_unpack_rows(&node->dense.layout, call->parameters + node->dense.weight, k, 1, mean);
    dense_unpack_rows(&node->dense.layout, call->parameters + node->fitted.factor, k, 1, scale);
    for (int64_t r = 0; r < call->rows; r++) {
      const float weight = call->dy[r * n + k], *x = call->x[0] + r * d;
      for (int64_t i = 0; i < d && weight != 0; i++)
        dx[r * d + i] += weight * (scale[i] * scale[i]) * (mean[i] - x[i]);
    }
  }
}

static size_t points_work(const node_t *node, int64_t rows) {
  const size_t forward = 2 * (size_t)rows * SOME_POINTS, backward = 2 * (size_t)width_of(node);
  return forward > backward ? forward : backward;
}

static double diagonal_reference(const double *factor, int64_t d, int64_t k, const double *x,
                                 const double *m) {
  double sum = 0;
  for (int64_t i = 0; i < d; i++) {
    double v = factor[k * d + i] * (x[i] - m[i]);
    sum += v * v;
  }
  return sum;
}

/* ---- full: a triangular U_k each ---- */

/* y = offset - y / 2, where y are squares. */
static void scores_from_squares(const call_t *call) {
  const node_t *node = call->node;
  const float *offset = call->parameters + node->fitted.offset;
  for (int64_t r = 0; r < call->rows; r++) {
    float *y = call->y + r * node->width;
    for (int64_t k = 0; k < node->width; k++) y[k] = offset[k] - 0.5F * y[k];
  }
}

static void full_forward(const call_t *call) {
  const node_t *node = call->node;
  const int64_t d = width_of(node);
  float *mean = call->work, *work = mean + d, *v = work + call->rows * d;
  for (int64_t k = 0; k < node->width; k++) {
    dense_unpack_rows(&node->dense.layout, call->parameters + node->dense.weight, k, 1, mean);
    squares_transform(&node->fitted.layout, call->rows, call->x[0], mean,
                      call->parameters + node->fitted.factor + k * node->fitted.layout.elements, work, v);
    squares_of_rows(call->rows, d, v, call->y + k, node->width);
  }
  scores_from_squares(call);
}

/* dx -= weight U' U (x - m) for one row: factor (d, d), plain; v: (d). */
static void pull_by_factor(int64_t d, const float *factor, const float *difference, float *v, float *dx) {
  for (int64_t i = 0; i < d; i++) {
    v[i] = 0;
    for (int64_t j = 0; j <= i; j++) v[i] += factor[i * d + j] * difference[j];
  }
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j <= i; j++) dx[j] -= factor[i * d + j] * v[i];
}

static void full_backward(const call_t *call, float *dx) {
  const node_t *node = call->node;
  const int64_t d = width_of(node), n = node->width;
  float *mean = call->work, *difference = mean + d, *v = difference + d, *factor = v + d;
  for (int64_t k = 0; k < n; k++) {
    dense_unpack_rows(&node->dense.layout, call->parameters + node->dense.weight, k, 1, mean);
    dense_unpack_rows(&node->fitted.layout,
                      call->parameters + node->fitted.factor + k * node->fitted.layout.elements, 0, d,
                      factor);
    for (int64_t r = 0; r < call->rows; r++) {
      const float weight = call->dy[r * n + k];
      if (weight == 0) continue;
      for (int64_t i = 0; i < d; i++) difference[i] = weight * (call->x[0][r * d + i] - mean[i]);
      pull_by_factor(d, factor, difference, v, dx + r * d);
    }
  }
}

static size_t full_work(const node_t *node, int64_t rows) {
  const size_t d = (size_t)width_of(node), n = (size_t)rows;
  return d + 2 * n * d + (2 + d) * d;
}

static double full_reference(const double *factor, int64_t d, int64_t k, const double *x, const double *m) {
  double sum = 0;
  for (int64_t i = 0; i < d; i++) {
    double v = 0;
    for (int64_t j = 0; j <= i; j++) v += factor[(k * d + i) * d + j] * (x[j] - m[j]);
    sum += v * v;
  }
  return sum;
}

/* ---- tied: one U for all, so |U (x - m_k)|^2 = |U (x - m_0) - U (m_k - m_0)|^2, which is a distance between
 * points: of d^2 + K d products for a row, not K d^2. Taking m_0 away first keeps the digits that rows far
 * from the origin would lose. ---- */

enum { TIED_POINTS = 64 }; /* transformed means at a time */

/* y[:, first, first + n) from transformed rows v and the means of these components. work: for
 * 3 TIED_POINTS (d + padded d) floats and (rows, TIED_POINTS). */
static void tied_some(const call_t *call, int64_t first, int64_t n, const float *origin, const float *v,
                      float *work) {
  const node_t *node = call->node;
  const int64_t d = width_of(node);
  const dense_layout_t some = dense_layout(d, n);
  float *means = work, *between = means + TIED_POINTS * d, *moved = between + TIED_POINTS * d;
  float *panels = moved + TIED_POINTS * d, *found = panels + TIED_POINTS * some.padded_in;
  dense_unpack_rows(&node->dense.layout, call->parameters + node->dense.weight, first, n, means);
  squares_transform(&node->fitted.layout, n, means, origin, call->parameters + node->fitted.factor, between,
                    moved);
  dense_pack(&some, moved, panels);
  squares_from_points(&some, call->rows, v, panels, NULL, found);
  for (int64_t r = 0; r < call->rows; r++)
    memcpy(call->y + r * node->width + first, found + r * n, (size_t)n * sizeof *found);
}

static void tied_forward(const call_t *call) {
  const node_t *node = call->node;
  const int64_t d = width_of(node);
  float *origin = call->work, *work = origin + d, *v = work + call->rows * d, *rest = v + call->rows * d;
  dense_unpack_rows(&node->dense.layout, call->parameters + node->dense.weight, 0, 1, origin);
  squares_transform(&node->fitted.layout, call->rows, call->x[0], origin,
                    call->parameters + node->fitted.factor, work, v);
  for (int64_t first = 0; first < node->width; first += TIED_POINTS) {
    const int64_t left = node->width - first;
    tied_some(call, first, left < TIED_POINTS ? left : TIED_POINTS, origin, v, rest);
  }
  scores_from_squares(call);
}

/* -U' U sum over k of w_k (x - m_k) */
static void tied_backward(const call_t *call, float *dx) {
  const node_t *node = call->node;
  const int64_t d = width_of(node), n = node->width;
  float *mean = call->work, *v = mean + d, *factor = v + d, *sums = factor + d * d;
  memset(sums, 0, (size_t)(call->rows * d) * sizeof *sums);
  for (int64_t k = 0; k < n; k++) {
    dense_unpack_rows(&node->dense.layout, call->parameters + node->dense.weight, k, 1, mean);
    for (int64_t r = 0; r < call->rows; r++) {
      const float weight = call->dy[r * n + k], *x = call->x[0] + r * d;
      for (int64_t i = 0; i < d && weight != 0; i++) sums[r * d + i] += weight * (x[i] - mean[i]);
    }
  }
  dense_unpack_rows(&node->fitted.layout, call->parameters + node->fitted.factor, 0, d, factor);
  for (int64_t r = 0; r < call->rows; r++) pull_by_factor(d, factor, sums + r * d, v, dx + r * d);
}

static size_t tied_work(const node_t *node, int64_t rows) {
  const size_t d = (size_t)width_of(node), n = (size_t)rows, some = TIED_POINTS;
  return 2 * d + 2 * n * d + some * (3 * d + (size_t)node->dense.layout.padded_in + n) + d * d;
}

static double tied_reference(const double *factor, int64_t d, int64_t k, const double *x, const double *m) {
  (void)k;
  return full_reference(factor, d, 0, x, m);
}

/* ---- gaussians ---- */

static const covariance_t covariances[] = {
    {"full", FACTORS_OF_EACH, full_forward, full_backward, full_work, full_reference},
    {"tied", FACTORS_OF_ALL, tied_forward, tied_backward, tied_work, tied_reference},
    {"diagonal", FACTORS_ROWS, diagonal_forward, diagonal_backward, points_work, diagonal_reference},
    {"spherical", FACTORS_NUMBERS, spherical_forward, spherical_backward, points_work, spherical_reference},
};

const covariance_t *covariance_find(const char *name) {
  for (size_t i = 0; i < sizeof covariances / sizeof covariances[0]; i++)
    if (strcmp(covariances[i].name, name) == 0) return &covariances[i];
  return NULL;
}

const char *covariance_name(const covariance_t *covariance) {
  return covariance->name;
}

bool covariance_is_triangular(const node_t *node) {
  return node->op == &op_gaussians && (node->fitted.covariance->factors == FACTORS_OF_EACH ||
                                       node->fitted.covariance->factors == FACTORS_OF_ALL);
}

void covariance_shape(node_t *node) {
  const int64_t d = width_of(node), n = node->width;
  switch (node->fitted.covariance->factors) {
  case FACTORS_OF_EACH:
  case FACTORS_OF_ALL:
    node->fitted.layout = dense_layout(d, d);
    node->fitted.blocks = node->fitted.covariance->factors == FACTORS_OF_ALL ? 1 : n;
    break;
  case FACTORS_ROWS:
    node->fitted.layout = dense_layout(d, n);
    node->fitted.blocks = 1;
    break;
  case FACTORS_NUMBERS:
    node->fitted.blocks = 0;
  }
}

double op_fitted_flops(const node_t *node) {
  const double d = (double)width_of(node), n = (double)node->width;
  if (node->op == &op_centres) return 3 * n * d;
  switch (node->fitted.covariance->factors) {
  case FACTORS_OF_EACH:
    return n * (d * d + 3 * d);
  case FACTORS_OF_ALL:
    return d * d + 3 * n * d;
  case FACTORS_ROWS:
    return 4 * n * d;
  default:
    return 3 * n * d;
  }
}

static void gaussians_forward(const call_t *call) {
  call->node->fitted.covariance->forward(call);
}

static void gaussians_backward(const call_t *call, int input, float *dx) {
  (void)input;
  clear(call, dx);
  call->node->fitted.covariance->backward(call, dx);
}

static size_t gaussians_work(const node_t *node, int64_t rows) {
  return node->fitted.covariance->work(node, rows);
}

static void gaussians_reference(const node_t *node, const double *plain, const pass_t *pass, int64_t row,
                                const double *const *x, double *y) {
  (void)pass;
  (void)row;
  const int64_t d = width_of(node);
  for (int64_t k = 0; k < node->width; k++)
    y[k] = plain[node->fitted.plain_offset + (size_t)k] -
           0.5 * node->fitted.covariance->reference(plain + node->fitted.plain_factor, d, k, x[0],
                                                    plain + node->dense.plain_weight + k * d);
}

const op_t op_gaussians = {.name = "gaussians",
                           .formula = "z_k = b_k - |U_k (x - m_k)|^2 / 2",
                           .derivative =
                               "dx = sum of dz_k U_k' U_k (m_k - x); the components are fitted, not trained",
                           .n_inputs = 1,
                           .is_fitted = true,
                           .in_place = -1,
                           .work = gaussians_work,
                           .forward = gaussians_forward,
                           .backward = gaussians_backward,
                           .reference = gaussians_reference};
