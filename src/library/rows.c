/* Rows and results in the caller's memory. */
#include "library/library_impl.h"

#include <inttypes.h>

static element_t element_of(ls_type type) {
  return type == LS_FLOAT64 ? ELEMENT_F64 : ELEMENT_F32;
}

int64_t block_rows(const ls_predictor *predictor, int64_t rows, int64_t first) {
  return rows - first < predictor->rows ? rows - first : predictor->rows;
}

/* Copies rows whose values do not lie next to each other. */
static void copy_rows(const ls_predictor *predictor, const ls_input *x, int64_t first, int64_t n,
                      int64_t row_stride) {
  int64_t columns = predictor->model->features.columns;
  for (int64_t r = 0; r < n; r++)
    for (int64_t c = 0; c < columns; c++) {
      int64_t at = (first + r) * row_stride + c * x->column_stride;
      if (x->type == LS_FLOAT64)
        predictor->block[r * columns + c] = ((const double *)x->values)[at];
      else
        ((float *)predictor->block)[r * columns + c] = ((const float *)x->values)[at];
    }
}

ls_status gather_of(ls_predictor *predictor, ls_type type, const void *x, int64_t stride, gather_t **out,
                    ls_error *error) {
  int which = element_of(type) == ELEMENT_F64;
  if (which == 0 && predictor->unusable.status != LS_OK)
    return error_set(error, predictor->unusable.status, "%.400s: pass float64", predictor->unusable.message);
  predictor->splits[which].x = (void *)(uintptr_t)x; /* only read */
  predictor->gathers[which].stride = stride;
  *out = &predictor->gathers[which];
  return LS_OK;
}

static bool is_dense(const ls_input *x) {
  return x->column_stride == 0 || x->column_stride == 1;
}

ls_status rows_open(ls_predictor *predictor, int64_t rows, const ls_input *x, gather_t **gather,
                    ls_error *error) {
  int64_t columns = predictor->model->features.columns;
  if (x->type != LS_FLOAT32 && x->type != LS_FLOAT64)
    return error_set(error, LS_USAGE, "x: the type is neither LS_FLOAT32 nor LS_FLOAT64");
  if (rows < 0 || (rows > 0 && x->values == NULL))
    return error_set(error, LS_USAGE, "x: %" PRId64 " rows at address %p", rows, x->values);
  int64_t stride = is_dense(x) && x->row_stride != 0 ? x->row_stride : columns;
  return gather_of(predictor, x->type, is_dense(x) ? x->values : predictor->block, stride, gather, error);
}

int64_t rows_take(ls_predictor *predictor, const ls_input *x, int64_t first, int64_t n) {
  if (is_dense(x)) return first;
  copy_rows(predictor, x, first, n, x->row_stride != 0 ? x->row_stride : predictor->model->features.columns);
  return 0;
}

void output_put(const ls_output *out, int64_t first, int64_t n, int64_t columns, const double *found) {
  int64_t row_stride = out->row_stride != 0 ? out->row_stride : columns;
  int64_t column_stride = out->column_stride != 0 ? out->column_stride : 1;
  for (int64_t r = 0; r < n && out->values != NULL; r++)
    for (int64_t c = 0; c < columns; c++) {
      int64_t at = (first + r) * row_stride + c * column_stride;
      if (out->type == LS_FLOAT64)
        ((double *)out->values)[at] = found[r * columns + c];
      else
        ((float *)out->values)[at] = (float)found[r * columns + c];
    }
}
