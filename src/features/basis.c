/* The kinds of basis functions. Those with centres add up products or squared distances over the features,
 * then apply a function to the sum; polynomials multiply what they already have by one feature more. */
#include "features/basis_impl.h"

#include "base/random.h"
#include "math/functions.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- functions of the sums z ---- */

/* exp(-gamma |x - c|^2) */
static void finish_rbf(const basis_t *basis, int64_t n, float *phi) {
  float gamma = (float)basis->gamma;
  for (int64_t i = 0; i < n * basis->outputs; i++) phi[i] *= -gamma;
  floats_exp((size_t)(n * basis->outputs), phi, phi);
}

/* sqrt(2 / D) cos(w.x + b), w normal with variance 2 gamma, b uniform in [0, 2 pi): products of two such
 * vectors approach exp(-gamma |x - y|^2) (Rahimi and Recht 2007, "Random features for large-scale kernel
 * machines"). */
static void finish_fourier(const basis_t *basis, int64_t n, float *phi) {
  float scale = (float)sqrt(2.0 / (double)basis->outputs);
  for (int64_t r = 0; r < n; r++, phi += basis->outputs) {
    for (int64_t p = 0; p < basis->outputs; p++) phi[p] += basis->phases[p];
    floats_cos((size_t)basis->outputs, phi, phi);
    for (int64_t p = 0; p < basis->outputs; p++) phi[p] *= scale;
  }
}

/* (gamma x.c + coef0)^degree */
static void finish_polynomial_kernel(const basis_t *basis, int64_t n, float *phi) {
  float gamma = (float)basis->gamma, coef0 = (float)basis->coef0;
  for (int64_t i = 0; i < n * basis->outputs; i++) {
    float base = gamma * phi[i] + coef0;
    phi[i] = base;
    for (int64_t k = 1; k < basis->degree; k++) phi[i] *= base;
  }
}

/* x.c */
static void finish_linear_kernel(const basis_t *basis, int64_t n, float *phi) {
  (void)basis, (void)n, (void)phi;
}

/* ---- their slopes d phi / d z ---- */

static void slope_rbf(const basis_t *basis, int64_t n, float *z) {
  finish_rbf(basis, n, z);
  for (int64_t i = 0; i < n * basis->outputs; i++) z[i] *= -(float)basis->gamma;
}

/* -sin z = cos(z + pi / 2) */
static void slope_fourier(const basis_t *basis, int64_t n, float *z) {
  for (int64_t i = 0; i < n * basis->outputs; i++) z[i] += (float)M_PI_2;
  finish_fourier(basis, n, z);
}

static void slope_polynomial_kernel(const basis_t *basis, int64_t n, float *z) {
  float gamma = (float)basis->gamma, coef0 = (float)basis->coef0;
  for (int64_t i = 0; i < n * basis->outputs; i++) {
    float base = gamma * z[i] + coef0;
    z[i] = (float)basis->degree * gamma;
    for (int64_t k = 1; k < basis->degree; k++) z[i] *= base;
  }
}

static void slope_linear_kernel(const basis_t *basis, int64_t n, float *z) {
  for (int64_t i = 0; i < n * basis->outputs; i++) z[i] = 1;
}

static const basis_kind_t kinds[] = {
    {.choice = {"none", "the features themselves"}},
    {.choice = {"polynomial",
                "products of up to `degree` features, or powers of each without `interactions`"},
     .is_polynomial = true},
    {.choice = {"fourier", "sqrt(2/D) cos(w.x + b), D = `size` random frequencies: like the rbf kernel"},
     .finish = finish_fourier,
     .slope = slope_fourier},
    {.choice = {"rbf", "exp(-gamma |x - c|^2), Gaussians at `size` training rows c"},
     .has_landmarks = true,
     .is_distance = true,
     .finish = finish_rbf,
     .slope = slope_rbf},
    {.choice = {"polynomial_kernel", "(gamma x.c + coef0)^degree at `size` training rows c"},
     .has_landmarks = true,
     .finish = finish_polynomial_kernel,
     .slope = slope_polynomial_kernel},
    {.choice = {"linear_kernel", "x.c at `size` training rows c"},
     .has_landmarks = true,
     .finish = finish_linear_kernel,
     .slope = slope_linear_kernel},
    {.choice = {"pca",
                "the first `size` principal components of the training rows; with `whiten` of variance 1"},
     .has_components = true,
     .finish = finish_linear_kernel,
     .slope = slope_linear_kernel},
};

bool basis_choice(size_t i, choice_t *out) {
  if (i >= sizeof kinds / sizeof kinds[0]) return false;
  *out = kinds[i].choice;
  return true;
}

const basis_kind_t *basis_find_kind(const char *name) {
  int found = choice_find(basis_choice, name);
  return found < 0 ? NULL : &kinds[found];
}

/* ---- widths ---- */

/* Polynomials: sum over k = 1 … degree of C(inputs + k - 1, k), or inputs degree. */
static int64_t count_terms(const basis_settings_t *settings, int64_t inputs) {
  int64_t terms = 0, of_degree = 1;
  if (!settings->interactions)
    return inputs <= MOST_FUNCTIONS / settings->degree ? inputs * settings->degree : 0;
  for (int64_t k = 1; k <= settings->degree; k++) {
    of_degree = of_degree * (inputs + k - 1) / k;
    terms += of_degree;
    if (terms > MOST_FUNCTIONS) return 0;
  }
  return terms;
}

int64_t basis_width(const basis_settings_t *settings, int64_t inputs, int64_t rows) {
  const basis_kind_t *kind = basis_find_kind(settings->name);
  if (kind->is_polynomial) return count_terms(settings, inputs);
  if (kind->finish == NULL) return inputs;
  const int64_t most = kind->has_components && inputs < rows ? inputs : rows;
  int64_t size = settings->size == SETTINGS_AUTO ? most : settings->size;
  return size <= MOST_FUNCTIONS ? size : 0;
}

double basis_bytes(const basis_settings_t *settings, int64_t inputs, int64_t outputs) {
  const basis_kind_t *kind = basis_find_kind(settings->name);
  double n = (double)outputs;
  if (kind->is_polynomial) return n * (2 * sizeof(int64_t));
  return kind->finish == NULL ? 0 : n * (double)(inputs + !kind->has_landmarks) * sizeof(float);
}

bool basis_is_same(const basis_settings_t *a, const basis_settings_t *b) {
  return strcmp(a->name, b->name) == 0 && a->degree == b->degree && a->interactions == b->interactions &&
         a->size == b->size && a->whiten == b->whiten && a->gamma == b->gamma && a->coef0 == b->coef0 &&
         a->seed == b->seed;
}

/* ---- making ---- */

ls_status basis_no_memory(const basis_t *basis, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " basis functions of %" PRId64 " features",
                   basis->outputs, basis->inputs);
}

/* Term after term: those of degree k are those of degree k - 1, each times the features from its last one on.
 */
static ls_status make_terms(basis_t *basis, bool interactions, ls_error *error) {
  int64_t n = basis->inputs, at = 0, begin = 0;
  basis->parent = arena_new(&basis->arena, (size_t)basis->outputs, sizeof *basis->parent);
  basis->factor = arena_new(&basis->arena, (size_t)basis->outputs, sizeof *basis->factor);
  if (basis->parent == NULL || basis->factor == NULL) return basis_no_memory(basis, error);
  for (; at < n; at++) basis->parent[at] = -1, basis->factor[at] = at;
  for (int64_t k = 2; k <= basis->degree; k++) {
    int64_t end = at;
    for (int64_t term = begin; term < end; term++) {
      int64_t last = basis->factor[term];
      for (int64_t c = last; c < (interactions ? n : last + 1); c++, at++)
        basis->parent[at] = term, basis->factor[at] = c;
    }
    begin = end;
  }
  return LS_OK;
}

/* Frequencies of function p are a stream of their own. */
static ls_status draw_frequencies(basis_t *basis, uint64_t seed, ls_error *error) {
  const double two_pi = 6.283185307179586476925;
  int64_t most = basis->inputs > basis->outputs ? basis->inputs : basis->outputs;
  double *draws = calloc((size_t)most, sizeof *draws);
  basis->phases = arena_new(&basis->arena, (size_t)basis->outputs, sizeof *basis->phases);
  if (draws == NULL || basis->phases == NULL) {
    free(draws);
    return basis_no_memory(basis, error);
  }
  random_stream_t stream = {seed, RANDOM_BASIS, BASIS_PHASES, 0};
  random_uniform(&stream, (size_t)basis->outputs, draws);
  for (int64_t p = 0; p < basis->outputs; p++) basis->phases[p] = (float)(two_pi * draws[p]);
  for (int64_t p = 0; p < basis->outputs; p++) {
    stream = (random_stream_t){seed, RANDOM_BASIS, BASIS_FREQUENCIES, (uint64_t)p};
    random_normal(&stream, (size_t)basis->inputs, draws);
    for (int64_t e = 0; e < basis->inputs; e++)
      basis->centres[e * basis->outputs + p] = (float)(sqrt(2 * basis->gamma) * draws[e]);
  }
  free(draws);
  return LS_OK;
}

ls_status basis_check(const basis_settings_t *settings, int64_t inputs, int64_t rows, ls_error *error) {
  int64_t outputs = basis_width(settings, inputs, rows);
  if (outputs == 0)
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.basis: %s would have more than %d functions: take a smaller degree or size, or polynomials "
        "without interactions",
        settings->name, MOST_FUNCTIONS);
  const basis_kind_t *kind = basis_find_kind(settings->name);
  if (kind->has_components && outputs > (inputs < rows ? inputs : rows))
    return error_set(error, LS_BAD_SETTINGS,
                     "data.basis.size: %" PRId64 " components of %" PRId64 " training rows with %" PRId64
                     " features; there are at most %" PRId64,
                     outputs, rows, inputs, inputs < rows ? inputs : rows);
  if (kind->has_landmarks && outputs > rows)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.basis.size: %" PRId64 " landmark rows of %" PRId64
                     " training rows; auto takes all",
                     outputs, rows);
  return LS_OK;
}

static ls_status make(const basis_settings_t *settings, uint64_t seed, basis_t *basis, ls_error *error) {
  if (basis->kind->is_polynomial) return make_terms(basis, settings->interactions, error);
  size_t size = (size_t)basis->inputs * (size_t)basis->outputs;
  basis->centres = arena_new(&basis->arena, size, sizeof *basis->centres);
  if (basis->centres == NULL) return basis_no_memory(basis, error);
  if (basis->kind->has_components) {
    basis->origin = arena_new(&basis->arena, (size_t)basis->inputs, sizeof *basis->origin);
    return basis->origin == NULL ? basis_no_memory(basis, error) : LS_OK;
  }
  return basis->kind->has_landmarks ? LS_OK : draw_frequencies(basis, seed, error);
}

ls_status basis_create(const basis_settings_t *settings, uint64_t seed, int64_t inputs, int64_t rows,
                       basis_t *out, ls_error *error) {
  const basis_kind_t *kind = basis_find_kind(settings->name);
  basis_t basis = {.inputs = inputs, .outputs = basis_width(settings, inputs, rows)};
  TRY(basis_check(settings, inputs, rows, error));
  if (kind->is_polynomial || kind->finish != NULL) {
    basis.kind = kind;
    basis.degree = settings->degree;
    basis.gamma = settings->gamma > 0 ? settings->gamma : 1 / (double)inputs;
    basis.coef0 = settings->coef0;
    ls_status status = make(settings, seed, &basis, error);
    if (status != LS_OK) {
      basis_free(&basis);
      return status;
    }
  }
  *out = basis;
  return LS_OK;
}

bool basis_has_landmarks(const basis_t *basis) {
  return basis->kind != NULL && basis->kind->has_landmarks;
}

void basis_set_centres(basis_t *basis, const float *rows) {
  for (int64_t p = 0; p < basis->outputs; p++)
    for (int64_t e = 0; e < basis->inputs; e++)
      basis->centres[e * basis->outputs + p] = rows[p * basis->inputs + e];
}

bool basis_needs_components(const basis_t *basis) {
  return basis->kind != NULL && basis->kind->has_components && !basis->is_fitted;
}

void basis_set_components(basis_t *basis, const double *mean, const double *vectors, const double *divisors) {
  for (int64_t e = 0; e < basis->inputs; e++) basis->origin[e] = (float)mean[e];
  for (int64_t p = 0; p < basis->outputs; p++)
    for (int64_t e = 0; e < basis->inputs; e++)
      basis->centres[e * basis->outputs + p] =
          (float)(vectors[p * basis->inputs + e] / (divisors != NULL ? divisors[p] : 1));
  basis->is_fitted = true;
}

bool basis_goes_back(const basis_t *basis) {
  return basis->origin != NULL;
}

/* Column p of the centres is v_p / d_p with |v_p| = 1, and the score is that of v_p, divided by d_p. So
 * v_p d_p is the column over the square of its length. */
void basis_go_back(const basis_t *basis, const double *phi, double *x) {
  for (int64_t i = 0; i < basis->inputs; i++) x[i] = (double)basis->origin[i];
  for (int64_t p = 0; p < basis->outputs; p++) {
    double square = 0;
    for (int64_t i = 0; i < basis->inputs; i++) {
      const double c = (double)basis->centres[i * basis->outputs + p];
      square += c * c;
    }
    for (int64_t i = 0; i < basis->inputs && square > 0; i++)
      x[i] += phi[p] * (double)basis->centres[i * basis->outputs + p] / square;
  }
}

void basis_free(basis_t *basis) {
  arena_free(&basis->arena);
  *basis = (basis_t){0};
}

/* ---- computing ---- */

bool basis_extends(const basis_t *basis) {
  return basis->kind->is_polynomial;
}

void basis_extend(const basis_t *basis, int64_t n, float *phi) {
  for (int64_t r = 0; r < n; r++, phi += basis->outputs)
    for (int64_t p = basis->inputs; p < basis->outputs; p++)
      phi[p] = phi[basis->parent[p]] * phi[basis->factor[p]];
}

static void add_distances(int64_t n, float x, const float *restrict c, float *restrict z) {
  for (int64_t p = 0; p < n; p++) z[p] += (x - c[p]) * (x - c[p]);
}

static void add_products(int64_t n, float x, const float *restrict c, float *restrict z) {
  for (int64_t p = 0; p < n; p++) z[p] += x * c[p];
}

/* Each sum takes the features one after the other, whatever the tile: a tile of functions keeps its sums and
 * the centres of all rows' features in cache. */
void basis_add(const basis_t *basis, int64_t n, int64_t first, int64_t count, const float *x, int64_t stride,
               float *phi) {
  enum { TILE = 512 };
  int64_t width = basis->outputs;
  for (int64_t p = 0; p < width; p += TILE) {
    int64_t m = width - p < TILE ? width - p : TILE;
    for (int64_t e = 0; e < count; e++) {
      const float *c = basis->centres + (first + e) * width + p;
      const float origin = basis->origin != NULL ? basis->origin[first + e] : 0;
      for (int64_t r = 0; r < n; r++) {
        if (basis->kind->is_distance)
          add_distances(m, x[r * stride + e], c, phi + r * width + p);
        else
          add_products(m, x[r * stride + e] - origin, c, phi + r * width + p);
      }
    }
  }
}

void basis_finish(const basis_t *basis, int64_t n, float *phi) {
  basis->kind->finish(basis, n, phi);
}

/* ---- backward ---- */

/* The functions of one row that are products, from the last to the first: each adds to its two factors. */
static void backward_products(const basis_t *basis, const float *x, float *phi, float *dphi, float *dx) {
  memcpy(phi, x, (size_t)basis->inputs * sizeof *phi);
  basis_extend(basis, 1, phi);
  for (int64_t p = basis->outputs; p-- > basis->inputs;) {
    dphi[basis->parent[p]] += dphi[p] * phi[basis->factor[p]];
    dphi[basis->factor[p]] += dphi[p] * phi[basis->parent[p]];
  }
  memcpy(dx, dphi, (size_t)basis->inputs * sizeof *dx);
}

void basis_backward(const basis_t *basis, int64_t n, const float *x, float *work, float *dphi, float *dx) {
  int64_t in = basis->inputs, width = basis->outputs;
  if (basis_extends(basis)) {
    for (int64_t r = 0; r < n; r++)
      backward_products(basis, x + r * in, work + r * width, dphi + r * width, dx + r * in);
    return;
  }
  memset(work, 0, (size_t)(n * width) * sizeof *work);
  basis_add(basis, n, 0, in, x, in, work);
  basis->kind->slope(basis, n, work);
  for (int64_t r = 0; r < n; r++)
    for (int64_t e = 0; e < in; e++) {
      const float *c = basis->centres + e * width;
      float at = x[r * in + e], sum = 0;
      for (int64_t p = 0; p < width; p++)
        sum +=
            dphi[r * width + p] * work[r * width + p] * (basis->kind->is_distance ? 2 * (at - c[p]) : c[p]);
      dx[r * in + e] = sum;
    }
}
