/* The gather. One function per element type takes a row from memory to scaled floats in one pass; the next
 * row of the batch is prefetched meanwhile, because rows come in random order. */
#include "features/gather.h"

#include "data/window.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- rows: values [first, first + n) of a row, converted and scaled ---- */

/* Where a row begins, in elements of x. */
static inline int64_t row_begin(const gather_t *gather, int64_t row) {
  return gather->at != NULL ? gather->at[row] * gather->stride : gather->begin + row * gather->stride;
}

/* y = (x - shift) scale + offset in float. Bytes and floats are exact in float; see float_parts about shift.
 */
#define SCALE_ROW(type, name)                                                                                \
  static void name(const gather_t *gather, int64_t row, int64_t first, int64_t n, float *restrict out) {     \
    const type *restrict x = (const type *)gather->split->x + row_begin(gather, row) + first;                \
    const float *restrict shift = gather->shift + first, *restrict scale = gather->scale + first;            \
    const float *restrict offset = gather->offset + first;                                                   \
    for (int64_t c = 0; c < n; c++) out[c] = ((float)x[c] - shift[c]) * scale[c] + offset[c];                \
  }
SCALE_ROW(uint8_t, scale_bytes)
SCALE_ROW(float, scale_floats)

static void scale_doubles(const gather_t *gather, int64_t row, int64_t first, int64_t n,
                          float *restrict out) {
  const scaler_t *scaler = &gather->features->scaler;
  const double *restrict x = (const double *)gather->split->x + row_begin(gather, row) + first;
  const double *restrict shift = scaler->shift + first, *restrict scale = scaler->scale + first;
  const double *restrict offset = scaler->offset + first;
  for (int64_t c = 0; c < n; c++) out[c] = (float)((x[c] - shift[c]) * scale[c] + offset[c]);
}

#define CONVERT_ROW(type, name)                                                                              \
  static void name(const gather_t *gather, int64_t row, int64_t first, int64_t n, float *restrict out) {     \
    const type *restrict x = (const type *)gather->split->x + row_begin(gather, row) + first;                \
    for (int64_t c = 0; c < n; c++) out[c] = (float)x[c];                                                    \
  }
CONVERT_ROW(uint8_t, convert_bytes)
CONVERT_ROW(float, convert_floats)
CONVERT_ROW(double, convert_doubles)

/* Rows with columns of categories or missing values, one value after the other. */
#define ENCODE_ROW(type, name)                                                                               \
  static void name(const gather_t *gather, int64_t row, int64_t first, int64_t n, float *restrict out) {     \
    const features_t *features = gather->features;                                                           \
    const type *restrict x = (const type *)gather->split->x + row_begin(gather, row);                        \
    double value = NAN;                                                                                      \
    for (int64_t i = 0, last = -1; i < n; i++) {                                                             \
      int64_t c = features->source != NULL ? features->source[first + i] : first + i;                        \
      if (c != last) value = find_meaning(features, c, (double)x[c]);                                        \
      out[i] = encode(features, first + i, last = c, value);                                                 \
    }                                                                                                        \
  }

/* The number of the vector of a category; -1: it has none. */
static float find_vector(const lookup_t *lookup, double category) {
  int64_t low = 0, high = lookup->n;
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (lookup->values[middle] < category)
      low = middle + 1;
    else
      high = middle;
  }
  return low < lookup->n && lookup->values[low] == category ? (float)low : -1.0F;
}

/* The model's number of the category that x stands for, or x itself where it is a number. */
static inline double find_meaning(const features_t *features, int64_t column, double x) {
  if (features->codes == NULL) return x;
  return features_meaning(features, features->steps > 1 ? column % features_file_columns(features) : column,
                          x);
}

static bool has_names(const features_t *features, int64_t column) {
  return features->codes != NULL && features->codes[column % features_file_columns(features)].names.n > 0;
}

static value_kind_t kind_of(const features_t *features, int64_t value) {
  return features->kind != NULL ? features->kind[value] : VALUE_NUMBER;
}

/* A value of an encoded row before it is scaled, made of the meaning x of its column's value. A category is 1
 * in the rows that hold it; where a category is missing or not known, all are 0. A number that stands for a
 * category which the model does not know is missing. */
static double decode(const features_t *features, int64_t value, int64_t column, double x) {
  const value_kind_t kind = kind_of(features, value);
  if (kind == VALUE_MISSING) return isnan(x) ? 1 : 0;
  if (kind == VALUE_NUMBER && x < 0 && has_names(features, column)) x = NAN;
  if (isnan(x) && features->fill != NULL) x = features->fill[column];
  if (kind == VALUE_CATEGORY) return x == features->category[value] ? 1 : 0;
  if (kind == VALUE_VECTOR)
    return (double)find_vector(&features->lookups[value - features->encoded + (int64_t)features->n_lookups],
                               x);
  return x;
}

/* The same once it is scaled. */
static float encode(const features_t *features, int64_t value, int64_t column, double x) {
  const scaler_t *scaler = &features->scaler;
  x = decode(features, value, column, x);
  if (scaler->n == 0 || kind_of(features, value) != VALUE_NUMBER) return (float)x;
  return (float)((x - scaler->shift[column]) * scaler->scale[column] + scaler->offset[column]);
}

ENCODE_ROW(uint8_t, encode_bytes)
ENCODE_ROW(float, encode_floats)
ENCODE_ROW(double, encode_doubles)

typedef void (*row_function_t)(const gather_t *gather, int64_t row, int64_t first, int64_t n,
                               float *restrict out);

/* Whether more is done to a row than to scale its columns. */
static bool is_encoded(const features_t *features) {
  return features->source != NULL || features->fill != NULL || features->codes != NULL;
}

static row_function_t row_function(const gather_t *gather) {
  enum { CONVERT, SCALE, ENCODE };
  static const row_function_t functions[][3] = {
      [ELEMENT_U8] = {convert_bytes, scale_bytes, encode_bytes},
      [ELEMENT_F32] = {convert_floats, scale_floats, encode_floats},
      [ELEMENT_F64] = {convert_doubles, scale_doubles, encode_doubles},
  };
  bool encodes = is_encoded(gather->features);
  return functions[gather->split->type][encodes ? ENCODE : gather->scale != NULL ? SCALE : CONVERT];
}

/* ---- basis functions: rows come a few at a time, a piece of their features after the other ---- */

enum { BASIS_ROWS = 8, BASIS_PIECE = 256 };

static void fill_basis(const gather_t *gather, row_function_t fill, const int64_t *rows, int64_t n,
                       float *out) {
  const basis_t *basis = &gather->features->basis;
  float x[BASIS_ROWS][BASIS_PIECE];
  if (basis_extends(basis)) {
    for (int64_t r = 0; r < n; r++) fill(gather, rows[r], 0, basis->inputs, out + r * basis->outputs);
    basis_extend(basis, n, out);
    return;
  }
  memset(out, 0, (size_t)(n * basis->outputs) * sizeof *out);
  for (int64_t first = 0; first < basis->inputs; first += BASIS_PIECE) {
    int64_t count = basis->inputs - first < BASIS_PIECE ? basis->inputs - first : BASIS_PIECE;
    for (int64_t r = 0; r < n; r++) fill(gather, rows[r], first, count, x[r]);
    basis_add(basis, n, first, count, x[0], BASIS_PIECE, out);
  }
  basis_finish(basis, n, out);
}

/* Rows rows[0 .. n), or first .. first + n when rows is NULL. */
static void fill_all(const gather_t *gather, const uint32_t *rows, int64_t first, int64_t n, float *out) {
  row_function_t fill = row_function(gather);
  int64_t some[BASIS_ROWS];
  for (int64_t i = 0; i < n; i += BASIS_ROWS) {
    int64_t count = n - i < BASIS_ROWS ? n - i : BASIS_ROWS;
    for (int64_t r = 0; r < count; r++) some[r] = rows != NULL ? (int64_t)rows[i + r] : first + i + r;
    fill_basis(gather, fill, some, count, out + i * gather->features->inputs);
  }
}

/* The beginning of a row; the processor finds the rest by itself. */
static void prefetch_row(const gather_t *gather, int64_t row, size_t bytes) {
  enum { LINE = 64, MOST_BYTES = 2048 };
  const split_t *split = gather->split;
  const char *at = (const char *)split->x + (size_t)row_begin(gather, row) * element_size(split->type);
  size_t n = bytes < MOST_BYTES ? bytes : MOST_BYTES;
  for (size_t i = 0; i < n; i += LINE) __builtin_prefetch(at + i);
}

void gather_features(const gather_t *gather, const uint32_t *rows, int64_t n, float *out) {
  row_function_t fill = row_function(gather);
  size_t bytes = (size_t)gather->split->features * element_size(gather->split->type);
  int64_t width = gather->features->inputs;
  if (gather->features->basis.kind != NULL) {
    fill_all(gather, rows, 0, n, out);
    return;
  }
  for (int64_t i = 0; i < n; i++, out += width) {
    if (i + 1 < n) prefetch_row(gather, rows[i + 1], bytes);
    fill(gather, rows[i], 0, width, out);
  }
}

void gather_range(const gather_t *gather, int64_t first, int64_t n, float *out) {
  row_function_t fill = row_function(gather);
  int64_t width = gather->features->inputs;
  if (gather->features->basis.kind != NULL) {
    fill_all(gather, NULL, first, n, out);
    return;
  }
  for (int64_t i = 0; i < n; i++) fill(gather, first + i, 0, width, out + i * width);
}

/* ---- targets ---- */

/* The values of a row that are targets, in their own units (split->width). */
static void originals_of_x(const gather_t *gather, int64_t row, double *out) {
  const split_t *split = gather->split;
  const features_t *features = gather->features;
  const int64_t begin = row_begin(gather, row);
  if (!is_encoded(features)) {
    elements_read(split->x, split->type, begin, split->width, out);
    return;
  }
  for (int64_t i = 0; i < split->width; i++) {
    int64_t c = features->source != NULL ? features->source[i] : i;
    out[i] = decode(features, i, c, find_meaning(features, c, element_at(split->x, split->type, begin + c)));
  }
}

void gather_labels(const gather_t *gather, const uint32_t *rows, int64_t n, int32_t *out) {
  const int32_t *labels = gather->split->labels;
  if (gather->split->windows != NULL) {
    windows_labels(gather->split, rows, n, out);
    return;
  }
  for (int64_t i = 0; i < n; i++) out[i] = labels[rows[i]];
}

void gather_targets(const gather_t *gather, const uint32_t *rows, int64_t n, float *out) {
  const split_t *split = gather->split;
  int64_t width = split->width;
  if (split_forecasts(split)) {
    windows_targets(split, rows, n, out);
    return;
  }
  if (split->y_is_x) {
    row_function_t fill = row_function(gather);
    for (int64_t i = 0; i < n; i++) fill(gather, rows[i], 0, width, out + i * width);
    return;
  }
  for (int64_t i = 0; i < n && split->targets != NULL; i++)
    memcpy(out + i * width, split->targets + rows[i] * width, (size_t)width * sizeof *out);
  for (int64_t i = 0; i < n && split->targets == NULL; i++) split_targets(split, rows[i], out + i * width);
}

void gather_originals(const gather_t *gather, const uint32_t *rows, int64_t n, double *out) {
  const split_t *split = gather->split;
  if (split_forecasts(split)) {
    windows_originals(split, WINDOW_TARGETS, rows, n, out);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    double *own = out + i * split->width;
    if (split->y_is_x)
      originals_of_x(gather, rows[i], own);
    else
      split_originals(split, rows[i], own);
  }
}

float row_weight(const split_t *split, int64_t row) {
  return split->windows != NULL ? windows_weight(split, row) : split->weights[row];
}

void gather_weights(const gather_t *gather, const uint32_t *rows, int64_t n, float *out) {
  for (int64_t i = 0; i < n; i++) out[i] = row_weight(gather->split, rows[i]);
}

target_t gather_target(const gather_t *gather, bool has_labels, const uint32_t *rows, int64_t n,
                       const target_room_t *room) {
  target_t target = {.factors = gather->split->factors};
  if (has_labels) {
    gather_labels(gather, rows, n, room->labels);
    target.labels = room->labels;
  } else if (gather->split->width > 0) {
    gather_targets(gather, rows, n, room->values);
    target.values = room->values;
  }
  if (gather->split->weights == NULL) return target;
  gather_weights(gather, rows, n, room->weights);
  target.weights = room->weights;
  return target;
}

/* ---- set-up ---- */

/* With s the shift rounded to float, (x - shift) scale + offset = (x - s) scale + (offset + (s - shift)
 * scale): what rounding took from a large shift comes back in the offset. */
static ls_status float_parts(const scaler_t *scaler, gather_t *gather, ls_error *error) {
  for (int64_t c = 0; c < scaler->n; c++) {
    float s = (float)scaler->shift[c];
    gather->shift[c] = s;
    gather->scale[c] = (float)scaler->scale[c];
    gather->offset[c] = (float)(scaler->offset[c] + ((double)s - scaler->shift[c]) * scaler->scale[c]);
    if (gather->split->type != ELEMENT_F64 && !(isfinite(gather->scale[c]) && isfinite(gather->offset[c])))
      return error_set(error, LS_BAD_DATA,
                       "feature %" PRId64
                       " (counted from 0) varies too little around %g for single precision",
                       c, scaler->shift[c]);
  }
  return LS_OK;
}

ls_status gather_create(const split_t *split, const features_t *features, gather_t *out, ls_error *error) {
  gather_t gather = {.split = split, .stride = split->features, .features = features};
  size_t n = (size_t)features->scaler.n;
  if (split->windows != NULL) { /* they overlap */
    gather.at = split->windows->at;
    gather.begin = split->windows->first * split->windows->columns;
    gather.stride = (gather.at != NULL ? 1 : split->windows->stride) * split->windows->columns;
  }
  if (features->columns != split->features)
    return error_set(error, LS_BAD_DATA, "the model is for %" PRId64 " features, but the rows have %" PRId64,
                     features->columns, split->features);
  if (split->y_is_x) TRY(features_check_targets(features, split->width, error));
  if (n > 0) {
    gather.shift = arena_new(&gather.arena, n, sizeof(float));
    gather.scale = arena_new(&gather.arena, n, sizeof(float));
    gather.offset = arena_new(&gather.arena, n, sizeof(float));
    bool has_memory = gather.shift != NULL && gather.scale != NULL && gather.offset != NULL;
    ls_status status = has_memory
                           ? float_parts(&features->scaler, &gather, error)
                           : error_set(error, LS_NO_MEMORY, "no memory to gather rows of %zu features", n);
    if (status != LS_OK) {
      arena_free(&gather.arena);
      return status;
    }
  }
  *out = gather;
  return LS_OK;
}

void gather_free(gather_t *gather) {
  arena_free(&gather->arena);
  *gather = (gather_t){0};
}
