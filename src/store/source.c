/* Whether the values of an array exist, and where. HDF5 reads the fill value, usually zero, without an error
 * from an array that was never written and from a virtual array whose sources are missing. It also follows a
 * virtual array into itself until the stack overflows. So each array is checked once per file, before
 * anything of it is read. */
#include "base/size.h"
#include "store/store_impl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- storage ---- */

/* NaN as the fill value says that values are missing, and their readers check for NaN. */
static bool fills_with_nan(hid_t dataset, hid_t list) {
  double fill = 0;
  hid_t type = H5Dget_type(dataset);
  bool is_float = H5Tget_class(type) == H5T_FLOAT;
  hdf5_close(type);
  return is_float && H5Pget_fill_value(list, H5T_NATIVE_DOUBLE, &fill) >= 0 && isnan(fill);
}

/* The elements of an array, or -1. */
static hssize_t elements_of(hid_t dataset) {
  hid_t space = H5Dget_space(dataset);
  hssize_t n = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
  hdf5_close(space);
  return n;
}

static ls_status never_written(const store_t *store, const char *name, const char *how_much,
                               ls_error *error) {
  return error_set(error, LS_BAD_DATA,
                   "%s: %s was declared, but %s never written: HDF5 would read its fill value", store->path,
                   name, how_much);
}

/* A library before 1.10.5 cannot tell how many chunks an array has. */
static bool has_all_chunks(hid_t dataset, hid_t list) {
#if H5_VERSION_GE(1, 10, 5)
  hsize_t shape[H5S_MAX_RANK], chunk[H5S_MAX_RANK], expected = 1, found = 0;
  hid_t space = H5Dget_space(dataset);
  int dims = H5Sget_simple_extent_dims(space, shape, NULL);
  bool known = dims > 0 && H5Pget_chunk(list, dims, chunk) == dims;
  for (int i = 0; i < dims && known; i++) expected *= (shape[i] + chunk[i] - 1) / chunk[i];
  known = known && H5Dget_num_chunks(dataset, space, &found) >= 0;
  hdf5_close(space);
  H5Eclear2(H5E_DEFAULT);
  return !known || found >= expected;
#else
  (void)dataset, (void)list;
  return true;
#endif
}

/* HDF5 unpacks a whole chunk for any row in it. A chunk of zeros far larger than the array takes almost no
 * room in a file, and gigabytes in memory. */
enum { USUAL_CHUNK = 64 << 20 };

static ls_status check_chunk(const store_t *store, hid_t dataset, const char *name, ls_error *error) {
  hid_t type = H5Dget_type(dataset);
  int64_t chunk = array_chunk_bytes(dataset);
  int64_t all = count_product((int64_t)elements_of(dataset), (int64_t)H5Tget_size(type));
  hdf5_close(type);
  if (chunk <= USUAL_CHUNK || chunk / 2 <= all) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has %.1f MB of values, but each of its chunks has room for %.1f MB, which HDF5 "
                   "would take to read one row: write it again with smaller chunks",
                   store->path, name, (double)all / 1e6, (double)chunk / 1e6);
}

/* Whether the first chunk was stored without filter i, as a writer may do where a filter is optional. */
static bool is_left_out(hid_t dataset, unsigned i) {
#if H5_VERSION_GE(1, 10, 5)
  hsize_t offset[H5S_MAX_RANK], size = 0;
  unsigned mask = 0;
  haddr_t place = 0;
  hid_t space = H5Dget_space(dataset);
  herr_t found = H5Dget_chunk_info(dataset, space, 0, offset, &mask, &place, &size);
  hdf5_close(space);
  return found >= 0 && (mask >> i & 1U) != 0;
#else
  (void)dataset, (void)i;
  return false;
#endif
}

/* Values that were packed by a program that this HDF5 does not have. */
static ls_status check_filters(const store_t *store, hid_t dataset, hid_t list, const char *name,
                               ls_error *error) {
  for (unsigned i = 0; i < (unsigned)(H5Pget_nfilters(list) > 0 ? H5Pget_nfilters(list) : 0); i++) {
    char filter[64] = "";
    unsigned flags = 0, config = 0;
    size_t n = 0;
    H5Z_filter_t id = H5Pget_filter2(list, i, &flags, &n, NULL, sizeof filter, filter, &config);
    if (id >= 0 && (H5Zfilter_avail(id) > 0 || is_left_out(dataset, i))) continue;
    H5Eclear2(H5E_DEFAULT);
    return error_set(
        error, LS_BAD_DATA,
        "%s: %s is packed with the filter %.60s%s(number %d), which HDF5 does not have here: pack "
        "it again with h5repack -f GZIP=4, or name the folder of the filter's plugin in "
        "HDF5_PLUGIN_PATH",
        store->path, name, filter, filter[0] != '\0' ? " " : "", (int)id);
  }
  return LS_OK;
}

static ls_status check_storage(const store_t *store, hid_t dataset, hid_t list, const char *name,
                               ls_error *error) {
  if (elements_of(dataset) <= 0) return LS_OK;
  TRY(check_filters(store, dataset, list, name, error));
  TRY(check_chunk(store, dataset, name, error));
  if (fills_with_nan(dataset, list)) return LS_OK;
  if (H5Dget_storage_size(dataset) == 0) return never_written(store, name, "was", error);
  if (H5Pget_layout(list) == H5D_CHUNKED && !has_all_chunks(dataset, list))
    return never_written(store, name, "a part of it was", error);
  return LS_OK;
}

/* Raw data in other files. HDF5 reads zeros behind the end of such a file. */
static ls_status check_external(const store_t *store, hid_t dataset, hid_t list, const char *name,
                                ls_error *error) {
  char file[STORE_NAME_SIZE] = "";
  off_t offset = 0;
  hsize_t size = 0, left = 0;
  struct stat about;
  H5Pget_external(list, 0, sizeof file - 1, file, &offset, &size);
  if (!external_is_allowed())
    return error_set(error, LS_BAD_DATA,
                     "%s: the values of %s are in another file, %s; set data.external=true to read them",
                     store->path, name, file);
  hid_t type = H5Dget_type(dataset);
  left = (hsize_t)elements_of(dataset) * H5Tget_size(type);
  hdf5_close(type);
  for (unsigned i = 0; i < (unsigned)H5Pget_external_count(list) && left > 0; i++) {
    if (H5Pget_external(list, i, sizeof file - 1, file, &offset, &size) < 0) break;
    if (size == H5F_UNLIMITED || size > left) size = left;
    if (stat(file, &about) == 0 && (offset < 0 || (hsize_t)about.st_size < (hsize_t)offset + size))
      return error_set(error, LS_BAD_DATA, "%s: %s is in another file, %s, which is too short", store->path,
                       name, file);
    left -= size;
  }
  return LS_OK;
}

/* ---- virtual arrays ---- */

/* Whether the array has all the elements that a virtual array takes from it. A selection of everything does
 * not say how much that is. */
static bool holds(const store_array_t *array, const virtual_source_t *source) {
  hsize_t low[H5S_MAX_RANK], high[H5S_MAX_RANK];
  if (H5Sget_select_type(source->space) == H5S_SEL_ALL)
    return array_rows(array) * array_row_elements(array) == source->elements;
  int dims = H5Sget_simple_extent_ndims(source->space);
  if (dims != array->dims || H5Sget_select_bounds(source->space, low, high) < 0) return false;
  for (int i = 0; i < dims; i++)
    if (high[i] >= (hsize_t)array->shape[i]) return false;
  return true;
}

static ls_status check(const store_t *store, hid_t dataset, const char *name, ls_error *error);

static ls_status check_source(const store_t *store, const virtual_source_t *source, ls_error *error) {
  store_t *other = NULL;
  const store_t *from = store;
  hid_t dataset = H5I_INVALID_HID;
  store_array_t array = {0};
  ls_status status = LS_OK;
  TRY(virtual_source_open(store, source, &other, error));
  if (other != NULL) from = other;
  TRY_OR_DONE(array_open_unchecked(from, source->name, &dataset, &array, error));
  TRY_OR_DONE(check(from, dataset, source->name, error));
  if (source->elements >= 0 && !holds(&array, source))
    status = error_set(error, LS_BAD_DATA, "%s: %s is smaller than what is taken from it", from->path,
                       source->name);
done:
  hdf5_close(dataset);
  store_close(&other);
  return status;
}

/* Ends, because array_open_unchecked refuses a virtual array that refers to itself. */
static ls_status check_virtual(const store_t *store, hid_t dataset, hid_t list, const char *name,
                               ls_error *error) {
  hssize_t covered = 0;
  for (size_t i = 0; i < virtual_sources(list); i++) {
    virtual_source_t source;
    ls_status status = virtual_source_get(list, i, &source, error);
    if (status == LS_OK) status = check_source(store, &source, error);
    virtual_source_free(&source);
    if (status != LS_OK)
      return error_prefix(error, status, "%s: %s is a virtual array, and not all of it exists", store->path,
                          name);
    covered = covered < 0 || source.elements < 0 ? -1 : covered + source.elements;
  }
  if (covered < 0 || covered >= elements_of(dataset) || fills_with_nan(dataset, list)) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: %s is a virtual array, and some of its values have no source",
                   store->path, name);
}

/* ---- all kinds ---- */

static ls_status check(const store_t *store, hid_t dataset, const char *name, ls_error *error) {
  hid_t list = H5Dget_create_plist(dataset);
  ls_status status = LS_OK;
  if (H5Pget_layout(list) == H5D_VIRTUAL)
    status = check_virtual(store, dataset, list, name, error);
  else if (H5Pget_external_count(list) > 0)
    status = check_external(store, dataset, list, name, error);
  else
    status = check_storage(store, dataset, list, name, error);
  hdf5_close(list);
  return status;
}

ls_status source_check(const store_t *store, hid_t dataset, const char *name, ls_error *error) {
  if (names_have(&store->notes->checked, name)) return LS_OK;
  TRY(check(store, dataset, name, error));
  if (names_add(&store->notes->checked, name) == LS_OK) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path);
}
