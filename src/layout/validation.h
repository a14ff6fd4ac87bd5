/* Which of the training rows are for validation: a share of them, chosen at random, or one of the folds of
 * cross-validation. A function of the settings, the number of rows and their classes, so no layout changes
 * it. Nothing here is collective. */
#ifndef LAYOUT_VALIDATION_H
#define LAYOUT_VALIDATION_H

#include "base/error.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether validation rows are chosen among the rows of the training arrays. */
bool validation_splits_training(const settings_t *settings);

/* LS_BAD_SETTINGS unless data.folds and data.fold agree with each other and with the other settings. */
ls_status validation_check_folds(const settings_t *settings, ls_error *error);

/* data.validation_seed, or train.seed. */
uint64_t validation_seed(const settings_t *settings);

/* How many of n training rows are for validation: floor(share * n + 0.5), or those of the fold. */
int64_t validation_rows(const settings_t *settings, int64_t n);

/* Which rows of n go to validation: exactly floor(share * n + 0.5), by random_subset, so that every rank
 * finds the same ones. chosen[i] for rows [0, n). */
void validation_choice(int64_t n, double share, uint64_t seed, bool *chosen);

/* fold[i] in 1 .. folds for rows [0, n). Rows are shuffled, sorted by stratum, and dealt to the folds in
 * turn: each fold gets, of each stratum, the floor or the ceiling of its share, as in scikit-learn's
 * StratifiedKFold, and of all n rows too. strata (n): equal numbers are one stratum; NULL: all rows are.
 * LS_NO_MEMORY, or LS_BAD_DATA if n is 2^32 or more. Thread-safe. */
ls_status folds_deal(int64_t n, const double *strata, int64_t folds, uint64_t seed, uint16_t *fold,
                     ls_error *error);

#endif
