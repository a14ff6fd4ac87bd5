#include "data/split.h"

#include <inttypes.h>
#include <string.h>

size_t element_size(element_t type) {
  static const size_t sizes[] = {[ELEMENT_U8] = 1, [ELEMENT_F32] = 4, [ELEMENT_F64] = 8};
  return sizes[type];
}

size_t targets_bytes(int64_t width, element_t type, bool is_scaled) {
  size_t floats = is_scaled || type == ELEMENT_F64 ? sizeof(float) : 0; /* as a loss takes them */
  return (size_t)width * (element_size(type) + floats);
}

#define READ(type)                                                                                           \
  static void read_##type(const void *array, int64_t at, int64_t n, double *restrict out) {                  \
    const type *restrict values = (const type *)array + at;                                                  \
    for (int64_t i = 0; i < n; i++) out[i] = (double)values[i];                                              \
  }
READ(uint8_t)
READ(float)
READ(double)

void elements_read(const void *array, element_t type, int64_t at, int64_t n, double *restrict out) {
  static void (*const readers[])(const void *array, int64_t at, int64_t n, double *restrict out) = {
      [ELEMENT_U8] = read_uint8_t, [ELEMENT_F32] = read_float, [ELEMENT_F64] = read_double};
  readers[type](array, at, n, out);
}

void split_originals(const split_t *split, int64_t row, double *out) {
  elements_read(split->y, split->y_type, row * split->width, split->width, out);
}

void split_targets(const split_t *split, int64_t row, float *out) {
  enum { PIECE = 64 };
  static const scaler_t none = {0};
  const scaler_t *scaler = split->scaled_by != NULL ? split->scaled_by : &none;
  double values[PIECE];
  for (int64_t c = 0; c < split->width; c += PIECE) {
    int64_t n = split->width - c < PIECE ? split->width - c : PIECE;
    elements_read(split->y, split->y_type, row * split->width + c, n, values);
    scaler_apply(scaler, c, n, values, out + c);
  }
}

/* A split points at what a dataset owns, and may change; one made of a caller's arrays is only read. */
static void borrow(const void *array, void *out) {
  memcpy(out, &array, sizeof array);
}

ls_status split_from_memory(const split_arrays_t *arrays, split_t *out, ls_error *error) {
  if (arrays->rows < 0 || arrays->rows > UINT32_MAX)
    return error_set(error, LS_BAD_DATA, "%" PRId64 " rows: at most 2^32 - 1 can be taken at once",
                     arrays->rows);
  if (arrays->features < 1 || (arrays->x == NULL && arrays->rows > 0))
    return error_set(error, LS_BAD_DATA, "rows in memory have no features");
  *out = (split_t){.partition = {arrays->rows, 1},
                   .shards = 1,
                   .rows = arrays->rows,
                   .features = arrays->features,
                   .type = arrays->type,
                   .y_type = ELEMENT_F32,
                   .width = arrays->targets != NULL ? arrays->width : 0};
  borrow(arrays->x, &out->x);
  borrow(arrays->labels, &out->labels);
  borrow(arrays->targets, &out->y);
  borrow(arrays->targets, &out->targets);
  borrow(arrays->weights, &out->weights);
  return LS_OK;
}
