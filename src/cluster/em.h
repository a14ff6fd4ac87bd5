/* Fitting a Gaussian mixture by EM: passes over all rows of a split, by all ranks. The same bits on any
 * layout. What an iteration needs from the one before are three arrays of floats. */
#ifndef CLUSTER_EM_H
#define CLUSTER_EM_H

#include "cluster/gaussians.h"
#include "comm/world.h"
#include "features/gather.h"
#include "sums/interrupt.h"

/* All borrowed for the life of the fit. */
typedef struct {
  world_t *world;
  const gather_t *gather; /* of the split whose rows are fitted */
  int threads;
  const interrupt_t *interrupt; /* or NULL */
  covariance_form_t covariance;
  int64_t components;
  double regularization; /* added to every variance (maximize.h) */
} em_inputs_t;

typedef struct em em_t;

/* Takes the memory of the fit; a tied covariance also takes two passes over the rows. *out is caller-owned
 * (em_destroy), untouched on failure. Collective. */
ls_status em_create(const em_inputs_t *inputs, em_t **out, ls_error *error);
void em_destroy(em_t **em);

/* The components of the rows nearest to each centre: centres (components, d), the same on every rank. Fills
 * the parameters on every rank. LS_BAD_DATA if a covariance is singular. Collective. */
ls_status em_start(em_t *em, const float *centres, gaussians_floats_t *out, ls_error *error);

/* A pass over the rows with these parameters, the same on every rank: keeps the sums. *log_density: the sum
 * over rows of weight times log-density. Collective. */
ls_status em_look(em_t *em, const gaussians_floats_t *parameters, double *log_density, ls_error *error);

/* Replaces the parameters that were looked at last by those that follow from the sums. LS_BAD_DATA if a
 * covariance is singular; then parameters are untouched. Collective. */
ls_status em_improve(em_t *em, gaussians_floats_t *parameters, ls_error *error);

/* The least and the largest share of the rows that a component had in the last look. On rank 0. */
void em_shares(const em_t *em, double *least, double *most);

#endif
