/* IDX, the format of MNIST and its relatives: two zero bytes, a type code, the number of dimensions, the
 * sizes as big-endian 32-bit integers, then the values, big-endian, last dimension fastest (Y. LeCun, C.
 * Cortes: "The MNIST database of handwritten digits"). */
#include "import/import_impl.h"

static const struct {
  unsigned char code;
  import_element_t element;
} idx_types[] = {
    {0x08, {'u', 1, true}}, {0x09, {'i', 1, true}}, {0x0b, {'i', 2, true}},
    {0x0c, {'i', 4, true}}, {0x0d, {'f', 4, true}}, {0x0e, {'f', 8, true}},
};

static ls_status idx_type(const char *path, unsigned char code, import_element_t *out, ls_error *error) {
  for (size_t i = 0; i < sizeof idx_types / sizeof idx_types[0]; i++)
    if (idx_types[i].code == code) {
      *out = idx_types[i].element;
      return LS_OK;
    }
  return error_set(error, LS_BAD_DATA, "%s: 0x%02x is not an IDX type code (08, 09, 0b, 0c, 0d, 0e)", path,
                   code);
}

ls_status idx_read(const char *path, file_bytes_t *content, size_t most, import_content_t *out,
                   ls_error *error) {
  import_element_t element;
  TRY(idx_type(path, content->bytes[2], &element, error));
  int dims = content->bytes[3];
  if (dims < 1 || dims > STORE_MAX_DIMS)
    return error_set(error, LS_BAD_DATA, "%s: an IDX file of %d dimensions; 1 to %d can be imported", path,
                     dims, STORE_MAX_DIMS);
  size_t offset = 4 + 4 * (size_t)dims;
  if (content->size < offset)
    return error_set(error, LS_BAD_DATA, "%s: cut in the middle of its IDX header", path);
  int64_t shape[STORE_MAX_DIMS];
  for (int k = 0; k < dims; k++) {
    const unsigned char *b = content->bytes + 4 + 4 * k;
    shape[k] = (int64_t)b[0] << 24 | (int64_t)b[1] << 16 | (int64_t)b[2] << 8 | b[3];
  }
  return import_array_take(path, content, offset, element, dims, shape, most, &out->array, error);
}
