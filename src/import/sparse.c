/* Makes dense arrays of sparse rows. All inputs get the same columns: a file without an entry in the last
 * columns is shorter only because zeros are not written. For the same reason the first index, 0 or 1, is
 * decided over all inputs: 0 if it occurs anywhere. */
#include "base/size.h"
#include "base/text.h"
#include "import/import_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

/* What all inputs in libsvm format have in common. */
typedef struct {
  uint32_t first, last; /* columns */
  store_type_t type;
} columns_t;

static bool fits_float(const sparse_t *sparse) {
  for (size_t i = 0; i < sparse->starts[sparse->rows]; i++)
    if (fabs(sparse->values[i]) > 3.4e38 || (double)(float)sparse->values[i] != sparse->values[i])
      return false;
  return true;
}

static bool common_columns(const import_t *import, columns_t *out) {
  uint32_t least = UINT32_MAX, most = 0;
  bool any = false, floats = true;
  for (size_t k = 0; k < import->n_parts; k++) {
    const sparse_t *sparse = &import->parts[k].sparse;
    if (sparse->rows == 0) continue;
    any = true;
    if (sparse->least < least) least = sparse->least;
    if (sparse->most > most) most = sparse->most;
    floats = floats && fits_float(sparse);
  }
  uint32_t first = least > 0;
  *out = (columns_t){first, most < first ? first : most, floats ? STORE_F32 : STORE_F64};
  return any;
}

/* The bytes of all arrays together. */
static ls_status check_size(const import_t *import, const columns_t *columns, size_t most, ls_error *error) {
  size_t sum = 0;
  int64_t width = (int64_t)columns->last - columns->first + 1;
  char limit[32];
  text_write_bytes((int64_t)most, limit, sizeof limit);
  for (size_t k = 0; k < import->n_parts; k++) {
    size_t bytes = 0;
    const int64_t shape[] = {import->parts[k].sparse.rows, width};
    if (!size_of_shape(store_type_size(columns->type), 2, shape, &bytes) ||
        __builtin_add_overflow(sum, bytes, &sum) || sum > most)
      return error_set(error, LS_BAD_DATA,
                       "%s: %" PRId64 " rows of %" PRId64 " columns do not fit into %s, the most memory that "
                       "import takes: with all zeros written out, sparse rows become much larger. Choose "
                       "columns, or raise --most-memory",
                       import->parts[k].input->x, shape[0], width, limit);
  }
  return LS_OK;
}

static ls_status make_dense(import_part_t *part, const columns_t *columns, ls_error *error) {
  const sparse_t *sparse = &part->sparse;
  size_t width = (size_t)(columns->last - columns->first) + 1, rows = (size_t)sparse->rows;
  void *values = calloc(rows * width, store_type_size(columns->type));
  if (values == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for %zu rows of %zu columns", part->input->x, rows,
                     width);
  float *floats = columns->type == STORE_F32 ? values : NULL;
  double *doubles = columns->type == STORE_F64 ? values : NULL;
  for (size_t i = 0; i < rows; i++)
    for (size_t k = sparse->starts[i]; k < sparse->starts[i + 1]; k++) {
      size_t place = i * width + (sparse->columns[k] - columns->first);
      if (floats != NULL)
        floats[place] = (float)sparse->values[k];
      else
        doubles[place] = sparse->values[k];
    }
  part->x = (import_array_t){
      .type = columns->type, .dims = 2, .shape = {sparse->rows, (int64_t)width}, .values = values};
  return LS_OK;
}

ls_status import_settle_sparse(import_t *import, size_t most, const log_t *log, ls_error *error) {
  columns_t columns;
  if (!common_columns(import, &columns)) return LS_OK;
  TRY(check_size(import, &columns, most, error));
  for (size_t k = 0; k < import->n_parts; k++) {
    import_part_t *part = &import->parts[k];
    if (part->sparse.rows == 0) continue;
    TRY(make_dense(part, &columns, error));
    size_t n = part->sparse.starts[part->sparse.rows];
    log_info(log,
             "%s: libsvm format, columns numbered from %" PRIu32 " to %" PRIu32 "; %.3g %% of the values are "
             "given, the others are 0",
             part->input->x, columns.first, columns.last,
             100 * (double)n / ((double)part->x.shape[0] * (double)part->x.shape[1]));
    if (part->sparse.has_queries)
      log_warn(log, "%s: qid (the query that a row belongs to) is not used", part->input->x);
    sparse_free(&part->sparse);
  }
  return LS_OK;
}
