/* Several time series in one table with one row per time step. The rows are sorted so that the rows of a
 * series are consecutive. */
#include "import/import_impl.h"

#include <inttypes.h>
#include <stdlib.h>

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
    return error_set(error, LS_NO_MEMORY, "no memory for the series of the rows");
  }
  for (int64_t i = 0; i < rows; i++) places[i] = (step_place_t){series[i], (uint32_t)i};
  qsort(places, (size_t)rows, sizeof *places, compare);
  for (int64_t i = 0; i < rows; i++) order[i] = places[i].row;
  free(places);
  *out = order;
  return LS_OK;
}
