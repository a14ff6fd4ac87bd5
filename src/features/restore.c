#include "features/restore.h"

#include <math.h>
#include <string.h>

ls_status restore_create(const features_t *features, bool is_encoded, restore_t *out, ls_error *error) {
  restore_t restore = {.features = features};
  if (features->basis.kind != NULL && !is_encoded) restore.basis = &features->basis;
  if (restore.basis != NULL && !basis_goes_back(restore.basis))
    return error_set(
        error, LS_BAD_SETTINGS,
        "data.basis: there is no way from these basis functions back to the row they were computed "
        "of: fit the features themselves (data.basis=none), or principal components (pca)");
  if (features->n_lookups > 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.embeddings: there is no way back from a vector between those of two categories");
  TRY(features_target_scaler(features, features->scaler.is_double, &restore.scaler, error));
  *out = restore;
  return LS_OK;
}

void restore_free(restore_t *restore) {
  scaler_free(&restore->scaler);
  *restore = (restore_t){0};
}

void restore_row(const restore_t *restore, const double *phi, double *x, double *row) {
  const features_t *features = restore->features;
  double best = 0;
  if (restore->basis != NULL)
    basis_go_back(restore->basis, phi, x);
  else if (x != phi)
    memcpy(x, phi, (size_t)features->encoded * sizeof *x);
  scaler_invert(&restore->scaler, 0, features->encoded, x);
  for (int64_t i = 0; i < features->encoded; i++) {
    const int64_t c = features->source != NULL ? features->source[i] : i;
    const value_kind_t kind = features->kind != NULL ? (value_kind_t)features->kind[i] : VALUE_NUMBER;
    const bool is_first = i == 0 || features->source == NULL || features->source[i - 1] != c;
    if (kind == VALUE_NUMBER) row[c] = x[i];
    if (kind == VALUE_CATEGORY && (is_first || x[i] > best)) { /* the values of a column are side by side */
      best = x[i];
      row[c] = features->category[i];
    }
    if (kind == VALUE_MISSING && x[i] > 0.5) row[c] = NAN;
  }
}
