/* What a Bayesian linear regression knows of its weights: applied to rows here, fitted in regression.h. */
#ifndef MODEL_POSTERIOR_H
#define MODEL_POSTERIOR_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

/* The posterior of a Bayesian fit. The weights of target k have a normal distribution with mean W_k and
 * covariance
 *
 *   S_k = sum over i of variance_ki v_i v_iᵀ.
 *
 * A new target at x has a normal distribution with mean W_k x + b_k and variance
 *
 *   noise_k + bias_variance_k + sum over i of variance_ki (v_i · (x - mean))². */
typedef struct {
  int64_t inputs, outputs; /* inputs == 0: no posterior */
  double *mean;            /* (inputs): means of the features */
  double *vectors;         /* (inputs, inputs): v_i */
  double *variance;        /* (outputs, inputs) */
  double *bias_variance;   /* (outputs) */
  double *noise;           /* (outputs): 1/beta */
  arena_t arena;
} posterior_t;

/* Allocates a posterior of this size, filled with zeros. *out is caller-owned (posterior_free). */
ls_status posterior_create(int64_t inputs, int64_t outputs, posterior_t *out, ls_error *error);
void posterior_free(posterior_t *posterior);

/* variance (outputs) of W x + b at one row of features, without noise. scratch: (inputs). Thread-safe. */
void posterior_variance(const posterior_t *posterior, const float *x, double *scratch, double *variance);

#endif
