/* The arithmetic of fitting. Loops run over columns inside and rows outside, so that they go through memory
 * as it lies and in vectors, and every column adds its rows in file order whatever the vector width. */
#include "data/scaler_fit.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- rows as doubles ---- */

size_t fit_scratch(int64_t columns) {
  return (size_t)columns * 3;
}

#define ROW_OF(type, name)                                                                                   \
  static void name(const void *values, int64_t at, int64_t n, double *restrict row) {                        \
    const type *restrict x = (const type *)values + at;                                                      \
    for (int64_t c = 0; c < n; c++) row[c] = (double)x[c];                                                   \
  }
ROW_OF(uint8_t, row_of_bytes)
ROW_OF(float, row_of_floats)
ROW_OF(double, row_of_doubles)

static void row_read(const table_t *table, int64_t row, double *out) {
  static void (*const readers[])(const void *values, int64_t at, int64_t n, double *restrict out_row) = {
      [ELEMENT_U8] = row_of_bytes, [ELEMENT_F32] = row_of_floats, [ELEMENT_F64] = row_of_doubles};
  readers[table->type](table->values, row * table->stride + table->first_column, table->columns, out);
}

/* ---- passes ---- */

static void widen_range(int64_t n, const double *restrict row, double *restrict low, double *restrict high) {
  for (int64_t c = 0; c < n; c++) {
    low[c] = row[c] < low[c] ? row[c] : low[c];
    high[c] = row[c] > high[c] ? row[c] : high[c];
  }
}

void fit_no_range(int64_t columns, double *low, double *high) {
  for (int64_t c = 0; c < columns; c++) {
    low[c] = INFINITY;
    high[c] = -INFINITY;
  }
}

void fit_range(const table_t *table, double *scratch, double *low, double *high) {
  for (int64_t r = 0; r < table->rows; r++) {
    row_read(table, r, scratch);
    widen_range(table->columns, scratch, low, high);
  }
}

static void add(int64_t n, const double *restrict row, double *restrict sums) {
  for (int64_t c = 0; c < n; c++) sums[c] += row[c];
}

static void add_differences(int64_t n, const double *restrict row, const double *restrict mean,
                            double *restrict sums, double *restrict squares) {
  for (int64_t c = 0; c < n; c++) {
    double d = row[c] - mean[c];
    sums[c] += d;
    squares[c] += d * d;
  }
}

/* Blocks of rows have sums of their own, so that the rounding errors of n rows grow like those of n / 256 +
 * 256. */
void fit_sums(const table_t *table, double *scratch, double *sums) {
  int64_t n = table->columns;
  double *row = scratch, *block = scratch + n;
  for (int64_t first = 0; first < table->rows; first += FIT_BLOCK_ROWS) {
    int64_t end = first + FIT_BLOCK_ROWS < table->rows ? first + FIT_BLOCK_ROWS : table->rows;
    memset(block, 0, (size_t)n * sizeof *block);
    for (int64_t r = first; r < end; r++) {
      row_read(table, r, row);
      add(n, row, block);
    }
    add(n, block, sums);
  }
}

void fit_squares(const table_t *table, const double *mean, double *scratch, double *sums) {
  int64_t n = table->columns;
  double *row = scratch, *block = scratch + n;
  for (int64_t first = 0; first < table->rows; first += FIT_BLOCK_ROWS) {
    int64_t end = first + FIT_BLOCK_ROWS < table->rows ? first + FIT_BLOCK_ROWS : table->rows;
    memset(block, 0, 2 * (size_t)n * sizeof *block);
    for (int64_t r = first; r < end; r++) {
      row_read(table, r, row);
      add_differences(n, row, mean, block, block + n);
    }
    add(2 * n, block, sums);
  }
}

/* ---- methods ---- */

/* y = (x - low) (b - a) / (high - low) + a for the range [a, b] of the settings; a is the offset. */
static void finish_minmax(const moments_t *moments, int64_t columns, int64_t column,
                          const scaling_settings_t *settings, double *shift, double *scale) {
  (void)columns;
  *shift = moments->low[column];
  *scale = (settings->high - settings->low) / (moments->high[column] - moments->low[column]);
}

/* With d = x - m for the mean m as the first pass found it, the mean is m + (sum d) / n, and the variance
 * ((sum d^2) - (sum d)^2 / n) / n: what m was rounded off by is made good (Chan, Golub and LeVeque 1983). */
static void finish_standard(const moments_t *moments, int64_t columns, int64_t column,
                            const scaling_settings_t *settings, double *shift, double *scale) {
  (void)settings;
  double n = (double)moments->rows;
  double sum = moments->squares[column], squares = moments->squares[columns + column];
  *shift = moments->mean[column] + sum / n;
  *scale = 1.0 / sqrt((squares - sum * sum / n) / n);
}

static const scaling_row_t scaling_table[] = {
    {{"none", "as it is"}, false, NULL},
    {{"minmax", "to the range [a, b], by the smallest and the largest value of the training rows"},
     false,
     finish_minmax},
    {{"standard", "to mean 0 and standard deviation 1 over the training rows"}, true, finish_standard},
};

bool scaling_choice(size_t i, choice_t *out) {
  if (i >= sizeof scaling_table / sizeof scaling_table[0]) return false;
  *out = scaling_table[i].choice;
  return true;
}

const scaling_row_t *scaling_find(const char *name) {
  int found = choice_find(scaling_choice, name);
  return found < 0 ? NULL : &scaling_table[found];
}

ls_status fit_finish(const scaling_row_t *row, const moments_t *moments, const scaling_settings_t *settings,
                     int64_t first, int64_t columns, scaler_t *scaler, ls_error *error) {
  double offset = row->needs_mean ? 0.0 : settings->low; /* only minmax has one */
  for (int64_t c = 0; c < columns; c++) {
    double shift = moments->low[c], scale = 1.0;
    if (moments->low[c] < moments->high[c]) {
      row->finish(moments, columns, c, settings, &shift, &scale);
      if (!isfinite(shift) || !(scale > 0 && scale <= DBL_MAX))
        return error_set(error, LS_BAD_DATA,
                         "column %" PRId64
                         " (counted from 0) runs from %g to %g, too far or too little to be scaled",
                         first + c, moments->low[c], moments->high[c]);
    }
    scaler->shift[first + c] = shift;
    scaler->scale[first + c] = scale;
    scaler->offset[first + c] = offset;
  }
  return LS_OK;
}
