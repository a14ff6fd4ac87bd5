/* Linear regression in closed form, y = W x + b, from sums over rows.
 *
 * With a bias, features and targets are centred: x - mean(x). Then W is found without b, b is mean(y) - W
 * mean(x), and b has no penalty. The methods are a table. These functions never see rows of data; the caller
 * sums them to normal equations. Rows may have weights: squared errors are summed with them, and the noise of
 * a row has variance 1 / (beta w). All arithmetic is in double, on one thread. */
#ifndef MODEL_REGRESSION_H
#define MODEL_REGRESSION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "model/posterior.h"

#include <stdbool.h>
#include <stdint.h>

/* The sums XᵀX, Xᵀy and yᵀy over all rows; borrowed. A row of weight w counts w times in every sum. */
typedef struct {
  int64_t rows, inputs, outputs; /* rows: number of rows with weight > 0 */
  bool has_bias;
  int64_t width;          /* row length of products: at least inputs + outputs */
  const double *mean;     /* (inputs + outputs): means of features, then targets; zeros without a bias */
  const double *products; /* (width, width), lower triangle: zᵀz for z = (x, y) - mean */
  double weight;          /* sum of all row weights; rows if there are no weights */
  double log_weights;     /* sum of log weights, over rows of weight > 0; 0 if there are no weights */
} normal_equations_t;

typedef struct {
  double *weights;  /* (outputs, inputs) */
  double *bias;     /* (outputs), zeros without a bias */
  int64_t rank;     /* rank of XᵀX; equals inputs if no column is a combination of others */
  double condition; /* of the scaled matrix; infinity if singular; NaN for bayesian */
  /* only bayesian, (outputs) each; otherwise NULL: */
  double *alpha, *beta;  /* precision of the weights and of the noise */
  double *determined;    /* gamma: the number of weights that the data determine */
  double *evidence;      /* log p(y | alpha, beta) */
  posterior_t posterior; /* owned by this struct */
  arena_t arena;         /* owns the other arrays */
} regression_t;

/* Fits with the method of this name; lambda is used by ridge. LS_BAD_SETTINGS (unknown method, too many
 * features), LS_BAD_DATA (bayesian: a constant target has no evidence), LS_DIVERGED (no eigenvalues),
 * LS_NO_MEMORY. *out is caller-owned (regression_free). */
ls_status regression_fit(const char *method, double lambda, const normal_equations_t *equations,
                         regression_t *out, ls_error *error);
void regression_free(regression_t *regression);

/* The methods of solve.method. */
bool regression_choice(size_t i, choice_t *out);

#endif
