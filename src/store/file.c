/* Files as HDF5 opens and closes them. Files are read by the POSIX driver, even with a parallel build of
 * HDF5: each rank reads independently, and one rank writes a file. A new file has a temporary name until it
 * is published.
 */
#include "store/store_impl.h"

#include "base/activity.h"
#include "base/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *store_path(const store_t *store) {
  return store->path;
}

bool store_is_hdf5(const char *path) {
  TAKE_TURN();
  bool is_hdf5 = H5Fis_hdf5(path) > 0;
  H5Eclear2(H5E_DEFAULT);
  return is_hdf5;
}

static void store_free(store_t *store) {
  if (store == NULL) return;
  if (store->links > 0) hdf5_close(store->links);
  if (store->transfer > 0) hdf5_close(store->transfer);
  if (store->notes != NULL) names_free(&store->notes->checked);
  free(store->notes);
  free(store->path);
  free(store->temporary);
  free(store->disk);
  free(store);
}

/* Settings for opening a file:
 *
 *   - Closing the file closes every handle in it.
 *   - Written in the format of HDF5 1.8, all metadata has checksums and attributes may exceed 64 KB. Files in
 *     any format that the library knows are read.
 *   - Without a sieve buffer, a write of rows reaches the system at once. Errors appear there, not when the
 *     array is closed. */
static hid_t access_list(bool writing) {
  hid_t list = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_sec2(list);
  H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
  H5Pset_sieve_buf_size(list, 0);
  if (writing) H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18);
  return list;
}

static const char lock_advice[] = "wait until the program that writes it has closed it, or set "
                                  "HDF5_USE_FILE_LOCKING=FALSE in the environment "
                                  "when the file system has no locks";

/* Explains why H5Fopen failed. Checks with the operating system first. */
static ls_status explain_open(const char *path, ls_error *error) {
  char reason[LS_MESSAGE_SIZE / 2];
  struct stat info;
  int code = hdf5_reason(reason, sizeof reason);
  if (stat(path, &info) != 0) {
    char hint[PATH_HINT_SIZE];
    const int cause = errno;
    path_hint(path, ".h5", hint);
    return error_set(error, system_status(cause), "%s: %s%s", path, strerror(cause), hint);
  }
  if (S_ISDIR(info.st_mode)) return error_set(error, LS_BAD_DATA, "%s is a directory, not a file", path);
  if (access(path, R_OK) != 0) return error_set(error, LS_BAD_DATA, "%s: %s", path, strerror(errno));
  if (strstr(reason, "lock file") != NULL)
    return error_set(error, LS_BAD_DATA, "%s is locked (%s): %s", path, reason, lock_advice);
  htri_t is_hdf5 = H5Fis_hdf5(path);
  H5Eclear2(H5E_DEFAULT);
  if (is_hdf5 == 0 && code == 0)
    return error_set(error, LS_BAD_DATA, "%s is not an HDF5 file%s", path, path_advice(path));
  if (strstr(reason, "truncated") != NULL)
    return error_set(error, LS_BAD_DATA, "%s is incomplete, its end is missing (%s): copy or make it again",
                     path, reason);
  return error_set(error, code != 0 ? system_status(code) : LS_BAD_DATA, "%s cannot be read: %s", path,
                   reason);
}

/* Numbers of another type are converted in pieces of this size. HDF5's own pieces have 1 MB, and it clears
 * all of that for every call, also for one that reads a single row. */
enum { CONVERSION_BYTES = 64 << 10 };

static hid_t transfer_list(void) {
  hid_t list = H5Pcreate(H5P_DATASET_XFER);
  if (list < 0 || H5Pset_buffer(list, CONVERSION_BYTES, NULL, NULL) < 0) H5Eclear2(H5E_DEFAULT);
  return list < 0 ? H5P_DEFAULT : list;
}

ls_status file_open(const char *path, store_t **out, ls_error *error) {
  TAKE_TURN();
  store_t *store = calloc(1, sizeof *store);
  if (store == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", path);
  store->path = strdup(path);
  store->notes = calloc(1, sizeof *store->notes);
  if (store->path == NULL || store->notes == NULL) {
    store_free(store);
    return error_set(error, LS_NO_MEMORY, "%s: out of memory", path);
  }
  store->links = link_access_list(store->notes);
  store->transfer = transfer_list();
  hid_t list = access_list(false);
  store->file = H5Fopen(path, H5F_ACC_RDONLY, list);
  hdf5_close(list);
  if (store->file < 0) {
    store_free(store);
    return explain_open(path, error);
  }
  *out = store;
  return LS_OK;
}

static store_t *store_for_writing(const char *path) {
  store_t *store = calloc(1, sizeof *store);
  if (store == NULL) return NULL;
  store->path = strdup(path);
  store->temporary = temporary_name(path);
  store->disk = calloc(1, sizeof *store->disk);
  if (store->path != NULL && store->temporary != NULL && store->disk != NULL) return store;
  store_free(store);
  return NULL;
}

/* Stores no times, so equal content gives equal bytes. */
static hid_t create_file(const char *path, disk_t *disk) {
  hid_t access = access_list(true), creation = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_obj_track_times(creation, 0);
  hid_t file = driver_create(path, creation, access, disk);
  hdf5_close(access);
  hdf5_close(creation);
  return file;
}

ls_status store_create(const char *path, store_t **out, ls_error *error) {
  TAKE_TURN();
  activity_set("writing %s", path);
  store_t *store = store_for_writing(path);
  if (store == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", path);
  store->file = create_file(store->temporary, store->disk);
  if (store->file < 0) {
    if (disk_check(store, NULL, error) == LS_OK) hdf5_error(error, LS_IO, "%s cannot be written", path);
    unlink(store->temporary);
    store_free(store);
    return LS_IO;
  }
  *out = store;
  return LS_OK;
}

ls_status disk_check(const store_t *store, const char *what, ls_error *error) {
  int code = store->disk != NULL ? store->disk->code : store->notes != NULL ? store->notes->code : 0;
  if (code == 0) return LS_OK;
  return error_set(error, LS_IO, "%s%s%s cannot be %s: %s", store->path, what != NULL ? ": " : "",
                   what != NULL ? what : "", store->disk != NULL ? "written" : "read", strerror(code));
}

void store_close(store_t **store) {
  TAKE_TURN();
  if (store == NULL || *store == NULL) return;
  if ((*store)->file >= 0) H5Fclose((*store)->file);
  if ((*store)->temporary != NULL) unlink((*store)->temporary);
  H5Eclear2(H5E_DEFAULT);
  store_free(*store);
  *store = NULL;
}

/* HDF5 fails on a path unless every group along it exists, so this checks them one by one, up to a link that
 * leads nowhere or cannot be read. */
bool store_has(const store_t *store, const char *name) {
  TAKE_TURN();
  char *path = strdup(name);
  if (path == NULL) return false;
  bool there = true, broken = false;
  size_t length = strlen(path);
  for (size_t i = 1; i <= length && there && !broken; i++) {
    if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') continue;
    char cut = path[i];
    path[i] = '\0';
    there = hdf5_exists(store, H5Lexists(store->file, path, store->links));
    broken = there && !hdf5_exists(store, H5Oexists_by_name(store->file, path, store->links));
    path[i] = cut;
  }
  free(path);
  H5Eclear2(H5E_DEFAULT);
  return there && length > 0;
}
