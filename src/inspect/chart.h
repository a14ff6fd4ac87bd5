/* A curve as filled columns of block characters, in a terminal or a file:
 *
 *     valid_loss 0.1032 (log)
 *          2.3 |█
 *              |█▅▂
 *         0.09 |███▇▆▅▅▄▄▄▄▄▄▄
 *               1            40
 *
 * If there are more values than columns, a column shows the mean of its values; if there are fewer, a value
 * fills several columns. A value that is not finite leaves a gap. */
#ifndef INSPECT_CHART_H
#define INSPECT_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { CHART_FRAME = 12 }; /* columns left of the curve: a label and the axis */

typedef struct {
  double low, high; /* low < high */
  bool is_logarithmic;
  bool is_cut; /* some values lie outside, and are drawn at the edge */
} chart_limits_t;

/* The limits that show all finite values of k curves (n values each). A logarithmic axis if all are above 0
 * and the largest is more than 20 times the smallest, so a few large ones do not flatten the others. If some
 * are not above 0, the limits leave out what lies further outside than the range of the middle nine tenths,
 * for the same reason. {0, 1} without finite values. */
chart_limits_t chart_limits(const double *const *curves, size_t k, size_t n);

typedef struct {
  const char *title;
  const double *values; /* (n); n may be 0 */
  size_t n;
  chart_limits_t limits;
  size_t width, height; /* columns with the frame, more than CHART_FRAME; lines of the curve, 1 or more */
  bool is_utf8;         /* eighths of a block, or . : # */
} chart_t;

/* Print one line of a chart, `width` columns wide, without a newline: its title, line 0 ... height - 1 of the
 * curve from the top, and the numbers of its first and last value, which are `first` and `last`. */
void chart_print_title(const chart_t *chart, FILE *out);
void chart_print_line(const chart_t *chart, size_t line, FILE *out);
void chart_print_ends(const chart_t *chart, double first, double last, FILE *out);

#endif
