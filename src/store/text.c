/* HDF5 texts: of variable length (as written by h5py and by this room), or of fixed length, padded with zeros
 * or blanks. All are returned as one block of C strings. */
#include "store/store_impl.h"

#include <stdlib.h>
#include <string.h>

hid_t text_type(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

/* Copies n texts of lengths[i] bytes to one malloc'd block: n pointers and a NULL, then the texts, each with
 * a final NUL. */
static char **pack(const char *const *texts, const size_t *lengths, size_t n) {
  size_t bytes = (n + 1) * sizeof(char *);
  for (size_t i = 0; i < n; i++) bytes += lengths[i] + 1;
  char **block = malloc(bytes);
  if (block == NULL) return NULL;
  char *at = (char *)(block + n + 1);
  for (size_t i = 0; i < n; i++) {
    block[i] = at;
    if (lengths[i] > 0) memcpy(at, texts[i], lengths[i]);
    at[lengths[i]] = '\0';
    at += lengths[i] + 1;
  }
  block[n] = NULL;
  return block;
}

size_t text_length(const char *text, size_t size, H5T_str_t padding) {
  size_t length = strnlen(text, size);
  if (padding == H5T_STR_SPACEPAD)
    while (length > 0 && text[length - 1] == ' ') length--;
  return length;
}

ls_status text_unpack(const char *bytes, hid_t type, size_t n, char ***out) {
  size_t size = H5Tget_size(type);
  const char **texts = calloc(n + 1, sizeof *texts);
  size_t *lengths = calloc(n + 1, sizeof *lengths);
  char **block = NULL;
  for (size_t i = 0; i < n && texts != NULL && lengths != NULL; i++) {
    texts[i] = bytes + i * size;
    lengths[i] = text_length(texts[i], size, H5Tget_strpad(type));
  }
  if (texts != NULL && lengths != NULL) block = pack(texts, lengths, n);
  free(texts);
  free(lengths);
  if (block == NULL) return LS_NO_MEMORY;
  *out = block;
  return LS_OK;
}

static ls_status read_fixed(hid_t attribute, hid_t type, size_t n, char ***out) {
  char *bytes = calloc(n + 1, H5Tget_size(type));
  if (bytes == NULL) return LS_NO_MEMORY;
  ls_status status = n == 0 || H5Aread(attribute, type, bytes) >= 0 ? LS_OK : LS_BAD_DATA;
  if (status == LS_OK) status = text_unpack(bytes, type, n, out);
  free(bytes);
  return status;
}

static ls_status read_variable(hid_t attribute, hid_t type, size_t n, char ***out) {
  const char **texts = calloc(n + 1, sizeof *texts);
  size_t *lengths = calloc(n + 1, sizeof *lengths);
  char **block = NULL;
  ls_status status = texts == NULL || lengths == NULL                       ? LS_NO_MEMORY
                     : n > 0 && H5Aread(attribute, type, (void *)texts) < 0 ? LS_BAD_DATA
                                                                            : LS_OK;
  if (status == LS_OK) {
    for (size_t i = 0; i < n; i++) lengths[i] = texts[i] == NULL ? 0 : strlen(texts[i]);
    block = pack(texts, lengths, n);
    hid_t space = H5Aget_space(attribute);
    if (n > 0) H5Dvlen_reclaim(type, space, H5P_DEFAULT, (void *)texts);
    hdf5_close(space);
    if (block == NULL) status = LS_NO_MEMORY;
  }
  free(texts);
  free(lengths);
  if (status == LS_OK) *out = block;
  return status;
}

ls_status text_read_all(hid_t attribute, char ***out, size_t *n) {
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  hssize_t elements = H5Sget_simple_extent_npoints(space);
  ls_status status = LS_BAD_DATA;
  if (elements >= 0 && H5Tget_class(type) == H5T_STRING) {
    size_t count = (size_t)elements;
    bool variable = H5Tis_variable_str(type) > 0;
    status = variable ? read_variable(attribute, type, count, out) : read_fixed(attribute, type, count, out);
    if (status == LS_OK) *n = count;
  }
  hdf5_close(space);
  hdf5_close(type);
  return status;
}

bool text_array_is(hid_t object) {
  if (H5Iget_type(object) != H5I_DATASET) return false;
  hid_t type = H5Dget_type(object), space = hdf5_space(object);
  bool is = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
            H5Sget_simple_extent_ndims(space) == 1;
  hdf5_close(space);
  hdf5_close(type);
  return is;
}
