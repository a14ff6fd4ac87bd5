/* Several predictions as one: the mixture of the distributions that several networks, or one with several
 * dropout masks, give a target. It is written as outputs again, those which a single network with the same
 * prediction would have, so that losses, metrics and predictions need not know. */
#ifndef MODEL_MIXTURE_H
#define MODEL_MIXTURE_H

#include "model/objective.h"

/* out (rows, outputs) = the outputs of the mixture of n networks with outputs z (n, rows, outputs), head by
 * head: logits of the mean probability for classes, mean and total variance for gaussian_nll, the logarithm
 * of the mean rate for poisson_nll, the mean of outputs for all else. Thread-safe. */
void mixture_outputs(const objective_t *objective, int64_t n, int64_t rows, const float *z, float *out);

/* deviation[i], i < values: population standard deviation over m < n of p[m * stride + i]. Thread-safe. */
void mixture_deviation(int64_t n, int64_t values, int64_t stride, const float *p, float *deviation);

#endif
