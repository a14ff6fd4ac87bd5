/* The rules by which a run ends before its last epoch, on histories made by hand. */
#include "train/stop_rules.h"

#include "train/fixture.h"

#include <math.h>

enum { MOST = 12 };

/* A history with these values in one column, NaN everywhere else. */
static history_t history_of(int column, size_t n, const double *values) {
  static history_row_t rows[MOST];
  for (size_t i = 0; i < n; i++) {
    for (int c = 0; c < HISTORY_WIDTH; c++) rows[i].values[c] = NAN;
    rows[i].values[column] = values[i];
  }
  return (history_t){.rows = rows, .n = n};
}

static settings_t *settings_with(const char *stop) {
  char text[512];
  settings_t *settings = NULL;
  snprintf(text, sizeof text, "%sstop: {%s}\n", settings_text, stop);
  OK(settings_parse(text, strlen(text), "t", NULL, 0, settings_choices(), &settings, error));
  return settings;
}

/* The epoch, from 1, after which the rules end the run, 0: never; and the reason. */
static int ends_after(const char *stop, int column, size_t n, const double *values, stop_reason_t *reason) {
  settings_t *settings = settings_with(stop);
  int epoch = 0;
  for (size_t i = 1; i <= n && epoch == 0; i++) {
    history_t history = history_of(column, i, values);
    *reason = stop_judge(settings, &history, &(loss_window_t){0});
    if (*reason != STOP_NOT) epoch = (int)i;
  }
  settings_destroy(&settings);
  return epoch;
}

static void check(const char *stop, int column, size_t n, const double *values, int epoch,
                  stop_reason_t expected) {
  stop_reason_t reason = STOP_NOT;
  int got = ends_after(stop, column, n, values, &reason);
  cr_expect_eq(got, epoch, "%s: ends after %d, not %d", stop, got, epoch);
  cr_expect_eq(reason, expected, "%s: %d", stop, (int)reason);
}

#define CHECK(stop, column, epoch, reason, ...)                                                              \
  check(stop, column, sizeof((const double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__}, \
        epoch, reason)

Test(stop_rules, a_training_loss_that_no_longer_falls) {
  CHECK("tol: 0.1, over: 2 epochs", HISTORY_TRAIN_LOSS, 5, STOP_TOL, 5, 4, 3, 2.95, 2.94, 2.93, 2.9);
  CHECK("tol: 0.1, over: 1 epoch", HISTORY_TRAIN_LOSS, 4, STOP_TOL, 5, 4, 3, 2.95, 2.94);
  CHECK("tol: 0.1, over: 1 epoch", HISTORY_TRAIN_LOSS, 2, STOP_TOL, 1, 2, 1);
  CHECK("tol: 1, over: 1 epoch", HISTORY_TRAIN_LOSS, 0, STOP_NOT, 5, 4, 3);
  CHECK("tol: 9, over: 1 step", HISTORY_TRAIN_LOSS, 0, STOP_NOT, 5, 5, 5);
  CHECK("tol: 0", HISTORY_TRAIN_LOSS, 0, STOP_NOT, 5, 5, 5);
}

/* Losses of steps, a row each, in epochs of three; after which step the rule holds, 0: never. */
static int settles_after(const char *stop, int64_t over, int n, const double *losses) {
  settings_t *settings = settings_with(stop);
  loss_window_t window = loss_window_begin(over, 0, 0, 0);
  double sum = 0;
  int at = 0;
  for (int t = 1; t <= n && at == 0; t++) {
    sum += losses[t - 1];
    if (t - window.begin == over) loss_window_end(&window, t, t, sum);
    if (t % 3 == 0) loss_window_epoch(&window, sum);
    if (t % 3 == 0) sum = 0;
    if (stop_judge(settings, &(history_t){0}, &window) == STOP_TOL) at = t;
  }
  settings_destroy(&settings);
  return at;
}

Test(stop_rules, a_training_loss_that_no_longer_falls_over_steps) {
  static const double losses[] = {8, 6, 5, 3, 3, 1, 2, 0.5, 1, 0.5}; /* pairs: 7 4 2 1.25 0.75 */
  static const struct {
    const char *stop;
    int64_t over;
    int after;
  } cases[] = {{"tol: 0.6, over: 2 steps", 2, 10}, {"tol: 0.5, over: 2 steps", 2, 0},
               {"tol: 0.76, over: 2 steps", 2, 8}, {"tol: 2.5, over: 2 steps", 2, 6},
               {"tol: 3.1, over: 2 steps", 2, 4},  {"tol: 0.1, over: 1 step", 1, 5},
               {"tol: 99, over: 4 steps", 4, 8},   {"tol: 99, over: 6 steps", 6, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int after = settles_after(cases[i].stop, cases[i].over, sizeof losses / sizeof losses[0], losses);
    cr_expect_eq(after, cases[i].after, "%s: after %d, not %d", cases[i].stop, after, cases[i].after);
  }
}

Test(stop_rules, windows_as_long_as_an_epoch_have_its_losses) {
  loss_window_t window = loss_window_begin(3, 0, 0, 0);
  for (int epoch = 1; epoch <= 2; epoch++) {
    loss_window_end(&window, 3 * epoch, 5 * epoch, 1.1 / epoch);
    loss_window_epoch(&window, 1.1 / epoch);
  }
  cr_expect_float_eq(window.means[0], 1.1 / 5, 0);
  cr_expect_float_eq(window.means[1], 0.55 / 5, 0);
}

Test(stop_rules, a_validation_loss_that_is_not_better_for_so_long) {
  CHECK("patience: 3", HISTORY_VALID_LOSS, 7, STOP_PATIENCE, 5, 4, 4.1, 3.9, 4, 3.9, 3.95, 3.9);
  CHECK("patience: 4", HISTORY_VALID_LOSS, 0, STOP_NOT, 5, 6, 6, 6, 4, 4, 4, 4);
  CHECK("patience: 1", HISTORY_VALID_LOSS, 3, STOP_PATIENCE, 5, 4, 4);
  /* an epoch without a finite loss is never the best */
  CHECK("patience: 2", HISTORY_VALID_LOSS, 5, STOP_PATIENCE, NAN, 5, 4, NAN, 4);
  CHECK("patience: 2", HISTORY_VALID_LOSS, 0, STOP_NOT, NAN, NAN, 5, 4);
}

Test(stop_rules, a_gradient_that_vanishes) {
  CHECK("gradient_norm: 0.01", HISTORY_GRADIENT_NORM, 3, STOP_GRADIENT_NORM, 1, 0.01, 0.0099);
  CHECK("gradient_norm: 0", HISTORY_GRADIENT_NORM, 0, STOP_NOT, 1, 0, 0);
}

Test(stop_rules, a_figure_that_reaches_its_target_from_its_own_side) {
  CHECK("metric: valid_accuracy, target: 0.9", HISTORY_VALID_ACCURACY, 3, STOP_TARGET, 0.5, 0.8, 0.9);
  CHECK("metric: valid_rmse, target: 0.6", HISTORY_VALID_RMSE, 2, STOP_TARGET, 0.9, 0.6);
  CHECK("metric: train_loss, target: 0.6", HISTORY_TRAIN_LOSS, 0, STOP_NOT, 0.9, 0.7);
  CHECK("metric: valid_r2, target: 0.6", HISTORY_VALID_R2, 2, STOP_TARGET, NAN, 0.7);
}

Test(stop_rules, every_figure_reaches_a_target) {
  choice_t metric;
  for (size_t i = 1; stop_metric_choice(i, &metric); i++) {
    char stop[64];
    double values[HISTORY_WIDTH] = {0};
    stop_reason_t reason = STOP_NOT;
    snprintf(stop, sizeof stop, "metric: %s, target: 0", metric.name);
    int hits = 0;
    for (int c = 0; c < HISTORY_PHASES; c++) hits += ends_after(stop, c, 1, values, &reason);
    cr_expect_eq(hits, 1, "%s is in %d columns", metric.name, hits);
  }
}

/* Heads `kind`, a classification, and `size`, a regression, with a history of one epoch. */
typedef struct {
  head_t heads[2];
  objective_t objective;
  history_row_t row;
  history_t history;
} two_heads_t;

static void make_heads(two_heads_t *two) {
  *two = (two_heads_t){.heads = {{.name = "kind", .loss = loss_find("cross_entropy")},
                                 {.name = "size", .loss = loss_find("mse")}}};
  two->objective = (objective_t){.heads = two->heads, .n = 2};
  two->history = (history_t){.rows = &two->row, .n = 1, .objective = &two->objective};
  two->row.values[HISTORY_VALID_LOSS] = 9;
  two->row.heads[0][HEAD_VALID_ACCURACY] = 0.75;
  two->row.heads[0][HEAD_VALID_LOSS] = 2;
  two->row.heads[1][HEAD_VALID_RMSE] = 0.5;
}

Test(stop_rules, a_figure_of_a_head_is_that_of_its_column) {
  two_heads_t two;
  make_heads(&two);
  static const struct {
    const char *stop;
    stop_reason_t reason;
  } cases[] = {{"metric: kind.valid_accuracy, target: 0.75", STOP_TARGET},
               {"metric: kind.valid_accuracy, target: 0.76", STOP_NOT},
               {"metric: size.valid_rmse, target: 0.5", STOP_TARGET},
               {"metric: size.valid_rmse, target: 0.4", STOP_NOT},
               {"metric: kind.valid_loss, target: 2", STOP_TARGET},
               {"metric: valid_loss, target: 2", STOP_NOT}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    settings_t *settings = settings_with(cases[i].stop);
    cr_expect_eq(stop_judge(settings, &two.history, &(loss_window_t){0}), cases[i].reason, "%s",
                 cases[i].stop);
    settings_destroy(&settings);
  }
}

Test(stop_rules, the_best_epoch_is_by_the_figure_that_is_named) {
  static const struct {
    const char *best;
    double figure;
  } cases[] = {{"valid_loss", 9}, {"kind.valid_accuracy", -0.75}, {"size.valid_rmse", 0.5}, {"none", NAN}};
  two_heads_t two;
  make_heads(&two);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    settings_t *settings = settings_with("tol: 0");
    settings->checkpoint.best = cases[i].best;
    double figure = best_figure(settings, &two.history);
    if (isnan(cases[i].figure))
      cr_expect(isnan(figure), "%s: %g", cases[i].best, figure);
    else
      cr_expect_float_eq(figure, cases[i].figure, 0, "%s: %g", cases[i].best, figure);
    settings_destroy(&settings);
  }
}

Test(stop_rules, figures_of_heads_that_are_not_there_are_refused) {
  static const struct {
    const char *stop;
    bool is_good;
  } cases[] = {{"metric: kind.valid_accuracy", true}, {"metric: size.valid_accuracy", false},
               {"metric: colour.valid_loss", false},  {"metric: size.valid_r2", true},
               {"metric: valid_accuracy", false},     {"metric: kin.valid_loss", false}};
  two_heads_t two;
  make_heads(&two);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_error error = {0};
    settings_t *settings = settings_with(cases[i].stop);
    ls_status status = stop_rules_check(settings, true, &two.objective, &error);
    cr_expect_eq(status, cases[i].is_good ? LS_OK : LS_BAD_SETTINGS, "%s: %s", cases[i].stop, error.message);
    settings_destroy(&settings);
  }
}

Test(stop_rules, no_history_ends_no_run) {
  settings_t *settings =
      settings_with("tol: 1, patience: 1, gradient_norm: 1, metric: train_loss, target: 9");
  cr_assert_eq(stop_judge(settings, &(history_t){0}, &(loss_window_t){0}), STOP_NOT);
  settings_destroy(&settings);
}

Test(stop_rules, figures_that_a_run_does_not_have_are_refused) {
  static const struct {
    const char *stop;
    bool has_validation, is_classification, is_good;
  } cases[] = {
      {"patience: 1", false, true, false},
      {"patience: 1", true, true, true},
      {"metric: valid_loss", false, false, false},
      {"metric: train_loss", false, false, true},
      {"metric: valid_accuracy", true, false, false},
      {"metric: valid_accuracy", true, true, true},
      {"metric: valid_r2", true, true, false},
      {"metric: valid_r2", true, false, true},
      {"tol: 1, gradient_norm: 1", false, false, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_error error = {0};
    settings_t *settings = settings_with(cases[i].stop);
    const head_t head = {.loss = loss_find(cases[i].is_classification ? "cross_entropy" : "mse")};
    const objective_t objective = {.heads = &head, .n = 1};
    ls_status status = stop_rules_check(settings, cases[i].has_validation, &objective, &error);
    cr_expect_eq(status, cases[i].is_good ? LS_OK : LS_BAD_SETTINGS, "%s: %s", cases[i].stop, error.message);
    if (!cases[i].is_good) cr_expect_not_null(strstr(error.message, "stop."), "%s", error.message);
    settings_destroy(&settings);
  }
}
