/* What becomes of a row of x on its way to the network: missing values are filled in, numbers scaled, one-hot
 * columns replaced by one of 0 and 1 for each category, basis functions computed. Fitted on the training
 * rows (features/features_fit.h), kept in the model; the gather (features/gather.h) applies it. */
#ifndef FEATURES_FEATURES_H
#define FEATURES_FEATURES_H

#include "config/settings.h"
#include "features/basis.h"
#include "math/scaler.h"
#include "store/store.h"

typedef struct {
  int64_t columns;  /* values of a row of x, as it lies in the file */
  int64_t encoded;  /* values of a row once it is scaled: more where columns are one-hot */
  int64_t inputs;   /* of the network: the same, or as many as there are basis functions */
  scaler_t scaler;  /* of the columns; n == 0: none is scaled */
  double *fill;     /* (columns): what stands for a missing value; NULL: there are none */
  int64_t *source;  /* (encoded): the column that a value comes from; NULL when no column is one-hot */
  double *category; /* (encoded): of a one-hot column, NaN for a number; NULL with source */
  basis_t basis;
  arena_t arena;
} features_t;

/* How many values a row has on its way, as in features_t. */
typedef struct {
  int64_t columns, encoded, inputs;
} features_width_t;

/* For so many training rows of so many columns; inputs is 0 when only the rows can say. Not collective. */
features_width_t features_width(const settings_t *settings, int64_t columns, int64_t rows);

/* Makes them those of a file that has column c of the present ones at place at[c]; at (columns) is a
 * permutation. */
ls_status features_reorder(features_t *features, const int64_t *at, ls_error *error);

void features_free(features_t *features);

/* The group scaling/features. */
ls_status features_write(const features_t *features, store_t *store, ls_error *error);
ls_status features_read(const store_t *store, features_t *out, ls_error *error);

#endif
