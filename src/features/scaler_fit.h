/* The arithmetic of fitting, without ranks: sums over the rows of a shard, and scalers from the sums of all
 * shards. Pure functions. */
#ifndef FEATURES_SCALER_FIT_H
#define FEATURES_SCALER_FIT_H

#include "features/features_fit.h"
#include "features/scaling.h"

/* Some columns of some rows: element (row, column) is values[row * stride + first_column + column]. */
typedef struct {
  const void *values;
  element_t type;
  int64_t rows, stride;
  int64_t first_column, columns;
  bool has_missing; /* values may be NaN, which are skipped */
} columns_view_t;

double columns_view_value(const columns_view_t *table, int64_t row, int64_t column);

/* Rows per block: a block is added up by itself, then added to the sum of the shard. */
enum { FIT_BLOCK_ROWS = 256 };

/* Doubles of scratch that the functions below need. */
size_t fit_scratch(int64_t columns);

/* ---- passes: each adds a table to what it is given. A shard's rows may come in several tables, cut after
 * multiples of FIT_BLOCK_ROWS, without any bit changing ---- */

/* low[c] and high[c], the range of column c, to begin with +inf and -inf (fit_no_range); present[c] += values
 * that are not missing. */
void fit_no_range(int64_t columns, double *low, double *high);
void fit_range(const columns_view_t *table, double *scratch, double *low, double *high, int64_t *present);

/* sums[c] += sum of x[c]. */
void fit_sums(const columns_view_t *table, double *scratch, double *sums);

/* d = x - mean: sums[c] += sum of d[c], sums[columns + c] += sum of d[c]^2. */
void fit_squares(const columns_view_t *table, const double *mean, double *scratch, double *sums);

/* ---- order statistics, exactly, by radix selection ----
 *
 * The bits of a double, mapped so that keys order like numbers, are a key of eight digits of base 256. The
 * value of rank k of a column is found digit by digit. Each pass counts how often each next digit occurs
 * among the values that agree with the digits found so far. The sum of these counts over all rows gives the
 * next digit, and the rank among the values that share it. Counts are integers, so their sums do not depend
 * on the layout. */

enum { SELECT_DIGITS = 8, SELECT_BINS = 256, QUARTILES = 3 };
/* The two values below and above each quartile. */
enum { SELECTED = 2 * QUARTILES };

typedef struct {
  bool wanted;
  uint64_t key[SELECTED]; /* digits found so far, the others 0 */
  int64_t rank[SELECTED]; /* from 0, among the values with these digits */
} selection_t;

/* The quartiles' neighbours among n > 0 values: ranks floor(h) and min(floor(h) + 1, n - 1), h = (n - 1) q.
 */
void select_begin(int64_t n, selection_t *selection);
/* bins (columns, SELECTED, SELECT_BINS): digit number `digit` of the values of wanted columns counted. */
void fit_digits(const columns_view_t *table, const selection_t *selections, int digit, double *scratch,
                int64_t *bins);
/* The next digit of one column from the sum of all bins. */
void select_digit(int digit, const int64_t *bins, selection_t *selection);
/* After all digits: lower, median, upper quartile, as NumPy interpolates them: x_k + (h - k) (x_(k+1) - x_k).
 */
void select_quartiles(int64_t n, const selection_t *selection, double quartiles[QUARTILES]);

/* ---- methods ---- */

/* The results of the passes over all rows. */
typedef struct {
  const int64_t *present; /* (columns): values that are not missing */
  const double *low, *high;
  const double *mean;      /* NEEDS_MEAN: the first pass's */
  const double *squares;   /* and the sums of fit_squares over all rows */
  const double *quartiles; /* (columns, QUARTILES): NEEDS_QUARTILES */
} moments_t;

typedef enum { NEEDS_RANGE, NEEDS_MEAN, NEEDS_QUARTILES } needs_t;

/* One column's scaling: y = (x - shift) * scale + offset. */
typedef struct {
  double shift, scale, offset;
} line_t;

/* A method of scaling: the passes that it needs, and how it computes the line of a column from their results.
 */
typedef struct {
  choice_t choice;
  needs_t needs;
  /* Sets *line, which comes with the smallest value as shift, scale 1 and offset 0. NULL: no scaling. */
  void (*finish)(const moments_t *moments, int64_t columns, int64_t column,
                 const scaling_settings_t *settings, line_t *line);
  bool scales_constants; /* `finish` is also called for a constant column; else the column becomes 0 */
  bool is_one_hot;       /* the column is replaced by its categories */
} scaling_row_t;

/* Finds a method by name; NULL if there is none. */
const scaling_row_t *scaling_find(const char *name);

/* How a column is scaled. */
typedef struct {
  const scaling_row_t *row;
  const scaling_settings_t *settings;
} method_t;

/* The mean, corrected by the second pass for the rounding of the first. */
double fit_mean(const moments_t *moments, int64_t columns, int64_t column);

/* Columns [first, first + columns) of the scaler from their moments, by methods (columns). LS_BAD_DATA when a
 * column's numbers are too large for its range or variance to be a double, or all are missing. */
ls_status fit_finish(const method_t *methods, const moments_t *moments, int64_t first, int64_t columns,
                     scaler_t *scaler, ls_error *error);

/* ---- scaler_passes.c ---- */

/* What a fit also says of the columns. */
typedef struct {
  const struct missing_row *row; /* the rule that fills missing values in; NULL: none */
  double constant;
  double *fill;     /* (columns): by the rule, unless it is most_frequent */
  int64_t *present; /* (columns): values that are not missing; NULL: not wanted */
} filling_t;

/* Fits the columns of a table that lies like the split's rows (x or targets), by methods (columns), and what
 * stands for missing values; filling may be NULL. Collective. */
ls_status scaler_fit(world_t *world, const char *name, const method_t *methods, const split_t *split,
                     const columns_view_t *table, const filling_t *filling, scaler_t *out, ls_error *error);

#endif
