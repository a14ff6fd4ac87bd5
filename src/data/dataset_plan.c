/* The plan of a dataset: which splits there are, where they lie and what shape they have, from the settings
 * and the file's headers. Rank 0 makes it, so that a wrong name or shape is reported once and before any row
 * is read. */
#include "data/dataset_impl.h"

#include "layout/validation.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- headers ---- */

/* The narrowest of the three types that holds every value exactly. */
static element_t element_for(const store_array_t *array) {
  if (array->is_integer && !array->is_signed && array->element_bytes == 1) return ELEMENT_U8;
  if (array->is_integer ? array->element_bytes <= 2 : array->element_bytes <= 4) return ELEMENT_F32;
  return ELEMENT_F64;
}

static int64_t row_width(const store_array_t *array) {
  int64_t width = 1;
  for (int i = 1; i < array->dims; i++) width *= array->shape[i];
  return width;
}

/* A row that is wider fits no network. */
static ls_status check_width(const store_t *store, const char *name, int64_t width, ls_error *error) {
  if (width <= INT32_MAX) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: a row of %s has %" PRId64 " values; at most %d can be used",
                   store_path(store), name, width, INT32_MAX);
}

ls_status source_describe(const store_t *store, const char *x, source_t *out, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, x, &array, error));
  int64_t features = row_width(&array);
  if (array.dims == 0 || features == 0)
    return error_set(error, LS_BAD_DATA, "%s: %s has no columns; it must be (rows, features)",
                     store_path(store), x);
  TRY(check_width(store, x, features, error));
  *out = (source_t){.there = true,
                    .rows = array.shape[0],
                    .array_rows = array.shape[0],
                    .features = features,
                    .type = element_for(&array)};
  return LS_OK;
}

static ls_status describe_y(const store_t *store, const split_names_t *names, source_t *source,
                            ls_error *error) {
  store_array_t array = {0};
  if (!names->y_explicit && !store_has(store, names->y)) return LS_OK;
  ls_status status = store_describe(store, names->y, &array, error);
  if (status != LS_OK) return error_prefix(error, status, "%s", names->y_key);
  if (array.dims == 0 || array.shape[0] != source->rows)
    return error_set(
        error, LS_BAD_DATA,
        "%s: %s has %" PRId64 " rows but %s has %" PRId64 ": x and y must belong together row by row",
        store_path(store), names->x, source->rows, names->y, array.dims == 0 ? 0 : array.shape[0]);
  TRY(check_width(store, names->y, row_width(&array), error));
  source->has_y = true;
  source->y_is_integer = array.is_integer;
  source->y_width = row_width(&array);
  source->y_type = element_for(&array) == ELEMENT_F64 ? ELEMENT_F64 : ELEMENT_F32;
  source->y_is_wide = array.is_integer && array.element_bytes == sizeof(int64_t);
  return LS_OK;
}

/* A number for every row. */
static ls_status describe_weights(const store_t *store, const split_names_t *names, source_t *source,
                                  ls_error *error) {
  store_array_t array = {0};
  if (names->weights[0] == '\0') return LS_OK;
  ls_status status = store_describe(store, names->weights, &array, error);
  if (status != LS_OK) return error_prefix(error, status, "%s", names->weights_key);
  source->has_weights = true;
  if (array.dims > 0 && array.shape[0] == source->rows && row_width(&array) == 1) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has another shape than one number for each of the %" PRId64 " rows of %s",
                   store_path(store), names->weights, source->rows, names->x);
}

static ls_status describe_split(const store_t *store, const split_names_t *names, bool has_y, source_t *out,
                                ls_error *error) {
  source_t source = {0};
  if (names->x_explicit || store_has(store, names->x)) {
    ls_status status = source_describe(store, names->x, &source, error);
    if (status != LS_OK) return error_prefix(error, status, "%s", names->x_key);
    if (has_y) TRY(describe_y(store, names, &source, error));
    TRY(describe_weights(store, names, &source, error));
  }
  *out = source;
  return LS_OK;
}

/* ---- validation rows out of the training rows ---- */

/* A share of the rows is for validation, or a fold. */
static ls_status split_training(const store_t *store, const settings_t *settings, dataset_plan_t *plan,
                                ls_error *error) {
  const validation_settings_t *validation = &settings->data.validation;
  source_t *train = &plan->split[TRAIN], *valid = &plan->split[VALID];
  int64_t n = validation_rows(settings, train->rows);
  if (validation->folds > train->rows)
    return error_set(error, LS_BAD_DATA,
                     "%s: data.folds is %" PRId64 ", but there are %" PRId64 " training rows",
                     store_path(store), validation->folds, train->rows);
  if (n == 0 || n == train->rows)
    return error_set(error, LS_BAD_DATA,
                     "%s: data.validation is %g, which leaves none of %" PRId64 " training rows for %s",
                     store_path(store), validation->share, train->rows, n == 0 ? "validation" : "training");
  *valid = *train;
  valid->rows = n;
  train->rows -= n;
  plan->by_share = plan->in_train[VALID] = true;
  return LS_OK;
}

static ls_status count_class_names(const store_t *store, int64_t *out, ls_error *error) {
  char **names = NULL;
  size_t n = 0;
  if (!store_has_attribute(store, "/", "class_names")) return LS_OK;
  TRY(store_read_texts(store, "/", "class_names", &names, &n, error));
  free(names);
  *out = (int64_t)n;
  return LS_OK;
}

ls_status plan_make(const store_t *store, const settings_t *settings, dataset_plan_t *out,
                    series_t series[SPLITS], ls_error *error) {
  dataset_plan_t plan;
  memset(&plan, 0, sizeof plan); /* padding too: it travels as bytes */
  bool by_share = validation_splits_training(settings), has_y = settings_use_y(settings);
  split_names_t names;
  TRY(validation_check_folds(settings, error));
  for (int s = 0; s < SPLITS; s++) {
    source_t *source = &plan.split[s];
    if (s == VALID && by_share) continue;
    split_names(settings, s, &names);
    TRY(describe_split(store, &names, has_y, source, error));
    source->has_missing = strcmp(settings->data.missing, "error") != 0;
    if (source->there && source->rows == 0)
      return error_set(error, LS_BAD_DATA, "%s: %s has no rows", store_path(store), names.x);
    if (source->there && source->features != plan.split[TRAIN].features)
      return error_set(error, LS_BAD_DATA,
                       "%s: %s has %" PRId64 " features but the training rows have %" PRId64,
                       store_path(store), names.x, source->features, plan.split[TRAIN].features);
  }
  if (settings->data.window.length > 0)
    TRY(windows_plan(store, settings, &plan, series, error));
  else if (by_share)
    TRY(split_training(store, settings, &plan, error));
  TRY(count_class_names(store, &plan.class_names, error));
  TRY(categories_plan(store, plan.split[TRAIN].features, &plan.has_categories, error));
  *out = plan;
  return LS_OK;
}

/* ---- targets that suit the network ---- */

static ls_status missing_y(const store_t *store, const split_names_t *names, ls_error *error) {
  store_array_t array;
  ls_status status = store_describe(store, names->y, &array, error); /* fails, and lists what is there */
  return error_prefix(error, status, "the loss needs a target for every row of %s, and %s is not there (%s)",
                      names->x, names->y, names->y_key);
}

/* Several heads: every column that one of them takes. */
static ls_status check_columns(const char *file, const char *y, int64_t width,
                               const target_request_t *targets, ls_error *error) {
  int64_t needed = 0;
  for (int64_t c = 0; c < targets->width; c++)
    if (targets->columns[c].column >= needed) needed = targets->columns[c].column + 1;
  if (width == needed || (width > needed && !targets->all_columns)) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has %" PRId64 " %s, but the heads of the network take %" PRId64
                   ": loss.targets names the columns of a head",
                   file, y, width, width == 1 ? "column" : "columns", needed);
}

ls_status dataset_check_width(const char *file, const char *y, int64_t width, const target_request_t *targets,
                              ls_error *error) {
  if (targets->columns != NULL) return check_columns(file, y, width, targets, error);
  if (width == targets->width || (targets->kind == TARGET_LABELS && width == 1)) return LS_OK;
  if (targets->kind == TARGET_LABELS)
    return error_set(error, LS_BAD_DATA,
                     "%s: %s has %" PRId64
                     " columns: labels are one integer a row, or one-hot with as many columns "
                     "as the network has outputs (%" PRId64 ")",
                     file, y, width, targets->width);
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has %" PRId64 " %s but the network and its loss are for %" PRId64
                   " %s a row: make the last layer as wide as the targets need",
                   file, y, width, width == 1 ? "column" : "columns", targets->width,
                   targets->width == 1 ? "target" : "targets");
}

ls_status plan_check(const store_t *store, const settings_t *settings, const dataset_plan_t *plan, int splits,
                     target_request_t targets, ls_error *error) {
  if (targets.kind == TARGET_NONE || targets.of_x) return LS_OK;
  for (int s = 0; s < SPLITS; s++) {
    const source_t *source = &plan->split[s];
    split_names_t names;
    if ((splits & 1 << s) == 0 || !source->there) continue;
    if (settings->data.window.length > 0) {
      int64_t columns = windows_target_columns(&settings->data.window, source);
      TRY(windows_check(&settings->data.window, columns, targets, error));
      continue;
    }
    split_names(settings, plan->in_train[s] ? TRAIN : s, &names);
    if (!source->has_y) return missing_y(store, &names, error);
    TRY(dataset_check_width(store_path(store), names.y, source->y_width, &targets, error));
  }
  return LS_OK;
}
