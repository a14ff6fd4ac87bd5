/* Curves in block characters: which height a value has, how many values share a column, and what a few wild
 * values do to the limits. */
#include "inspect/chart.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All lines of the curve, each without its frame. */
static char *drawn(const chart_t *chart) {
  char *text = NULL, *row = NULL, *rest = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  for (size_t line = 0; line < chart->height; line++) {
    chart_print_line(chart, line, out);
    fputc('\n', out);
  }
  fclose(out);
  char *kept = calloc(1, size + 1);
  for (rest = text; (row = strsep(&rest, "\n")) != NULL && rest != NULL;) {
    const char *axis = strstr(row, chart->is_utf8 ? "│" : "|");
    cr_assert_not_null(axis);
    strcat(kept, axis + (chart->is_utf8 ? strlen("│") : 1));
    strcat(kept, "\n");
  }
  free(text);
  return kept;
}

static void expect(const chart_t *chart, const char *expected) {
  char *found = drawn(chart);
  cr_expect_str_eq(found, expected, "\n%s\ninstead of\n%s", found, expected);
  free(found);
}

/* Eighths by hand: 16 in two lines; the lowest value still has one. */
Test(chart, heights_are_eighths_of_a_line) {
  const double values[] = {15, 8, 7, 1, 0, NAN};
  chart_t chart = {.values = values,
                   .n = 6,
                   .limits = {.low = 0, .high = 15},
                   .width = CHART_FRAME + 6,
                   .height = 2,
                   .is_utf8 = true};
  expect(&chart, "█▁    \n███▂▁ \n");
  chart.is_utf8 = false;
  expect(&chart, "#.    \n###.. \n");
}

Test(chart, logarithmic_axis_gives_each_decade_the_same_height) {
  const double values[] = {1, 10, 100};
  chart_t chart = {.values = values,
                   .n = 3,
                   .limits = {.low = 1, .high = 100, .is_logarithmic = true},
                   .width = CHART_FRAME + 3,
                   .height = 1,
                   .is_utf8 = true};
  expect(&chart, "▁▅█\n"); /* 1 + 3.5, rounded up */
}

Test(chart, columns_share_out_the_values) {
  const double many[] = {0, 2, 4, 6, 14, 16}, few[] = {0, 7};
  chart_t chart = {.values = many,
                   .n = 6,
                   .limits = {.low = 0, .high = 7},
                   .width = CHART_FRAME + 2,
                   .height = 1,
                   .is_utf8 = true};
  expect(&chart, "▃█\n"); /* means 2 and 12 */
  chart = (chart_t){.values = few,
                    .n = 2,
                    .limits = {.low = 0, .high = 7},
                    .width = CHART_FRAME + 5,
                    .height = 1,
                    .is_utf8 = true};
  expect(&chart, "▁▁▁██\n");
}

static chart_limits_t limits_of(const double *values, size_t n) {
  return chart_limits(&values, 1, n);
}

Test(chart, limits_bear_wild_values) {
  double values[100];
  for (int i = 0; i < 100; i++) values[i] = 1 + 0.01 * i;
  chart_limits_t limits = limits_of(values, 100);
  cr_expect(!limits.is_logarithmic && !limits.is_cut && limits.low == 1 && limits.high == values[99]);
  values[50] = 1e9;
  limits = limits_of(values, 100);
  cr_expect(limits.is_logarithmic && !limits.is_cut && limits.high == 1e9);
  values[10] = -1e9; /* no logarithm of that: it is cut off, as is the other one */
  limits = limits_of(values, 100);
  cr_expect(!limits.is_logarithmic && limits.is_cut);
  cr_expect(limits.low > -2 && limits.high < 5, "%g %g", limits.low, limits.high);
  values[0] = INFINITY;
  limits = limits_of(values, 1);
  cr_expect(limits.low == 0 && limits.high == 1);
  values[0] = 3;
  limits = limits_of(values, 1);
  cr_expect(limits.low < 3 && limits.high > 3);
  cr_expect(limits_of(NULL, 0).high == 1);
}

Test(chart, title_and_ends_fill_the_width) {
  const double values[] = {2, 1.5};
  chart_t chart = {.title = "valid_loss", .values = values, .n = 2, .width = 30, .height = 2};
  chart.limits = limits_of(values, 2);
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  chart_print_title(&chart, out);
  fputc('\n', out);
  chart_print_line(&chart, 0, out);
  fputc('\n', out);
  chart_print_line(&chart, 1, out);
  fputc('\n', out);
  chart_print_ends(&chart, 1, 40, out);
  fclose(out);
  cr_expect_str_eq(text,
                   "valid_loss 1.5                \n"
                   "         2 |#########         \n"
                   "       1.5 |#########.........\n"
                   "            1               40",
                   "%s", text);
  free(text);
}
