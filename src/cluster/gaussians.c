/* Squares of differences are summed as they are, not as |x|² - 2 x·m + |m|². That form would make a product
 * of matrices of the diagonal case, but its terms are far larger than their sum where a component is narrow
 * beside its distance to the origin: a pixel of variance 1e-6 and mean 0.5 contributes terms of 1e5, from
 * which a float keeps two digits behind the point. */
#include "cluster/gaussians.h"

#include "cluster/components.h"

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
  gaussians_t made = {.covariance = covariance, .k = k, .d = d, .width = width};
  made.mean = arena_new(arena, rows, sizeof(double));
  made.factor = arena_new(arena, (size_t)factor, sizeof(double));
  made.offset = arena_new(arena, (size_t)k, sizeof(double));
  made.centre = arena_new(arena, (size_t)width, sizeof(double));
  made.turned = arena_new(arena, rows, sizeof(double));
  const bool is_tied = covariance == COVARIANCE_TIED;
  made.work = arena_new(arena, is_tied ? (size_t)component_turn_scratch(width, k) : 0, sizeof(double));
  made.ones = arena_new(arena, (size_t)width, sizeof(double));
  if (made.mean == NULL || made.factor == NULL || made.offset == NULL || made.centre == NULL ||
      made.turned == NULL || made.work == NULL || made.ones == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for a mixture of %lld components of %lld columns",
                     (long long)k, (long long)d);
  for (int64_t c = 0; c < width; c++) made.ones[c] = 1;
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

/* turned_k = U (m_k - centre): then |U (x - m_k)|² is the distance of U (x - centre) to turned_k, one product
 * with U for all components. The centre keeps both terms small. */
static void turn_means(gaussians_t *gaussians) {
  const int64_t k = gaussians->k, width = gaussians->width;
  for (int64_t c = 0; c < width; c++) {
    double sum = 0;
    for (int64_t i = 0; i < k; i++) sum += gaussians->mean[i * width + c];
    gaussians->centre[c] = sum / (double)k;
  }
  component_turn(width, gaussians->factor, k, gaussians->mean, gaussians->centre, gaussians->work,
                 gaussians->turned);
}

static void read_means(gaussians_t *gaussians, const float *mean) {
  for (int64_t i = 0; i < gaussians->k; i++)
    for (int64_t c = 0; c < gaussians->d; c++)
      gaussians->mean[i * gaussians->width + c] = (double)mean[i * gaussians->d + c];
}

void gaussians_read(gaussians_t *gaussians, const gaussians_floats_t *floats) {
  read_means(gaussians, floats->mean);
  read_factor(gaussians, floats->factor);
  for (int64_t i = 0; i < gaussians->k; i++) gaussians->offset[i] = (double)floats->offset[i];
  if (gaussians->covariance == COVARIANCE_TIED) turn_means(gaussians);
}

void gaussians_take_centres(gaussians_t *gaussians, const float *centres) {
  const int64_t k = gaussians->k, d = gaussians->d, width = gaussians->width;
  read_means(gaussians, centres);
  for (int64_t i = 0; i < k; i++) {
    gaussians->offset[i] = 0;
    for (int64_t c = 0; c < d; c++) gaussians->factor[i * width + c] = 1;
  }
}

/* ---- log-densities ---- */

int64_t gaussians_scratch(const gaussians_t *gaussians, int64_t rows) {
  const int64_t width = gaussians->width;
  return gaussians->covariance <= COVARIANCE_TIED ? rows * width + component_turn_scratch(width, rows) : 0;
}

static void finish_logs(const gaussians_t *gaussians, int64_t rows, int64_t component, double *z) {
  for (int64_t r = 0; r < rows; r++) {
    double *at = z + r * gaussians->k + component;
    *at = gaussians->offset[component] - 0.5 * *at;
  }
}

void gaussians_logs(const gaussians_t *gaussians, int64_t rows, const double *x, double *scratch, double *z) {
  const int64_t k = gaussians->k, width = gaussians->width;
  double *turned = scratch, *differences = scratch + rows * width;
  if (gaussians->covariance == COVARIANCE_TIED)
    component_turn(width, gaussians->factor, rows, x, gaussians->centre, differences, turned);
  for (int64_t i = 0; i < k; i++) {
    const int64_t at = i * width;
    switch (gaussians->covariance) {
    case COVARIANCE_FULL:
      component_turn(width, gaussians->factor + at * width, rows, x, gaussians->mean + at, differences,
                     turned);
      component_squares(width, rows, turned, gaussians->turned + at, gaussians->ones, k, z + i);
      break;
    case COVARIANCE_TIED:
      component_squares(width, rows, turned, gaussians->turned + at, gaussians->ones, k, z + i);
      break;
    case COVARIANCE_DIAGONAL:
    case COVARIANCE_SPHERICAL:
      component_squares(width, rows, x, gaussians->mean + at, gaussians->factor + at, k, z + i);
    }
    finish_logs(gaussians, rows, i, z);
  }
}
