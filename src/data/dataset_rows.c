/* Rows read and checked: a slab of the file in bounded pieces, of which the wanted rows are kept. Every row
 * is looked at once, here, so that nothing later has to wonder about NaN or a label out of range. */
#include "data/dataset_impl.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 4 << 20 };

static const double EXACT_INTEGERS = 0x1p53; /* smaller ones are the same in double */

/* ---- finite values ---- */

static ls_status not_finite(const row_piece_t *piece, int64_t i, int64_t column, double value,
                            ls_error *error) {
  return error_set(error, LS_BAD_DATA,
                   "%s: %s holds %s in row %" PRId64 ", column %" PRId64 " (counted from 0)%s", piece->path,
                   piece->format->name, isnan(value) ? "NaN" : "infinity", piece->first + i, column,
                   isnan(value) && piece->format->gaps == GAPS_REFUSED
                       ? "; data.missing says what becomes of missing features"
                       : "");
}

/* x - x is 0 for finite x alone; the first loop has no exit, so that it runs in vectors. */
#define CHECK_FINITE(type)                                                                                   \
  static ls_status check_##type(const row_piece_t *piece, int64_t i, ls_error *error) {                      \
    int64_t width = piece->format->width;                                                                    \
    const type *x = (const type *)piece->values + i * width;                                                 \
    int bad = 0;                                                                                             \
    for (int64_t c = 0; c < width; c++) bad |= x[c] - x[c] != 0;                                             \
    for (int64_t c = 0; c < width && bad; c++)                                                               \
      if (!isfinite(x[c]) && !(isnan(x[c]) && piece->format->gaps == GAPS_TAKEN))                            \
        return not_finite(piece, i, c, (double)x[c], error);                                                 \
    return LS_OK;                                                                                            \
  }
CHECK_FINITE(float)
CHECK_FINITE(double)

static ls_status out_of_bounds(const row_piece_t *piece, int64_t i, int64_t column, double value, double low,
                               double high, ls_error *error) {
  char bounds[64];
  snprintf(bounds, sizeof bounds, isinf(high) ? "at least %g" : "in [%g, %g]", low, high);
  return error_set(error, LS_BAD_DATA,
                   "%s: %s holds %g in row %" PRId64 ", column %" PRId64
                   " (counted from 0), but its values must be %s",
                   piece->path, piece->format->name, value, piece->first + i, column, bounds);
}

/* ---- labels ---- */

static ls_status bad_label(const row_piece_t *piece, int64_t i, double label, int64_t classes,
                           ls_error *error) {
  if (label != floor(label) || !isfinite(label))
    return error_set(error, LS_BAD_DATA,
                     "%s: %s row %" PRId64 " (counted from 0) is %g, not a whole number, so not "
                     "a label",
                     piece->path, piece->format->name, piece->first + i, label);
  return error_set(error, LS_BAD_DATA,
                   "%s: %s row %" PRId64 " (counted from 0) has label %.0f, but the network knows %" PRId64
                   " classes, with the labels 0 to %" PRId64,
                   piece->path, piece->format->name, piece->first + i, label, classes, classes - 1);
}

/* Integers of up to 53 bits are exact in double, and larger ones are no labels. */
static ls_status check_label(const row_piece_t *piece, int64_t i, ls_error *error) {
  double label = ((const double *)piece->values)[i];
  bool is_label = label >= 0 && label < (double)piece->format->targets.width && label == floor(label);
  return is_label ? LS_OK : bad_label(piece, i, label, piece->format->targets.width, error);
}

static void put_label(const row_piece_t *piece, int64_t i, void *out) {
  int32_t label = (int32_t)((const double *)piece->values)[i];
  memcpy(out, &label, sizeof label);
}

/* ---- values ---- */

static double value_of(const row_piece_t *piece, int64_t i, int64_t column) {
  int64_t at = i * piece->format->width + column;
  if (piece->format->type == STORE_U8) return (double)((const uint8_t *)piece->values)[at];
  if (piece->format->type == STORE_F32) return (double)((const float *)piece->values)[at];
  return ((const double *)piece->values)[at];
}

/* A loss works in single precision, so targets must be in its range. Integers of 64 bits that a double may
 * have rounded are refused. */
static ls_status check_value(const row_piece_t *piece, int64_t i, int64_t column, double value,
                             ls_error *error) {
  if (!isfinite(value)) return not_finite(piece, i, column, value, error);
  if (fabs(value) > (double)FLT_MAX)
    return error_set(error, LS_BAD_DATA,
                     "%s: %s holds %g in row %" PRId64 ", column %" PRId64
                     " (counted from 0): targets must fit into single precision (at most %g): divide them",
                     piece->path, piece->format->name, value, piece->first + i, column, (double)FLT_MAX);
  if (piece->format->is_wide && fabs(value) >= EXACT_INTEGERS)
    return error_set(error, LS_BAD_DATA,
                     "%s: %s holds about %.0f in row %" PRId64 ", column %" PRId64
                     " (counted from 0): integers from 2^53 on are not exact in double precision: subtract "
                     "an offset, or store the targets as float64",
                     piece->path, piece->format->name, value, piece->first + i, column);
  return LS_OK;
}

/* Values that a loss can only take between two bounds, or any. */
static ls_status check_values(const row_piece_t *piece, int64_t i, ls_error *error) {
  const double low = piece->format->targets.low, high = piece->format->targets.high;
  bool is_bounded = low != 0 || high != 0;
  for (int64_t c = 0; c < piece->format->width; c++) {
    double value = value_of(piece, i, c);
    TRY(check_value(piece, i, c, value, error));
    if (is_bounded && !(value >= low && value <= high))
      return out_of_bounds(piece, i, c, value, low, high, error);
  }
  return LS_OK;
}

/* The columns that heads take, class numbers and values. */
static ls_status check_columns(const row_piece_t *piece, int64_t i, ls_error *error) {
  const target_request_t *targets = &piece->format->targets;
  for (int64_t c = 0; c < targets->width; c++) {
    const target_column_t *column = &targets->columns[c];
    double value = value_of(piece, i, column->column);
    bool is_bounded = column->low != 0 || column->high != 0;
    if (column->classes > 0) {
      if (value >= 0 && value < (double)column->classes && value == floor(value)) continue;
      ls_status status = bad_label(piece, i, value, column->classes, error);
      return error_prefix(error, status, "column %" PRId64, column->column);
    }
    TRY(check_value(piece, i, column->column, value, error));
    if (is_bounded && !(value >= column->low && value <= column->high))
      return out_of_bounds(piece, i, column->column, value, column->low, column->high, error);
  }
  return LS_OK;
}

/* Columns of rows that are kept whole. */
static ls_status check_bounded_columns(const row_piece_t *piece, int64_t i, ls_error *error) {
  static const row_check_t finite[STORE_TYPES] = {[STORE_F32] = check_float, [STORE_F64] = check_double};
  const row_check_t check = finite[piece->format->type];
  if (check != NULL) TRY(check(piece, i, error));
  return check_columns(piece, i, error);
}

static void put_columns(const row_piece_t *piece, int64_t i, void *out) {
  const target_request_t *targets = &piece->format->targets;
  size_t size = store_type_size(piece->format->type);
  const char *row = (const char *)piece->values + (size_t)(i * piece->format->width) * size;
  for (int64_t c = 0; c < targets->width; c++)
    memcpy((char *)out + (size_t)c * size, row + (size_t)targets->columns[c].column * size, size);
}

/* The column of the only 1 among zeros, or -1. */
static int64_t hot_column(const row_piece_t *piece, int64_t i) {
  int64_t width = piece->format->width, hot = -1;
  const double *row = (const double *)piece->values + i * width;
  for (int64_t k = 0; k < width; k++) {
    if (row[k] == 0) continue;
    if (row[k] != 1 || hot >= 0) return -1;
    hot = k;
  }
  return hot;
}

static ls_status check_one_hot(const row_piece_t *piece, int64_t i, ls_error *error) {
  if (hot_column(piece, i) >= 0) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s row %" PRId64 " (counted from 0) is not one-hot: one 1 and else 0 in %" PRId64
                   " columns",
                   piece->path, piece->format->name, piece->first + i, piece->format->width);
}

static void put_hot(const row_piece_t *piece, int64_t i, void *out) {
  int32_t label = (int32_t)hot_column(piece, i);
  memcpy(out, &label, sizeof label);
}

/* ---- formats ---- */

row_format_t features_format(const char *x, const source_t *source) {
  static const struct {
    store_type_t type;
    row_check_t check;
  } table[] = {
      [ELEMENT_U8] = {STORE_U8, NULL},
      [ELEMENT_F32] = {STORE_F32, check_float},
      [ELEMENT_F64] = {STORE_F64, check_double},
  };
  row_format_t format = {.type = table[source->type].type,
                         .width = source->features,
                         .row_size = (size_t)source->features * element_size(source->type),
                         .gaps = source->has_missing ? GAPS_TAKEN : GAPS_REFUSED,
                         .check = table[source->type].check};
  snprintf(format.name, sizeof format.name, "%s", x);
  return format;
}

row_format_t labels_format(const char *y, const source_t *source, int64_t classes) {
  bool one_hot = source->y_width > 1;
  row_format_t format = {.type = STORE_F64,
                         .width = source->y_width,
                         .targets = {.kind = TARGET_LABELS, .width = classes},
                         .row_size = sizeof(int32_t),
                         .check = one_hot ? check_one_hot : check_label,
                         .put = one_hot ? put_hot : put_label};
  snprintf(format.name, sizeof format.name, "%s", y);
  return format;
}

row_format_t targets_format(const char *y, const source_t *source, target_request_t targets) {
  bool bounded = targets.low != 0 || targets.high != 0, chosen = targets.columns != NULL;
  bool is_double = source->y_type == ELEMENT_F64;
  store_type_t type = is_double ? STORE_F64 : STORE_F32;
  int64_t width = chosen ? targets.width : source->y_width;
  row_format_t format = {.type = type,
                         .width = source->y_width,
                         .targets = targets,
                         .is_wide = source->y_is_wide,
                         .row_size = (size_t)width * store_type_size(type),
                         .check = chosen                 ? check_columns
                                  : bounded || is_double ? check_values
                                                         : check_float,
                         .put = chosen ? put_columns : NULL};
  snprintf(format.name, sizeof format.name, "%s", y);
  return format;
}

row_format_t weights_format(const char *weights) {
  const source_t source = {.y_width = 1, .y_type = ELEMENT_F32};
  const target_request_t request = {.kind = TARGET_VALUES, .width = 1, .low = 0, .high = INFINITY};
  return targets_format(weights, &source, request);
}

row_format_t bounded_format(row_format_t format, const target_column_t *columns, int64_t n) {
  if (n == 0) return format;
  format.targets = (target_request_t){.kind = TARGET_VALUES, .width = n, .columns = columns};
  format.check = check_bounded_columns;
  return format;
}

ls_status row_take(const row_piece_t *piece, int64_t i, void *out, ls_error *error) {
  const row_format_t *format = piece->format;
  const char *row = (const char *)piece->values + (size_t)i * format->row_size;
  if (format->check != NULL) TRY(format->check(piece, i, error));
  if (format->put != NULL)
    format->put(piece, i, out);
  else if (row != out)
    memcpy(out, row, format->row_size);
  return LS_OK;
}

/* ---- pieces ---- */

ls_status rows_check(const store_t *store, const char *name, int64_t width, int64_t end, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, name, &array, error));
  int64_t rows = array.dims == 0 ? 1 : array.shape[0], found = 1;
  for (int i = 1; i < array.dims; i++) found *= array.shape[i];
  if (found == width && rows >= end) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s is (%" PRId64 ", %" PRId64 ") here, but rank 0 found %" PRId64
                   " columns and at least %" PRId64 " rows: give all nodes the same file",
                   store_path(store), name, rows, found, width, end);
}

static bool is_wanted(const rows_t *rows, int64_t row) {
  return rows->kinds == NULL || rows->kinds[row] == rows->wanted;
}

/* Reads a piece and puts its wanted rows at *out, which moves on behind them. */
static ls_status read_piece(const store_t *store, const row_piece_t *piece, void *values, int64_t n,
                            const rows_t *rows, char **out, ls_error *error) {
  TRY(store_read_rows(store, piece->format->name, piece->first, n, piece->format->type, values, error));
  for (int64_t i = 0; i < n; i++) {
    if (!is_wanted(rows, piece->first + i)) continue;
    TRY(row_take(piece, i, *out, error));
    *out += piece->format->row_size;
  }
  return LS_OK;
}

/* Where all rows are wanted as they lie in the file, they are read to their place at once. */
static ls_status read_slab(const store_t *store, row_format_t format, rows_t rows, void *out,
                           ls_error *error) {
  int64_t row_bytes = format.width * (int64_t)store_type_size(format.type);
  int64_t step = row_bytes < PIECE_BYTES ? PIECE_BYTES / row_bytes : 1;
  bool in_place = rows.kinds == NULL && format.put == NULL;
  if (step > rows.end - rows.first) step = rows.end - rows.first;
  if (step == 0) return LS_OK;
  TRY(rows_check(store, format.name, format.width, rows.end, error));
  void *values = in_place ? NULL : malloc((size_t)(step * row_bytes));
  if (values == NULL && !in_place)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %" PRId64 " rows of %s", store_path(store), step,
                     format.name);
  ls_status status = LS_OK;
  char *to = out;
  for (int64_t first = rows.first; first < rows.end && status == LS_OK; first += step) {
    int64_t n = rows.end - first < step ? rows.end - first : step;
    void *read = in_place ? to : values;
    row_piece_t piece = {store_path(store), &format, read, first};
    status = read_piece(store, &piece, read, n, &rows, &to, error);
  }
  free(values);
  return status;
}

ls_status rows_read(const store_t *store, row_format_t format, rows_t rows, void *out, ls_error *error) {
  char *to = out;
  if (rows.timeline == NULL) return read_slab(store, format, rows, out, error);
  for (int64_t run, step = rows.first; step < rows.end; step += run) { /* series by series */
    int64_t row = timeline_row(rows.timeline, step);
    run = timeline_run(rows.timeline, step, rows.end - step);
    TRY(read_slab(store, format, (rows_t){row, row + run, NULL, ROW_KEPT, NULL}, to, error));
    to += (size_t)run * format.row_size;
  }
  return LS_OK;
}

/* ---- the arrays of a split ---- */

static ls_status read_array(dataset_t *dataset, const loading_t *load, const row_format_t *format,
                            const rows_t *rows, int64_t n, void *out, ls_error *error) {
  void *memory = arena_new(&dataset->arena, (size_t)n, format->row_size);
  if (memory == NULL)
    return error_set(error, LS_NO_MEMORY,
                     "%s: no memory for this rank's rows (%.1f GiB more): start more ranks on more nodes, or "
                     "set data.memory_limit",
                     load->file, (double)n * (double)format->row_size / 0x1p30);
  TRY(rows_read(load->store, *format, *rows, memory, error));
  memcpy(out, &memory, sizeof memory);
  return LS_OK;
}

ls_status arrays_load(dataset_t *dataset, const loading_t *load, const row_format_t formats[ARRAYS],
                      const rows_t *rows, int64_t n, split_t *split, ls_error *error) {
  bool is_labels = load->request->targets.kind == TARGET_LABELS;
  void *const places[ARRAYS] = {
      [ARRAY_X] = &split->x,
      [ARRAY_Y] = is_labels ? (void *)&split->labels : (void *)&split->y,
      [ARRAY_WEIGHT] = &split->weights,
  };
  for (int a = 0; a < ARRAYS; a++)
    if (formats[a].row_size > 0) TRY(read_array(dataset, load, &formats[a], rows, n, places[a], error));
  return LS_OK;
}
