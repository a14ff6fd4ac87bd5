/* NPY, NumPy's file format, versions 1.0 to 3.0 (NumPy Enhancement Proposal 1): magic, version, length of the
 * header, a Python dictionary as text with the keys descr (type), fortran_order and shape, then the values.
 * NumPy itself writes the dictionary, so searching for its keys is enough.
 *
 * Texts are read as a table: as y they are classes, as x they are columns of text. */
#include "import/table_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What the header says. */
typedef struct {
  import_element_t element; /* also kind U (4 bytes for each character) and S (bytes) */
  bool by_columns;          /* Fortran order: the first index runs fastest */
  int dims;
  int64_t shape[STORE_MAX_DIMS];
} npy_header_t;

/* ---- the header ---- */

/* Finds the text after 'key': in the header. */
static ls_status header_value(const char *path, const char *header, const char *key, const char **out,
                              ls_error *error) {
  const char *at = strstr(header, key);
  if (at == NULL) return error_set(error, LS_BAD_DATA, "%s: the NPY header has no %s", path, key);
  at += strlen(key);
  *out = at + strspn(at, " :");
  return LS_OK;
}

/* Types that are not read, by the letter of their kind; '[' begins a structured type. */
static const struct {
  char kind;
  const char *what, *advice;
} refused[] = {
    {'[', "a structured array, with named fields",
     "save it as a table with pandas.DataFrame(a).to_csv(FILE, index=False), or as numbers with "
     "numpy.lib.recfunctions.structured_to_unstructured(a)"},
    {'O', "an array of Python objects",
     "convert it with a.astype('float32') for numbers, a.astype(str) for texts"},
    {'c', "complex numbers", "save numpy.stack([a.real, a.imag], axis=-1)"},
    {'M', "dates", "save a.astype('datetime64[s]').astype('int64'), or a.astype(str) as texts"},
    {'m', "time spans", "save a.astype('timedelta64[s]').astype('int64')"},
    {'V', "bytes without a meaning (void)", "convert it, for example with a.view('float32')"},
};

static ls_status refuse_type(const char *path, const char *text, ls_error *error) {
  char kind = *text == '[' ? '[' : text[0] != '\0' && text[1] != '\0' ? text[2] : '\0';
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    if (refused[i].kind == kind)
      return error_set(error, LS_BAD_DATA, "%s: %s; %s", path, refused[i].what, refused[i].advice);
  return error_set(error, LS_BAD_DATA,
                   "%s: values of type %.*s are not plain numbers; convert the array, for example by "
                   "a.astype('float32')",
                   path, (int)strcspn(text, ",}"), text);
}

/* Parses a type such as '<f4': byte order (| and = mean the byte order of this machine), kind, size. */
static ls_status parse_type(const char *path, const char *text, import_element_t *out, ls_error *error) {
  char quote = *text;
  const char *end = quote == '\'' || quote == '"' ? strchr(text + 1, quote) : NULL;
  if (end == NULL || end - text < 4 || strchr("<>|=", text[1]) == NULL || strchr("buifUS", text[2]) == NULL)
    return refuse_type(path, text, error);
  size_t bytes = strtoul(text + 3, NULL, 10), unit = text[2] == 'U' ? 4 : 1;
  if (bytes == 0 || bytes > INT32_MAX)
    return error_set(error, LS_BAD_DATA, "%s: values of type %.*s have no size that can be read", path,
                     (int)(end + 1 - text), text);
  *out = (import_element_t){text[2], bytes * unit, text[1] == '>'};
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

static ls_status parse_header(const char *path, const char *header, npy_header_t *out, ls_error *error) {
  const char *type = NULL, *order = NULL, *sizes = NULL;
  TRY(header_value(path, header, "'descr'", &type, error));
  TRY(header_value(path, header, "'fortran_order'", &order, error));
  TRY(header_value(path, header, "'shape'", &sizes, error));
  TRY(parse_type(path, type, &out->element, error));
  out->by_columns = strncmp(order, "True", 4) == 0;
  if (!out->by_columns && strncmp(order, "False", 5) != 0)
    return error_set(error, LS_BAD_DATA, "%s: the NPY header's fortran_order is neither True nor False",
                     path);
  return parse_shape(path, sizes, &out->dims, out->shape, error);
}

/* ---- texts ---- */

/* Writes a code point as UTF-8; returns its bytes. What is not a code point becomes U+FFFD. */
static size_t utf8_write(uint32_t c, char *out) {
  if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t k = n; k-- > 1; c >>= 6) out[k] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)(first[n] | c);
  return n;
}

static uint32_t character(const unsigned char *b, bool big_endian) {
  return big_endian ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
                    : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* The text of an element as UTF-8; returns its length. NumPy fills elements up with NULs. `out` has as many
 * bytes as the element. */
static size_t element_text(const unsigned char *b, import_element_t element, char *out) {
  size_t n = 0, unit = element.kind == 'U' ? 4 : 1, size = element.bytes;
  static const unsigned char none[4] = {0};
  while (size > 0 && memcmp(b + size - unit, none, unit) == 0) size -= unit;
  if (unit == 1) memcpy(out, b, size);
  if (unit == 1) return size;
  for (size_t i = 0; i < size; i += 4) n += utf8_write(character(b + i, element.big_endian), out + n);
  return n;
}

/* Makes a table of texts (n) or (n, columns). */
static ls_status read_texts(const char *path, const file_bytes_t *content, size_t offset,
                            const npy_header_t *header, size_t most, import_content_t *out, ls_error *error) {
  size_t n = 0, size = header->element.bytes;
  if (header->dims > 2)
    return error_set(error, LS_BAD_DATA, "%s: texts in %d dimensions; (n) and (n, columns) can be imported",
                     path, header->dims);
  TRY(import_count_elements(path, content->size - offset, size, header->dims, header->shape, &n, error));
  size_t rows = (size_t)header->shape[0], columns = n / rows;
  table_text_t text = {.most = most};
  char *cell = malloc(size + 1);
  if (cell == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for a text", path);
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c++) {
      size_t place = header->by_columns ? c * rows + r : r * columns + c;
      table_text_cell(&text, cell,
                      element_text(content->bytes + offset + place * size, header->element, cell));
    }
    table_text_line(&text);
  }
  free(cell);
  bool *is_text = malloc(columns * sizeof *is_text);
  if (is_text == NULL) {
    file_bytes_free(&text.content);
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu columns", path, columns);
  }
  for (size_t c = 0; c < columns; c++) is_text[c] = true;
  return table_text_take(&text, path, (table_made_t){false, header->element.kind == 'U', is_text}, out,
                         error);
}

/* ---- the whole ---- */

ls_status npy_read(const char *path, file_bytes_t *content, size_t most, import_content_t *out,
                   ls_error *error) {
  size_t start = 0, length = 0;
  npy_header_t header = {0};
  TRY(header_extent(path, content, &start, &length, error));
  char *text = strndup((const char *)content->bytes + start, length);
  if (text == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for its header", path);
  ls_status status = parse_header(path, text, &header, error);
  free(text);
  TRY(status);
  size_t offset = start + length, size = header.element.bytes;
  if (header.element.kind == 'U' || header.element.kind == 'S')
    return read_texts(path, content, offset, &header, most, out, error);
  if (header.by_columns && header.dims > 1 && (size == 1 || size == 2 || size == 4 || size == 8)) {
    TRY(import_array_transpose(path, content, offset, size, header.dims, header.shape, error));
    offset = 0;
  }
  return import_array_take(path, content, offset, header.element, header.dims, header.shape, most,
                           &out->array, error);
}
