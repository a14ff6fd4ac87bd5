/* Closed forms. A = XᵀX and c = Xᵀy are sums over all rows; λ_i and v_i are the eigenvalues and eigenvectors
 * of A. */
#include "model/regression.h"

#include "math/linear.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_ITERATIONS = 10000 }; /* of evidence maximisation */

/* ---- memory ---- */

static ls_status no_memory(int64_t inputs, ls_error *error) {
  return error_set(error, LS_NO_MEMORY,
                   "no memory for the normal equations of %" PRId64 " features (%.1f MB each)", inputs,
                   (double)inputs * (double)inputs * sizeof(double) / 1e6);
}

void regression_free(regression_t *regression) {
  posterior_free(&regression->posterior);
  arena_free(&regression->arena);
  *regression = (regression_t){0};
}

/* ---- parts of the normal equations ---- */

/* Copies A and adds lambda to its diagonal. a (inputs, inputs), lower triangle. */
static void copy_matrix(const normal_equations_t *equations, double lambda, double *a) {
  int64_t m = equations->inputs;
  for (int64_t i = 0; i < m; i++) {
    memcpy(a + i * m, equations->products + i * equations->width, (size_t)(i + 1) * sizeof *a);
    a[i * m + i] += lambda;
  }
}

/* c of target k: a row of the lower triangle of the products. */
static const double *right_side(const normal_equations_t *equations, int64_t k) {
  return equations->products + (equations->inputs + k) * equations->width;
}

static double dot(int64_t n, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* The limit below which eigenvalues are rounding errors. values are in ascending order. */
static double smallest_value(const normal_equations_t *equations, const double *values) {
  int64_t most = equations->rows > equations->inputs ? equations->rows : equations->inputs;
  return (double)most * DBL_EPSILON * values[equations->inputs - 1];
}

static int64_t count_rank(const normal_equations_t *equations, const double *values) {
  int64_t rank = 0;
  for (int64_t i = 0; i < equations->inputs; i++) rank += values[i] > smallest_value(equations, values);
  return rank;
}

/* ---- least squares and ridge ---- */

/* W_k = sum over i of v_i (v_i · c_k) / (λ_i + λ), over the λ_i that are not rounding errors. Among all W
 * with the smallest error this is the one with the smallest norm. */
static ls_status fit_by_eigenvalues(double lambda, const normal_equations_t *equations, double *a,
                                    regression_t *fit, ls_error *error) {
  int64_t m = equations->inputs;
  double *values = arena_new(&fit->arena, (size_t)m, sizeof *values);
  if (values == NULL) return no_memory(m, error);
  copy_matrix(equations, 0, a);
  TRY(linear_eigen(m, a, values, error));
  double least = smallest_value(equations, values);
  fit->rank = count_rank(equations, values);
  for (int64_t k = 0; k < equations->outputs; k++) {
    double *w = fit->weights + k * m;
    memset(w, 0, (size_t)m * sizeof *w);
    for (int64_t i = 0; i < m; i++) {
      const double *v = a + i * m;
      double share = values[i] > least ? dot(m, v, right_side(equations, k)) / (values[i] + lambda) : 0;
      for (int64_t j = 0; j < m; j++) w[j] += share * v[j];
    }
  }
  return LS_OK;
}

/* (A + λ I) W_k = c_k */
static ls_status fit_ridge(double lambda, const normal_equations_t *equations, regression_t *fit,
                           ls_error *error) {
  int64_t m = equations->inputs;
  double *a = arena_new(&fit->arena, (size_t)(m * m), sizeof *a), reciprocal = 0;
  if (a == NULL) return no_memory(m, error);
  copy_matrix(equations, lambda, a);
  for (int64_t k = 0; k < equations->outputs; k++)
    memcpy(fit->weights + k * m, right_side(equations, k), (size_t)m * sizeof *a);
  TRY(linear_solve(m, a, equations->outputs, fit->weights, (double)m * DBL_EPSILON, &reciprocal, error));
  fit->rank = m;
  fit->condition = reciprocal < (double)m * DBL_EPSILON ? INFINITY : 1 / reciprocal;
  return isinf(fit->condition) ? fit_by_eigenvalues(lambda, equations, a, fit, error) : LS_OK;
}

static ls_status fit_least_squares(double lambda, const normal_equations_t *equations, regression_t *fit,
                                   ls_error *error) {
  (void)lambda;
  return fit_ridge(0, equations, fit, error);
}

/* ---- Bayesian linear regression ---- */

/* One target in the coordinates of the eigenvectors, where its weights are m_i and d_i = v_i · c. */
typedef struct {
  int64_t rows, inputs;
  double log_weights;
  const double *values; /* λ_i */
  const double *d;
  double square; /* yᵀy */
  double alpha, beta;
  double *m;
  double gamma;    /* sum of β λ_i / (α + β λ_i) */
  double norm;     /* mᵀm */
  double residual; /* |y - X m|² */
} evidence_t;

/* m_i = β d_i / (α + β λ_i), and the values that depend on it. If the fit is nearly exact, the residual is a
 * difference of large numbers; it is never set below their rounding errors. */
static void infer_weights(evidence_t *e) {
  double explained = 0;
  e->gamma = e->norm = 0;
  for (int64_t i = 0; i < e->inputs; i++) {
    double value = e->values[i] > 0 ? e->values[i] : 0, sum = e->alpha + e->beta * value;
    e->m[i] = e->beta * e->d[i] / sum;
    e->gamma += e->beta * value / sum;
    e->norm += e->m[i] * e->m[i];
    explained += e->m[i] * (2 * e->d[i] - value * e->m[i]);
  }
  double least = DBL_EPSILON * (double)e->rows * e->square;
  e->residual = e->square - explained > least ? e->square - explained : least;
}

static bool is_near(double a, double b) {
  return fabs(a - b) <= 1e-12 * fabs(b);
}

/* Iterates α = γ / mᵀm, 1/β = |y - X m|² / (N - γ) until both are stable (MacKay 1992; Bishop 2006,
 * 3.5.2). */
static void maximise_evidence(evidence_t *e) {
  e->alpha = 1;
  e->beta = (double)e->rows / e->square;
  for (int n = 0; n < MOST_ITERATIONS; n++) {
    infer_weights(e);
    double alpha = e->gamma / e->norm, beta = ((double)e->rows - e->gamma) / e->residual;
    bool done = is_near(alpha, e->alpha) && is_near(beta, e->beta);
    if (!isfinite(alpha) || !isfinite(beta) || beta <= 0)
      break; /* the data determine no weight: α grows without limit */
    e->alpha = alpha;
    e->beta = beta;
    if (done) break;
  }
  infer_weights(e);
}

/* log p(y | α, β) = (M log α + N log β - β |y - X m|² - α mᵀm - sum log(α + β λ_i) - N log 2π) / 2 (Bishop
 * 3.86). With row weights w, N log β becomes the sum of log(β w). */
static double log_evidence(const evidence_t *e) {
  double m = (double)e->inputs, n = (double)e->rows;
  double sum =
      m * log(e->alpha) + n * log(e->beta) + e->log_weights - e->beta * e->residual - e->alpha * e->norm;
  for (int64_t i = 0; i < e->inputs; i++)
    sum -= log(e->alpha + e->beta * (e->values[i] > 0 ? e->values[i] : 0));
  return (sum - n * log(2 * acos(-1.0))) / 2;
}

/* `weight`: the sum of all row weights if there is a bias, otherwise 0. */
static void fill_posterior(const evidence_t *e, double weight, int64_t k, posterior_t *posterior) {
  posterior->noise[k] = 1 / e->beta;
  posterior->bias_variance[k] = weight > 0 ? 1 / (e->beta * weight) : 0;
  for (int64_t i = 0; i < e->inputs; i++)
    posterior->variance[k * e->inputs + i] = 1 / (e->alpha + e->beta * (e->values[i] > 0 ? e->values[i] : 0));
}

static ls_status fit_target(const normal_equations_t *equations, int64_t k, const double *values,
                            double *scratch, regression_t *fit, ls_error *error) {
  int64_t m = equations->inputs;
  const double *vectors = fit->posterior.vectors, *c = right_side(equations, k);
  double *d = scratch, *w = fit->weights + k * m;
  for (int64_t i = 0; i < m; i++) d[i] = dot(m, vectors + i * m, c);
  evidence_t e = {.rows = equations->rows,
                  .inputs = m,
                  .log_weights = equations->log_weights,
                  .values = values,
                  .d = d,
                  .square = c[m + k],
                  .m = scratch + m};
  double rounding = 1e-12 * equations->mean[m + k];
  if (!(e.square > (double)equations->rows * rounding * rounding))
    return error_set(error, LS_BAD_DATA,
                     "target %" PRId64 " (counted from 0) is constant: there is nothing to infer", k);
  maximise_evidence(&e);
  memset(w, 0, (size_t)m * sizeof *w);
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < m; j++) w[j] += e.m[i] * vectors[i * m + j];
  fit->alpha[k] = e.alpha;
  fit->beta[k] = e.beta;
  fit->determined[k] = e.gamma;
  fit->evidence[k] = log_evidence(&e);
  fill_posterior(&e, equations->has_bias ? equations->weight : 0, k, &fit->posterior);
  return LS_OK;
}

static ls_status fit_bayesian(double lambda, const normal_equations_t *equations, regression_t *fit,
                              ls_error *error) {
  size_t m = (size_t)equations->inputs, outputs = (size_t)equations->outputs;
  double *values = arena_new(&fit->arena, 3 * m, sizeof *values);
  double *per_target = arena_new(&fit->arena, 4 * outputs, sizeof *per_target);
  (void)lambda;
  if (values == NULL || per_target == NULL) return no_memory(equations->inputs, error);
  fit->alpha = per_target;
  fit->beta = per_target + outputs;
  fit->determined = per_target + 2 * outputs;
  fit->evidence = per_target + 3 * outputs;
  TRY(posterior_create(equations->inputs, equations->outputs, &fit->posterior, error));
  memcpy(fit->posterior.mean, equations->mean, m * sizeof(double));
  copy_matrix(equations, 0, fit->posterior.vectors);
  TRY(linear_eigen(equations->inputs, fit->posterior.vectors, values, error));
  fit->rank = count_rank(equations, values);
  for (int64_t k = 0; k < equations->outputs; k++)
    TRY(fit_target(equations, k, values, values + m, fit, error));
  return LS_OK;
}

/* ---- the table ---- */

typedef struct {
  choice_t choice;
  ls_status (*fit)(double lambda, const normal_equations_t *equations, regression_t *fit, ls_error *error);
} solve_method_t;

static const solve_method_t method_table[] = {
    {{"least_squares", "W = (XᵀX)⁻¹ Xᵀy; of smallest norm where XᵀX has no inverse"}, fit_least_squares},
    {{"ridge", "W = (XᵀX + lambda I)⁻¹ Xᵀy (Hoerl and Kennard 1970)"}, fit_ridge},
    {{"bayesian",
      "mean and covariance of the weights, lambda found by maximising the evidence (MacKay 1992)"},
     fit_bayesian},
};

bool regression_choice(size_t i, choice_t *out) {
  if (i >= sizeof method_table / sizeof method_table[0]) return false;
  *out = method_table[i].choice;
  return true;
}

/* b_k = mean(y_k) - W_k · mean(x) */
static void find_bias(const normal_equations_t *equations, regression_t *fit) {
  int64_t m = equations->inputs;
  for (int64_t k = 0; k < equations->outputs; k++)
    fit->bias[k] = equations->mean[m + k] - dot(m, fit->weights + k * m, equations->mean);
}

ls_status regression_fit(const char *method, double lambda, const normal_equations_t *equations,
                         regression_t *out, ls_error *error) {
  int row = choice_find(regression_choice, method);
  if (row < 0) return error_set(error, LS_BAD_SETTINGS, "there is no method '%s' of solving", method);
  regression_t fit = {.condition = NAN};
  size_t outputs = (size_t)equations->outputs;
  fit.weights = arena_new(&fit.arena, outputs * (size_t)equations->inputs, sizeof(double));
  fit.bias = arena_new(&fit.arena, outputs, sizeof(double));
  ls_status status = fit.weights == NULL || fit.bias == NULL ? no_memory(equations->inputs, error) : LS_OK;
  if (status == LS_OK) status = method_table[row].fit(lambda, equations, &fit, error);
  if (status != LS_OK) {
    regression_free(&fit);
    return status;
  }
  find_bias(equations, &fit);
  *out = fit;
  return LS_OK;
}
