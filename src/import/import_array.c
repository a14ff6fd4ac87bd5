/* Converts raw elements to arrays: reorders bytes to this machine's byte order, and widens a type that the
 * store cannot write to the next one that holds every value exactly. */
#include "base/size.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Value of a half float (IEEE 754 binary16): (-1)^s 2^(e-25) (1024 + m), or (-1)^s 2^-24 m for e = 0. */
static float half_value(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  float value = exponent == 0    ? ldexpf((float)mantissa, -24)
                : exponent == 31 ? (mantissa == 0 ? INFINITY : NAN)
                                 : ldexpf((float)(1024 + mantissa), exponent - 25);
  return bits >> 15 ? -value : value;
}

#define WIDEN(name, from_t, to_t, value)                                                                     \
  static void name(size_t n, const void *from, void *to) {                                                   \
    const from_t *a = from;                                                                                  \
    to_t *b = to;                                                                                            \
    for (size_t i = 0; i < n; i++) b[i] = value(a[i]);                                                       \
  }
WIDEN(widen_i8, int8_t, int32_t, )
WIDEN(widen_i16, int16_t, int32_t, )
WIDEN(widen_u16, uint16_t, int32_t, )
WIDEN(widen_u32, uint32_t, int64_t, )
WIDEN(widen_f16, uint16_t, float, half_value)
#undef WIDEN

typedef struct {
  char kind;
  size_t bytes;
  store_type_t type;
  void (*widen)(size_t n, const void *from, void *to); /* NULL: stored unchanged */
} element_row_t;

static const element_row_t element_table[] = {
    {'b', 1, STORE_U8, NULL},       {'u', 1, STORE_U8, NULL},       {'i', 1, STORE_I32, widen_i8},
    {'u', 2, STORE_I32, widen_u16}, {'i', 2, STORE_I32, widen_i16}, {'u', 4, STORE_I64, widen_u32},
    {'i', 4, STORE_I32, NULL},      {'u', 8, STORE_U64, NULL},      {'i', 8, STORE_I64, NULL},
    {'f', 2, STORE_F32, widen_f16}, {'f', 4, STORE_F32, NULL},      {'f', 8, STORE_F64, NULL},
};

static const element_row_t *element_find(import_element_t element) {
  for (size_t i = 0; i < sizeof element_table / sizeof element_table[0]; i++)
    if (element_table[i].kind == element.kind && element_table[i].bytes == element.bytes)
      return &element_table[i];
  return NULL;
}

static void reverse_elements(unsigned char *bytes, size_t n, size_t size) {
  for (unsigned char *element = bytes; n > 0; n--, element += size)
    for (size_t k = 0; k < size / 2; k++) {
      unsigned char kept = element[k];
      element[k] = element[size - 1 - k];
      element[size - 1 - k] = kept;
    }
}

ls_status import_count_elements(const char *path, size_t bytes_there, size_t element, int dims,
                                const int64_t *shape, size_t *out, ls_error *error) {
  size_t bytes = 0;
  for (int k = 0; k < dims; k++)
    if (shape[k] < 1)
      return error_set(error, LS_BAD_DATA,
                       "%s: dimension %d of its shape is %" PRId64 ", so there are no values", path, k,
                       shape[k]);
  if (!size_of_shape(element, dims, shape, &bytes))
    return error_set(error, LS_BAD_DATA,
                     "%s: the header promises more bytes of values than can be counted; it is damaged", path);
  if (bytes != bytes_there)
    return error_set(error, LS_BAD_DATA,
                     "%s: the header promises %zu bytes of values, the file holds %zu; it is damaged or cut",
                     path, bytes, bytes_there);
  *out = bytes / element;
  return LS_OK;
}

/* ---- Fortran order ---- */

/* Where column c of the rows begins among the columns of the file. The columns of an array of several
 * dimensions are counted with the last index fastest in memory, with the second one fastest in the file:
 * c = (i_1 d_2 + i_2) d_3 + ..., and i_1 + d_1 (i_2 + d_2 (...)) in the file. */
static size_t column_in_file(size_t c, int dims, const int64_t *shape) {
  size_t column = 0;
  for (int k = dims - 1; k > 0; k--) {
    size_t size = (size_t)shape[k];
    column = column * size + c % size;
    c /= size;
  }
  return column;
}

/* Squares of 64 by 64 elements, so that the lines of a square stay in cache until they are full. */
#define TRANSPOSE(name, element_t)                                                                           \
  static void name(const void *from, void *to, int dims, const int64_t *shape, size_t width) {               \
    enum { SIDE = 64 };                                                                                      \
    const element_t *in = from;                                                                              \
    element_t *out = to;                                                                                     \
    size_t rows = (size_t)shape[0];                                                                          \
    for (size_t c0 = 0; c0 < width; c0 += SIDE)                                                              \
      for (size_t r0 = 0; r0 < rows; r0 += SIDE)                                                             \
        for (size_t c = c0; c < width && c < c0 + SIDE; c++) {                                               \
          const element_t *column = in + column_in_file(c, dims, shape) * rows;                              \
          for (size_t r = r0; r < rows && r < r0 + SIDE; r++) out[r * width + c] = column[r];                \
        }                                                                                                    \
  }
TRANSPOSE(transpose_1, uint8_t)
TRANSPOSE(transpose_2, uint16_t)
TRANSPOSE(transpose_4, uint32_t)
TRANSPOSE(transpose_8, uint64_t)
#undef TRANSPOSE

ls_status import_array_transpose(const char *path, file_bytes_t *content, size_t offset, size_t element,
                                 int dims, const int64_t *shape, ls_error *error) {
  size_t n = 0;
  TRY(import_count_elements(path, content->size - offset, element, dims, shape, &n, error));
  unsigned char *values = malloc(n * element);
  if (values == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory to order %zu values by rows", path, n);
  memmove(content->bytes, content->bytes + offset, n * element); /* so that elements are aligned */
  (element == 1   ? transpose_1
   : element == 2 ? transpose_2
   : element == 4 ? transpose_4
                  : transpose_8)(content->bytes, values, dims, shape, n / (size_t)shape[0]);
  free(content->bytes);
  *content = (file_bytes_t){values, n * element};
  return LS_OK;
}

ls_status import_array_take(const char *path, file_bytes_t *content, size_t offset, import_element_t element,
                            int dims, const int64_t *shape, size_t most, import_array_t *out,
                            ls_error *error) {
  const element_row_t *row = element_find(element);
  if (row == NULL)
    return error_set(error, LS_BAD_DATA, "%s: values of type %c%zu cannot be stored; convert them to float32",
                     path, element.kind, element.bytes);
  size_t n = 0;
  TRY(import_count_elements(path, content->size - offset, element.bytes, dims, shape, &n, error));
  if (n > most / store_type_size(row->type))
    return error_set(error, LS_BAD_DATA,
                     "%s: its %zu values take %zu bytes each, together more than the %zu that are read into "
                     "memory; if that is right, raise --most-memory",
                     path, n, store_type_size(row->type), most);
  memmove(content->bytes, content->bytes + offset, n * element.bytes);
  if (element.big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
    reverse_elements(content->bytes, n, element.bytes);
  void *values = content->bytes;
  if (row->widen != NULL) {
    values = calloc(n, store_type_size(row->type));
    if (values == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu values", path, n);
    row->widen(n, content->bytes, values);
    free(content->bytes);
  }
  *content = (file_bytes_t){0};
  *out = (import_array_t){.type = row->type, .dims = dims, .values = values};
  memcpy(out->shape, shape, (size_t)dims * sizeof shape[0]);
  return LS_OK;
}

void import_array_free(import_array_t *array) {
  free(array->values);
  *array = (import_array_t){0};
}

int64_t import_array_width(const import_array_t *array) {
  int64_t width = 1;
  for (int k = 1; k < array->dims; k++) width *= array->shape[k];
  return width;
}
