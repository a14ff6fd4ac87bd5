/* HDF5 files of other programs: arrays of numbers, lists of texts, and tables (h5py, PyTables, pandas). Texts
 * and tables are written as a table in text, and take the same way as a CSV file. */
#include "base/size.h"
#include "base/text.h"
#include "import/table_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 1 << 22, DATE_SIZE = 48 };

/* ---- arrays of numbers ---- */

static store_type_t narrowest_type(const store_array_t *array) {
  if (!array->is_integer) return array->element_bytes <= 4 ? STORE_F32 : STORE_F64;
  if (!array->is_signed && array->element_bytes == 1) return STORE_U8;
  if (array->element_bytes < 4 || (array->is_signed && array->element_bytes == 4)) return STORE_I32;
  return array->is_signed || array->element_bytes == 4 ? STORE_I64 : STORE_U64;
}

static ls_status read_numbers(const store_t *store, const char *part, const store_array_t *array, size_t most,
                              import_array_t *out, ls_error *error) {
  size_t bytes = 0;
  import_array_t found = {.type = narrowest_type(array), .dims = array->dims};
  memcpy(found.shape, array->shape, sizeof found.shape);
  if (array->dims == 0 || array->shape[0] == 0)
    return error_set(error, LS_BAD_DATA, "%s: %s has no rows", store_path(store), part);
  if (!size_of_shape(store_type_size(found.type), found.dims, found.shape, &bytes) || bytes > most)
    return error_set(error, LS_BAD_DATA,
                     "%s: %s has more than %zu bytes, the most that is read into memory; if that is right, "
                     "raise --most-memory",
                     store_path(store), part, most);
  found.values = calloc(1, bytes + 1);
  if (found.values == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %s", store_path(store), part);
  ls_status status = store_read_rows(store, part, 0, found.shape[0], found.type, found.values, error);
  if (status == LS_OK)
    *out = found;
  else
    free(found.values);
  return status;
}

/* ---- dates of pandas ---- */

static const struct {
  const char *name;
  int64_t per_second;
  int digits;
} units[] = {{"s", 1, 0}, {"ms", 1000, 3}, {"us", 1000000, 6}, {"ns", 1000000000, 9}};

/* Writes a time since 1970 as a date in ISO 8601, without a fraction of seconds that is 0. (The day number is
 * turned into a date of the Gregorian calendar as in H. Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", civil_from_days.) Returns the length; 0 for NaT, the least integer, and an unknown unit. */
static size_t write_date(int64_t time, const char *unit, char out[DATE_SIZE]) {
  size_t u = 0;
  while (u < sizeof units / sizeof units[0] && strcmp(units[u].name, unit) != 0) u++;
  if (u == sizeof units / sizeof units[0] || time == INT64_MIN) return 0;
  int64_t fraction = time % units[u].per_second, seconds = time / units[u].per_second;
  if (fraction < 0) {
    fraction += units[u].per_second;
    seconds--;
  }
  int64_t of_day = seconds % 86400, days = seconds / 86400;
  if (of_day < 0) {
    of_day += 86400;
    days--;
  }
  days += 719468; /* from 0000-03-01 */
  int64_t era = (days >= 0 ? days : days - 146096) / 146097, day = days - era * 146097;
  int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
  int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
  month += month < 10 ? 3 : -9;
  year += era * 400 + (month <= 2);
  int n = snprintf(out, DATE_SIZE, "%04" PRId64 "-%02" PRId64 "-%02" PRId64, year, month, of_month);
  if (of_day != 0 || fraction != 0)
    n += snprintf(out + n, DATE_SIZE - (size_t)n, "T%02" PRId64 ":%02" PRId64 ":%02" PRId64, of_day / 3600,
                  of_day / 60 % 60, of_day % 60);
  if (fraction != 0) n += snprintf(out + n, DATE_SIZE - (size_t)n, ".%0*" PRId64, units[u].digits, fraction);
  return (size_t)n;
}

/* ---- tables ---- */

/* Numbers between whole numbers above 2^53 are lost in a double. */
static bool is_exact(const store_cell_t *cell) {
  const uint64_t most = UINT64_C(1) << 53;
  if (cell->kind == STORE_INTEGER) return cell->integer >= -(int64_t)most && cell->integer <= (int64_t)most;
  return cell->kind != STORE_UNSIGNED || cell->natural <= most;
}

/* A column of whole numbers that a double cannot hold becomes a column of texts. */
static void add_cell(table_text_t *text, store_table_t *table, int64_t row, size_t column, bool *is_text) {
  store_cell_t cell = store_table_cell(table, row, column);
  const char *unit = store_table_date_unit(table, column);
  char date[DATE_SIZE];
  if (unit == NULL && !is_exact(&cell)) *is_text = true;
  if (unit != NULL)
    table_text_cell(text, date, write_date(cell.integer, unit, date));
  else if (cell.kind == STORE_INTEGER)
    table_text_integer(text, cell.integer);
  else if (cell.kind == STORE_UNSIGNED)
    table_text_unsigned(text, cell.natural);
  else if (cell.kind == STORE_REAL)
    table_text_real(text, cell.real);
  else
    table_text_cell(text, cell.text, cell.size);
}

static ls_status add_rows(table_text_t *text, store_table_t *table, bool *is_text, ls_error *error) {
  size_t columns = store_table_columns(table);
  int64_t rows = store_table_rows(table), piece = (int64_t)(PIECE_BYTES / store_table_row_bytes(table)) + 1;
  for (int64_t first = 0; first < rows; first += piece) {
    int64_t n = rows - first < piece ? rows - first : piece;
    TRY(store_table_read(table, first, n, error));
    for (int64_t row = first; row < first + n; row++) {
      for (size_t c = 0; c < columns; c++) add_cell(text, table, row, c, &is_text[c]);
      table_text_line(text);
    }
    if (text->too_large || text->no_memory) break; /* a damaged file may promise any number of rows */
  }
  return LS_OK;
}

static ls_status read_table(const char *path, const store_t *store, const char *part, size_t most,
                            import_content_t *out, ls_error *error) {
  store_table_t *table = NULL;
  table_text_t text = {.most = most};
  TRY(store_table_open(store, part, &table, error));
  bool has_names = store_table_name(table, 0) != NULL;
  size_t columns = store_table_columns(table);
  bool *is_text = calloc(columns, sizeof *is_text);
  if (is_text == NULL) {
    store_table_close(&table);
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu columns", path, columns);
  }
  for (size_t c = 0; c < columns; c++) is_text[c] = store_table_is_text(table, c);
  for (size_t c = 0; c < columns && has_names; c++) {
    const char *name = store_table_name(table, c);
    table_text_cell(&text, name, strlen(name));
  }
  if (has_names) table_text_line(&text);
  ls_status status = add_rows(&text, table, is_text, error);
  if (status == LS_OK) {
    status = table_text_take(&text, path, (table_made_t){has_names, false, is_text}, out, error);
  } else {
    file_bytes_free(&text.content);
    free(is_text);
  }
  store_table_close(&table);
  return status;
}

/* ---- the whole ---- */

static ls_status which_part(const store_t *store, char *only, size_t size, ls_error *error) {
  size_t n = 0;
  TRY(store_list_tables(store, only, size, &n, error));
  if (n == 1 && strlen(only) + 1 < size) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: is HDF5 already: arrays of numbers need no import, name them by data.x and data.y. "
                   "Tables and lists of texts are imported as %s:NAME%s%s",
                   store_path(store), store_path(store), n > 0 ? ", with NAME one of " : ", but it has none",
                   only);
}

static ls_status read_part(const char *path, const store_t *store, const char *part, size_t most,
                           import_content_t *out, ls_error *error) {
  store_array_t array;
  ls_error ignored;
  char only[LS_MESSAGE_SIZE / 2];
  if (part == NULL) {
    TRY(which_part(store, only, sizeof only, error));
    part = only;
  }
  if (store_describe(store, part, &array, &ignored) == LS_OK)
    return read_numbers(store, part, &array, most, &out->array, error);
  return read_table(path, store, part, most, out, error);
}

ls_status hdf5_read(const char *path, const char *file, const char *part, size_t most, import_content_t *out,
                    ls_error *error) {
  store_t *store = NULL;
  TRY(store_open(file, &store, error));
  ls_status status = read_part(path, store, part, most, out, error);
  store_close(&store);
  return status;
}
