/* NPY, NumPy's file format, versions 1.0 to 3.0 (NumPy Enhancement Proposal 1): magic, version, length of the
 * header, a Python dictionary as text with the keys descr (type), fortran_order and shape, then the values.
 * NumPy itself writes the dictionary, so searching for its keys is enough. */
#include "import/import_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Finds the text after 'key': in the header. */
static ls_status header_value(const char *path, const char *header, const char *key, const char **out,
                              ls_error *error) {
  const char *at = strstr(header, key);
  if (at == NULL) return error_set(error, LS_BAD_DATA, "%s: the NPY header has no %s", path, key);
  at += strlen(key);
  *out = at + strspn(at, " :");
  return LS_OK;
}

/* Parses a type such as '<f4': byte order (| and = mean the byte order of this machine), kind, bytes. */
static ls_status parse_type(const char *path, const char *text, import_element_t *out, ls_error *error) {
  char quote = *text;
  const char *end = quote == '\'' || quote == '"' ? strchr(text + 1, quote) : NULL;
  if (end == NULL || end - text < 4 || strchr("<>|=", text[1]) == NULL || strchr("buif", text[2]) == NULL)
    return error_set(error, LS_BAD_DATA,
                     "%s: values of type %.*s are not plain numbers; convert the array, for example by "
                     "a.astype('float32')",
                     path, (int)strcspn(text, ",}"), text);
  *out = (import_element_t){text[2], strtoul(text + 3, NULL, 10), text[1] == '>'};
  return LS_OK;
}

/* Parses a shape such as (60000, 28, 28) or (60000,). */
static ls_status parse_shape(const char *path, const char *text, int *dims, int64_t *shape, ls_error *error) {
  int n = 0;
  const char *at = text + (*text == '(');
  while (*at >= '0' && *at <= '9') {
    if (n == STORE_MAX_DIMS)
      return error_set(error, LS_BAD_DATA, "%s: more than %d dimensions", path, STORE_MAX_DIMS);
    char *end = NULL;
    shape[n++] = strtoll(at, &end, 10);
    at = end + strspn(end, ", L");
  }
  if (*text != '(' || *at != ')')
    return error_set(error, LS_BAD_DATA, "%s: the NPY header's shape is damaged", path);
  if (n == 0) return error_set(error, LS_BAD_DATA, "%s: a single number, not an array with rows", path);
  *dims = n;
  return LS_OK;
}

/* Finds the start and the length of the header's text. */
static ls_status header_extent(const char *path, const file_bytes_t *content, size_t *start, size_t *length,
                               ls_error *error) {
  const unsigned char *b = content->bytes;
  size_t prefix = content->size >= 12 && b[6] >= 2 ? 12 : 10;
  if (content->size < prefix)
    return error_set(error, LS_BAD_DATA, "%s: cut in the middle of its NPY header", path);
  if (b[6] < 1 || b[6] > 3)
    return error_set(error, LS_BAD_DATA, "%s: NPY version %d.%d; 1.0 to 3.0 can be imported", path, b[6],
                     b[7]);
  size_t n = (size_t)b[8] | (size_t)b[9] << 8;
  if (prefix == 12) n |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
  if (content->size - prefix < n)
    return error_set(error, LS_BAD_DATA, "%s: cut in the middle of its NPY header", path);
  *start = prefix;
  *length = n;
  return LS_OK;
}

static ls_status parse_header(const char *path, const char *header, import_element_t *element, int *dims,
                              int64_t *shape, ls_error *error) {
  const char *type = NULL, *order = NULL, *sizes = NULL;
  TRY(header_value(path, header, "'descr'", &type, error));
  TRY(header_value(path, header, "'fortran_order'", &order, error));
  TRY(header_value(path, header, "'shape'", &sizes, error));
  TRY(parse_type(path, type, element, error));
  if (strncmp(order, "False", 5) != 0)
    return error_set(error, LS_BAD_DATA,
                     "%s: the array is stored column by column (Fortran order); save it by rows: "
                     "numpy.save(file, numpy.ascontiguousarray(a))",
                     path);
  return parse_shape(path, sizes, dims, shape, error);
}

ls_status npy_read(const char *path, file_bytes_t *content, import_array_t *out, ls_error *error) {
  size_t start = 0, length = 0;
  TRY(header_extent(path, content, &start, &length, error));
  char *header = strndup((const char *)content->bytes + start, length);
  if (header == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for its header", path);
  import_element_t element;
  int dims = 0;
  int64_t shape[STORE_MAX_DIMS];
  ls_status status = parse_header(path, header, &element, &dims, shape, error);
  free(header);
  if (status != LS_OK) return status;
  return import_array_take(path, content, start + length, element, dims, shape, out, error);
}
