#include "train/history.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const column_names[] = {
#define HISTORY_NAME(code, name) [code] = name,
    HISTORY_COLUMNS(HISTORY_NAME)
#undef HISTORY_NAME
};

static void column_name(int column, char name[64]) {
  if (column < HISTORY_PHASES)
    snprintf(name, 64, "%s", column_names[column]);
  else
    snprintf(name, 64, "seconds_%s", engine_phase_name((engine_phase_t)(column - HISTORY_PHASES)));
}

static ls_status reserve(history_t *history, size_t n, ls_error *error) {
  if (n <= history->capacity) return LS_OK;
  size_t capacity = 2 * history->capacity > n ? 2 * history->capacity : n;
  history_row_t *rows = realloc(history->rows, capacity * sizeof *rows);
  if (rows == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the history of %zu epochs", n);
  history->rows = rows;
  history->capacity = capacity;
  return LS_OK;
}

ls_status history_add(history_t *history, const history_row_t *row, ls_error *error) {
  TRY(reserve(history, history->n + 1, error));
  history->rows[history->n++] = *row;
  return LS_OK;
}

void history_free(history_t *history) {
  free(history->rows);
  *history = (history_t){0};
}

static ls_status write_columns(const history_t *history, double *values, uint64_t *sums, store_t *store,
                               ls_error *error) {
  const int64_t shape[] = {(int64_t)history->n};
  for (int c = 0; c < HISTORY_WIDTH; c++) {
    char name[64];
    column_name(c, name);
    for (size_t i = 0; i < history->n; i++) values[i] = history->rows[i].values[c];
    TRY(store_write(store, name, STORE_F64, 1, shape, values, error));
  }
  for (size_t i = 0; i < history->n; i++) sums[i] = history->rows[i].checksum;
  return store_write(store, "parameters_checksum", STORE_U64, 1, shape, sums, error);
}

ls_status history_write(const history_t *history, const char *path, ls_error *error) {
  store_t *store = NULL;
  double *values = malloc((history->n + 1) * sizeof *values);
  uint64_t *sums = malloc((history->n + 1) * sizeof *sums);
  ls_status status = LS_OK;
  if (values == NULL || sums == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the history");
  if (status == LS_OK) status = store_create(path, &store, error);
  if (status == LS_OK) status = write_columns(history, values, sums, store, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  free(values);
  free(sums);
  return status;
}

ls_status history_save(const history_t *history, store_t *store, ls_error *error) {
  const int64_t shape[] = {(int64_t)history->n, HISTORY_WIDTH};
  double *values = malloc((history->n * HISTORY_WIDTH + 1) * sizeof *values);
  uint64_t *sums = malloc((history->n + 1) * sizeof *sums);
  ls_status status = LS_OK;
  if (values == NULL || sums == NULL) {
    status = error_set(error, LS_NO_MEMORY, "no memory for the history");
  } else {
    for (size_t i = 0; i < history->n; i++) {
      memcpy(values + i * HISTORY_WIDTH, history->rows[i].values, sizeof history->rows[i].values);
      sums[i] = history->rows[i].checksum;
    }
    status = store_write(store, "history/values", STORE_F64, 2, shape, values, error);
    if (status == LS_OK) status = store_write(store, "history/checksum", STORE_U64, 1, shape, sums, error);
  }
  free(values);
  free(sums);
  return status;
}

ls_status history_load(history_t *history, const store_t *store, ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, "history/values", &array, error));
  if (array.dims != 2 || array.shape[1] != HISTORY_WIDTH)
    return error_set(error, LS_BAD_DATA,
                     "%s: its history has other columns than this version of lockstep writes",
                     store_path(store));
  size_t n = (size_t)array.shape[0];
  double *values = malloc((n * HISTORY_WIDTH + 1) * sizeof *values);
  uint64_t *sums = malloc((n + 1) * sizeof *sums);
  ls_status status = LS_OK;
  if (values == NULL || sums == NULL) status = error_set(error, LS_NO_MEMORY, "no memory for the history");
  if (status == LS_OK) status = reserve(history, n, error);
  if (status == LS_OK)
    status = store_read_rows(store, "history/values", 0, array.shape[0], STORE_F64, values, error);
  if (status == LS_OK)
    status = store_read_rows(store, "history/checksum", 0, array.shape[0], STORE_U64, sums, error);
  for (size_t i = 0; i < n && status == LS_OK; i++) {
    memcpy(history->rows[i].values, values + i * HISTORY_WIDTH, sizeof history->rows[i].values);
    history->rows[i].checksum = sums[i];
  }
  if (status == LS_OK) history->n = n;
  free(values);
  free(sums);
  return status;
}

/* ---- JSON ---- */

static void json_key(FILE *out, bool first, const char *key) {
  fprintf(out, "%s\"%s\": ", first ? "" : ", ", key);
}

/* The fewest digits that read back to the same number: 15 to 17. */
void json_number(FILE *out, bool first, const char *key, double value) {
  char digits[32] = "null";
  for (int precision = 15; precision <= 17 && isfinite(value); precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  json_key(out, first, key);
  fputs(digits, out);
}

void json_integer(FILE *out, bool first, const char *key, int64_t value) {
  json_key(out, first, key);
  fprintf(out, "%" PRId64, value);
}

void json_text(FILE *out, bool first, const char *key, const char *value) {
  json_key(out, first, key);
  fputc('"', out);
  for (; *value != '\0'; value++) {
    unsigned char c = (unsigned char)*value;
    if (c == '"' || c == '\\')
      fprintf(out, "\\%c", c);
    else if (c < 0x20)
      fprintf(out, "\\u%04x", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}

void history_log_row(FILE *log, const history_row_t *row) {
  char name[64];
  fputc('{', log);
  json_text(log, true, "event", "epoch");
  for (int c = 0; c < HISTORY_WIDTH; c++) {
    column_name(c, name);
    if (c == HISTORY_EPOCH || c == HISTORY_STEP || c == HISTORY_ROWS)
      json_integer(log, false, name, (int64_t)row->values[c]);
    else if (!isnan(row->values[c]))
      json_number(log, false, name, row->values[c]);
  }
  fprintf(log, ", \"parameters_checksum\": \"%016" PRIx64 "\"}\n", row->checksum);
}
