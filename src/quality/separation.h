/* The Davies-Bouldin index (Davies and Bouldin 1979): how wide clusters are beside the distances between
 * them.
 *
 *   S_k = mean distance of the rows of cluster k to their mean, M_kl = distance between two means,
 *   index = mean over k of the largest (S_k + S_l) / M_kl, l other than k
 *
 * Small is good. Clusters without rows do not count. Pure; thread-safe. */
#ifndef QUALITY_SEPARATION_H
#define QUALITY_SEPARATION_H

#include <stdint.h>

/* counts (clusters): rows; means (clusters, columns); widths (clusters): S_k. NaN with fewer than two
 * clusters. Two clusters with the same mean are worth infinity, unless both have no width. */
double separation_find(int64_t clusters, int64_t columns, const double *counts, const double *means,
                       const double *widths);

#endif
