/* Basis functions in files. Rows of an array belong to functions, so that `centres` reads like x. */
#include "features/basis_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char group[] = "basis";

static ls_status write_centres(const basis_t *basis, store_t *store, ls_error *error) {
  const int64_t shape[] = {basis->outputs, basis->inputs};
  float *rows = malloc((size_t)(shape[0] * shape[1]) * sizeof *rows);
  if (rows == NULL) return basis_no_memory(basis, error);
  for (int64_t p = 0; p < shape[0]; p++)
    for (int64_t e = 0; e < shape[1]; e++) rows[p * shape[1] + e] = basis->centres[e * shape[0] + p];
  ls_status status = store_write(store, "basis/centres", STORE_F32, 2, shape, rows, error);
  free(rows);
  return status;
}

ls_status basis_write(const basis_t *basis, store_t *store, ls_error *error) {
  if (basis->kind == NULL) return LS_OK;
  TRY(store_write_text(store, group, "name", basis->kind->choice.name, error));
  TRY(store_write_int(store, group, "outputs", basis->outputs, error));
  TRY(store_write_int(store, group, "degree", basis->degree, error));
  TRY(store_write_double(store, group, "gamma", basis->gamma, error));
  TRY(store_write_double(store, group, "coef0", basis->coef0, error));
  if (basis->parent != NULL) {
    TRY(store_write(store, "basis/parent", STORE_I64, 1, &basis->outputs, basis->parent, error));
    return store_write(store, "basis/factor", STORE_I64, 1, &basis->outputs, basis->factor, error);
  }
  if (basis->origin != NULL)
    TRY(store_write(store, "basis/origin", STORE_F32, 1, &basis->inputs, basis->origin, error));
  if (basis->phases != NULL)
    TRY(store_write(store, "basis/phases", STORE_F32, 1, &basis->outputs, basis->phases, error));
  return write_centres(basis, store, error);
}

/* An array of (outputs) or (outputs, width) of this type. */
static ls_status read_array(const store_t *store, const char *name, store_type_t type, int64_t width,
                            basis_t *basis, void *out, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, name, &array, error));
  bool fits = array.dims == (width > 0 ? 2 : 1) && array.shape[0] == basis->outputs &&
              (width == 0 || array.shape[1] == width);
  if (!fits)
    return error_set(error, LS_BAD_DATA,
                     "%s: %s does not belong to %" PRId64 " functions of %" PRId64 " features",
                     store_path(store), name, basis->outputs, basis->inputs);
  void *values =
      arena_new(&basis->arena, (size_t)(basis->outputs * (width > 0 ? width : 1)), store_type_size(type));
  if (values == NULL) return basis_no_memory(basis, error);
  TRY(store_read_rows(store, name, 0, basis->outputs, type, values, error));
  memcpy(out, &values, sizeof values);
  return LS_OK;
}

static ls_status read_terms(const store_t *store, basis_t *basis, ls_error *error) {
  TRY(read_array(store, "basis/parent", STORE_I64, 0, basis, &basis->parent, error));
  TRY(read_array(store, "basis/factor", STORE_I64, 0, basis, &basis->factor, error));
  bool fits = basis->outputs >= basis->inputs;
  for (int64_t p = basis->inputs; p < basis->outputs; p++)
    fits &= basis->parent[p] >= 0 && basis->parent[p] < p && basis->factor[p] >= 0 &&
            basis->factor[p] < basis->inputs;
  if (fits) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: basis/parent and basis/factor do not fit together",
                   store_path(store));
}

static ls_status read_origin(const store_t *store, basis_t *basis, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, "basis/origin", &array, error));
  if (array.dims != 1 || array.shape[0] != basis->inputs)
    return error_set(error, LS_BAD_DATA, "%s: basis/origin does not belong to %" PRId64 " features",
                     store_path(store), basis->inputs);
  basis->origin = arena_new(&basis->arena, (size_t)basis->inputs, sizeof *basis->origin);
  if (basis->origin == NULL) return basis_no_memory(basis, error);
  basis->is_fitted = true;
  return store_read_rows(store, "basis/origin", 0, basis->inputs, STORE_F32, basis->origin, error);
}

static ls_status read_centres(const store_t *store, basis_t *basis, ls_error *error) {
  float *rows = NULL;
  TRY(read_array(store, "basis/centres", STORE_F32, basis->inputs, basis, &rows, error));
  basis->centres = arena_new(&basis->arena, (size_t)(basis->inputs * basis->outputs), sizeof *basis->centres);
  if (basis->centres == NULL) return basis_no_memory(basis, error);
  basis_set_centres(basis, rows);
  if (basis->kind->has_components) return read_origin(store, basis, error);
  if (basis->kind->has_landmarks) return LS_OK;
  return read_array(store, "basis/phases", STORE_F32, 0, basis, &basis->phases, error);
}

static ls_status read_basis(const store_t *store, basis_t *basis, ls_error *error) {
  char *name = NULL;
  TRY(store_read_text(store, group, "name", &name, error));
  basis->kind = basis_find_kind(name);
  free(name);
  if (basis->kind == NULL || (!basis->kind->is_polynomial && basis->kind->finish == NULL))
    return error_set(error, LS_BAD_DATA, "%s: its basis functions are not known here", store_path(store));
  TRY(store_read_int(store, group, "outputs", &basis->outputs, error));
  TRY(store_read_int(store, group, "degree", &basis->degree, error));
  TRY(store_read_double(store, group, "gamma", &basis->gamma, error));
  TRY(store_read_double(store, group, "coef0", &basis->coef0, error));
  if (basis->degree < 1 || basis->degree > MOST_DEGREE)
    return error_set(error, LS_BAD_DATA, "%s: basis has degree %" PRId64, store_path(store), basis->degree);
  return basis->kind->is_polynomial ? read_terms(store, basis, error) : read_centres(store, basis, error);
}

ls_status basis_read(const store_t *store, int64_t inputs, basis_t *out, ls_error *error) {
  basis_t basis = {.inputs = inputs, .outputs = inputs};
  ls_status status = store_has(store, group) ? read_basis(store, &basis, error) : LS_OK;
  if (status == LS_OK)
    *out = basis;
  else
    basis_free(&basis);
  return status;
}
