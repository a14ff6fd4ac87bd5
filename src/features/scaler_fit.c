/* The arithmetic of fitting. Loops run over columns inside and rows outside, so that they go through memory
 * as it lies and in vectors, and every column adds its rows in file order for any vector width. */
#include "features/scaler_fit.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- rows as doubles ---- */

size_t fit_scratch(int64_t columns) {
  return (size_t)columns * 3;
}

static void row_read(const columns_view_t *table, int64_t row, double *out) {
  elements_read(table->values, table->type, row * table->stride + table->first_column, table->columns, out);
}

double columns_view_value(const columns_view_t *table, int64_t row, int64_t column) {
  return element_at(table->values, table->type, row * table->stride + column);
}

/* What is missing adds nothing: 0 to sums of x, 0 to sums of x - mean. */
static void row_read_filled(const columns_view_t *table, int64_t r, const double *restrict fill,
                            double *restrict row) {
  row_read(table, r, row);
  if (!table->has_missing) return;
  for (int64_t c = 0; c < table->columns; c++) row[c] = isnan(row[c]) ? (fill != NULL ? fill[c] : 0) : row[c];
}

/* ---- passes ---- */

void fit_no_range(int64_t columns, double *low, double *high) {
  for (int64_t c = 0; c < columns; c++) {
    low[c] = INFINITY;
    high[c] = -INFINITY;
  }
}

/* NaN is neither smaller nor larger than anything, nor equal to itself. */
static void widen_range(int64_t n, const double *restrict row, double *restrict low, double *restrict high,
                        int64_t *restrict present) {
  for (int64_t c = 0; c < n; c++) {
    low[c] = row[c] < low[c] ? row[c] : low[c];
    high[c] = row[c] > high[c] ? row[c] : high[c];
    present[c] += row[c] == row[c];
  }
}

void fit_range(const columns_view_t *table, double *scratch, double *low, double *high, int64_t *present) {
  for (int64_t r = 0; r < table->rows; r++) {
    row_read(table, r, scratch);
    widen_range(table->columns, scratch, low, high, present);
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
void fit_sums(const columns_view_t *table, double *scratch, double *sums) {
  int64_t n = table->columns;
  double *row = scratch, *block = scratch + n;
  for (int64_t first = 0; first < table->rows; first += FIT_BLOCK_ROWS) {
    int64_t end = first + FIT_BLOCK_ROWS < table->rows ? first + FIT_BLOCK_ROWS : table->rows;
    memset(block, 0, (size_t)n * sizeof *block);
    for (int64_t r = first; r < end; r++) {
      row_read_filled(table, r, NULL, row);
      add(n, row, block);
    }
    add(n, block, sums);
  }
}

void fit_squares(const columns_view_t *table, const double *mean, double *scratch, double *sums) {
  int64_t n = table->columns;
  double *row = scratch, *block = scratch + n;
  for (int64_t first = 0; first < table->rows; first += FIT_BLOCK_ROWS) {
    int64_t end = first + FIT_BLOCK_ROWS < table->rows ? first + FIT_BLOCK_ROWS : table->rows;
    memset(block, 0, 2 * (size_t)n * sizeof *block);
    for (int64_t r = first; r < end; r++) {
      row_read_filled(table, r, mean, row);
      add_differences(n, row, mean, block, block + n);
    }
    add(2 * n, block, sums);
  }
}

/* ---- order statistics ---- */

static const uint64_t sign_bit = (uint64_t)1 << 63;

/* Negative numbers' bits order the other way round. */
static uint64_t key_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (bits & sign_bit) != 0 ? ~bits : bits | sign_bit;
}

static double value_of(uint64_t key) {
  uint64_t bits = (key & sign_bit) != 0 ? key & ~sign_bit : ~key;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Where among n sorted values quartile q (from 0) lies: (n - 1) (q + 1) / 4. */
static double quartile_place(int64_t n, int q) {
  return (double)(n - 1) * (q + 1) / 4;
}

void select_begin(int64_t n, selection_t *selection) {
  *selection = (selection_t){.wanted = true};
  for (int q = 0; q < QUARTILES; q++) {
    int64_t below = (int64_t)quartile_place(n, q);
    selection->rank[2 * q] = below;
    selection->rank[2 * q + 1] = below + 1 < n ? below + 1 : below;
  }
}

/* Bits below the digit. */
static int digit_shift(int digit) {
  return 8 * (SELECT_DIGITS - 1 - digit);
}

static void count_digits(uint64_t key, const selection_t *selection, int digit, int64_t *bins) {
  int shift = digit_shift(digit);
  for (int s = 0; s < SELECTED; s++) {
    bool agrees = digit == 0 || (key ^ selection->key[s]) >> (shift + 8) == 0;
    if (agrees) bins[s * SELECT_BINS + (int)(key >> shift & 0xff)]++;
  }
}

void fit_digits(const columns_view_t *table, const selection_t *selections, int digit, double *scratch,
                int64_t *bins) {
  for (int64_t r = 0; r < table->rows; r++) {
    row_read(table, r, scratch);
    for (int64_t c = 0; c < table->columns; c++)
      if (selections[c].wanted && !isnan(scratch[c]))
        count_digits(key_of(scratch[c]), &selections[c], digit, bins + c * SELECTED * SELECT_BINS);
  }
}

void select_digit(int digit, const int64_t *bins, selection_t *selection) {
  for (int s = 0; s < SELECTED; s++, bins += SELECT_BINS) {
    uint64_t found = 0;
    while (selection->rank[s] >= bins[found]) selection->rank[s] -= bins[found++];
    selection->key[s] |= found << digit_shift(digit);
  }
}

void select_quartiles(int64_t n, const selection_t *selection, double quartiles[QUARTILES]) {
  for (int q = 0; q < QUARTILES; q++) {
    double low = value_of(selection->key[2 * q]), high = value_of(selection->key[2 * q + 1]);
    double place = quartile_place(n, q);
    quartiles[q] = low + (place - floor(place)) * (high - low);
  }
}

/* ---- methods ---- */

/* y = (x - low) (b - a) / (high - low) + a for the range [a, b] of the settings. */
static void finish_minmax(const moments_t *moments, int64_t columns, int64_t column,
                          const scaling_settings_t *settings, line_t *line) {
  (void)columns;
  double width = moments->high[column] - moments->low[column];
  line->scale = width > 0 ? (settings->high - settings->low) / width : 1;
  line->offset = settings->low;
}

/* With d = x - m for the mean m as the first pass found it, the mean is m + (sum d) / n, and the variance
 * ((sum d^2) - (sum d)^2 / n) / n: what m was rounded off by is made good (Chan, Golub and LeVeque 1983). */
double fit_mean(const moments_t *moments, int64_t columns, int64_t column) {
  (void)columns;
  return moments->mean[column] + moments->squares[column] / (double)moments->present[column];
}

static void finish_standard(const moments_t *moments, int64_t columns, int64_t column,
                            const scaling_settings_t *settings, line_t *line) {
  (void)settings;
  double n = (double)moments->present[column];
  double sum = moments->squares[column], squares = moments->squares[columns + column];
  line->shift = fit_mean(moments, columns, column);
  line->scale = 1.0 / sqrt((squares - sum * sum / n) / n);
}

/* y = x / max |x|: zero stays zero. */
static void finish_maxabs(const moments_t *moments, int64_t columns, int64_t column,
                          const scaling_settings_t *settings, line_t *line) {
  (void)columns, (void)settings;
  double largest = fmax(fabs(moments->low[column]), fabs(moments->high[column]));
  line->shift = 0;
  line->scale = largest > 0 ? 1 / largest : 1;
}

/* y = (x - median) / (upper - lower quartile), which outliers do not move; divided by 1 where half of the
 * values are equal. */
static void finish_robust(const moments_t *moments, int64_t columns, int64_t column,
                          const scaling_settings_t *settings, line_t *line) {
  (void)columns, (void)settings;
  const double *quartiles = moments->quartiles + column * QUARTILES;
  double width = quartiles[2] - quartiles[0];
  line->shift = quartiles[1];
  line->scale = width > 0 ? 1 / width : 1;
}

static const scaling_row_t scaling_table[] = {
    {{"none", "as it is"}, NEEDS_RANGE, NULL, false, false},
    {{"minmax", "to the range [a, b], by the smallest and the largest value of the training rows"},
     NEEDS_RANGE,
     finish_minmax,
     true,
     false},
    {{"standard", "to mean 0 and standard deviation 1 over the training rows"},
     NEEDS_MEAN,
     finish_standard,
     false,
     false},
    {{"maxabs", "divided by the largest absolute value of the training rows"},
     NEEDS_RANGE,
     finish_maxabs,
     true,
     false},
    {{"robust", "to median 0 and distance 1 between the quartiles of the training rows"},
     NEEDS_QUARTILES,
     finish_robust,
     true,
     false},
    {{"one_hot",
      "features alone: a column of whole numbers becomes one of 0 and 1 for each that training rows hold"},
     NEEDS_RANGE,
     NULL,
     false,
     true},
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

ls_status fit_finish(const method_t *methods, const moments_t *moments, int64_t first, int64_t columns,
                     scaler_t *scaler, ls_error *error) {
  for (int64_t c = 0; c < columns; c++) {
    const scaling_row_t *row = methods[c].row;
    line_t line = {row->finish != NULL ? moments->low[c] : 0, 1, 0};
    if (moments->present[c] == 0)
      return error_set(error, LS_BAD_DATA, "column %" PRId64 " (counted from 0) has no value but NaN",
                       first + c);
    if (row->finish != NULL && (row->scales_constants || moments->low[c] < moments->high[c]))
      row->finish(moments, columns, c, methods[c].settings, &line);
    if (!isfinite(line.shift) || !(line.scale > 0 && line.scale <= DBL_MAX))
      return error_set(error, LS_BAD_DATA,
                       "column %" PRId64
                       " (counted from 0) runs from %g to %g, too far or too little to be scaled",
                       first + c, moments->low[c], moments->high[c]);
    scaler->shift[first + c] = line.shift;
    scaler->scale[first + c] = line.scale;
    scaler->offset[first + c] = line.offset;
  }
  return LS_OK;
}
