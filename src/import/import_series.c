/* Several time series in one table with one row per time step. Each series gets a number, and the rows are
 * sorted so that the rows of a series are consecutive. */
#include "base/text.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- numbers ---- */

/* Uses the names of series as their numbers if all are whole numbers; returns whether they are. */
static bool take_numbers(import_t *import) {
  bool all = true;
  for (size_t k = 0; k < import->n_parts && all; k++) {
    const import_part_t *part = &import->parts[k];
    int64_t *numbers = part->series.values;
    for (int64_t i = 0; i < part->table.rows && all; i++)
      all = text_int64(part->table.series[i], &numbers[i]);
  }
  return all;
}

/* Numbers the names of series in the same way as class labels. */
static ls_status number_names(import_t *import, class_column_t *columns, ls_error *error) {
  ls_status status =
      import_classes(columns, import->n_parts, &import->series_names, &import->n_series_names, error);
  if (status != LS_OK) return error_prefix(error, status, "--series");
  for (size_t k = 0; k < import->n_parts; k++) {
    int64_t *numbers = import->parts[k].series.values;
    for (int64_t i = 0; i < columns[k].n; i++) numbers[i] = columns[k].classes[i];
  }
  return LS_OK;
}

static ls_status no_memory(ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for the series of the rows");
}

ls_status import_series(import_t *import, ls_error *error) {
  class_column_t *columns = calloc(import->n_parts, sizeof *columns);
  ls_status status = columns == NULL ? no_memory(error) : LS_OK;
  for (size_t k = 0; k < import->n_parts && status == LS_OK; k++) {
    import_part_t *part = &import->parts[k];
    size_t rows = (size_t)part->table.rows;
    part->series = (import_array_t){.type = STORE_I64, .dims = 1, .shape = {part->table.rows}};
    part->series.values = calloc(rows, sizeof(int64_t));
    columns[k] = (class_column_t){.path = part->input->x,
                                  .labels = part->table.series,
                                  .n = part->table.rows,
                                  .classes = calloc(rows, sizeof(int32_t))};
    if (part->series.values == NULL || columns[k].classes == NULL) status = no_memory(error);
  }
  if (status == LS_OK && !take_numbers(import)) status = number_names(import, columns, error);
  for (size_t k = 0; k < import->n_parts && columns != NULL; k++) free(columns[k].classes);
  free(columns);
  return status;
}

/* ---- order ---- */

typedef struct {
  int64_t series;
  uint32_t row;
} step_place_t;

static int compare(const void *a, const void *b) {
  const step_place_t *x = a, *y = b;
  if (x->series != y->series) return x->series < y->series ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

ls_status import_series_order(const import_part_t *part, uint32_t **out, ls_error *error) {
  const int64_t *series = part->series.values;
  int64_t rows = part->series.shape[0];
  if (rows > UINT32_MAX)
    return error_set(error, LS_BAD_DATA, "%s: %" PRId64 " rows; up to 2^32 - 1 can be put in order",
                     part->input->x, rows);
  step_place_t *places = malloc((size_t)rows * sizeof *places);
  uint32_t *order = malloc((size_t)rows * sizeof *order);
  if (places == NULL || order == NULL) {
    free(places);
    free(order);
    return no_memory(error);
  }
  for (int64_t i = 0; i < rows; i++) places[i] = (step_place_t){series[i], (uint32_t)i};
  qsort(places, (size_t)rows, sizeof *places, compare);
  for (int64_t i = 0; i < rows; i++) order[i] = places[i].row;
  free(places);
  *out = order;
  return LS_OK;
}
