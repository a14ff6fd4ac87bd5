/* Combines several predictions into one: the mixture of the distributions from several networks, or from one
 * network with several dropout masks. The result is in the form of a network's outputs, as a single network
 * with the same prediction would give them. So losses, metrics and predictions need no special case. */
#ifndef LOSS_MIXTURE_H
#define LOSS_MIXTURE_H

#include "loss/objective.h"

/* out (rows, outputs) = the outputs of the mixture of n networks with outputs z (n, rows, outputs), head by
 * head. For classes: logits of the mean probability. gaussian_nll: mean and log of the total variance.
 * poisson_nll: log of the mean rate. Otherwise: the mean of the outputs. Thread-safe. */
void mixture_outputs(const objective_t *objective, int64_t n, int64_t rows, const float *z, float *out);

/* deviation[i], i < values: the population standard deviation of p[m * stride + i] over m < n.
 * Thread-safe. */
void mixture_deviation(int64_t n, int64_t values, int64_t stride, const float *p, double *deviation);

#endif
