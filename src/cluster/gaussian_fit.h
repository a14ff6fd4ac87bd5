/* Gaussian mixtures as a method of `lockstep cluster`: cluster.method=mixture. */
#ifndef CLUSTER_GAUSSIAN_FIT_H
#define CLUSTER_GAUSSIAN_FIT_H

#include "cluster/fit.h"

extern const fit_method_t mixture_method;

#endif
