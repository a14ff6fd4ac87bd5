/* What a sweep varies: how words become axes, all points of a product in order, and draws that are the same
 * again, without repetition, within their ranges. */
#include "sweep/axes.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Parses up to four words; NULL ends them. */
static axes_t parsed(const char *const *words) {
  axes_t axes;
  ls_error error = {0};
  size_t n = 0;
  while (words[n] != NULL) n++;
  cr_assert_eq(axes_parse((char *const *)words, n, &axes, &error), LS_OK, "%s", error.message);
  return axes;
}

static void refused(const char *word, const char *part) {
  axes_t axes;
  ls_error error = {0};
  cr_assert_eq(axes_parse((char *const[]){(char *)word, (char *)"k=1,2"}, 2, &axes, &error), LS_USAGE, "%s",
               word);
  cr_assert_not_null(strstr(error.message, part), "%s: no '%s' in: %s", word, part, error.message);
  axes_free(&axes);
}

Test(axes, values_are_yaml_and_commas_inside_them_do_not_separate) {
  axes_t axes =
      parsed((const char *const[]){"a=[0.1, 0.2]", "b={x: 1, y: [2, 3]},\"p,q\",'it''s, so',4", "c=x", NULL});
  cr_assert_eq(axes.n, 1);
  cr_assert_eq(axes.n_fixed, 2);
  cr_expect_str_eq(axes.fixed[0], "a=[0.1, 0.2]");
  cr_expect_str_eq(axes.axes[0].key, "b");
  cr_assert_eq(axes.axes[0].n, 4);
  static const char *const values[] = {"{x: 1, y: [2, 3]}", "\"p,q\"", "'it''s, so'", "4"};
  for (int i = 0; i < 4; i++) cr_expect_str_eq(axes.axes[0].values[i], values[i]);
  axes_free(&axes);
}

Test(axes, ranges_are_told_from_values) {
  axes_t axes = parsed(
      (const char *const[]){"a=log(1e-4,1e-1)", "b=int(16,256)", "c=uniform(0,0.5)", "d=logistic", NULL});
  cr_assert_eq(axes.n, 3);
  cr_assert_eq(axes.n_fixed, 1);
  cr_expect(axes.axes[0].kind == AXIS_LOG && axes.axes[0].low == 1e-4 && axes.axes[0].high == 1e-1);
  cr_expect(axes.axes[1].kind == AXIS_INT && axes.axes[1].low == 16 && axes.axes[1].high == 256);
  cr_expect(axes.axes[2].kind == AXIS_UNIFORM);
  axes_free(&axes);
}

Test(axes, words_that_mean_nothing_are_refused) {
  refused("train.seed", "expected section.key=value");
  refused("=3", "expected section.key=value");
  refused("k=3", "k is given twice");
  refused("a=1,,2", "empty");
  refused("a=1,2,1", "the value 1 is given twice");
  refused("a=log(0,1)", "a range is");
  refused("a=log(1e-3,1e-4)", "a range is");
  refused("a=int(1.5,3)", "a range is");
  refused("a=uniform(1)", "a range is");
  refused("a=uniform(1,2),3", "a range is");
}

Test(axes, a_grid_has_every_point_once_and_the_last_axis_changes_fastest) {
  char text[100];
  ls_error error = {0};
  axes_t axes = parsed((const char *const[]){"a=1,2", "b=x,y,z", NULL});
  cr_assert_eq(axes_combine(&axes, 0, 5, &error), LS_OK, "%s", error.message);
  cr_assert_eq(axes.combinations, 6);
  static const char *const wanted[] = {"a=1 b=x", "a=1 b=y", "a=1 b=z", "a=2 b=x", "a=2 b=y", "a=2 b=z"};
  for (int i = 0; i < 6; i++) {
    axes_describe(&axes, i, text, sizeof text);
    cr_expect_str_eq(text, wanted[i]);
  }
  axes_free(&axes);
}

Test(axes, draws_from_a_grid_do_not_repeat_and_follow_the_seed) {
  char all[2][400] = {"", ""}, text[100];
  for (int s = 0; s < 3; s++) {
    ls_error error = {0};
    axes_t axes = parsed((const char *const[]){"a=1,2,3,4,5", "b=x,y,z", NULL});
    cr_assert_eq(axes_combine(&axes, 9, s == 2 ? 8 : 7, &error), LS_OK, "%s", error.message);
    cr_assert_eq(axes.combinations, 9);
    char joined[400] = "";
    for (int i = 0; i < 9; i++) {
      axes_describe(&axes, i, text, sizeof text);
      cr_expect_null(strstr(joined, text), "%s is drawn twice", text);
      strcat(strcat(joined, text), ";");
    }
    if (s < 2) strcpy(all[s], joined);
    if (s == 2) cr_expect_str_neq(joined, all[0]);
    axes_free(&axes);
  }
  cr_expect_str_eq(all[0], all[1]);
}

Test(axes, draws_from_ranges_are_spread_evenly) {
  enum { DRAWS = 4000 };
  ls_error error = {0};
  int low[3] = {0}, ends[2] = {0};
  axes_t axes = parsed((const char *const[]){"a=log(1e-4,1)", "b=int(1,4)", "c=uniform(-1,1)", NULL});
  cr_assert_eq(axes_combine(&axes, DRAWS, 3, &error), LS_OK, "%s", error.message);
  for (int i = 0; i < DRAWS; i++) {
    double a = atof(axes.chosen[i * 3]), b = atof(axes.chosen[i * 3 + 1]), c = atof(axes.chosen[i * 3 + 2]);
    cr_assert(a >= 1e-4 && a <= 1 && b >= 1 && b <= 4 && b == floor(b) && c >= -1 && c <= 1);
    low[0] += a < 1e-2;
    low[1] += b <= 2;
    low[2] += c < 0;
    ends[0] += b == 1;
    ends[1] += b == 4;
  }
  for (int k = 0; k < 3; k++) cr_expect(abs(low[k] - DRAWS / 2) < 160, "axis %d: %d", k, low[k]);
  for (int k = 0; k < 2; k++) cr_expect(abs(ends[k] - DRAWS / 4) < 140, "end %d: %d", k, ends[k]);
  axes_free(&axes);
}

Test(axes, more_than_there_is_cannot_be_drawn) {
  ls_error error = {0};
  axes_t axes = parsed((const char *const[]){"a=1,2", NULL});
  cr_expect_eq(axes_combine(&axes, 3, 0, &error), LS_USAGE);
  axes_free(&axes);
  axes = parsed((const char *const[]){"a=log(1,2)", NULL});
  cr_expect_eq(axes_combine(&axes, 0, 0, &error), LS_USAGE);
  cr_expect_not_null(strstr(error.message, "--random"), "%s", error.message);
  axes_free(&axes);
}
