/* What came of a sweep, for results made by hand: which combination is best, and every figure of the tables.
 */
#include "sweep/sweep_impl.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMBINATIONS = 4, FOLDS = 2, TRIALS = COMBINATIONS * FOLDS };

static const char *const values[] = {"0.1", "0.2", "0.4", "0.8"};
static axis_t axis = {
    .key = "optimizer.learning_rate", .kind = AXIS_VALUES, .values = values, .n = COMBINATIONS};
static const char *chosen[] = {"0.1", "0.2", "0.4", "0.8"};
static char config[] = "config.yaml";
static char *words[] = {config};
static const sweep_options_t options = {.words = words, .n_words = 1, .folds = FOLDS};
static const sweep_t sweep = {.options = &options,
                              .axes = {.axes = &axis, .n = 1, .combinations = COMBINATIONS, .chosen = chosen},
                              .repeat = 1,
                              .trials = TRIALS,
                              .metric = "valid_accuracy",
                              .higher_is_better = true};

/* Combination 2 has a trial that failed, combination 4 was stopped by halving: the others come first, however
 * good these are. */
static trial_result_t results[TRIALS] = {{TRIAL_DONE, 5, 0.75, {0.5, 0.625, 0.75}, 1.25, 0x12},
                                         {TRIAL_DONE, 5, 0.5, {0.75, 0.875, 0.5}, 2.5, 0x34},
                                         {TRIAL_DONE, 5, 0.9375, {0.25, 0.3, 0.9375}, 1, 0x56},
                                         {TRIAL_FAILED, 2, NAN, {NAN, NAN, NAN}, 0.5, 0},
                                         {TRIAL_DONE, 5, 0.875, {0.375, 0.5, 0.875}, 1, 0x78},
                                         {TRIAL_DONE, 4, 0.75, {0.625, 0.6875, 0.75}, 3, 0x9a},
                                         {TRIAL_STOPPED, 3, 0.96875, {0.125, 0.25, 0.96875}, 1, 0xbc},
                                         {TRIAL_STOPPED, 2, 0.984375, {0.125, 0.125, 0.984375}, 1, 0xde}};

/* Nothing is known of the other figures. */
static void set_up(void) {
  for (int t = 0; t < TRIALS; t++)
    for (int f = SWEEP_VALID_ACCURACY + 1; f < SWEEP_WIDTH; f++) results[t].figures[f] = NAN;
}

TestSuite(result, .init = set_up);

static void expect_standing(const standing_t *found, const standing_t *expected) {
  const int number = (int)expected->combination + 1;
  cr_expect_eq(found->combination, expected->combination, "combination %d, not %d",
               (int)found->combination + 1, number);
  cr_expect_eq(found->state, expected->state, "combination %d", number);
  cr_expect_eq(found->epoch, expected->epoch, "combination %d: %d epochs", number, (int)found->epoch);
  cr_expect_eq(found->n, expected->n, "combination %d: %d figures", number, (int)found->n);
  cr_expect_eq(found->failed, expected->failed, "combination %d: %d failed", number, (int)found->failed);
  cr_expect_float_eq(found->mean, expected->mean, 1e-12, "combination %d: mean %g", number, found->mean);
  cr_expect_float_eq(found->figures[SWEEP_TRAIN_LOSS], expected->figures[0], 1e-12, "combination %d", number);
  cr_expect_float_eq(found->figures[SWEEP_VALID_LOSS], expected->figures[1], 1e-12, "combination %d", number);
  cr_expect_float_eq(found->seconds, expected->seconds, 1e-12, "combination %d", number);
  if (isnan(expected->half))
    cr_expect(isnan(found->half), "one figure has no interval");
  else
    cr_expect_float_eq(found->half, expected->half, 1e-4, "combination %d: +- %g", number, found->half);
}

/* Two figures that differ by 2 s have the standard error s, and an interval of 12.7062 s. */
Test(result, combinations_are_ranked_with_their_figures) {
  static const standing_t expected[COMBINATIONS] = {
      {2, TRIAL_DONE, 4, 2, 0, 0.8125, 12.7062 * 0.0625, 4, {0.5, 0.59375}},
      {0, TRIAL_DONE, 5, 2, 0, 0.625, 12.7062 * 0.125, 3.75, {0.625, 0.75}},
      {3, TRIAL_STOPPED, 2, 2, 0, 0.9765625, 12.7062 * 0.0078125, 2, {0.125, 0.1875}},
      {1, TRIAL_FAILED, 2, 1, 1, 0.9375, NAN, 1.5, {0.25, 0.3}}};
  standing_t standings[COMBINATIONS];
  ls_error error = {0};
  cr_assert_eq(result_rank(&sweep, results, standings, &error), LS_OK, "%s", error.message);
  for (int i = 0; i < COMBINATIONS; i++) expect_standing(&standings[i], &expected[i]);
  cr_expect_float_eq(result_mean(&sweep, results, 2), 0.8125, 1e-12);
  cr_expect(isnan(result_mean(&sweep, results, 1)));
}

Test(result, the_lowest_is_best_where_the_metric_is_a_loss) {
  sweep_t losses = sweep;
  standing_t standings[COMBINATIONS];
  ls_error error = {0};
  losses.higher_is_better = false;
  cr_assert_eq(result_rank(&losses, results, standings, &error), LS_OK, "%s", error.message);
  const int64_t order[] = {0, 2, 3, 1};
  for (int i = 0; i < COMBINATIONS; i++) cr_expect_eq(standings[i].combination, order[i], "place %d", i + 1);
}

/* The words of line `number` of a text, with one space between them. */
static const char *line_of(const char *text, int number) {
  static char line[512];
  size_t n = 0;
  for (; number > 0 && *text != '\0'; text++) number -= *text == '\n';
  for (; *text != '\0' && *text != '\n' && n + 1 < sizeof line; text++)
    if (*text != ' ' || (n > 0 && line[n - 1] != ' ')) line[n++] = *text;
  line[n] = '\0';
  return line;
}

/* The cell of a line of a table with commas, in the column of this name. */
static const char *cell_of(const char *text, int number, const char *column) {
  static char cell[64];
  char names[512], line[512], *name = names, *value = line;
  snprintf(names, sizeof names, "%s", line_of(text, 0));
  snprintf(line, sizeof line, "%s", line_of(text, number));
  while (name != NULL && value != NULL) {
    const char *own = strsep(&name, ",");
    snprintf(cell, sizeof cell, "%s", strsep(&value, ","));
    if (strcmp(own, column) == 0) return cell;
  }
  return "no such column";
}

Test(result, tables_show_the_figures_where_they_belong) {
  standing_t standings[COMBINATIONS];
  ls_error error = {0};
  char *text = NULL;
  size_t size = 0;
  cr_assert_eq(result_rank(&sweep, results, standings, &error), LS_OK, "%s", error.message);
  FILE *out = open_memstream(&text, &size);
  cr_assert_eq(table_print(&sweep, standings, out, &error), LS_OK, "%s", error.message);
  fclose(out);
  cr_expect_str_eq(line_of(text, 0),
                   "number learning_rate valid_accuracy interval n train_loss epochs seconds status failed");
  cr_expect_str_eq(line_of(text, 1), "3 0.4 0.8125 ± 0.79 2 0.5 4 4 done -");
  cr_expect_str_eq(line_of(text, 4), "2 0.2 0.9375 - 1 0.25 2 1.5 failed 1");
  cr_expect_not_null(strstr(text, "\nbest: combination 3, optimizer.learning_rate=0.4\n"
                                  "to train it: lockstep train config.yaml optimizer.learning_rate=0.4\n"),
                     "%s", text);
  free(text);
  cr_assert_eq(table_csv(&sweep, results, &text, &error), LS_OK, "%s", error.message);
  static const struct {
    const char *column, *values[2]; /* of trials 2 and 6 */
  } cells[] = {{"combination", {"1", "3"}},
               {"optimizer.learning_rate", {"0.1", "0.4"}},
               {"seed", {"1", "1"}},
               {"fold", {"2", "2"}},
               {"status", {"done", "done"}},
               {"epoch", {"5", "4"}},
               {"metric", {"0.5", "0.75"}},
               {"train_loss", {"0.75", "0.625"}},
               {"valid_loss", {"0.875", "0.6875"}},
               {"valid_accuracy", {"0.5", "0.75"}},
               {"seconds", {"2.5", "3"}},
               {"parameters_checksum", {"0000000000000034", "000000000000009a"}}};
  for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
    for (int t = 0; t < 2; t++)
      cr_expect_str_eq(cell_of(text, 2 + 4 * t, cells[i].column), cells[i].values[t], "%s of trial %d",
                       cells[i].column, 2 + 4 * t);
  free(text);
}
