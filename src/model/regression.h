/* Linear regression in closed form, from sums over rows alone: y = W x + b.
 *
 * With a bias, features and targets are taken from their means, x - mean(x), so that W is found without b,
 * which then is mean(y) - W mean(x) and bears no penalty. A method is a row of a table. Rows of data are
 * nothing that these functions know: whoever has them adds them up (normal equations). Rows may have weights:
 * squares of errors are added up with them, and the noise of a row has variance 1 / (beta w). All arithmetic
 * is in double, on one thread. */
#ifndef MODEL_REGRESSION_H
#define MODEL_REGRESSION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* XᵀX, Xᵀy and yᵀy of all rows; borrowed. A row of weight w counts w times in every sum. */
typedef struct {
  int64_t rows, inputs, outputs; /* rows: those of weight > 0 */
  bool has_bias;
  int64_t width;          /* of products: at least inputs + outputs */
  const double *mean;     /* (inputs + outputs): of features, then targets; zeros without a bias */
  const double *products; /* (width, width), lower triangle: of z = (x, y) - mean, zᵀz */
  double weight;          /* the sum of all weights; without weights, rows */
  double log_weights;     /* the sum of their logarithms, over rows of weight > 0; without weights, 0 */
} normal_equations_t;

/* What a Bayesian fit believes of its weights: for target k a normal distribution around W_k with covariance
 *   S_k = sum over i of variance_ki v_i v_iᵀ,
 * and of a new target at x, a normal distribution around W_k x + b_k with variance
 *   noise_k + bias_variance_k + sum over i of variance_ki (v_i · (x - mean))². */
typedef struct {
  int64_t inputs, outputs; /* inputs == 0: there is none */
  double *mean;            /* (inputs), of the features */
  double *vectors;         /* (inputs, inputs): v_i */
  double *variance;        /* (outputs, inputs) */
  double *bias_variance;   /* (outputs) */
  double *noise;           /* (outputs): 1/beta */
  arena_t arena;
} posterior_t;

typedef struct {
  double *weights;  /* (outputs, inputs) */
  double *bias;     /* (outputs), zeros without a bias */
  int64_t rank;     /* of XᵀX; inputs when no column is a combination of others */
  double condition; /* least_squares, ridge: of the scaled matrix that was solved; infinity when the rank is
                       short */
  /* bayesian, (outputs) each, else NULL: */
  double *alpha, *beta;  /* precision of weights and of noise */
  double *determined;    /* gamma: how many weights the data determine */
  double *evidence;      /* log p(y | alpha, beta) */
  posterior_t posterior; /* owned here */
  arena_t arena;         /* owns the rest */
} regression_t;

/* `method` by name; lambda is that of ridge. LS_BAD_SETTINGS, LS_BAD_DATA (a target that is constant has no
 * evidence), LS_NO_MEMORY. *out is caller-owned (regression_free). */
ls_status regression_fit(const char *method, double lambda, const normal_equations_t *equations,
                         regression_t *out, ls_error *error);
void regression_free(regression_t *regression);

/* An empty posterior of this size. */
ls_status posterior_create(int64_t inputs, int64_t outputs, posterior_t *out, ls_error *error);
void posterior_free(posterior_t *posterior);

/* variance (outputs) of W x + b itself, noise not counted, at one row of features. scratch: (inputs).
 * Thread-safe. */
void posterior_variance(const posterior_t *posterior, const float *x, double *scratch, double *variance);

bool regression_choice(size_t i, choice_t *out);

#endif
