/* What becomes of a row of x on its way to the network: missing values are filled in, numbers scaled, one-hot
 * columns replaced by one of 0 and 1 for each category. Fitted on the training rows, kept in the model; the
 * gather (data/gather.h) applies it. */
#ifndef DATA_FEATURES_H
#define DATA_FEATURES_H

#include "data/scaler.h"

typedef struct {
  int64_t columns;  /* values of a row of x, as it lies in the file */
  int64_t inputs;   /* of the network */
  scaler_t scaler;  /* of the columns; n == 0: none is scaled */
  double *fill;     /* (columns): what stands for a missing value; NULL: there are none */
  int64_t *source;  /* (inputs): the column that an input comes from; NULL when no column is one-hot */
  double *category; /* (inputs): of a one-hot column, NaN for a number; NULL with source */
  arena_t arena;
} features_t;

/* The network's inputs for rows of so many columns, or 0 when only the rows can say. Not collective. */
int64_t features_inputs(const settings_t *settings, int64_t columns);

/* Fits on the training rows of all ranks. LS_BAD_SETTINGS for columns that are not there, LS_BAD_DATA for
 * columns that cannot be scaled, or hold no whole numbers where they should. Collective. *out is
 * caller-owned. */
ls_status features_fit(world_t *world, const settings_t *settings, const dataset_t *data, features_t *out,
                       ls_error *error);

/* The same for those who have no dataset yet and need to know the network's inputs: reads the training rows
 * for it. Collective. */
ls_status features_fit_file(world_t *world, const settings_t *settings, int shards, features_t *out,
                            ls_error *error);

void features_free(features_t *features);

/* The group scaling/features. */
ls_status features_write(const features_t *features, store_t *store, ls_error *error);
ls_status features_read(const store_t *store, features_t *out, ls_error *error);

#endif
