#include "layout/validation.h"

#include "base/random.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* ---- settings ---- */

bool validation_splits_training(const settings_t *settings) {
  const validation_settings_t *validation = &settings->data.validation;
  return (validation->share > 0 || validation->folds > 0) && validation->group == NULL;
}

ls_status validation_check_folds(const settings_t *settings, ls_error *error) {
  const validation_settings_t *validation = &settings->data.validation;
  if (validation->folds == 0) return LS_OK;
  if (validation->folds == 1)
    return error_set(error, LS_BAD_SETTINGS, "data.folds is 1: cross-validation needs at least 2 folds");
  if (validation->fold > validation->folds)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.fold is %" PRId64 ", but there are %" PRId64 " folds (data.folds)",
                     validation->fold, validation->folds);
  if (validation->share > 0 || validation->group != NULL)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.folds and data.validation both say which rows are for validation: leave one of "
                     "them out");
  if (settings->data.window.length == 0) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "data.folds deals rows at random, so it does not suit a time series (data.window), whose "
                   "rows are validated in order: set data.validation to a share instead");
}

uint64_t validation_seed(const settings_t *settings) {
  int64_t own = settings->data.validation.seed;
  return own == SETTINGS_AUTO ? settings->train.seed : (uint64_t)own;
}

/* ---- a share ---- */

static int64_t share_rows(int64_t n, double share) {
  return (int64_t)floor(share * (double)n + 0.5);
}

int64_t validation_rows(const settings_t *settings, int64_t n) {
  const validation_settings_t *validation = &settings->data.validation;
  if (validation->folds == 0) return share_rows(n, validation->share);
  return (n + validation->folds - validation->fold) / validation->folds;
}

void validation_choice(int64_t n, double share, uint64_t seed, bool *chosen) {
  random_stream_t stream = {seed, RANDOM_VALIDATION, 0, 0};
  random_subset(&stream, n, share_rows(n, share), chosen);
}

/* ---- folds ---- */

/* A row and where the shuffle has put it. */
typedef struct {
  double stratum;
  uint32_t place, row;
} dealt_row_t;

static int by_stratum(const void *a, const void *b) {
  const dealt_row_t *first = a, *second = b;
  if (first->stratum != second->stratum) return first->stratum < second->stratum ? -1 : 1;
  return (first->place > second->place) - (first->place < second->place);
}

static void deal(int64_t n, const double *strata, const uint32_t *order, int64_t folds, dealt_row_t *rows,
                 uint16_t *fold) {
  for (int64_t i = 0; i < n; i++)
    rows[i] = (dealt_row_t){strata != NULL ? strata[order[i]] : 0, (uint32_t)i, order[i]};
  if (strata != NULL) qsort(rows, (size_t)n, sizeof *rows, by_stratum);
  for (int64_t i = 0; i < n; i++) fold[rows[i].row] = (uint16_t)(i % folds + 1);
}

ls_status folds_deal(int64_t n, const double *strata, int64_t folds, uint64_t seed, uint16_t *fold,
                     ls_error *error) {
  const random_stream_t stream = {seed, RANDOM_FOLDS, 0, 0};
  if (n > UINT32_MAX)
    return error_set(error, LS_BAD_DATA, "data.folds: %" PRId64 " rows are too many (at most 2^32 - 1)", n);
  uint32_t *order = malloc((size_t)n * sizeof *order + 1);
  dealt_row_t *rows = malloc((size_t)n * sizeof *rows + 1);
  ls_status status = LS_OK;
  if (order == NULL || rows == NULL)
    status = error_set(error, LS_NO_MEMORY, "no memory to deal %" PRId64 " rows to folds", n);
  if (status == LS_OK) {
    random_permutation(&stream, (size_t)n, order);
    deal(n, strata, order, folds, rows, fold);
  }
  free(order);
  free(rows);
  return status;
}
