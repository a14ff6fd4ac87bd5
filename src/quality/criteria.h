/* Criteria that choose between mixtures of different size: both punish parameters, and the least is best.
 *
 *   BIC = p log n - 2 L (Schwarz 1978),   AIC = 2 p - 2 L (Akaike 1974)
 *
 * with the log-likelihood L of n rows and p parameters that the rows determine. Pure; thread-safe. */
#ifndef QUALITY_CRITERIA_H
#define QUALITY_CRITERIA_H

#include <stdint.h>

typedef struct {
  int64_t parameters; /* 0: there is no density */
  double bic, aic;
} criteria_t;

/* p of a Gaussian mixture: k - 1 weights, k means of d columns, and covariances ("full", "tied", "diagonal",
 * "spherical"). 0: another name. */
int64_t criteria_parameters(const char *covariance, int64_t k, int64_t d);

/* Of n rows whose mean log-density is known. */
criteria_t criteria_find(int64_t parameters, double rows, double mean_log_density);

#endif
