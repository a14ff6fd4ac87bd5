/* The transformation of a row of x into the network's inputs: fill in missing values, scale numbers, replace
 * a one-hot column by a column of 0 and 1 for each category, compute basis functions. It is fitted on the
 * training rows (features/features_fit.h), stored in the model, and applied by the gather
 * (features/gather.h). */
#ifndef FEATURES_FEATURES_H
#define FEATURES_FEATURES_H

#include "config/settings.h"
#include "features/basis.h"
#include "math/scaler.h"
#include "store/store.h"

typedef struct {
  int64_t columns;  /* values of a row of x in the file */
  int64_t encoded;  /* values of a row after scaling; more than `columns` if columns are one-hot */
  int64_t inputs;   /* inputs of the network: `encoded`, or the number of basis functions */
  scaler_t scaler;  /* of the columns; n == 0: no scaling */
  double *fill;     /* (columns): replaces a missing value; NULL: x has none */
  int64_t *source;  /* (encoded): the column of each value; NULL if no column is one-hot */
  double *category; /* (encoded): the category of a one-hot value, NaN for a number; NULL if source is */
  basis_t basis;
  arena_t arena;
} features_t;

/* The widths of a row before, between and after the transformations, as in features_t. */
typedef struct {
  int64_t columns, encoded, inputs;
} features_width_t;

/* The widths for a number of training rows and columns. inputs is 0 if it depends on the values of the rows.
 * Not collective. */
features_width_t features_width(const settings_t *settings, int64_t columns, int64_t rows);

/* Rearranges the features for a file with other positions of columns: column c is at position at[c] there. at
 * (columns) is a permutation. */
ls_status features_reorder(features_t *features, const int64_t *at, ls_error *error);

void features_free(features_t *features);

/* The group scaling/features. */
ls_status features_write(const features_t *features, store_t *store, ls_error *error);
ls_status features_read(const store_t *store, features_t *out, ls_error *error);

#endif
