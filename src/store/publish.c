/* Publishing: a file appears under its final name only when it is complete and on disk (see store.h). The
 * directory is fsynced too, so that the name survives a power failure. */
#include "store/store_impl.h"

#include "base/activity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ls_status system_error(ls_error *error, const char *what, const char *path) {
  return error_set(error, LS_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* Some file systems cannot sync a directory and return EINVAL. This is ignored. */
static ls_status sync_path(const char *path, int flags, ls_error *error) {
  int file = open(path, flags | O_CLOEXEC);
  if (file < 0) return system_error(error, "cannot be opened to sync it", path);
  int result = fsync(file);
  bool synced = result == 0 || errno == EINVAL;
  ls_status status = synced ? LS_OK : system_error(error, "cannot be synced to the disk", path);
  close(file);
  return status;
}

/* The directory that holds the file at path, malloc'd; NULL without memory. */
static char *directory_of(const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return strdup(".");
  return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static ls_status sync_directory_of(const char *path, ls_error *error) {
  char *directory = directory_of(path);
  if (directory == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", path);
  ls_status status = sync_path(directory, O_RDONLY | O_DIRECTORY, error);
  free(directory);
  return status;
}

static ls_status move_into_place(const char *temporary, const char *path, ls_error *error) {
  TRY(sync_path(temporary, O_RDONLY, error));
  if (rename(temporary, path) != 0) return system_error(error, "cannot be replaced", path);
  return sync_directory_of(path, error);
}

/* ---- stores ---- */

/* Where the arrays have their values. *out is malloc'd. */
static ls_status find_ranges(const store_t *store, seal_range_t **out, size_t *n, ls_error *error) {
  TAKE_TURN();
  names_t names = {0};
  TRY(names_of_arrays(store, &names, error));
  seal_range_t *ranges = calloc(names.n + 1, sizeof *ranges);
  ls_status status =
      ranges == NULL ? error_set(error, LS_NO_MEMORY, "%s: no memory to seal it", store->path) : LS_OK;
  *n = 0;
  for (size_t i = 0; i < names.n && status == LS_OK; i++) {
    store_place_t place = {0};
    store_array_t array = {0};
    status = array_locate(store, names.names[i], &array, &place, error);
    if (status == LS_OK && place.is_plain)
      ranges[(*n)++] =
          (seal_range_t){(uint64_t)place.offset, (uint64_t)(array_rows(&array) * array_row_elements(&array)) *
                                                     store_type_size(place.type)};
  }
  names_free(&names);
  if (status == LS_OK)
    *out = ranges;
  else
    free(ranges);
  return status;
}

/* Compares the closed file with its manifest, and seals it. */
static ls_status verify_and_seal(const char *path, ls_error *error) {
  store_t *store = NULL;
  seal_range_t *ranges = NULL;
  size_t n = 0;
  TRY(file_open(path, &store, error));
  ls_status status = store_verify(store, error);
  if (status == LS_OK) status = find_ranges(store, &ranges, &n, error);
  store_close(&store);
  if (status == LS_OK) status = seal_write(path, ranges, n, error);
  free(ranges);
  return status;
}

/* Completes the file and closes it. */
static ls_status finish(store_t *store, bool is_sealed, ls_error *error) {
  TAKE_TURN();
  if (is_sealed) TRY(write_status(manifest_write(store, error), error));
  herr_t closed = H5Fclose(store->file);
  store->file = H5I_INVALID_HID;
  TRY(disk_check(store, NULL, error));
  return closed >= 0 ? LS_OK : hdf5_error(error, LS_IO, "%s cannot be written", store->path);
}

static ls_status publish(store_t **store, bool is_sealed, ls_error *error) {
  store_t *open = *store;
  ls_status status = LS_OK;
  TRY_OR_DONE(finish(open, is_sealed, error));
  if (is_sealed) status = verify_and_seal(open->temporary, error);
  if (status != LS_OK) TRY_OR_DONE(error_prefix(error, LS_IO, "%s did not come back as written", open->path));
  TRY_OR_DONE(move_into_place(open->temporary, open->path, error));
  free(open->temporary);
  open->temporary = NULL;
done:
  store_close(store);
  return status;
}

ls_status store_publish(store_t **store, ls_error *error) {
  return publish(store, true, error);
}

ls_status store_publish_unsealed(store_t **store, ls_error *error) {
  return publish(store, false, error);
}

/* ---- files as bytes, and directories ---- */

struct store_bytes {
  char *path, *temporary;
  int file; /* open, or -1 */
};

ls_status store_bytes_create(const char *path, store_bytes_t **out, ls_error *error) {
  activity_set("writing %s", path);
  store_bytes_t *bytes = calloc(1, sizeof *bytes);
  bool has_memory = bytes != NULL && (bytes->path = strdup(path)) != NULL &&
                    (bytes->temporary = temporary_name(path)) != NULL;
  if (bytes != NULL) bytes->file = -1;
  ls_status status = has_memory ? LS_OK : error_set(error, LS_NO_MEMORY, "%s: out of memory", path);
  if (status == LS_OK) {
    bytes->file = open(bytes->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (bytes->file < 0) status = system_error(error, "cannot be written", path);
  }
  if (status == LS_OK)
    *out = bytes;
  else
    store_bytes_drop(&bytes);
  return status;
}

ls_status store_bytes_append(store_bytes_t *bytes, const void *from, size_t left, ls_error *error) {
  const char *at = from;
  while (left > 0) {
    ssize_t written = write(bytes->file, at, left);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error(error, "cannot be written", bytes->path);
    activity_beat();
    at += written;
    left -= (size_t)written;
  }
  return LS_OK;
}

ls_status store_bytes_publish(store_bytes_t **bytes, ls_error *error) {
  store_bytes_t *whole = *bytes;
  int closed = close(whole->file);
  whole->file = -1;
  ls_status status = closed == 0 ? move_into_place(whole->temporary, whole->path, error)
                                 : system_error(error, "cannot be written", whole->path);
  if (status == LS_OK) {
    free(whole->temporary); /* has its final name */
    whole->temporary = NULL;
  }
  store_bytes_drop(bytes);
  return status;
}

void store_bytes_drop(store_bytes_t **bytes) {
  store_bytes_t *part = *bytes;
  if (part == NULL) return;
  if (part->file >= 0) close(part->file);
  if (part->temporary != NULL) unlink(part->temporary);
  free(part->temporary);
  free(part->path);
  free(part);
  *bytes = NULL;
}

ls_status store_write_file(const char *path, const char *text, ls_error *error) {
  store_bytes_t *bytes = NULL;
  TRY(store_bytes_create(path, &bytes, error));
  ls_status status = store_bytes_append(bytes, text, strlen(text), error);
  if (status == LS_OK) return store_bytes_publish(&bytes, error);
  store_bytes_drop(&bytes);
  return status;
}

ls_status store_check_place(const char *path, ls_error *error) {
  struct stat info;
  char *directory = directory_of(path);
  if (directory == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", path);
  bool is_directory = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  bool is_open = access(directory, W_OK | X_OK) == 0;
  free(directory);
  if (!is_open) return system_error(error, "cannot be written", path);
  if (is_directory) return error_set(error, LS_IO, "%s: cannot be written: a directory has this name", path);
  return LS_OK;
}

static ls_status make_one(const char *path, ls_error *error) {
  struct stat info;
  if (mkdir(path, 0777) == 0) return LS_OK;
  if (errno == EEXIST) {
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return LS_OK;
    errno = ENOTDIR;
  }
  return system_error(error, "cannot be made as a directory", path);
}

ls_status store_make_directory(const char *path, ls_error *error) {
  char *part = strdup(path);
  if (part == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", path);
  ls_status status = LS_OK;
  for (size_t i = 1; part[i - 1] != '\0' && status == LS_OK; i++) {
    char cut = part[i];
    if ((cut != '/' && cut != '\0') || part[i - 1] == '/') continue;
    part[i] = '\0';
    status = make_one(part, error);
    part[i] = cut;
  }
  free(part);
  return status;
}
