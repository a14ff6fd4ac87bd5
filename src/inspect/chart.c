#include "inspect/chart.h"

#include "base/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EIGHTHS = 8 };
static const double LOGARITHMIC_FROM = 20; /* largest value divided by the smallest */

/* ---- limits ---- */

static int by_size(const void *first, const void *second) {
  double a = *(const double *)first, b = *(const double *)second;
  return (a > b) - (a < b);
}

/* The finite values of all curves, sorted. *out is malloc'd, NULL if there is no memory or no value. */
static size_t collect(const double *const *curves, size_t k, size_t n, double **out) {
  double *all = n > 0 ? malloc(k * n * sizeof *all) : NULL;
  size_t found = 0;
  for (size_t c = 0; all != NULL && c < k; c++)
    for (size_t i = 0; i < n; i++)
      if (isfinite(curves[c][i])) all[found++] = curves[c][i];
  if (found > 0) qsort(all, found, sizeof *all, by_size);
  *out = all;
  return found;
}

chart_limits_t chart_limits(const double *const *curves, size_t k, size_t n) {
  chart_limits_t limits = {.low = 0, .high = 1};
  double *sorted = NULL;
  size_t found = collect(curves, k, n, &sorted);
  if (found > 0) {
    double smallest = sorted[0], largest = sorted[found - 1];
    double range = sorted[(found - 1) * 19 / 20] - sorted[(found - 1) / 20];
    limits.low = smallest;
    limits.high = largest;
    limits.is_logarithmic = smallest > 0 && largest > LOGARITHMIC_FROM * smallest;
    if (!limits.is_logarithmic && smallest <= 0 && range > 0) {
      limits.low = fmax(smallest, sorted[(found - 1) / 20] - range);
      limits.high = fmin(largest, sorted[(found - 1) * 19 / 20] + range);
    }
    limits.is_cut = limits.low > smallest || limits.high < largest;
    double wider = limits.low < limits.high ? 0 : fmax(fabs(limits.low), 1) * 1e-3;
    limits.low -= wider;
    limits.high += wider;
  }
  free(sorted);
  return limits;
}

/* ---- columns ---- */

static size_t columns_of(const chart_t *chart) {
  return chart->width - CHART_FRAME;
}

/* The mean of the finite values that a column shows; NaN if there are none. */
static double value_of(const chart_t *chart, size_t column) {
  size_t columns = columns_of(chart), first = column * chart->n / columns;
  size_t end = (column + 1) * chart->n / columns, found = 0;
  double sum = 0;
  if (end <= first) end = first + 1;
  for (size_t i = first; i < end && i < chart->n; i++)
    if (isfinite(chart->values[i])) {
      sum += chart->values[i];
      found++;
    }
  return found > 0 ? sum / (double)found : NAN;
}

/* How many eighths of a line a column is high: 1 or more, 0 for a gap. */
static size_t height_of(const chart_t *chart, size_t column) {
  const chart_limits_t *limits = &chart->limits;
  double value = value_of(chart, column), low = limits->low, high = limits->high;
  if (isnan(value)) return 0;
  if (limits->is_logarithmic) {
    value = log(value);
    low = log(low);
    high = log(high);
  }
  double place = fmin(1, fmax(0, (value - low) / (high - low)));
  return 1 + (size_t)(place * (double)(EIGHTHS * chart->height - 1) + 0.5);
}

/* ---- lines ---- */

void chart_print_title(const chart_t *chart, FILE *out) {
  char text[256], last[32] = "";
  double value = chart->n > 0 ? chart->values[chart->n - 1] : NAN;
  if (!isnan(value)) snprintf(last, sizeof last, " %.5g", value);
  snprintf(text, sizeof text, "%.128s%s%s%s", chart->title, last,
           chart->limits.is_logarithmic ? ", log axis" : "", chart->limits.is_cut ? ", cut off" : "");
  show(out, "%-*.*s", (int)chart->width, (int)chart->width, text);
}

/* The label: the upper limit on the first line, the lower one on the last. */
static void print_frame(const chart_t *chart, size_t line, FILE *out) {
  char label[32] = "";
  if (chart->n > 0 && line == 0) snprintf(label, sizeof label, "%.3g", chart->limits.high);
  if (chart->n > 0 && line + 1 == chart->height && line > 0)
    snprintf(label, sizeof label, "%.3g", chart->limits.low);
  fprintf(out, "%*.10s %s", CHART_FRAME - 2, label, chart->is_utf8 ? "│" : "|");
}

void chart_print_line(const chart_t *chart, size_t line, FILE *out) {
  static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static const char *const plain[] = {" ", ".", ".", ".", ":", ":", ":", "#", "#"};
  size_t below = EIGHTHS * (chart->height - 1 - line);
  print_frame(chart, line, out);
  for (size_t c = 0; c < columns_of(chart); c++) {
    size_t height = chart->n > 0 ? height_of(chart, c) : 0;
    size_t here = height <= below ? 0 : height - below < EIGHTHS ? height - below : EIGHTHS;
    fputs((chart->is_utf8 ? blocks : plain)[here], out);
  }
}

void chart_print_ends(const chart_t *chart, double first, double last, FILE *out) {
  char left[32], right[32];
  int room = (int)columns_of(chart);
  snprintf(left, sizeof left, "%.0f", first);
  snprintf(right, sizeof right, "%.0f", last);
  int rest = room - (int)strlen(left);
  fprintf(out, "%*s", CHART_FRAME, "");
  if (rest > (int)strlen(right))
    fprintf(out, "%s%*s", left, rest, right);
  else
    fprintf(out, "%*.*s", room, room, right);
}
