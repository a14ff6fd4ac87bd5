/* Arrays of texts: a list of names as an array (n) of texts of one fixed length, UTF-8, padded with zeros.
 *
 * Texts of variable length, and attributes, which hold at most 64 KB, go through structures of HDF5 that it
 * does not check when it reads them. A text of fixed length is raw data in one place, like a number, and the
 * manifest protects it. */
#include "base/size.h"
#include "store/store_impl.h"

#include <stdlib.h>
#include <string.h>

/* Names are read as a whole. */
static const size_t MOST_TEXT_BYTES = (size_t)1 << 30;

/* The type of a text of `length` bytes. The caller closes it. */
static hid_t fixed_type(size_t length) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, length);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

ls_status store_write_text_array(store_t *store, const char *name, const char *const *values, size_t n,
                                 ls_error *error) {
  TAKE_TURN();
  size_t longest = 1;
  for (size_t i = 0; i < n; i++)
    if (strlen(values[i]) > longest) longest = strlen(values[i]);
  char *bytes = calloc(n + 1, longest);
  if (bytes == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu texts of %zu bytes", store->path, n,
                     longest);
  for (size_t i = 0; i < n; i++) memcpy(bytes + i * longest, values[i], strlen(values[i]));
  hid_t type = fixed_type(longest), space = H5Screate_simple(1, &(hsize_t){n}, NULL);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE), dataset = H5I_INVALID_HID;
  H5Pset_obj_track_times(creation, 0);
  if (type >= 0 && space >= 0 && groups_make(store->file, name, false) >= 0)
    dataset = H5Dcreate2(store->file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  ls_status status = LS_OK;
  if (dataset < 0 || (n > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0))
    status = hdf5_error(error, LS_IO, "%s: array %s cannot be written", store->path, name);
  hdf5_close(dataset);
  hdf5_close(creation);
  hdf5_close(space);
  hdf5_close(type);
  free(bytes);
  return status;
}

/* Opens an array of texts of which all values exist, in this file or where the user allows it. */
static ls_status open_texts(const store_t *store, const char *name, hid_t *out, ls_error *error) {
  hid_t object = H5I_INVALID_HID;
  bool there = store_has(store, name);
  TRY(disk_check(store, name, error));
  if (!there) return error_set(error, LS_BAD_DATA, "%s: there is no array %s", store->path, name);
  TRY(object_open(store, name, &object, error));
  ls_status status = LS_OK;
  if (!text_array_is(object))
    status =
        error_set(error, LS_BAD_DATA, "%s: %s is not a list of texts of fixed length", store->path, name);
  if (status == LS_OK) status = virtual_check(store, object, name, error);
  if (status == LS_OK && store->notes != NULL) status = source_check(store, object, name, error);
  if (status == LS_OK)
    *out = object;
  else
    hdf5_close(object);
  return status;
}

ls_status text_array_bytes(const store_t *store, const char *name, hid_t *type, char **bytes, size_t *n,
                           ls_error *error) {
  hid_t object = H5I_INVALID_HID;
  TRY(open_texts(store, name, &object, error));
  hid_t text = H5Dget_type(object), space = H5Dget_space(object);
  size_t count = (size_t)H5Sget_simple_extent_npoints(space), size = H5Tget_size(text);
  bool fits = size_multiply(&size, (int64_t)count) && size <= MOST_TEXT_BYTES;
  char *read = fits ? calloc(count + 1, H5Tget_size(text)) : NULL;
  ls_status status = LS_OK;
  if (!fits)
    status = error_set(error, LS_BAD_DATA, "%s: the texts of %s have more than %zu MB, the most for names",
                       store->path, name, MOST_TEXT_BYTES >> 20);
  else if (read == NULL)
    status = error_set(error, LS_NO_MEMORY, "%s: no memory for the texts of %s", store->path, name);
  else if (count > 0 && H5Dread(object, text, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) < 0)
    status = hdf5_error(error, LS_BAD_DATA, "%s: %s cannot be read", store->path, name);
  hdf5_close(space);
  hdf5_close(object);
  if (status != LS_OK) {
    free(read);
    hdf5_close(text);
    return status;
  }
  *type = text;
  *bytes = read;
  *n = count;
  return LS_OK;
}

ls_status store_read_text_array(const store_t *store, const char *name, char ***out, size_t *n,
                                ls_error *error) {
  TAKE_TURN();
  hid_t type = H5I_INVALID_HID;
  char *bytes = NULL;
  size_t count = 0;
  TRY(text_array_bytes(store, name, &type, &bytes, &count, error));
  ls_status status = text_unpack(bytes, type, count, out);
  if (status == LS_OK)
    *n = count;
  else
    error_set(error, status, "%s: no memory for the texts of %s", store->path, name);
  hdf5_close(type);
  free(bytes);
  return status;
}
