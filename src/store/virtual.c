/* Virtual arrays: their sources, which may be in other files. A virtual array that refers to itself, directly
 * or through others, has to be found before HDF5 is asked for its shape: HDF5 follows the circle. */
#include "store/store_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Virtual arrays may have virtual sources, but real files do not nest them this deep. */
enum { DEEPEST_SOURCE = 8 };

size_t virtual_sources(hid_t list) {
  size_t n = 0;
  if (H5Pget_layout(list) == H5D_VIRTUAL) H5Pget_virtual_count(list, &n);
  return n;
}

ls_status virtual_source_get(hid_t list, size_t i, virtual_source_t *out, ls_error *error) {
  *out = (virtual_source_t){.space = H5Pget_virtual_srcspace(list, i)};
  ssize_t file = H5Pget_virtual_filename(list, i, out->file, sizeof out->file);
  ssize_t name = H5Pget_virtual_dsetname(list, i, out->name, sizeof out->name);
  hid_t space = H5Pget_virtual_vspace(list, i);
  out->elements = H5Sget_select_npoints(space);
  hdf5_close(space);
  H5Eclear2(H5E_DEFAULT);
  if (file < 0 || name < 0 || file >= (ssize_t)sizeof out->file || name >= (ssize_t)sizeof out->name)
    return error_set(error, LS_BAD_DATA, "the name of source %zu cannot be read", i);
  if (strchr(out->file, '%') != NULL || strchr(out->name, '%') != NULL)
    return error_set(error, LS_BAD_DATA, "its sources have a pattern (%.300s, %.300s) instead of names",
                     out->file, out->name);
  return LS_OK;
}

void virtual_source_free(virtual_source_t *source) {
  hdf5_close(source->space);
}

static void folder_of(const char *path, char out[STORE_NAME_SIZE]) {
  const char *slash = strrchr(path, '/');
  snprintf(out, STORE_NAME_SIZE, "%.*s", slash == NULL ? 1 : (int)(slash - path), slash == NULL ? "." : path);
}

/* Opens the file of a source where HDF5 looks for it: under HDF5_VDS_PREFIX, beside the virtual array's file,
 * in the working directory, and beside the file that a symbolic link stands for. */
static ls_status open_source(const store_t *store, const char *file, store_t **out, ls_error *error) {
  char folders[4][STORE_NAME_SIZE] = {"", "", ".", ""}, real[STORE_NAME_SIZE];
  const char *prefix = getenv("HDF5_VDS_PREFIX");
  struct stat about;
  if (prefix != NULL && strcmp(prefix, "${ORIGIN}") != 0)
    snprintf(folders[0], sizeof folders[0], "%s", prefix);
  folder_of(store->path, folders[1]);
  if (realpath(store->path, real) != NULL) folder_of(real, folders[3]);
  bool is_absolute = file[0] == '/', found = false;
  for (size_t i = is_absolute ? 2 : 0; i < 4 && !found; i++) {
    char *path = NULL;
    if (folders[i][0] == '\0') continue;
    if (asprintf(&path, "%s%s%s", is_absolute ? "" : folders[i], is_absolute ? "" : "/", file) < 0)
      return error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path);
    found = stat(path, &about) == 0;
    ls_status status = found ? file_open(path, out, error) : LS_OK;
    free(path);
    if (found) return status;
  }
  return error_set(error, LS_BAD_DATA, "there is no file %s", file);
}

ls_status virtual_source_open(const store_t *store, const virtual_source_t *source, store_t **out,
                              ls_error *error) {
  return strcmp(source->file, ".") == 0 ? LS_OK : open_source(store, source->file, out, error);
}

/* ---- circles ---- */

static bool is_circular(const store_t *store, hid_t dataset, int depth);

static bool leads_in_a_circle(const store_t *store, const virtual_source_t *source, int depth) {
  ls_error error = {0};
  store_t *other = NULL;
  if (virtual_source_open(store, source, &other, &error) != LS_OK) return false;
  const store_t *from = other != NULL ? other : store;
  hid_t object = H5Oopen(from->file, source->name, from->links);
  bool found = H5Iget_type(object) == H5I_DATASET && is_circular(from, object, depth + 1);
  hdf5_close(object);
  store_close(&other);
  return found;
}

static bool is_circular(const store_t *store, hid_t dataset, int depth) {
  hid_t list = H5Dget_create_plist(dataset);
  bool found = depth > DEEPEST_SOURCE;
  for (size_t i = 0; i < virtual_sources(list) && !found; i++) {
    virtual_source_t source;
    ls_error error = {0};
    found = virtual_source_get(list, i, &source, &error) == LS_OK && leads_in_a_circle(store, &source, depth);
    virtual_source_free(&source);
  }
  hdf5_close(list);
  return found;
}

ls_status virtual_check(const store_t *store, hid_t dataset, const char *name, ls_error *error) {
  bool found = is_circular(store, dataset, 0);
  H5Eclear2(H5E_DEFAULT);
  if (!found) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: %s is a virtual array that refers to itself", store->path, name);
}
