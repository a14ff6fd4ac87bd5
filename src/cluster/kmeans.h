/* k-means by Lloyd's iteration: every row belongs to the nearest centre, every centre moves to the mean of
 * its rows (Lloyd: "Least squares quantization in PCM", 1982). */
#ifndef CLUSTER_KMEANS_H
#define CLUSTER_KMEANS_H

#include "cluster/fit.h"

extern const fit_method_t kmeans_method;

#endif
