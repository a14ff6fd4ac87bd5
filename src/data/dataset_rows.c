/* Rows read and checked: a slab of the file in bounded pieces, of which the wanted rows are kept. Every value
 * is looked at once, here, so that nothing later has to wonder about NaN or a label out of range. */
#include "data/dataset_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64 << 20 };

/* ---- pieces ---- */

/* A piece in memory: n rows from row `first` of the array on. */
typedef struct {
  const store_t *store;
  const char *name;
  const void *values;
  int64_t first, n, width;
} piece_t;

/* Checks the piece and writes its wanted rows to out; returns where the next ones go. */
typedef struct reader reader_t;
struct reader {
  ls_status (*take)(reader_t *reader, const piece_t *piece, ls_error *error);
  rows_t rows;
  target_request_t targets; /* labels: how many there are; values: where they may lie */
  size_t out_size;          /* bytes of a row in memory */
  char *out;
};

static bool is_wanted(const rows_t *rows, int64_t row) {
  return rows->chosen == NULL || rows->chosen[row] == rows->wanted;
}

static ls_status read_pieces(const store_t *store, const char *name, int64_t width, store_type_t type,
                             reader_t *reader, ls_error *error) {
  int64_t first = reader->rows.first, end = reader->rows.end;
  int64_t row_bytes = width * (int64_t)store_type_size(type);
  int64_t step = row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
  if (step > end - first) step = end - first;
  if (step == 0) return LS_OK;
  void *values = malloc((size_t)(step * row_bytes));
  if (values == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %" PRId64 " rows of %s", store_path(store), step,
                     name);
  ls_status status = LS_OK;
  for (; first < end && status == LS_OK; first += step) {
    piece_t piece = {store, name, values, first, end - first < step ? end - first : step, width};
    status = store_read_rows(store, name, first, piece.n, type, values, error);
    if (status == LS_OK) status = reader->take(reader, &piece, error);
  }
  free(values);
  return status;
}

/* Rows that need no change but a choice. */
static void copy_wanted(reader_t *reader, const piece_t *piece) {
  const char *row = piece->values;
  for (int64_t i = 0; i < piece->n; i++, row += reader->out_size) {
    if (!is_wanted(&reader->rows, piece->first + i)) continue;
    memcpy(reader->out, row, reader->out_size);
    reader->out += reader->out_size;
  }
}

/* ---- finite values ---- */

static ls_status not_finite(const piece_t *piece, int64_t element, double value, ls_error *error) {
  return error_set(error, LS_BAD_DATA,
                   "%s: %s holds %s in row %" PRId64 ", column %" PRId64 " (counted from 0)",
                   store_path(piece->store), piece->name, isnan(value) ? "NaN" : "infinity",
                   piece->first + element / piece->width, element % piece->width);
}

/* x - x is 0 for finite x alone; the first loop has no exit, so that it runs in vectors. */
#define CHECK_FINITE(type)                                                                                   \
  static ls_status check_##type(const piece_t *piece, ls_error *error) {                                     \
    const type *x = piece->values;                                                                           \
    int64_t n = piece->n * piece->width;                                                                     \
    int bad = 0;                                                                                             \
    for (int64_t i = 0; i < n; i++) bad |= x[i] - x[i] != 0;                                                 \
    for (int64_t i = 0; i < n && bad; i++)                                                                   \
      if (!isfinite(x[i])) return not_finite(piece, i, (double)x[i], error);                                 \
    return LS_OK;                                                                                            \
  }
CHECK_FINITE(float)
CHECK_FINITE(double)

/* ---- features and targets ---- */

static ls_status take_bytes(reader_t *reader, const piece_t *piece, ls_error *error) {
  (void)error;
  copy_wanted(reader, piece);
  return LS_OK;
}

static ls_status take_floats(reader_t *reader, const piece_t *piece, ls_error *error) {
  TRY(check_float(piece, error));
  copy_wanted(reader, piece);
  return LS_OK;
}

static ls_status take_doubles(reader_t *reader, const piece_t *piece, ls_error *error) {
  TRY(check_double(piece, error));
  copy_wanted(reader, piece);
  return LS_OK;
}

ls_status rows_read_features(const store_t *store, const char *x, rows_t rows, const source_t *source,
                             void *out, ls_error *error) {
  static const struct {
    store_type_t type;
    ls_status (*take)(reader_t *reader, const piece_t *piece, ls_error *error);
  } table[] = {
      [ELEMENT_U8] = {STORE_U8, take_bytes},
      [ELEMENT_F32] = {STORE_F32, take_floats},
      [ELEMENT_F64] = {STORE_F64, take_doubles},
  };
  size_t row_size = (size_t)source->features * element_size(source->type);
  reader_t reader = {table[source->type].take, rows, {0}, row_size, out};
  return read_pieces(store, x, source->features, table[source->type].type, &reader, error);
}

/* Values that a loss can only take between two bounds. */
static ls_status take_bounded(reader_t *reader, const piece_t *piece, ls_error *error) {
  const float *values = piece->values;
  const double low = reader->targets.low, high = reader->targets.high;
  char bounds[64];
  TRY(check_float(piece, error));
  snprintf(bounds, sizeof bounds, isinf(high) ? "at least %g" : "in [%g, %g]", low, high);
  for (int64_t i = 0; i < piece->n * piece->width; i++)
    if (!((double)values[i] >= low && (double)values[i] <= high))
      return error_set(error, LS_BAD_DATA,
                       "%s: %s holds %g in row %" PRId64 ", column %" PRId64
                       " (counted from 0), but its values must be %s",
                       store_path(piece->store), piece->name, (double)values[i],
                       piece->first + i / piece->width, i % piece->width, bounds);
  copy_wanted(reader, piece);
  return LS_OK;
}

ls_status rows_read_targets(const store_t *store, const char *y, rows_t rows, const source_t *source,
                            target_request_t targets, float *out, ls_error *error) {
  bool bounded = targets.low != 0 || targets.high != 0;
  reader_t reader = {bounded ? take_bounded : take_floats, rows, targets,
                     (size_t)source->y_width * sizeof(float), (char *)out};
  return read_pieces(store, y, source->y_width, STORE_F32, &reader, error);
}

ls_status rows_read_weights(const store_t *store, const char *weights, rows_t rows, float *out,
                            ls_error *error) {
  const source_t source = {.y_width = 1};
  const target_request_t request = {.kind = TARGET_VALUES, .width = 1, .low = 0, .high = INFINITY};
  return rows_read_targets(store, weights, rows, &source, request, out, error);
}

/* ---- labels ---- */

static ls_status bad_label(const piece_t *piece, int64_t i, double label, int64_t classes, ls_error *error) {
  if (label != floor(label) || !isfinite(label))
    return error_set(error, LS_BAD_DATA,
                     "%s: %s row %" PRId64 " (counted from 0) is %g, not a whole number, so not "
                     "a label",
                     store_path(piece->store), piece->name, piece->first + i, label);
  return error_set(error, LS_BAD_DATA,
                   "%s: %s row %" PRId64 " (counted from 0) has label %.0f, but the network knows %" PRId64
                   " classes, with the labels 0 to %" PRId64,
                   store_path(piece->store), piece->name, piece->first + i, label, classes, classes - 1);
}

static void put_label(reader_t *reader, int64_t row, int32_t label) {
  if (!is_wanted(&reader->rows, row)) return;
  memcpy(reader->out, &label, sizeof label);
  reader->out += sizeof label;
}

/* Integers of up to 53 bits are exact in double, and larger ones are no labels. */
static ls_status take_labels(reader_t *reader, const piece_t *piece, ls_error *error) {
  const double *labels = piece->values;
  for (int64_t i = 0; i < piece->n; i++) {
    double label = labels[i];
    if (!(label >= 0 && label < (double)reader->targets.width && label == floor(label)))
      return bad_label(piece, i, label, reader->targets.width, error);
    put_label(reader, piece->first + i, (int32_t)label);
  }
  return LS_OK;
}

/* The column of the only 1 among zeros, or -1. */
static int64_t hot_column(const double *row, int64_t width) {
  int64_t hot = -1;
  for (int64_t k = 0; k < width; k++) {
    if (row[k] == 0) continue;
    if (row[k] != 1 || hot >= 0) return -1;
    hot = k;
  }
  return hot;
}

static ls_status take_one_hot(reader_t *reader, const piece_t *piece, ls_error *error) {
  const double *rows = piece->values;
  for (int64_t i = 0; i < piece->n; i++) {
    int64_t hot = hot_column(rows + i * piece->width, piece->width);
    if (hot < 0)
      return error_set(error, LS_BAD_DATA,
                       "%s: %s row %" PRId64 " (counted from 0) is not one-hot: one 1 and else 0 in %" PRId64
                       " columns",
                       store_path(piece->store), piece->name, piece->first + i, piece->width);
    put_label(reader, piece->first + i, (int32_t)hot);
  }
  return LS_OK;
}

ls_status rows_read_labels(const store_t *store, const char *y, rows_t rows, const source_t *source,
                           int64_t classes, int32_t *out, ls_error *error) {
  reader_t reader = {source->y_width == 1 ? take_labels : take_one_hot,
                     rows,
                     {.kind = TARGET_LABELS, .width = classes},
                     sizeof *out,
                     (char *)out};
  return read_pieces(store, y, source->y_width, STORE_F64, &reader, error);
}
