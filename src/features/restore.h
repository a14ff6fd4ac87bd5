/* From what a network sees of a row back to the row as it lies in the file: the gather the other way round.
 * Numbers lose their scaling. Of the 0 and 1 that stand for a column of categories, the largest decides which
 * category the column has. A column whose indicator of missing values is nearer to 1 than to 0 is NaN. */
#ifndef FEATURES_RESTORE_H
#define FEATURES_RESTORE_H

#include "features/features.h"

typedef struct {
  const features_t *features; /* borrowed */
  const basis_t *basis;       /* to be undone first, or NULL; borrowed */
  scaler_t scaler;            /* of the values of an encoded row */
} restore_t;

/* From what a network sees, or, if `is_encoded`, from what comes before its basis functions. LS_BAD_SETTINGS
 * for features that have no way back: basis functions but principal components, and categories that become
 * vectors. *out is caller-owned (restore_free), untouched on failure. Not collective. */
ls_status restore_create(const features_t *features, bool is_encoded, restore_t *out, ls_error *error);
void restore_free(restore_t *restore);

/* row (columns of features) from phi (inputs, or encoded). x (encoded) is memory, which may be phi if that is
 * encoded. Thread-safe. */
void restore_row(const restore_t *restore, const double *phi, double *x, double *row);

#endif
