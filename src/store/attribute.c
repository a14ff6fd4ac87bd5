/* Attributes: single numbers and texts on arrays and groups. */
#include "store/store_impl.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

bool store_has_attribute(const store_t *store, const char *name, const char *key) {
  TAKE_TURN();
  if (!store_has(store, name)) return false;
  bool there = hdf5_exists(store, H5Aexists_by_name(store->file, name, key, store->links));
  H5Eclear2(H5E_DEFAULT);
  return there;
}

static ls_status attribute_open(const store_t *store, const char *name, const char *key, hid_t *out,
                                ls_error *error) {
  bool there = store_has_attribute(store, name, key);
  TRY(disk_check(store, NULL, error));
  if (!there) return error_set(error, LS_BAD_DATA, "%s: %s has no attribute %s", store->path, name, key);
  hid_t attribute = H5Aopen_by_name(store->file, name, key, H5P_DEFAULT, store->links);
  if (attribute < 0)
    return hdf5_error(error, LS_BAD_DATA, "%s: attribute %s of %s cannot be read", store->path, key, name);
  *out = attribute;
  return LS_OK;
}

ls_status store_read_texts(const store_t *store, const char *name, const char *key, char ***out, size_t *n,
                           ls_error *error) {
  TAKE_TURN();
  hid_t attribute = H5I_INVALID_HID;
  TRY(attribute_open(store, name, key, &attribute, error));
  ls_status status = text_read_all(attribute, out, n);
  if (status == LS_NO_MEMORY)
    error_set(error, status, "%s: out of memory for attribute %s of %s", store->path, key, name);
  else if (status != LS_OK)
    status =
        hdf5_error(error, status, "%s: attribute %s of %s cannot be read as text", store->path, key, name);
  hdf5_close(attribute);
  return status;
}

ls_status store_read_text(const store_t *store, const char *name, const char *key, char **out,
                          ls_error *error) {
  TAKE_TURN();
  char **texts = NULL;
  size_t n = 0;
  TRY(store_read_texts(store, name, key, &texts, &n, error));
  char *text = n == 1 ? strdup(texts[0]) : NULL;
  free(texts);
  if (n != 1)
    return error_set(error, LS_BAD_DATA, "%s: attribute %s of %s holds %zu texts instead of one", store->path,
                     key, name, n);
  if (text == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path);
  *out = text;
  return LS_OK;
}

/* Reads one number. With `integer`, only an integer attribute is accepted. */
static ls_status read_number(const store_t *store, const char *name, const char *key, bool integer,
                             hid_t memory_type, void *out, ls_error *error) {
  hid_t attribute = H5I_INVALID_HID;
  TRY(attribute_open(store, name, key, &attribute, error));
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  H5T_class_t kind = H5Tget_class(type);
  bool suits =
      (kind == H5T_INTEGER || (kind == H5T_FLOAT && !integer)) && H5Sget_simple_extent_npoints(space) == 1;
  ls_status status = LS_OK;
  if (!suits)
    status = error_set(error, LS_BAD_DATA, "%s: attribute %s of %s is not %s", store->path, key, name,
                       integer ? "an integer" : "a number");
  else if (H5Aread(attribute, memory_type, out) < 0)
    status = hdf5_error(error, LS_BAD_DATA, "%s: attribute %s of %s cannot be read", store->path, key, name);
  hdf5_close(space);
  hdf5_close(type);
  hdf5_close(attribute);
  return status;
}

ls_status store_read_int(const store_t *store, const char *name, const char *key, int64_t *out,
                         ls_error *error) {
  TAKE_TURN();
  return read_number(store, name, key, true, H5T_NATIVE_INT64, out, error);
}

ls_status store_read_double(const store_t *store, const char *name, const char *key, double *out,
                            ls_error *error) {
  TAKE_TURN();
  return read_number(store, name, key, false, H5T_NATIVE_DOUBLE, out, error);
}

/* ---- writing ---- */

/* Replaces an existing attribute of the same name. */
static ls_status attribute_write(store_t *store, const char *name, const char *key, hid_t type, hid_t space,
                                 const void *values, ls_error *error) {
  bool done = store_has(store, name) || groups_make(store->file, name, true) >= 0;
  if (done && store_has_attribute(store, name, key))
    done = H5Adelete_by_name(store->file, name, key, H5P_DEFAULT) >= 0;
  hid_t attribute =
      !done ? H5I_INVALID_HID
            : H5Acreate_by_name(store->file, name, key, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  done =
      attribute >= 0 && (H5Sget_simple_extent_npoints(space) == 0 || H5Awrite(attribute, type, values) >= 0);
  hdf5_close(attribute);
  if (done) return LS_OK;
  return hdf5_error(error, LS_IO, "%s: attribute %s of %s cannot be written", store->path, key, name);
}

static ls_status write_scalar(store_t *store, const char *name, const char *key, hid_t type,
                              const void *value, ls_error *error) {
  hid_t space = H5Screate(H5S_SCALAR);
  ls_status status = attribute_write(store, name, key, type, space, value, error);
  hdf5_close(space);
  return status;
}

ls_status store_write_text(store_t *store, const char *name, const char *key, const char *value,
                           ls_error *error) {
  TAKE_TURN();
  hid_t type = text_type();
  ls_status status = write_scalar(store, name, key, type, &value, error);
  hdf5_close(type);
  return status;
}

ls_status store_write_int(store_t *store, const char *name, const char *key, int64_t value, ls_error *error) {
  TAKE_TURN();
  return write_scalar(store, name, key, H5T_NATIVE_INT64, &value, error);
}

ls_status store_write_double(store_t *store, const char *name, const char *key, double value,
                             ls_error *error) {
  TAKE_TURN();
  return write_scalar(store, name, key, H5T_NATIVE_DOUBLE, &value, error);
}

ls_status store_write_texts(store_t *store, const char *name, const char *key, const char *const *values,
                            size_t n, ls_error *error) {
  TAKE_TURN();
  hsize_t extent = n;
  hid_t type = text_type(), space = H5Screate_simple(1, &extent, NULL);
  ls_status status = attribute_write(store, name, key, type, space, values, error);
  hdf5_close(space);
  hdf5_close(type);
  return status;
}
