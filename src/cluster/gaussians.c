/* Squares of differences are summed as they are, not as |x|² - 2 x·m + |m|². That form would make a product
 * of matrices of the diagonal case, but its terms are far larger than their sum where a component is narrow
 * beside its distance to the origin: a pixel of variance 1e-6 and mean 0.5 contributes terms of 1e5, from
 * which a float keeps two digits behind the point.
 *
 * Diagonal and spherical: the sum is one of positive floats, each of them right to seven digits, so it is
 * right to six; the mean over many rows, whose errors have no direction, to more. These are the kernels of
 * the layer, at their speed (math/squares.h). Full and tied: elements of U(x - m) are sums of terms of both
 * signs, which may cancel if the covariance is nearly singular. They are computed in double. */
#include "cluster/gaussians.h"

#include "cluster/components.h"
#include "math/squares.h"

#include <string.h>

int64_t gaussians_width(int64_t d) {
  return (d + GAUSSIANS_PANEL - 1) / GAUSSIANS_PANEL * GAUSSIANS_PANEL;
}

static const char *const names[] = {[COVARIANCE_FULL] = "full",
                                    [COVARIANCE_TIED] = "tied",
                                    [COVARIANCE_DIAGONAL] = "diagonal",
                                    [COVARIANCE_SPHERICAL] = "spherical"};

ls_status covariance_form_find(const char *name, covariance_form_t *out, ls_error *error) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], name) == 0) {
      *out = (covariance_form_t)i;
      return LS_OK;
    }
  return error_set(error, LS_BAD_SETTINGS,
                   "covariance: '%.60s' is none of full, tied, diagonal and spherical", name);
}

int64_t gaussians_factor_values(covariance_form_t covariance, int64_t k, int64_t d) {
  const int64_t values[] = {[COVARIANCE_FULL] = k * d * d,
                            [COVARIANCE_TIED] = d * d,
                            [COVARIANCE_DIAGONAL] = k * d,
                            [COVARIANCE_SPHERICAL] = k};
  return values[covariance];
}

ls_status gaussians_create(covariance_form_t covariance, int64_t k, int64_t d, arena_t *arena,
                           gaussians_t *out, ls_error *error) {
  const int64_t width = gaussians_width(d);
  const int64_t factor = covariance == COVARIANCE_FULL   ? k * width * width
                         : covariance == COVARIANCE_TIED ? width * width
                                                         : k * width;
  const size_t rows = (size_t)(k * width);
  gaussians_t made = {
      .covariance = covariance, .k = k, .d = d, .width = width, .layout = dense_layout(width, k)};
  const bool is_matrix = covariance <= COVARIANCE_TIED;
  const size_t packed = is_matrix ? 0 : (size_t)made.layout.elements;
  made.points = arena_new(arena, packed, sizeof(float));
  made.scales = arena_new(arena, packed, sizeof(float));
  made.mean = arena_new(arena, rows, sizeof(double));
  made.factor = arena_new(arena, (size_t)factor, sizeof(double));
  made.offset = arena_new(arena, (size_t)k, sizeof(double));
  made.centre = arena_new(arena, (size_t)width, sizeof(double));
  made.turned = arena_new(arena, rows, sizeof(double));
  const bool is_tied = covariance == COVARIANCE_TIED;
  made.work = arena_new(arena, is_tied ? (size_t)component_turn_scratch(width, k) : 0, sizeof(double));
  made.rounded = arena_new(arena, rows, sizeof(float));
  if (made.mean == NULL || made.factor == NULL || made.offset == NULL || made.centre == NULL ||
      made.turned == NULL || made.work == NULL || made.rounded == NULL || made.points == NULL ||
      made.scales == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a mixture of %lld components of %lld columns",
                     (long long)k, (long long)d);
  *out = made;
  return LS_OK;
}

/* ---- parameters ---- */

/* Puts the triangular U (d, d) into panels. */
static void read_triangle(int64_t d, int64_t width, const float *u, double *panels) {
  for (int64_t i = 0; i < d; i++) {
    double *panel = panels + i / GAUSSIANS_PANEL * width * GAUSSIANS_PANEL + i % GAUSSIANS_PANEL;
    for (int64_t j = 0; j <= i; j++) panel[j * GAUSSIANS_PANEL] = (double)u[i * d + j];
  }
}

static void read_factor(gaussians_t *gaussians, const float *factor) {
  const int64_t k = gaussians->k, d = gaussians->d, width = gaussians->width;
  switch (gaussians->covariance) {
  case COVARIANCE_FULL:
    for (int64_t i = 0; i < k; i++)
      read_triangle(d, width, factor + i * d * d, gaussians->factor + i * width * width);
    return;
  case COVARIANCE_TIED:
    read_triangle(d, width, factor, gaussians->factor);
    return;
  case COVARIANCE_DIAGONAL:
  case COVARIANCE_SPHERICAL:
    for (int64_t i = 0; i < k; i++)
      for (int64_t c = 0; c < d; c++)
        gaussians->factor[i * width + c] =
            (double)(gaussians->covariance == COVARIANCE_DIAGONAL ? factor[i * d + c] : factor[i]);
  }
}

static void round_rows(gaussians_t *gaussians, const double *rows) {
  for (int64_t i = 0; i < gaussians->k * gaussians->width; i++) gaussians->rounded[i] = (float)rows[i];
}

/* turned_k = U (m_k - centre): then |U (x - m_k)|² is the distance of U (x - centre) to turned_k, one product
 * with U for all components. The centre keeps both terms small. */
static void turn_means(gaussians_t *gaussians) {
  const int64_t k = gaussians->k, width = gaussians->width;
  for (int64_t i = 0; i < k * width; i++)
    gaussians->rounded[i] = (float)gaussians->mean[i]; /* as they were */
  for (int64_t c = 0; c < width; c++) {
    double sum = 0;
    for (int64_t i = 0; i < k; i++) sum += gaussians->mean[i * width + c];
    gaussians->centre[c] = sum / (double)k;
  }
  component_turn(width, gaussians->factor, k, gaussians->rounded, gaussians->centre, gaussians->work,
                 gaussians->turned);
}

static void read_means(gaussians_t *gaussians, const float *mean) {
  for (int64_t i = 0; i < gaussians->k; i++)
    for (int64_t c = 0; c < gaussians->d; c++)
      gaussians->mean[i * gaussians->width + c] = (double)mean[i * gaussians->d + c];
}

/* Means and factors, which were floats, as the kernels take them. */
static void pack(gaussians_t *gaussians) {
  round_rows(gaussians, gaussians->mean);
  dense_pack(&gaussians->layout, gaussians->rounded, gaussians->points);
  round_rows(gaussians, gaussians->factor);
  dense_pack(&gaussians->layout, gaussians->rounded, gaussians->scales);
}

void gaussians_read(gaussians_t *gaussians, const gaussians_floats_t *floats) {
  read_means(gaussians, floats->mean);
  read_factor(gaussians, floats->factor);
  for (int64_t i = 0; i < gaussians->k; i++) gaussians->offset[i] = (double)floats->offset[i];
  if (gaussians->covariance == COVARIANCE_TIED) turn_means(gaussians);
  if (gaussians->covariance >= COVARIANCE_DIAGONAL) pack(gaussians);
}

void gaussians_take_centres(gaussians_t *gaussians, const float *centres) {
  const int64_t k = gaussians->k, d = gaussians->d, width = gaussians->width;
  read_means(gaussians, centres);
  for (int64_t i = 0; i < k; i++) {
    gaussians->offset[i] = 0;
    for (int64_t c = 0; c < d; c++) gaussians->factor[i * width + c] = 1;
  }
  pack(gaussians);
}

/* ---- log-densities ---- */

int64_t gaussians_scratch(const gaussians_t *gaussians, int64_t rows) {
  const int64_t width = gaussians->width;
  return gaussians->covariance <= COVARIANCE_TIED ? rows * width + component_turn_scratch(width, rows)
                                                  : rows * gaussians->k;
}

/* z = |U_k (x - m_k)|² */
static void full_squares(const gaussians_t *gaussians, int64_t rows, const float *x, double *scratch,
                         double *z) {
  const int64_t k = gaussians->k, width = gaussians->width;
  double *turned = scratch, *differences = scratch + rows * width;
  for (int64_t i = 0; i < k; i++) {
    component_turn(width, gaussians->factor + i * width * width, rows, x, gaussians->mean + i * width,
                   differences, turned);
    component_distances(width, rows, turned, gaussians->turned + i * width, k, z + i);
  }
}

static void tied_squares(const gaussians_t *gaussians, int64_t rows, const float *x, double *scratch,
                         double *z) {
  const int64_t k = gaussians->k, width = gaussians->width;
  double *turned = scratch, *differences = scratch + rows * width;
  component_turn(width, gaussians->factor, rows, x, gaussians->centre, differences, turned);
  for (int64_t i = 0; i < k; i++)
    component_distances(width, rows, turned, gaussians->turned + i * width, k, z + i);
}

static void diagonal_squares(const gaussians_t *gaussians, int64_t rows, const float *x, double *scratch,
                             double *z) {
  float *floats = (float *)scratch;
  squares_from_points(&gaussians->layout, rows, x, gaussians->points, gaussians->scales, floats);
  for (int64_t i = 0; i < rows * gaussians->k; i++) z[i] = (double)floats[i];
}

void gaussians_logs(const gaussians_t *gaussians, int64_t rows, const float *x, double *scratch, double *z) {
  static void (*const squares[])(const gaussians_t *, int64_t, const float *, double *,
                                 double *) = {[COVARIANCE_FULL] = full_squares,
                                              [COVARIANCE_TIED] = tied_squares,
                                              [COVARIANCE_DIAGONAL] = diagonal_squares,
                                              [COVARIANCE_SPHERICAL] = diagonal_squares};
  const int64_t k = gaussians->k;
  squares[gaussians->covariance](gaussians, rows, x, scratch, z);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t i = 0; i < k; i++) z[r * k + i] = gaussians->offset[i] - 0.5 * z[r * k + i];
}
