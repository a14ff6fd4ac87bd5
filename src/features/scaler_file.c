/* Scalers in files. */
#include "features/scaler_fit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PARTS = 3, PATH_SIZE = 256 };

static const char *const part_names[PARTS] = {"shift", "scale", "offset"};

ls_status scaler_write(const scaler_t *scaler, store_t *store, const char *group, ls_error *error) {
  const double *const parts[PARTS] = {scaler->shift, scaler->scale, scaler->offset};
  const char *name = scaler->name != NULL ? scaler->name : "none"; /* {0}: never fitted */
  TRY(store_write_text(store, group, "name", name, error));
  if (scaler->is_double) TRY(store_write_text(store, group, "type", "float64", error));
  for (int i = 0; i < PARTS && scaler->n > 0; i++) {
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", group, part_names[i]);
    TRY(store_write(store, path, STORE_F64, 1, &scaler->n, parts[i], error));
  }
  return LS_OK;
}

static ls_status read_name(const store_t *store, const char *group, const scaling_row_t **out,
                           ls_error *error) {
  char *name = NULL;
  TRY(store_read_text(store, group, "name", &name, error));
  const scaling_row_t *row = scaling_find(name);
  ls_status status =
      row != NULL ? LS_OK
                  : error_set(error, LS_BAD_DATA, "%s: %s has the scaling '%s', which is not known here",
                              store_path(store), group, name);
  free(name);
  if (status == LS_OK) *out = row;
  return status;
}

static ls_status read_part(const store_t *store, const char *group, int part, int64_t n, double *out,
                           ls_error *error) {
  char path[PATH_SIZE];
  store_array_t array = {0};
  snprintf(path, sizeof path, "%s/%s", group, part_names[part]);
  TRY(store_describe(store, path, &array, error));
  if (array.dims != 1 || array.shape[0] != n)
    return error_set(error, LS_BAD_DATA, "%s: %s does not hold %" PRId64 " numbers", store_path(store), path,
                     n);
  return store_read_rows(store, path, 0, n, STORE_F64, out, error);
}

ls_status scaler_read(const store_t *store, const char *group, scaler_t *out, ls_error *error) {
  const scaling_row_t *row = NULL;
  store_array_t array = {0};
  char path[PATH_SIZE];
  bool is_double = store_has_attribute(store, group, "type"); /* written for doubles alone */
  TRY(read_name(store, group, &row, error));
  snprintf(path, sizeof path, "%s/%s", group, part_names[0]);
  if (!store_has(store, path)) {
    TRY(scaler_new(row->choice.name, 0, out, error));
    out->is_double = is_double;
    return LS_OK;
  }
  TRY(store_describe(store, path, &array, error));
  scaler_t scaler = {0};
  TRY(scaler_new(row->choice.name, array.dims == 0 ? 0 : array.shape[0], &scaler, error));
  double *const parts[PARTS] = {scaler.shift, scaler.scale, scaler.offset};
  ls_status status = LS_OK;
  for (int i = 0; i < PARTS && status == LS_OK; i++)
    status = read_part(store, group, i, scaler.n, parts[i], error);
  if (status != LS_OK) {
    arena_free(&scaler.arena);
    return status;
  }
  scaler.is_double = is_double;
  *out = scaler;
  return LS_OK;
}
