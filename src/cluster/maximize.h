/* The second half of an iteration of EM: from moments to the components that are most likely.
 *
 *   weight_k = N_k / N,   m'_k = m_k + S_k / N_k,   C_k = Q_k / N_k - (m'_k - m_k)(m'_k - m_k)ᵀ + e I
 *
 * tied: C = T / N - sum over k of weight_k (m'_k - s)(m'_k - s)ᵀ + e I, with the scatter T of all rows around
 * s. spherical: the mean of the diagonal. (Bishop 2006, section 9.2; e keeps a component from collapsing onto
 * one row, as scikit-learn's reg_covar.) N_k is taken ten units in the last place of 1 larger, so a component
 * without rows keeps its mean, with variance e and next to no weight. */
#ifndef CLUSTER_MAXIMIZE_H
#define CLUSTER_MAXIMIZE_H

#include "cluster/gaussians.h"
#include "cluster/moments.h"

/* What the tied covariance needs of all rows; else NULL. */
typedef struct {
  const double *centre;  /* (d) */
  const double *scatter; /* scatter_elements(d) */
} scatter_t;

/* What the moments are of. */
typedef struct {
  covariance_form_t covariance;
  int64_t k, d;
  double regularization;           /* e */
  const double *mean;              /* (k, width): m, around which they are taken */
  const component_sums_t *moments; /* sums over all rows */
  const scatter_t *scatter;        /* of `tied` */
} maximize_t;

/* Fills the parameters. LS_BAD_DATA when a covariance is singular: the message names the component.
 * LS_NO_MEMORY. The parameters are untouched on failure. */
ls_status gaussians_maximize(const maximize_t *inputs, gaussians_floats_t *out, ls_error *error);

#endif
