/* Writing arrays: declare the shape, then write rows. */
#include "store/store_impl.h"

#include <inttypes.h>
#include <string.h>

/* Creates a group without times (see create_file). */
static herr_t make_group(hid_t file, const char *path) {
  if (H5Lexists(file, path, H5P_DEFAULT) > 0) return 0;
  hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
  H5Pset_obj_track_times(creation, 0);
  hid_t group = H5Gcreate2(file, path, H5P_DEFAULT, creation, H5P_DEFAULT);
  hdf5_close(creation);
  hdf5_close(group);
  return group < 0 ? -1 : 0;
}

herr_t groups_make(hid_t file, const char *name, bool whole) {
  char path[LS_MESSAGE_SIZE];
  size_t length = strlen(name);
  if (length >= sizeof path) return -1;
  for (size_t i = 1; i <= length; i++) {
    bool at_end = name[i] == '\0';
    if ((name[i] != '/' && !(at_end && whole)) || name[i - 1] == '/') continue;
    memcpy(path, name, i);
    path[i] = '\0';
    if (make_group(file, path) < 0) return -1;
  }
  return 0;
}

ls_status store_declare(store_t *store, const char *name, store_type_t type, int dims, const int64_t *shape,
                        ls_error *error) {
  if (dims > STORE_MAX_DIMS)
    return error_set(error, LS_IO, "%s: array %s has more than %d dimensions", store->path, name,
                     STORE_MAX_DIMS);
  hsize_t extent[STORE_MAX_DIMS] = {0};
  for (int i = 0; i < dims; i++) extent[i] = (hsize_t)shape[i];
  hid_t space = dims == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(dims, extent, NULL);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE), dataset = H5I_INVALID_HID;
  H5Pset_obj_track_times(creation, 0);
  if (space >= 0 && groups_make(store->file, name, false) >= 0)
    dataset = H5Dcreate2(store->file, name, hdf5_type(type), space, H5P_DEFAULT, creation, H5P_DEFAULT);
  ls_status status = LS_OK;
  if (dataset < 0) status = hdf5_error(error, LS_IO, "%s: array %s cannot be made", store->path, name);
  hdf5_close(dataset);
  hdf5_close(creation);
  hdf5_close(space);
  return status;
}

ls_status store_write_rows(store_t *store, const char *name, int64_t first, int64_t count,
                           store_type_t memory_type, const void *values, ls_error *error) {
  hid_t dataset = H5I_INVALID_HID;
  TRY(array_open(store, name, &dataset, NULL, error));
  slab_t slab;
  ls_status status = LS_OK;
  bool fits = slab_open(dataset, first, count, &slab);
  if (!fits || (slab.elements > 0 &&
                H5Dwrite(dataset, hdf5_type(memory_type), slab.memory, slab.file, H5P_DEFAULT, values) < 0))
    status = hdf5_error(error, LS_IO, "%s: rows %" PRId64 " to %" PRId64 " of %s cannot be written",
                        store->path, first, first + count, name);
  slab_close(&slab);
  hdf5_close(dataset);
  return status;
}

ls_status store_write(store_t *store, const char *name, store_type_t type, int dims, const int64_t *shape,
                      const void *values, ls_error *error) {
  TRY(store_declare(store, name, type, dims, shape, error));
  return store_write_rows(store, name, 0, dims == 0 ? 1 : shape[0], type, values, error);
}
