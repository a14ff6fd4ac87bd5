/* Mini-batch k-means, as a row of the table of methods. */
#ifndef CLUSTER_MINIBATCH_H
#define CLUSTER_MINIBATCH_H

#include "cluster/fit.h"

extern const fit_method_t minibatch_method;

#endif
