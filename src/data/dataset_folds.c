/* Folds of cross-validation: the classes of the training rows, read by rank 0, and the fold of each row,
 * which all ranks get from rank 0. */
#include "data/dataset_impl.h"

#include "layout/validation.h"

#include <stdlib.h>

enum { PIECE_VALUES = 1 << 20 };

/* The class of a row: one column of y, or the column in which a row of 0 and 1 has its 1. */
static double stratum_of(const double *row, int64_t width, int64_t strata) {
  if (strata != STRATA_LABELS || width == 1) return row[strata == STRATA_LABELS ? 0 : strata - 1];
  int64_t label = 0;
  for (int64_t c = 1; c < width; c++)
    if (row[c] > row[label]) label = c;
  return (double)label;
}

/* The strata of the kept rows, one after the other. */
static ls_status read_strata(const settings_t *settings, const source_t *train, int64_t strata,
                             const uint8_t *kinds, double *out, ls_error *error) {
  const int64_t width = train->y_width, most = width < PIECE_VALUES ? PIECE_VALUES / width : 1;
  const int64_t step = most < train->array_rows ? most : train->array_rows;
  store_t *store = NULL;
  split_names_t names;
  split_names(settings, TRAIN, &names);
  double *values = malloc((size_t)(step * width) * sizeof *values);
  ls_status status = store_open(settings->data.file, &store, error);
  if (values == NULL) status = error_set(error, LS_NO_MEMORY, "%s: no memory to read classes", names.y);
  for (int64_t i = 0; i < train->array_rows && status == LS_OK; i += step) {
    int64_t rows = train->array_rows - i < step ? train->array_rows - i : step;
    status = store_read_rows(store, names.y, i, rows, STORE_F64, values, error);
    for (int64_t r = 0; r < rows && status == LS_OK; r++)
      if (kinds == NULL || kinds[i + r] == ROW_KEPT) *out++ = stratum_of(values + r * width, width, strata);
  }
  store_close(&store);
  free(values);
  return status;
}

static ls_status deal_rows(const settings_t *settings, int64_t strata, const source_t *train,
                           const uint8_t *kinds, uint16_t *folds, ls_error *error) {
  int64_t kept = 0, next = 0;
  for (int64_t i = 0; i < train->array_rows; i++) kept += kinds == NULL || kinds[i] == ROW_KEPT;
  bool is_stratified = strata != STRATA_NONE && train->has_y && strata <= train->y_width;
  double *classes = malloc((size_t)kept * sizeof *classes + 1);
  uint16_t *dealt = malloc((size_t)kept * sizeof *dealt + 1);
  ls_status status = LS_OK;
  if (classes == NULL || dealt == NULL)
    status = error_set(error, LS_NO_MEMORY, "%s: no memory for the folds of its rows", settings->data.file);
  if (status == LS_OK && is_stratified) status = read_strata(settings, train, strata, kinds, classes, error);
  if (status == LS_OK)
    status = folds_deal(kept, is_stratified ? classes : NULL, settings->data.validation.folds,
                        validation_seed(settings), dealt, error);
  for (int64_t i = 0; i < train->array_rows && status == LS_OK; i++)
    folds[i] = kinds == NULL || kinds[i] == ROW_KEPT ? dealt[next++] : 0;
  free(classes);
  free(dealt);
  return status;
}

ls_status folds_of_rows(world_t *world, const settings_t *settings, int64_t strata, const source_t *train,
                        const uint8_t *kinds, uint16_t *folds, ls_error *error) {
  ls_status status = LS_OK;
  if (world_rank(world) == 0) status = deal_rows(settings, strata, train, kinds, folds, error);
  TRY(world_agree(world, status, error));
  return world_broadcast(world, folds, (size_t)train->array_rows * sizeof *folds, 0, error);
}
