/* Features: how wide rows become, and the file. */
#include "features/features.h"

#include "features/scaler_fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char group[] = "scaling/features";

void features_free(features_t *features) {
  scaler_free(&features->scaler);
  basis_free(&features->basis);
  arena_free(&features->arena);
  *features = (features_t){0};
}

static ls_status no_memory(const features_t *features, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for features of %" PRId64 " columns", features->columns);
}

features_width_t features_width(const settings_t *settings, int64_t columns, int64_t rows) {
  bool one_hot = scaling_find(settings->data.scaling.name)->is_one_hot;
  for (size_t i = 0; i < settings->data.n_columns; i++)
    one_hot |= scaling_find(settings->data.columns[i].scaling.name)->is_one_hot;
  bool all_rows = settings->data.basis.size == SETTINGS_AUTO && strcmp(settings->data.missing, "drop") == 0;
  if (one_hot || all_rows) return (features_width_t){.columns = columns};
  return (features_width_t){columns, columns, basis_width(&settings->data.basis, columns, rows)};
}

ls_status features_reorder(features_t *features, const int64_t *at, ls_error *error) {
  const int64_t n = features->columns;
  scaler_t *scaler = &features->scaler;
  int64_t *source = arena_new(&features->arena, (size_t)features->encoded, sizeof *source);
  double *values = arena_new(&features->arena, 4 * (size_t)n, sizeof *values);
  if (source == NULL || values == NULL) return no_memory(features, error);
  double *shift = values, *scale = values + n, *offset = values + 2 * n, *fill = values + 3 * n;
  for (int64_t i = 0; i < features->encoded; i++)
    source[i] = at[features->source != NULL ? features->source[i] : i];
  for (int64_t c = 0; c < n && scaler->n > 0; c++) {
    shift[at[c]] = scaler->shift[c];
    scale[at[c]] = scaler->scale[c];
    offset[at[c]] = scaler->offset[c];
  }
  for (int64_t c = 0; c < n && features->fill != NULL; c++) fill[at[c]] = features->fill[c];
  features->source = source;
  if (features->fill != NULL) features->fill = fill;
  if (scaler->n > 0) scaler->shift = shift, scaler->scale = scale, scaler->offset = offset;
  return LS_OK;
}

/* ---- files ---- */

enum { PATH_SIZE = 64 };

static ls_status write_array(store_t *store, const char *name, store_type_t type, int64_t n,
                             const void *values, ls_error *error) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%s", group, name);
  return values == NULL ? LS_OK : store_write(store, path, type, 1, &n, values, error);
}

ls_status features_write(const features_t *features, store_t *store, ls_error *error) {
  TRY(scaler_write(&features->scaler, store, group, error));
  TRY(store_write_int(store, group, "columns", features->columns, error));
  TRY(write_array(store, "fill", STORE_F64, features->columns, features->fill, error));
  TRY(write_array(store, "source", STORE_I64, features->encoded, features->source, error));
  TRY(write_array(store, "category", STORE_F64, features->encoded, features->category, error));
  return basis_write(&features->basis, store, error);
}

/* An array that need not be there, of n numbers; n == 0: of any length. */
static ls_status read_array(const store_t *store, const char *name, store_type_t type, features_t *features,
                            int64_t *n, void *out, ls_error *error) {
  char path[PATH_SIZE];
  store_array_t array = {0};
  snprintf(path, sizeof path, "%s/%s", group, name);
  if (!store_has(store, path)) return LS_OK;
  TRY(store_describe(store, path, &array, error));
  if (array.dims != 1 || array.shape[0] == 0 || (*n > 0 && array.shape[0] != *n))
    return error_set(error, LS_BAD_DATA, "%s: %s has not the size of the other arrays beside it",
                     store_path(store), path);
  void *values = arena_new(&features->arena, (size_t)array.shape[0], store_type_size(type));
  if (values == NULL) return no_memory(features, error);
  TRY(store_read_rows(store, path, 0, array.shape[0], type, values, error));
  *n = array.shape[0];
  memcpy(out, &values, sizeof values);
  return LS_OK;
}

static ls_status read_features(const store_t *store, features_t *features, ls_error *error) {
  int64_t n = 0;
  TRY(scaler_read(store, group, &features->scaler, error));
  TRY(store_read_int(store, group, "columns", &features->columns, error));
  n = features->columns;
  TRY(read_array(store, "fill", STORE_F64, features, &n, &features->fill, error));
  n = 0;
  TRY(read_array(store, "source", STORE_I64, features, &n, &features->source, error));
  TRY(read_array(store, "category", STORE_F64, features, &n, &features->category, error));
  features->encoded = features->source != NULL ? n : features->columns;
  bool fits = features->columns > 0 && (features->source == NULL) == (features->category == NULL) &&
              (features->scaler.n == 0 || features->scaler.n == features->columns);
  for (int64_t i = 0; i < features->encoded && features->source != NULL; i++)
    fits &= features->source[i] >= 0 && features->source[i] < features->columns;
  if (!fits)
    return error_set(error, LS_BAD_DATA, "%s: the arrays of %s do not fit together", store_path(store),
                     group);
  TRY(basis_read(store, features->encoded, &features->basis, error));
  features->inputs = features->basis.outputs;
  return LS_OK;
}

ls_status features_read(const store_t *store, features_t *out, ls_error *error) {
  features_t features = {0};
  ls_status status = read_features(store, &features, error);
  if (status == LS_OK)
    *out = features;
  else
    features_free(&features);
  return status;
}
