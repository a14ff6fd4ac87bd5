/* Which rows belong to which split, settled before rows are dealt to shards. For `data.missing: drop` all
 * ranks look for missing values together, each at a part of the rows, and all learn what all found;
 * validation rows are then chosen among those that are kept. */
#include "data/dataset_impl.h"

#include "layout/validation.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_VALUES = 1 << 20 };

/* ---- looking for missing values ---- */

static void mark_rows(const double *values, int64_t n, int64_t width, uint8_t *kinds) {
  for (int64_t i = 0; i < n; i++) {
    int missing = 0;
    for (int64_t c = 0; c < width; c++) missing |= isnan(values[i * width + c]) != 0;
    kinds[i] = missing ? ROW_DROPPED : ROW_KEPT;
  }
}

/* kinds (n) of rows [first, first + n). */
static ls_status look(const store_t *store, const char *x, const source_t *source, int64_t first, int64_t n,
                      uint8_t *kinds, ls_error *error) {
  int64_t step = source->features < PIECE_VALUES ? PIECE_VALUES / source->features : 1;
  double *values = malloc((size_t)(step * source->features) * sizeof *values);
  if (values == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory to look for missing values", x);
  ls_status status = LS_OK;
  for (int64_t i = 0; i < n && status == LS_OK; i += step) {
    int64_t rows = n - i < step ? n - i : step;
    status = store_read_rows(store, x, first + i, rows, STORE_F64, values, error);
    if (status == LS_OK) mark_rows(values, rows, source->features, kinds + i);
  }
  free(values);
  return status;
}

static ls_status look_in_file(const char *file, const char *x, const source_t *source, int64_t first,
                              int64_t n, uint8_t *kinds, ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(file, &store, error));
  ls_status status = rows_check(store, x, source->features, first + n, error);
  if (status == LS_OK) status = look(store, x, source, first, n, kinds, error);
  store_close(&store);
  return status;
}

/* kinds (array_rows): ROW_DROPPED for rows of x with NaN, else ROW_KEPT, and how many those are. Collective.
 */
static ls_status find_missing(world_t *world, const char *file, const char *x, const source_t *source,
                              uint8_t *kinds, int64_t *kept, ls_error *error) {
  int ranks = world_size(world), rank = world_rank(world);
  const partition_t parts = {source->array_rows, ranks};
  int64_t mine = shard_rows(parts, rank);
  size_t *sizes = calloc((size_t)ranks, sizeof *sizes);
  uint8_t *found = malloc((size_t)mine + 1);
  ls_status status = LS_OK;
  if (sizes == NULL || found == NULL)
    status = error_set(error, LS_NO_MEMORY, "%s: no memory to look for missing values", file);
  if (status == LS_OK) status = look_in_file(file, x, source, shard_first(parts, rank), mine, found, error);
  TRY_OR_DONE(world_agree(world, status, error));
  for (int r = 0; r < ranks; r++) sizes[r] = (size_t)shard_rows(parts, r);
  TRY_OR_DONE(world_gather_pieces(world, found, sizes, kinds, -1, error));
  *kept = 0;
  for (int64_t i = 0; i < source->array_rows; i++) *kept += kinds[i] == ROW_KEPT;
done:
  free(sizes);
  free(found);
  return status;
}

/* ---- choosing ---- */

static ls_status none_left(const settings_t *settings, const char *x, ls_error *error) {
  return error_set(
      error, LS_BAD_DATA,
      "%s: too many rows of %s have missing values: when they are dropped (data.missing), too few "
      "are left",
      settings->data.file, x);
}

/* Where a value is missing, the row belongs to no split. Collective. */
static ls_status drop_rows(world_t *world, const settings_t *settings, int which, source_t *source,
                           row_choice_t *choice, ls_error *error) {
  int64_t kept = 0;
  split_names_t names;
  split_names(settings, which, &names);
  choice->kinds[which] = malloc((size_t)source->array_rows);
  ls_status status = LS_OK;
  if (choice->kinds[which] == NULL)
    status = error_set(error, LS_NO_MEMORY, "%s: no memory to choose rows", names.x);
  TRY(world_agree(world, status, error));
  TRY(find_missing(world, settings->data.file, names.x, source, choice->kinds[which], &kept, error));
  choice->dropped += source->array_rows - kept;
  source->rows = kept;
  return kept > 0 ? LS_OK : none_left(settings, names.x, error);
}

/* The validation share or the fold, among the rows that are kept. Not collective. */
static ls_status choose_validation(const settings_t *settings, dataset_plan_t *plan, row_choice_t *choice,
                                   ls_error *error) {
  const validation_settings_t *validation = &settings->data.validation;
  source_t *train = &plan->split[TRAIN], *valid = &plan->split[VALID];
  int64_t kept = train->array_rows, next = 0;
  if (choice->kinds[TRAIN] != NULL)
    kept = train->rows;
  else
    choice->kinds[TRAIN] = calloc((size_t)train->array_rows, 1); /* ROW_KEPT */
  bool *chosen = malloc((size_t)kept);
  if (chosen == NULL || choice->kinds[TRAIN] == NULL) {
    free(chosen);
    return error_set(error, LS_NO_MEMORY, "%s: no memory to choose validation rows", settings->data.file);
  }
  if (choice->folds == NULL) validation_choice(kept, validation->share, validation_seed(settings), chosen);
  for (int64_t i = 0; i < train->array_rows; i++) {
    if (choice->kinds[TRAIN][i] != ROW_KEPT) continue;
    bool validates = choice->folds != NULL ? choice->folds[i] == validation->fold : chosen[next++];
    if (validates) choice->kinds[TRAIN][i] = ROW_VALIDATES;
  }
  free(chosen);
  valid->rows = validation_rows(settings, kept);
  train->rows = kept - valid->rows;
  return train->rows > 0 && valid->rows > 0 ? LS_OK : none_left(settings, settings->data.x, error);
}

/* Collective. */
static ls_status choose_folds(world_t *world, const settings_t *settings, const request_t *request,
                              const dataset_plan_t *plan, row_choice_t *choice, ls_error *error) {
  const source_t *train = &plan->split[TRAIN];
  ls_status status = LS_OK;
  if (settings->data.validation.folds == 0) return LS_OK;
  choice->folds = calloc((size_t)train->array_rows, sizeof *choice->folds);
  if (choice->folds == NULL)
    status = error_set(error, LS_NO_MEMORY, "%s: no memory for the folds of its rows", settings->data.file);
  TRY(world_agree(world, status, error));
  return folds_of_rows(world, settings, request->targets.strata, train, choice->kinds[TRAIN], choice->folds,
                       error);
}

ls_status rows_choose(world_t *world, const settings_t *settings, const request_t *request,
                      dataset_plan_t *plan, row_choice_t *choice, ls_error *error) {
  bool drops = strcmp(settings->data.missing, "drop") == 0;
  for (int which = 0; which < SPLITS && drops; which++) {
    source_t *source = &plan->split[which];
    bool is_asked = (request->splits & 1 << which) != 0 || (which == TRAIN && plan->by_share);
    bool has_own_rows = source->there && array_of(plan, which) == which && source->type != ELEMENT_U8;
    if (is_asked && has_own_rows) TRY(drop_rows(world, settings, which, source, choice, error));
  }
  if (!plan->by_share) return LS_OK;
  TRY(choose_folds(world, settings, request, plan, choice, error));
  return world_agree(world, choose_validation(settings, plan, choice, error), error);
}

void row_choice_free(row_choice_t *choice) {
  for (int which = 0; which < SPLITS; which++) free(choice->kinds[which]);
  free(choice->folds);
  *choice = (row_choice_t){0};
}
