/* Principal components: the directions in which rows vary most. With z = x - mean(x), they are the
 * eigenvectors v_1, v_2, ... of the covariance, sum of z zᵀ / (rows - 1), and their eigenvalues are the
 * variances of the scores v · z. The first n of them lose less of z than any other n directions.
 *
 *   exact        the covariance is summed up row by row, and its eigenvectors are found (math/symmetric.h)
 *   randomized   n + oversampling directions, at first random, pass several times through the rows, Q becomes
 *                an orthonormal basis of sum of z (zᵀ Q); the components are those of the rows within the
 * basis (Halko, Martinsson and Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.5). For
 * many features: no matrix of features by features is made.
 *
 * All sums over rows are added by the tree in double, and all else is plain arithmetic on rank 0: the same
 * bits on any layout and CPU. Knows nothing of runs, files and commands. */
#ifndef COMPONENTS_COMPONENTS_H
#define COMPONENTS_COMPONENTS_H

#include "comm/world.h"
#include "config/settings.h"
#include "features/gather.h"
#include "score/components_file.h"

typedef struct {
  world_t *world;
  const gather_t *gather; /* of the rows that are looked at */
  int threads;
  const components_settings_t *settings;
  uint64_t seed;                      /* of random directions, where settings->seed is SETTINGS_AUTO */
  const char *count_key, *whiten_key; /* that messages name; NULL: those of the section components */
} components_inputs_t;

/* LS_BAD_SETTINGS for a number of components that is neither whole nor a share, or more than there can be for
 * this number of features and rows. Pure. */
ls_status components_check(const components_settings_t *settings, int64_t inputs, int64_t rows,
                           ls_error *error);

/* The number of components before they are fitted: as the settings say, or for a share of the variance the
 * most that there can be. Pure. */
int64_t components_most(const components_settings_t *settings, int64_t inputs, int64_t rows);

/* Whether `auto` computes them exactly: where that needs fewer products. Pure. */
bool components_exact(const components_settings_t *settings, int64_t inputs, int64_t rows);

/* Fits the components of the rows. Rows count by their weights. Each component's largest number is positive.
 * LS_BAD_SETTINGS as above, or if components without variance are to have variance 1; LS_BAD_DATA if no row
 * differs from another; LS_DIVERGED if rows are not finite. *out is filled on every rank and caller-owned
 * (components_free). Collective. */
ls_status components_fit(const components_inputs_t *inputs, components_t *out, ls_error *error);

/* Completes features whose basis functions are principal components (basis_needs_components): those of the
 * scaled and encoded training rows, which all count the same. Collective. */
ls_status components_fit_basis(world_t *world, const settings_t *settings, const split_t *train, int threads,
                               features_t *features, ls_error *error);

#endif
