/* The bandwidth that suits the rows best: for each candidate, the mean logarithm of the density of each row
 * by the kernels of the other rows (leave-one-out; Duin: "On the choice of smoothing parameters for Parzen
 * estimators of probability density functions", 1976). With all kernels it would be largest for the smallest
 * bandwidth, because each row is in the middle of its own kernel.
 *
 *   score(h) = sum over i of w_i log sum over k != i of w_k / (1 - w_i) N(x_i; x_k, h^2 1),   sum of w = 1
 *
 * With folds, a row meets the kernels of the other folds alone: sum over k with another fold than i, divided
 * by 1 less the weight of the fold. That is the mean over all rows of the log-densities that scikit-learn's
 * GridSearchCV finds for a KernelDensity; it takes their sums per fold, and means of these.
 *
 * All candidates share the distances. Rows that come twice are likely under any bandwidth: with many of them
 * the smallest candidate wins. */
#ifndef CLUSTER_CROSS_H
#define CLUSTER_CROSS_H

#include "cluster/kernels.h"

/* scores (n) of the bandwidths h (n), of the rows that kernels were made of. folds (kernels): the fold of
 * each, from 1; NULL: each row is a fold of its own. There must be at least two folds. interrupt: or NULL;
 * LS_STOPPED if it ends the work. A single kernel has no
 * others to be judged by: its score is the density in its middle. Every rank gets them. Collective. */
ls_status cross_validate(world_t *world, const gather_t *gather, int threads, const kernel_rows_t *kernels,
                         const uint16_t *folds, const interrupt_t *interrupt, const double *h, size_t n,
                         double *scores, ls_error *error);

/* The first of the largest scores. Pure. */
size_t cross_best(const double *scores, size_t n);

#endif
