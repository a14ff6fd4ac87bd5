/* Arrays: slabs of rows, which are read and written, and where they are in the file. */
#include "store/store_impl.h"

#include "base/activity.h"

#include <inttypes.h>
#include <string.h>

ls_status array_open(const store_t *store, const char *name, hid_t *dataset, store_array_t *info,
                     ls_error *error) {
  hid_t object = H5I_INVALID_HID;
  TRY(array_open_unchecked(store, name, &object, info, error));
  ls_status status = store->notes != NULL ? source_check(store, object, name, error) : LS_OK;
  if (status == LS_OK)
    *dataset = object;
  else
    hdf5_close(object);
  return status;
}

ls_status store_describe(const store_t *store, const char *name, store_array_t *out, ls_error *error) {
  TAKE_TURN();
  hid_t dataset = H5I_INVALID_HID;
  TRY(array_open(store, name, &dataset, out, error));
  hdf5_close(dataset);
  return LS_OK;
}

/* ---- location in the file ---- */

/* Enumerations do not compare equal to integer types here. Only HDF5 reads them. */
static bool store_type_of(hid_t dataset, store_type_t *out) {
  hid_t type = H5Dget_type(dataset);
  bool found = false;
  for (int k = 0; k < STORE_TYPES && !found; k++) {
    found = H5Tequal(type, hdf5_type((store_type_t)k)) > 0;
    if (found) *out = (store_type_t)k;
  }
  hdf5_close(type);
  return found;
}

static bool in_one_piece(hid_t dataset) {
  hid_t list = H5Dget_create_plist(dataset);
  bool one = H5Pget_layout(list) == H5D_CONTIGUOUS && H5Pget_external_count(list) == 0;
  hdf5_close(list);
  return one;
}

/* An array that was declared but never written has no offset yet. */
ls_status array_locate(const store_t *store, const char *name, store_array_t *info, store_place_t *out,
                       ls_error *error) {
  hid_t dataset = H5I_INVALID_HID;
  store_place_t place = {0};
  TRY(array_open(store, name, &dataset, info, error));
  place.chunk_bytes = array_chunk_bytes(dataset);
  if (in_one_piece(dataset) && store_type_of(dataset, &place.type)) {
    haddr_t offset = H5Dget_offset(dataset);
    place.is_plain = offset != HADDR_UNDEF;
    place.offset = place.is_plain ? (int64_t)offset : 0;
  }
  H5Eclear2(H5E_DEFAULT);
  hdf5_close(dataset);
  *out = place;
  return LS_OK;
}

ls_status store_locate(const store_t *store, const char *name, store_place_t *out, ls_error *error) {
  TAKE_TURN();
  return array_locate(store, name, NULL, out, error);
}

/* ---- slabs of rows ---- */

static herr_t select_rows(hid_t space, int dims, const hsize_t *shape, int64_t first, int64_t count) {
  hsize_t start[STORE_MAX_DIMS] = {(hsize_t)first}, extent[STORE_MAX_DIMS];
  memcpy(extent, shape, (size_t)dims * sizeof *extent);
  extent[0] = (hsize_t)count;
  return H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL);
}

bool slab_open(hid_t dataset, int64_t first, int64_t count, slab_t *slab) {
  hsize_t shape[H5S_MAX_RANK];
  *slab = (slab_t){H5I_INVALID_HID, H5Dget_space(dataset), 0};
  int dims = H5Sget_simple_extent_dims(slab->file, shape, NULL);
  if (dims < 0 || dims > STORE_MAX_DIMS) return false;
  int64_t rows = dims == 0 ? 1 : (int64_t)shape[0];
  if (first < 0 || count < 0 || first > rows - count) return false;
  if (count == 0) return true;
  if (dims > 0 && select_rows(slab->file, dims, shape, first, count) < 0) return false;
  slab->elements = H5Sget_select_npoints(slab->file);
  hsize_t elements = (hsize_t)slab->elements;
  slab->memory = H5Screate_simple(1, &elements, NULL);
  return slab->elements >= 0 && slab->memory >= 0;
}

void slab_close(slab_t *slab) {
  hdf5_close(slab->memory);
  hdf5_close(slab->file);
}

ls_status array_read(const store_t *store, hid_t dataset, const char *name, int64_t first, int64_t count,
                     hid_t memory_type, void *memory, ls_error *error) {
  slab_t slab;
  ls_status status = LS_OK;
  bool fits = slab_open(dataset, first, count, &slab);
  if (!fits || (slab.elements > 0 &&
                H5Dread(dataset, memory_type, slab.memory, slab.file, store->transfer, memory) < 0))
    status = hdf5_error(error, LS_BAD_DATA, "%s: rows %" PRId64 " to %" PRId64 " of %s cannot be read",
                        store->path, first, first + count, name);
  slab_close(&slab);
  activity_beat();
  return status;
}

ls_status store_read_rows(const store_t *store, const char *name, int64_t first, int64_t count,
                          store_type_t type, void *out, ls_error *error) {
  TAKE_TURN();
  hid_t dataset = H5I_INVALID_HID;
  TRY(array_open(store, name, &dataset, NULL, error));
  ls_status status = array_read(store, dataset, name, first, count, hdf5_type(type), out, error);
  hdf5_close(dataset);
  return status;
}

ls_status store_read_each(const store_t *store, const char *name, const int64_t *rows, int64_t n,
                          store_type_t type, void *out, ls_error *error) {
  TAKE_TURN();
  hid_t dataset = H5I_INVALID_HID;
  store_array_t array = {0};
  TRY(array_open(store, name, &dataset, &array, error));
  const size_t row_bytes = (size_t)array_row_elements(&array) * store_type_size(type);
  ls_status status = LS_OK;
  for (int64_t i = 0; i < n && status == LS_OK; i++)
    status = array_read(store, dataset, name, rows[i], 1, hdf5_type(type),
                        (char *)out + (size_t)i * row_bytes, error);
  hdf5_close(dataset);
  return status;
}

ls_status store_visit(const store_t *store, store_visit_t visit, void *context, ls_error *error) {
  TAKE_TURN();
  names_t names = {0};
  ls_status status = names_of_arrays(store, &names, error);
  for (size_t i = 0; i < names.n && status == LS_OK; i++) {
    store_array_t array = {0};
    hid_t dataset = H5I_INVALID_HID;
    status = array_open_unchecked(store, names.names[i], &dataset, &array, error);
    hdf5_close(dataset);
    if (status == LS_OK) status = visit(names.names[i], &array, context, error);
  }
  names_free(&names);
  return status;
}

/* ---- writing ---- */

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
  TAKE_TURN();
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
  TAKE_TURN();
  hid_t dataset = H5I_INVALID_HID;
  TRY(write_status(array_open(store, name, &dataset, NULL, error), error));
  slab_t slab;
  ls_status status = LS_OK;
  bool fits = slab_open(dataset, first, count, &slab);
  if (!fits || (slab.elements > 0 &&
                H5Dwrite(dataset, hdf5_type(memory_type), slab.memory, slab.file, H5P_DEFAULT, values) < 0))
    status = hdf5_error(error, LS_IO, "%s: rows %" PRId64 " to %" PRId64 " of %s cannot be written",
                        store->path, first, first + count, name);
  slab_close(&slab);
  hdf5_close(dataset);
  activity_beat();
  return status == LS_OK ? disk_check(store, name, error) : status;
}

ls_status store_write(store_t *store, const char *name, store_type_t type, int dims, const int64_t *shape,
                      const void *values, ls_error *error) {
  TRY(store_declare(store, name, type, dims, shape, error));
  int64_t rows = dims == 0 ? 1 : shape[0], row = (int64_t)store_type_size(type);
  for (int i = 1; i < dims; i++) row *= shape[i];
  int64_t step = row < MANIFEST_PIECE_BYTES ? MANIFEST_PIECE_BYTES / (row > 0 ? row : 1) : 1, first = 0;
  do { /* in pieces: other threads get their turns in between */
    int64_t count = rows - first < step ? rows - first : step;
    const char *from = count > 0 ? (const char *)values + first * row : NULL;
    TRY(store_write_rows(store, name, first, count, type, from, error));
    first += count;
  } while (first < rows);
  return LS_OK;
}
