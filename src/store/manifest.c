/* The manifest lists everything in a file with its checksum, so a reader can detect a damaged or incomplete
 * file. It includes attributes, because HDF5 keeps texts outside the metadata that it checks itself. Arrays
 * are read back in pieces of limited size. Verification builds the list again and compares. */
#include "store/store_impl.h"

#include "base/checksum.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST_NAMES     MANIFEST_GROUP "/names"
#define MANIFEST_SIZES     MANIFEST_GROUP "/sizes"
#define MANIFEST_CHECKSUMS MANIFEST_GROUP "/checksums"

typedef struct {
  names_t names;
  uint64_t *sizes; /* bytes */
  uint64_t *checksums;
} manifest_t;

static void manifest_free(manifest_t *manifest) {
  names_free(&manifest->names);
  free(manifest->sizes);
  free(manifest->checksums);
  *manifest = (manifest_t){0};
}

/* ---- checksums of what is in the file ---- */

/* Rows in native bytes, as many at a time as fit into a piece. */
static ls_status hash_rows(const store_t *store, hid_t dataset, const char *name, const store_array_t *array,
                           hid_t type, checksum_t *sum, ls_error *error) {
  int64_t row_bytes = array_row_elements(array) * (int64_t)H5Tget_size(type), rows = array_rows(array);
  if (row_bytes == 0 || rows == 0) return LS_OK;
  int64_t step = row_bytes < MANIFEST_PIECE_BYTES ? MANIFEST_PIECE_BYTES / row_bytes : 1;
  if (step > rows) step = rows;
  void *piece = malloc((size_t)(step * row_bytes));
  if (piece == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory for %s", store->path, name);
  ls_status status = LS_OK;
  for (int64_t first = 0; first < rows && status == LS_OK; first += step) {
    int64_t count = rows - first < step ? rows - first : step;
    status = array_read(store, dataset, name, first, count, type, piece, error);
    if (status == LS_OK) checksum_add(sum, piece, (size_t)(count * row_bytes));
    turn_offer();
  }
  free(piece);
  return status;
}

static ls_status checksum_array(const store_t *store, const char *name, uint64_t *size, uint64_t *checksum,
                                ls_error *error) {
  hid_t dataset = H5I_INVALID_HID;
  store_array_t array = {0};
  TRY(array_open(store, name, &dataset, &array, error));
  hid_t file_type = H5Dget_type(dataset), type = H5Tget_native_type(file_type, H5T_DIR_ASCEND);
  checksum_t *sum = checksum_begin();
  ls_status status = sum == NULL ? error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path) : LS_OK;
  if (status == LS_OK) status = hash_rows(store, dataset, name, &array, type, sum, error);
  uint64_t found = checksum_end(&sum);
  if (status == LS_OK) {
    *size = (uint64_t)(array_rows(&array) * array_row_elements(&array)) * H5Tget_size(type);
    *checksum = found;
  }
  hdf5_close(type);
  hdf5_close(file_type);
  hdf5_close(dataset);
  return status;
}

static ls_status checksum_text_array(const store_t *store, const char *name, uint64_t *size,
                                     uint64_t *checksum, ls_error *error) {
  hid_t type = H5I_INVALID_HID;
  char *bytes = NULL;
  size_t n = 0;
  TRY(text_array_bytes(store, name, &type, &bytes, &n, error));
  *size = n * H5Tget_size(type);
  *checksum = checksum_of(bytes, *size);
  hdf5_close(type);
  free(bytes);
  return LS_OK;
}

/* The bytes of an attribute as a malloc'd block: texts one after the other with their NULs, else numbers. */
static ls_status attribute_bytes(hid_t attribute, void **bytes, size_t *size) {
  hid_t file_type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  hid_t type = H5Tget_native_type(file_type, H5T_DIR_ASCEND);
  bool is_text = H5Tget_class(file_type) == H5T_STRING;
  hssize_t elements = H5Sget_simple_extent_npoints(space);
  ls_status status = LS_BAD_DATA;
  if (is_text) {
    char **texts = NULL;
    size_t n = 0;
    status = text_read_all(attribute, &texts, &n);
    *size = 0;
    if (status == LS_OK && n > 0) {
      *size = (size_t)(texts[n - 1] - texts[0]) + strlen(texts[n - 1]) + 1;
      memmove(texts, texts[0], *size);
    }
    *bytes = texts;
  } else if (type >= 0 && elements >= 0) {
    *size = (size_t)elements * H5Tget_size(type);
    *bytes = calloc(1, *size + 1);
    status = *bytes == NULL                                         ? LS_NO_MEMORY
             : elements > 0 && H5Aread(attribute, type, *bytes) < 0 ? LS_BAD_DATA
                                                                    : LS_OK;
  }
  hdf5_close(type);
  hdf5_close(space);
  hdf5_close(file_type);
  return status;
}

/* name is PATH@KEY. */
static ls_status checksum_attribute(const store_t *store, const char *name, uint64_t *size,
                                    uint64_t *checksum, ls_error *error) {
  const char *at = strrchr(name, '@');
  char *path = strndup(name, (size_t)(at - name));
  if (path == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path);
  hid_t attribute = H5Aopen_by_name(store->file, path, at + 1, H5P_DEFAULT, H5P_DEFAULT);
  void *bytes = NULL;
  size_t n = 0;
  ls_status status = attribute < 0 ? LS_BAD_DATA : attribute_bytes(attribute, &bytes, &n);
  if (status == LS_OK) {
    *size = n;
    *checksum = checksum_of(bytes, n);
  } else {
    status = hdf5_error(error, status, "%s: attribute %s cannot be read", store->path, name);
  }
  free(bytes);
  hdf5_close(attribute);
  free(path);
  return status;
}

/* ---- the list ---- */

/* How each kind of contents is summed. */
typedef ls_status (*checksum_content_t)(const store_t *store, const char *name, uint64_t *size,
                                        uint64_t *checksum, ls_error *error);
static const checksum_content_t checksum_content[CONTENTS] = {[CONTENT_ARRAYS] = checksum_array,
                                                              [CONTENT_TEXT_ARRAYS] = checksum_text_array,
                                                              [CONTENT_ATTRIBUTES] = checksum_attribute};

/* Lists the names of all contents. ends[k] is the number of names after those of kind k. */
static ls_status manifest_names(const store_t *store, names_t *names, size_t ends[CONTENTS],
                                ls_error *error) {
  names_t kinds[CONTENTS] = {{0}};
  ls_status status = LS_OK;
  TRY(names_of_contents(store, kinds, error));
  for (size_t k = 0; k < CONTENTS; k++) {
    for (size_t i = 0; i < kinds[k].n && status == LS_OK; i++) status = names_add(names, kinds[k].names[i]);
    names_free(&kinds[k]);
    ends[k] = names->n;
  }
  return status == LS_OK ? LS_OK : error_set(error, status, "%s: out of memory", store->path);
}

/* Builds the list: arrays first, then arrays of texts, then attributes, each sorted. */
static ls_status manifest_make(const store_t *store, manifest_t *out, ls_error *error) {
  manifest_t manifest = {0};
  size_t ends[CONTENTS] = {0};
  ls_status status = LS_OK;
  TRY_OR_DONE(manifest_names(store, &manifest.names, ends, error));
  manifest.sizes = calloc(manifest.names.n + 1, sizeof *manifest.sizes);
  manifest.checksums = calloc(manifest.names.n + 1, sizeof *manifest.checksums);
  if (manifest.sizes == NULL || manifest.checksums == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path));
  for (size_t i = 0, k = 0; i < manifest.names.n; i++) {
    while (i >= ends[k]) k++;
    TRY_OR_DONE(checksum_content[k](store, manifest.names.names[i], &manifest.sizes[i],
                                    &manifest.checksums[i], error));
  }
  *out = manifest;
  return LS_OK;
done:
  manifest_free(&manifest);
  return status;
}

/* Joins all names to one text with a newline after each. They are stored as bytes, that is, as raw data in
 * one place. */
static char *joined_names(const names_t *names, size_t *size) {
  size_t bytes = 0;
  for (size_t i = 0; i < names->n; i++) bytes += strlen(names->names[i]) + 1;
  char *text = malloc(bytes + 1), *at = text;
  if (text == NULL) return NULL;
  for (size_t i = 0; i < names->n; i++) {
    size_t length = strlen(names->names[i]);
    memcpy(at, names->names[i], length);
    at[length] = '\n';
    at += length + 1;
  }
  *size = bytes;
  return text;
}

ls_status manifest_write(store_t *store, ls_error *error) {
  TAKE_TURN();
  manifest_t manifest = {0};
  ls_status status = LS_OK;
  size_t size = 0;
  TRY(manifest_make(store, &manifest, error));
  char *names = joined_names(&manifest.names, &size);
  if (names == NULL) TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path));
  TRY_OR_DONE(store_write(store, MANIFEST_NAMES, STORE_U8, 1, &(int64_t){(int64_t)size}, names, error));
  int64_t n = (int64_t)manifest.names.n;
  TRY_OR_DONE(store_write(store, MANIFEST_SIZES, STORE_U64, 1, &n, manifest.sizes, error));
  TRY_OR_DONE(store_write(store, MANIFEST_CHECKSUMS, STORE_U64, 1, &n, manifest.checksums, error));
done:
  free(names);
  manifest_free(&manifest);
  return status;
}

/* ---- walking ---- */

/* No array of a structure that is worth trying has longer rows. */
enum { MOST_TRIED_BYTES = 64 << 20 };

static ls_status read_last_row(const store_t *store, const char *name, ls_error *error) {
  hid_t dataset = H5I_INVALID_HID;
  store_array_t array = {0};
  TRY(array_open(store, name, &dataset, &array, error));
  hid_t file_type = H5Dget_type(dataset), type = H5Tget_native_type(file_type, H5T_DIR_ASCEND);
  int64_t rows = array_rows(&array);
  size_t bytes = (size_t)array_row_elements(&array) * H5Tget_size(type);
  bool is_tried = rows > 0 && bytes <= MOST_TRIED_BYTES;
  void *row = malloc(is_tried ? bytes + 1 : 1);
  ls_status status = LS_OK;
  if (row == NULL)
    status = error_set(error, LS_NO_MEMORY, "%s: out of memory for a row of %s", store->path, name);
  if (status == LS_OK && is_tried) status = array_read(store, dataset, name, rows - 1, 1, type, row, error);
  free(row);
  hdf5_close(type);
  hdf5_close(file_type);
  hdf5_close(dataset);
  return status;
}

ls_status manifest_walk(const store_t *store, ls_error *error) {
  TAKE_TURN();
  names_t names = {0};
  size_t ends[CONTENTS] = {0};
  ls_status status = LS_OK;
  TRY_OR_DONE(manifest_names(store, &names, ends, error));
  for (size_t i = 0, k = 0; i < names.n; i++) {
    uint64_t size = 0, checksum = 0;
    while (i >= ends[k]) k++;
    bool is_array = k == CONTENT_ARRAYS; /* large: one row stands for all */
    TRY_OR_DONE(is_array ? read_last_row(store, names.names[i], error)
                         : checksum_content[k](store, names.names[i], &size, &checksum, error));
  }
done:
  names_free(&names);
  return status;
}

/* ---- verifying ---- */

static ls_status split_names(char *text, size_t size, names_t *names) {
  for (char *at = text; at < text + size;) {
    char *end = memchr(at, '\n', (size_t)(text + size - at));
    if (end == NULL) return LS_BAD_DATA;
    *end = '\0';
    TRY(names_add(names, at));
    at = end + 1;
  }
  return LS_OK;
}

static ls_status read_vector(const store_t *store, const char *name, store_type_t type, void **out,
                             int64_t *n, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, name, &array, error));
  int64_t elements = array_rows(&array);
  if (array.dims != 1 || elements > (INT64_C(1) << 32))
    return error_set(error, LS_BAD_DATA, "%s: %s is damaged", store->path, name);
  void *values = calloc((size_t)elements + 1, store_type_size(type));
  if (values == NULL) return error_set(error, LS_NO_MEMORY, "%s: out of memory", store->path);
  ls_status status = store_read_rows(store, name, 0, elements, type, values, error);
  if (status != LS_OK) {
    free(values);
    return status;
  }
  *out = values;
  *n = elements;
  return LS_OK;
}

static ls_status manifest_read(const store_t *store, manifest_t *out, ls_error *error) {
  manifest_t manifest = {0};
  void *names = NULL, *sizes = NULL, *checksums = NULL;
  int64_t size = 0, n_sizes = 0, n_checksums = 0;
  ls_status status = LS_OK;
  TRY_OR_DONE(read_vector(store, MANIFEST_NAMES, STORE_U8, &names, &size, error));
  TRY_OR_DONE(read_vector(store, MANIFEST_SIZES, STORE_U64, &sizes, &n_sizes, error));
  TRY_OR_DONE(read_vector(store, MANIFEST_CHECKSUMS, STORE_U64, &checksums, &n_checksums, error));
  status = split_names(names, (size_t)size, &manifest.names);
  if (status == LS_NO_MEMORY) TRY_OR_DONE(error_set(error, status, "%s: out of memory", store->path));
  if (status == LS_OK && ((int64_t)manifest.names.n != n_sizes || n_sizes != n_checksums))
    status = LS_BAD_DATA;
  if (status != LS_OK) TRY_OR_DONE(error_set(error, status, "%s: the manifest is damaged", store->path));
  manifest.sizes = sizes;
  manifest.checksums = checksums;
  *out = manifest;
  free(names);
  return LS_OK;
done:
  names_free(&manifest.names);
  free(names);
  free(sizes);
  free(checksums);
  return status;
}

static const char *first_difference(const manifest_t *now, const manifest_t *then, const char **what) {
  for (size_t i = 0; i < then->names.n; i++) {
    *what = "is missing";
    if (i >= now->names.n) return then->names.names[i];
    int order = strcmp(then->names.names[i], now->names.names[i]);
    if (order != 0) {
      *what = "is missing, or something was added before it";
      return then->names.names[i];
    }
    *what = "does not have the size or the checksum that the manifest gives it";
    if (now->sizes[i] != then->sizes[i] || now->checksums[i] != then->checksums[i])
      return then->names.names[i];
  }
  *what = "was added after the file was finished";
  return now->names.n > then->names.n ? now->names.names[then->names.n] : NULL;
}

ls_status store_require_manifest(const store_t *store, ls_error *error) {
  TAKE_TURN();
  if (store_has(store, MANIFEST_NAMES)) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s has no manifest: it was not finished, or not written by lockstep",
                   store->path);
}

ls_status store_verify(const store_t *store, ls_error *error) {
  TAKE_TURN();
  manifest_t then = {0}, now = {0};
  ls_status status = LS_OK;
  const char *what = NULL;
  TRY(store_require_manifest(store, error));
  TRY_OR_DONE(manifest_read(store, &then, error));
  TRY_OR_DONE(manifest_make(store, &now, error));
  const char *name = first_difference(&now, &then, &what);
  if (name != NULL) status = error_set(error, LS_BAD_DATA, "%s is damaged: %s %s", store->path, name, what);
done:
  manifest_free(&then);
  manifest_free(&now);
  return status;
}

/* ---- two files ---- */

/* The wanted entry of `a` that `b` has not, or has with other bytes; NULL: there is none. */
static const char *missing_in(const manifest_t *a, const manifest_t *b, bool (*wanted)(const char *name)) {
  for (size_t i = 0; i < a->names.n; i++) {
    const char *name = a->names.names[i];
    size_t k = 0;
    if (!wanted(name)) continue;
    while (k < b->names.n && strcmp(b->names.names[k], name) != 0) k++;
    if (k == b->names.n || a->sizes[i] != b->sizes[k] || a->checksums[i] != b->checksums[k]) return name;
  }
  return NULL;
}

ls_status store_difference(const store_t *a, const store_t *b, bool (*wanted)(const char *name), char **out,
                           ls_error *error) {
  manifest_t first = {0}, second = {0};
  ls_status status = LS_OK;
  TRY(store_require_manifest(a, error));
  TRY(store_require_manifest(b, error));
  TRY_OR_DONE(manifest_read(a, &first, error));
  TRY_OR_DONE(manifest_read(b, &second, error));
  const char *name = missing_in(&first, &second, wanted);
  if (name == NULL) name = missing_in(&second, &first, wanted);
  char *copy = name != NULL ? strdup(name) : NULL;
  if (name != NULL && copy == NULL) TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "%s: out of memory", a->path));
  *out = copy;
done:
  manifest_free(&first);
  manifest_free(&second);
  return status;
}
