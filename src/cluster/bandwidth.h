/* The bandwidth h of a kernel density: the standard deviation of the Gaussian around each training row.
 *
 * Rules of thumb assume that rows are normal (Scott: "Multivariate Density Estimation", 1992, section 6.3;
 * Silverman: "Density Estimation for Statistics and Data Analysis", 1986, section 4.3.2). With n rows of d
 * inputs and their standard deviation s:
 *
 *   scott      h = s n^(-1 / (d + 4))
 *   silverman  h = s (n (d + 2) / 4)^(-1 / (d + 4))
 *
 * With data.scaling: standard, s is 1, and these are the bandwidths of scikit-learn. Rows with weights count
 * as n = (sum of w)^2 / sum of w^2 rows. */
#ifndef CLUSTER_BANDWIDTH_H
#define CLUSTER_BANDWIDTH_H

#include "sums/sums.h"

/* What a rule needs to know of rows as the network sees them. */
typedef struct {
  double rows;      /* that count, as above */
  int64_t inputs;   /* of a row */
  double deviation; /* root of the mean variance of the inputs that vary; 0: none does */
} spread_t;

/* Over all training rows of the gather; in two passes. Every rank gets it. Collective. */
ls_status spread_find(world_t *world, const gather_t *gather, int threads, spread_t *out, ls_error *error);

/* Whether a word of density.bandwidth asks for cross-validation. */
bool bandwidth_is_tried(const char *word);

/* The bandwidth by a rule, scott or silverman. Pure. */
double bandwidth_rule(const char *word, const spread_t *spread);

/* The candidates that cross-validation tries if the settings name none: BANDWIDTHS of them, from a tenth of
 * Silverman's bandwidth to twice that, each larger than the one before by the same factor. */
enum { BANDWIDTHS = 20 };
void bandwidth_candidates(const spread_t *spread, double out[BANDWIDTHS]);

#endif
