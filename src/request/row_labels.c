#include "request/row_labels.h"

#include "request/table_input.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static ls_status read_column(const char *table, const labels_request_t *request, bool **out, int64_t *n,
                             ls_error *error) {
  tables_t *cells = NULL;
  ls_status found = table_ids_read(table, request->path, &cells, error);
  if (found != LS_OK) return error_prefix(error, found, "--labels");
  const table_column_t *column = &cells->features[cells->x[0].column];
  const int64_t rows = cells->rows[0].rows;
  const char **texts = calloc((size_t)rows + 1, sizeof *texts);
  ls_status status = LS_OK;
  if (cells->n_x != 1)
    TRY_OR_DONE(error_set(error, LS_USAGE, "--labels names one column, not %zu", cells->n_x));
  if (texts == NULL) TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " labels", rows));
  for (int64_t i = 0; i < rows; i++) {
    const double code = cells->rows[0].x[i];
    texts[i] = isnan(code) ? "" : column->texts[(size_t)code];
  }
  TRY_OR_DONE(labels_of_texts(texts, rows, request, out, error));
  *n = rows;
done:
  free((void *)texts);
  tables_free(&cells);
  return status;
}

ls_status row_labels_read(const settings_t *settings, const char *table, const labels_request_t *request,
                          bool **out, int64_t *n, ls_error *error) {
  if (settings->data.window.length > 0)
    return error_set(error, LS_USAGE,
                     "--labels: a label belongs to a row, but here rows are windows over "
                     "several: leave it out");
  if (table != NULL) return read_column(table, request, out, n, error);
  return labels_read(settings->data.file, settings->data.x, request, out, n, error);
}

ls_status row_labels_pick(const bool *labels, int64_t n, const int64_t *numbers, int64_t rows, bool **out,
                          ls_error *error) {
  bool *picked = malloc((size_t)rows * sizeof *picked + 1);
  if (picked == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the labels of rows");
  for (int64_t row = 0; row < rows; row++) {
    const int64_t number = numbers != NULL ? numbers[row] : row;
    if (number >= n) {
      free(picked);
      return error_set(error, LS_BAD_DATA, "--labels: there are %" PRId64 " labels, but more rows", n);
    }
    picked[row] = labels[number];
  }
  *out = picked;
  return LS_OK;
}
