#include "run/history.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const column_names[] = {
#define HISTORY_NAME(code, name) [HISTORY_##code] = name,
    HISTORY_COLUMNS(HISTORY_NAME)
#undef HISTORY_NAME
};

void history_column_name(int column, char name[HISTORY_NAME_SIZE]) {
  if (column < HISTORY_PHASES)
    snprintf(name, HISTORY_NAME_SIZE, "%s", column_names[column]);
  else
    snprintf(name, HISTORY_NAME_SIZE, "seconds_%s",
             engine_phase_name((engine_phase_t)(column - HISTORY_PHASES)));
}

static const char *const head_column_names[] = {
#define HEAD_NAME(code, name) [HEAD_##code] = name,
    HISTORY_FIGURES(HEAD_NAME)
#undef HEAD_NAME
};

size_t history_heads(const history_t *history) {
  return history->objective == NULL || history->objective->n == 1 ? 0 : history->objective->n;
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
    char name[HISTORY_NAME_SIZE];
    history_column_name(c, name);
    for (size_t i = 0; i < history->n; i++) values[i] = history->rows[i].values[c];
    TRY(store_write(store, name, STORE_F64, 1, shape, values, error));
  }
  for (size_t h = 0; h < history_heads(history); h++)
    for (int c = 0; c < HEAD_WIDTH; c++) {
      char name[128];
      snprintf(name, sizeof name, "heads/%s/%s", history->objective->heads[h].name, head_column_names[c]);
      for (size_t i = 0; i < history->n; i++) values[i] = history->rows[i].heads[h][c];
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

/* ---- within a checkpoint ---- */

/* The history as arrays: the figures of the network, then those of its heads (heads, HEAD_WIDTH) in each
 * row. */
typedef struct {
  size_t n, heads;           /* number of rows; figures of heads per row */
  double *values, *of_heads; /* (n, HISTORY_WIDTH), (n, heads) */
  uint64_t *sums;            /* (n) */
} history_columns_t;

static ls_status columns_create(size_t n, const history_t *history, history_columns_t *out, ls_error *error) {
  size_t heads = history_heads(history) * HEAD_WIDTH;
  *out = (history_columns_t){.n = n,
                             .heads = heads,
                             .values = malloc((n * HISTORY_WIDTH + 1) * sizeof(double)),
                             .of_heads = malloc((n * heads + 1) * sizeof(double)),
                             .sums = malloc((n + 1) * sizeof(uint64_t))};
  if (out->values != NULL && out->of_heads != NULL && out->sums != NULL) return LS_OK;
  return error_set(error, LS_NO_MEMORY, "no memory for the history");
}

static void columns_free(history_columns_t *columns) {
  free(columns->values);
  free(columns->of_heads);
  free(columns->sums);
}

static ls_status write_rows(const history_columns_t *columns, store_t *store, ls_error *error) {
  const int64_t shape[] = {(int64_t)columns->n, HISTORY_WIDTH},
                heads[] = {(int64_t)columns->n, (int64_t)columns->heads};
  TRY(store_write(store, "history/values", STORE_F64, 2, shape, columns->values, error));
  if (columns->heads > 0)
    TRY(store_write(store, "history/heads", STORE_F64, 2, heads, columns->of_heads, error));
  return store_write(store, "history/checksum", STORE_U64, 1, shape, columns->sums, error);
}

ls_status history_save(const history_t *history, store_t *store, ls_error *error) {
  history_columns_t columns;
  ls_status status = columns_create(history->n, history, &columns, error);
  for (size_t i = 0; i < history->n && status == LS_OK; i++) {
    const history_row_t *row = &history->rows[i];
    memcpy(columns.values + i * HISTORY_WIDTH, row->values, sizeof row->values);
    memcpy(columns.of_heads + i * columns.heads, row->heads, columns.heads * sizeof(double));
    columns.sums[i] = row->checksum;
  }
  if (status == LS_OK) status = write_rows(&columns, store, error);
  columns_free(&columns);
  return status;
}

/* Gets the number of rows of an array, and fails unless the array has `width` columns. */
static ls_status check_columns(const store_t *store, const char *name, size_t width, int64_t *rows,
                               ls_error *error) {
  store_array_t array = {0};
  TRY(store_describe(store, name, &array, error));
  if (array.dims != 2 || array.shape[1] != (int64_t)width)
    return error_set(error, LS_BAD_DATA,
                     "%s: its history has other columns than this version of lockstep writes",
                     store_path(store));
  *rows = array.shape[0];
  return LS_OK;
}

static ls_status read_rows(const store_t *store, const history_columns_t *columns, ls_error *error) {
  int64_t n = (int64_t)columns->n;
  TRY(store_read_rows(store, "history/values", 0, n, STORE_F64, columns->values, error));
  if (columns->heads > 0)
    TRY(store_read_rows(store, "history/heads", 0, n, STORE_F64, columns->of_heads, error));
  return store_read_rows(store, "history/checksum", 0, n, STORE_U64, columns->sums, error);
}

ls_status history_load(history_t *history, const store_t *store, ls_error *error) {
  history_columns_t columns;
  int64_t n = 0, again = 0;
  size_t heads = history_heads(history) * HEAD_WIDTH;
  TRY(check_columns(store, "history/values", HISTORY_WIDTH, &n, error));
  if (heads > 0) TRY(check_columns(store, "history/heads", heads, &again, error));
  ls_status status = columns_create((size_t)n, history, &columns, error);
  if (status == LS_OK) status = reserve(history, columns.n, error);
  if (status == LS_OK) status = read_rows(store, &columns, error);
  for (size_t i = 0; i < columns.n && status == LS_OK; i++) {
    history_row_t *row = &history->rows[i];
    memcpy(row->values, columns.values + i * HISTORY_WIDTH, sizeof row->values);
    memcpy(row->heads, columns.of_heads + i * heads, heads * sizeof(double));
    row->checksum = columns.sums[i];
  }
  if (status == LS_OK) history->n = columns.n;
  columns_free(&columns);
  return status;
}

/* ---- the log ---- */

/* "heads": {NAME: {COLUMN: number, …}, …} */
static void log_heads(FILE *log, const history_t *history, const history_row_t *row) {
  if (history_heads(history) == 0) return;
  json_key(log, false, "heads");
  fputc('{', log);
  for (size_t h = 0; h < history_heads(history); h++) {
    json_key(log, h == 0, history->objective->heads[h].name);
    fputc('{', log);
    json_number(log, true, head_column_names[HEAD_TRAIN_LOSS], row->heads[h][HEAD_TRAIN_LOSS]);
    for (int c = HEAD_VALID_LOSS; c < HEAD_WIDTH; c++)
      if (!isnan(row->heads[h][c])) json_number(log, false, head_column_names[c], row->heads[h][c]);
    fputc('}', log);
  }
  fputc('}', log);
}

void history_log_row(FILE *log, const history_t *history, const history_row_t *row, const char *note) {
  char name[HISTORY_NAME_SIZE];
  fputc('{', log);
  json_text(log, true, "event", "epoch");
  for (int c = 0; c < HISTORY_WIDTH; c++) {
    history_column_name(c, name);
    if (c == HISTORY_EPOCH || c == HISTORY_STEP || c == HISTORY_ROWS)
      json_integer(log, false, name, (int64_t)row->values[c]);
    else if (!isnan(row->values[c]))
      json_number(log, false, name, row->values[c]);
  }
  log_heads(log, history, row);
  if (note[0] != '\0') json_text(log, false, "note", note);
  json_number(log, false, "time", clock_time());
  fprintf(log, ", \"parameters_checksum\": \"%016" PRIx64 "\"}\n", row->checksum);
}
