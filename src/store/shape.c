/* The shape and the type of an array, from its header. */
#include "base/size.h"
#include "store/store_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int64_t array_rows(const store_array_t *array) {
  return array->dims == 0 ? 1 : array->shape[0];
}

int64_t array_row_elements(const store_array_t *array) {
  int64_t elements = 1;
  for (int i = 1; i < array->dims; i++) elements *= array->shape[i];
  return elements;
}

int64_t array_chunk_bytes(hid_t dataset) {
  hsize_t chunk[H5S_MAX_RANK];
  hid_t list = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
  int dims = H5Pget_layout(list) == H5D_CHUNKED ? H5Pget_chunk(list, H5S_MAX_RANK, chunk) : 0;
  int64_t bytes = dims > 0 ? (int64_t)H5Tget_size(type) : 0;
  for (int i = 0; i < dims; i++) bytes = count_product(bytes, (int64_t)chunk[i]);
  hdf5_close(type);
  hdf5_close(list);
  return bytes;
}

/* Reports a missing array and lists the arrays of the file, for a user who mistyped a name. */
static ls_status missing_array(const store_t *store, const char *name, ls_error *error) {
  names_t names = {0};
  char list[LS_MESSAGE_SIZE / 2] = "";
  size_t used = 0;
  ls_status status = names_of_arrays(store, &names, error);
  if (status != LS_OK) return status;
  for (size_t i = 0; i < names.n && used < sizeof list; i++)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", names.names[i]);
  if (used >= sizeof list) memcpy(list + sizeof list - 4, "...", 4);
  error_set(error, LS_BAD_DATA, "%s: there is no array %s; it holds %s", store->path, name,
            names.n == 0 ? "no array at all" : list);
  names_free(&names);
  return LS_BAD_DATA;
}

/* h5py stores booleans as an enumeration of small integers; they are read as integers. */
static bool describe_type(hid_t type, store_array_t *out) {
  H5T_class_t kind = H5Tget_class(type);
  if (kind != H5T_INTEGER && kind != H5T_ENUM && kind != H5T_FLOAT) return false;
  out->is_integer = kind != H5T_FLOAT;
  out->is_signed = !out->is_integer || H5Tget_sign(type) != H5T_SGN_NONE;
  out->element_bytes = H5Tget_size(type);
  return true;
}

static bool describe_space(hid_t space, store_array_t *out) {
  hsize_t shape[H5S_MAX_RANK];
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return false;
  int dims = H5Sget_simple_extent_dims(space, shape, NULL);
  if (dims < 0 || dims > STORE_MAX_DIMS) return false;
  out->dims = dims;
  for (int i = 0; i < dims; i++) out->shape[i] = (int64_t)shape[i];
  return true;
}

/* Whether every size that is computed from the shape fits in an int64_t: elements of up to 16 bytes each, the
 * largest number that HDF5 reads. Zeros are left out, because a part of the product is computed without them.
 */
static bool is_countable(const store_array_t *array) {
  int64_t bytes = 16;
  for (int i = 0; i < array->dims; i++)
    if (array->shape[i] < 0 ||
        (array->shape[i] > 0 && __builtin_mul_overflow(bytes, array->shape[i], &bytes)))
      return false;
  return true;
}

/* An array of texts or records is data that an import makes numbers of. */
static ls_status not_numbers(const store_t *store, hid_t type, const char *name, ls_error *error) {
  H5T_class_t kind = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
  const char *path = store->path;
  if (kind == H5T_STRING)
    return error_set(
        error, LS_BAD_DATA,
        "%s: %s holds texts, not numbers: make classes of them with lockstep import %s:X %s:%s OUT.h5, "
        "where X is the array of features",
        path, name, path, path, name);
  if (kind == H5T_COMPOUND)
    return error_set(
        error, LS_BAD_DATA,
        "%s: %s holds records with named fields, not numbers: make a dataset of them with lockstep "
        "import %s:%s OUT.h5 --label FIELD",
        path, name, path, name);
  return error_set(error, LS_BAD_DATA, "%s: %s does not hold integers or floating-point numbers", path, name);
}

static ls_status describe(const store_t *store, hid_t dataset, const char *name, store_array_t *out,
                          ls_error *error) {
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  bool is_number = type >= 0 && describe_type(type, out);
  bool has_shape = space >= 0 && describe_space(space, out);
  ls_status status = is_number ? LS_OK : not_numbers(store, type, name, error);
  hdf5_close(space);
  hdf5_close(type);
  TRY(status);
  if (!has_shape)
    return error_set(error, LS_BAD_DATA, "%s: %s is empty or has more than %d dimensions", store->path, name,
                     STORE_MAX_DIMS);
  if (!is_countable(out))
    return error_set(error, LS_BAD_DATA, "%s: %s has more elements than any memory could hold", store->path,
                     name);
  return LS_OK;
}

ls_status object_open(const store_t *store, const char *name, hid_t *out, ls_error *error) {
  if (store->notes != NULL) store->notes->linked[0] = '\0';
  hid_t object = H5Oopen(store->file, name, store->links);
  if (object < 0 && store->notes != NULL && store->notes->linked[0] != '\0')
    return linked_elsewhere(store, name, error);
  if (object < 0) return hdf5_error(error, LS_BAD_DATA, "%s: %s cannot be opened", store->path, name);
  *out = object;
  return LS_OK;
}

ls_status array_open_unchecked(const store_t *store, const char *name, hid_t *dataset, store_array_t *info,
                               ls_error *error) {
  hid_t object = H5I_INVALID_HID;
  bool there = store_has(store, name);
  TRY(disk_check(store, name, error));
  if (!there) return missing_array(store, name, error);
  TRY(object_open(store, name, &object, error));
  if (H5Iget_type(object) != H5I_DATASET) {
    hdf5_close(object);
    return error_set(error, LS_BAD_DATA, "%s: %s is a group, not an array", store->path, name);
  }
  store_array_t found = {0};
  ls_status status = LS_OK;
  if (store->notes != NULL && !names_have(&store->notes->checked, name))
    status = virtual_check(store, object, name, error);
  if (status == LS_OK) status = describe(store, object, name, &found, error);
  if (status != LS_OK) {
    hdf5_close(object);
    return status;
  }
  *dataset = object;
  if (info != NULL) *info = found;
  return LS_OK;
}
