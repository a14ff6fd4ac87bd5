/* The arithmetic of fitting, apart from the ranks: sums over the rows of one shard, and scalers from sums
 * over all. Pure functions. */
#ifndef DATA_SCALER_FIT_H
#define DATA_SCALER_FIT_H

#include "data/scaler.h"

/* Some columns of some rows: element (row, column) is values[row * stride + first_column + column]. */
typedef struct {
  const void *values;
  element_t type;
  int64_t rows, stride;
  int64_t first_column, columns;
} table_t;

/* Rows added up plainly before they join the sum of a shard. */
enum { FIT_BLOCK_ROWS = 256 };

/* Doubles of scratch that the functions below need. */
size_t fit_scratch(int64_t columns);

/* The functions that follow add a table to what they are given: a shard's rows may come in several tables,
 * cut after multiples of FIT_BLOCK_ROWS, without any bit changing. */

/* low[c] and high[c], the range of column c: to begin with +inf and -inf, by fit_no_range. */
void fit_no_range(int64_t columns, double *low, double *high);
void fit_range(const table_t *table, double *scratch, double *low, double *high);

/* sums[c] += sum of x[c]. */
void fit_sums(const table_t *table, double *scratch, double *sums);

/* d = x - mean: sums[c] += sum of d[c], sums[columns + c] += sum of d[c]^2. */
void fit_squares(const table_t *table, const double *mean, double *scratch, double *sums);

/* What is known of all rows after both passes. */
typedef struct {
  int64_t rows;
  const double *low, *high;
  const double *mean;    /* of the first pass */
  const double *squares; /* sums of fit_squares over all rows */
} moments_t;

/* What a method of scaling needs and how it makes shift, scale and offset of a column from it. */
typedef struct {
  choice_t choice;
  bool needs_mean;
  void (*finish)(const moments_t *moments, int64_t columns, int64_t column,
                 const scaling_settings_t *settings, double *shift, double *scale);
} scaling_row_t;

/* The row of a method; NULL when there is none of that name. */
const scaling_row_t *scaling_find(const char *name);

/* Columns [first, first + columns) of the scaler from their moments. LS_BAD_DATA when a column's numbers are
 * too large for its range or variance to be a double. */
ls_status fit_finish(const scaling_row_t *row, const moments_t *moments, const scaling_settings_t *settings,
                     int64_t first, int64_t columns, scaler_t *scaler, ls_error *error);

#endif
