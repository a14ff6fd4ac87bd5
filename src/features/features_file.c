/* Features in model files: the group scaling/features. */
#include "features/scaler_fit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char group[] = "scaling/features";

enum { PATH_SIZE = 80, MOST_COLUMNS = INT32_MAX };

static ls_status no_memory(const features_t *features, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for features of %" PRId64 " columns", features->columns);
}

static ls_status misfit(const store_t *store, const char *path, ls_error *error) {
  return error_set(error, LS_BAD_DATA, "%s: %s has not the size of the other arrays beside it",
                   store_path(store), path);
}

/* ---- writing ---- */

static ls_status write_array(store_t *store, const char *name, store_type_t type, int64_t n,
                             const void *values, ls_error *error) {
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/%.40s", group, name);
  return values == NULL ? LS_OK : store_write(store, path, type, 1, &n, values, error);
}

static ls_status write_codes(const features_t *features, store_t *store, ls_error *error) {
  char path[PATH_SIZE];
  for (int64_t c = 0; c < features_file_columns(features) && features->codes != NULL; c++) {
    const category_names_t *names = &features->codes[c].names;
    if (names->n == 0) continue;
    snprintf(path, sizeof path, "%s/categories/%" PRId64, group, c);
    TRY(store_write_text_array(store, path, (const char *const *)names->names, names->n, error));
    if (names->is_ordered) TRY(store_write_int(store, path, "ordered", 1, error));
  }
  return LS_OK;
}

static ls_status write_lookups(const features_t *features, store_t *store, ls_error *error) {
  char name[PATH_SIZE], path[PATH_SIZE];
  for (size_t t = 0; t < features->n_lookups; t++) {
    const lookup_t *lookup = &features->lookups[t];
    snprintf(name, sizeof name, "vectors/%zu", t + 1);
    snprintf(path, sizeof path, "%s/vectors/%zu", group, t + 1);
    TRY(write_array(store, name, STORE_F64, lookup->n, lookup->values, error));
    TRY(store_write_int(store, path, "width", features->tables[t].width, error));
  }
  return LS_OK;
}

ls_status features_write(const features_t *features, store_t *store, ls_error *error) {
  TRY(scaler_write(&features->scaler, store, group, error));
  TRY(store_write_int(store, group, "columns", features->columns, error));
  if (features->steps > 1) TRY(store_write_int(store, group, "steps", features->steps, error));
  TRY(write_array(store, "fill", STORE_F64, features->columns, features->fill, error));
  TRY(write_array(store, "source", STORE_I64, features->encoded, features->source, error));
  TRY(write_array(store, "kind", STORE_U8, features->encoded, features->kind, error));
  TRY(write_array(store, "category", STORE_F64, features->encoded, features->category, error));
  TRY(write_codes(features, store, error));
  TRY(write_lookups(features, store, error));
  return basis_write(&features->basis, store, error);
}

/* ---- reading ---- */

/* An array that need not be there, of n numbers; n == 0: of any length. */
static ls_status read_array(const store_t *store, const char *name, store_type_t type, features_t *features,
                            int64_t *n, void *out, ls_error *error) {
  char path[PATH_SIZE];
  store_array_t array = {0};
  snprintf(path, sizeof path, "%s/%.40s", group, name);
  if (!store_has(store, path)) return LS_OK;
  TRY(store_describe(store, path, &array, error));
  if (array.dims != 1 || array.shape[0] == 0 || (*n > 0 && array.shape[0] != *n))
    return misfit(store, path, error);
  void *values = arena_new(&features->arena, (size_t)array.shape[0], store_type_size(type));
  if (values == NULL) return no_memory(features, error);
  TRY(store_read_rows(store, path, 0, array.shape[0], type, values, error));
  *n = array.shape[0];
  memcpy(out, &values, sizeof values);
  return LS_OK;
}

static ls_status read_names(const store_t *store, const char *path, features_t *features, codes_t *out,
                            ls_error *error) {
  char **names = NULL;
  int64_t ordered = 0;
  codes_t codes = {0};
  if (store_has_attribute(store, path, "ordered"))
    TRY(store_read_int(store, path, "ordered", &ordered, error));
  TRY(store_read_text_array(store, path, &names, &codes.names.n, error));
  bool copied = category_names_copy(&features->arena, names, &codes.names);
  free(names);
  if (!copied) return no_memory(features, error);
  codes.names.is_ordered = ordered != 0;
  codes.known = (int64_t)codes.names.n;
  *out = codes;
  return LS_OK;
}

static ls_status read_codes(const store_t *store, features_t *features, ls_error *error) {
  int64_t n = features_file_columns(features);
  char path[PATH_SIZE];
  snprintf(path, sizeof path, "%s/categories", group);
  if (!store_has(store, path)) return LS_OK;
  features->codes = arena_new(&features->arena, (size_t)n, sizeof *features->codes);
  if (features->codes == NULL) return no_memory(features, error);
  for (int64_t c = 0; c < n; c++) {
    snprintf(path, sizeof path, "%s/categories/%" PRId64, group, c);
    if (store_has(store, path)) TRY(read_names(store, path, features, &features->codes[c], error));
  }
  return LS_OK;
}

static ls_status read_lookup(const store_t *store, size_t t, features_t *features, ls_error *error) {
  char name[PATH_SIZE], path[PATH_SIZE];
  lookup_t *lookup = &features->lookups[t];
  graph_table_t *table = &features->tables[t];
  snprintf(name, sizeof name, "vectors/%zu", t + 1);
  snprintf(path, sizeof path, "%s/%.40s", group, name);
  TRY(read_array(store, name, STORE_F64, features, &lookup->n, &lookup->values, error));
  if (lookup->n == 0) return misfit(store, path, error);
  TRY(store_read_int(store, path, "width", &table->width, error));
  table->vectors = lookup->n;
  lookup->column = features->source[features->encoded - (int64_t)(features->n_lookups - t)];
  return LS_OK;
}

/* The values that are numbers of vectors are the last ones. */
static ls_status read_lookups(const store_t *store, features_t *features, ls_error *error) {
  bool are_last = true;
  for (int64_t i = 0; i < features->encoded && features->kind != NULL; i++) {
    are_last &= features->n_lookups == 0 || features->kind[i] == VALUE_VECTOR;
    features->n_lookups += features->kind[i] == VALUE_VECTOR;
  }
  if (!are_last) return misfit(store, "scaling/features/kind", error);
  features->lookups = arena_new(&features->arena, features->n_lookups, sizeof *features->lookups);
  features->tables = arena_new(&features->arena, features->n_lookups, sizeof *features->tables);
  if (features->lookups == NULL || features->tables == NULL) return no_memory(features, error);
  for (size_t t = 0; t < features->n_lookups; t++) TRY(read_lookup(store, t, features, error));
  return LS_OK;
}

/* Files of earlier versions name the kinds by their categories alone, and fill gaps of numbers alone. */
static ls_status derive_kinds(features_t *features, ls_error *error) {
  if (features->source == NULL || features->kind != NULL) return LS_OK;
  features->kind = arena_new(&features->arena, (size_t)features->encoded, sizeof *features->kind);
  if (features->kind == NULL) return no_memory(features, error);
  for (int64_t i = 0; i < features->encoded; i++) {
    if (isnan(features->category[i])) continue;
    features->kind[i] = VALUE_CATEGORY;
    if (features->fill != NULL) features->fill[features->source[i]] = NAN;
  }
  return LS_OK;
}

static ls_status read_features(const store_t *store, features_t *features, ls_error *error) {
  int64_t n = 0;
  TRY(scaler_read(store, group, &features->scaler, error));
  TRY(store_read_int(store, group, "columns", &features->columns, error));
  if (store_has_attribute(store, group, "steps"))
    TRY(store_read_int(store, group, "steps", &features->steps, error));
  if (features->columns < 1 || features->columns > MOST_COLUMNS || features->steps < 0 ||
      (features->steps > 1 && features->columns % features->steps != 0))
    return error_set(error, LS_BAD_DATA,
                     "%s: %s has %" PRId64 " columns in %" PRId64 " time steps, which cannot be",
                     store_path(store), group, features->columns, features->steps);
  n = features->columns;
  TRY(read_array(store, "fill", STORE_F64, features, &n, &features->fill, error));
  n = 0;
  TRY(read_array(store, "source", STORE_I64, features, &n, &features->source, error));
  TRY(read_array(store, "kind", STORE_U8, features, &n, &features->kind, error));
  TRY(read_array(store, "category", STORE_F64, features, &n, &features->category, error));
  features->encoded = features->source != NULL ? n : features->columns;
  bool fits = (features->source == NULL) == (features->category == NULL) &&
              (features->kind == NULL || features->source != NULL) &&
              (features->scaler.n == 0 || features->scaler.n == features->columns);
  for (int64_t i = 0; i < features->encoded && features->source != NULL; i++)
    fits &= features->source[i] >= 0 && features->source[i] < features->columns &&
            (features->kind == NULL || features->kind[i] <= VALUE_VECTOR);
  if (!fits)
    return error_set(error, LS_BAD_DATA, "%s: the arrays of %s do not fit together", store_path(store),
                     group);
  TRY(derive_kinds(features, error));
  TRY(read_codes(store, features, error));
  TRY(read_lookups(store, features, error));
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
