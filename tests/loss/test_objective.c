/* Several heads against PyTorch's figures, and what heads may not ask for. */
#include "loss/objective.h"

#include "figures/heads.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const numbers_t auto_targets = {.word = "auto"}, no_weights = {.word = "none"};
static const double two_levels[] = {0.1, 0.9};

/* A head as the settings have it. */
static loss_settings_t head(const char *loss, double weight, int64_t outputs) {
  return (loss_settings_t){.name = loss,
                           .head = "auto",
                           .delta = 1,
                           .weight = weight,
                           .outputs = outputs,
                           .quantiles = {.values = two_levels, .n = 2},
                           .class_weights = no_weights,
                           .targets = auto_targets};
}

static ls_status create(loss_settings_t *losses, size_t n, int64_t outputs, objective_t *out,
                        ls_error *error) {
  const settings_t settings = {.losses = losses, .n_losses = n};
  return objective_create(&settings, outputs, out, error);
}

static objective_t figure_heads(loss_settings_t losses[3]) {
  objective_t objective = {0};
  ls_error error = {0};
  const char *const names[] = {"cross_entropy", "gaussian_nll", "mse"};
  const int64_t outputs[] = {4, 2, SETTINGS_AUTO};
  for (int h = 0; h < 3; h++) losses[h] = head(names[h], figure_head_weights[h], outputs[h]);
  losses[0].label_smoothing = 0.1;
  cr_assert_eq(create(losses, 3, FIGURE_OUTPUTS, &objective, &error), LS_OK, "%s", error.message);
  return objective;
}

static void to_floats(const double *from, size_t n, float *to) {
  for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

Test(objective, losses_and_gradient_of_three_heads_are_those_of_pytorch) {
  loss_settings_t losses[3];
  objective_t objective = figure_heads(losses);
  float z[FIGURE_ROWS * FIGURE_OUTPUTS], t[FIGURE_ROWS * FIGURE_TARGETS], weights[FIGURE_ROWS];
  float delta[FIGURE_ROWS * FIGURE_OUTPUTS];
  double sums[3], again[3], total = 0;
  to_floats(figure_z, FIGURE_ROWS * FIGURE_OUTPUTS, z);
  to_floats(figure_targets, FIGURE_ROWS * FIGURE_TARGETS, t);
  to_floats(figure_row_weights, FIGURE_ROWS, weights);
  const target_t target = {.values = t, .weights = weights};
  cr_assert_eq(objective.targets, FIGURE_TARGETS);
  objective_evaluate(&objective, FIGURE_ROWS, z, target, delta, sums);
  for (int h = 0; h < 3; h++) {
    cr_expect_float_eq(sums[h], figure_sums[h], 1e-6 * fabs(figure_sums[h]), "head %d: %g", h, sums[h]);
    total += figure_head_weights[h] * figure_sums[h];
  }
  cr_expect_float_eq(objective_total(&objective, sums), total, 1e-6 * total);
  for (int i = 0; i < FIGURE_ROWS * FIGURE_OUTPUTS; i++)
    cr_expect_float_eq((double)delta[i], figure_slope[i], 2e-6, "output %d: %g", i, (double)delta[i]);
  objective_evaluate(&objective, FIGURE_ROWS, z, target, NULL, again);
  cr_expect_arr_eq(again, sums, sizeof sums);
  objective_free(&objective);
}

Test(objective, the_definition_in_double_is_the_same_sum) {
  loss_settings_t losses[3];
  objective_t objective = figure_heads(losses);
  double sum = 0, expected = 0;
  for (int r = 0; r < FIGURE_ROWS; r++)
    sum += figure_row_weights[r] * objective_reference(&objective, figure_z + r * FIGURE_OUTPUTS,
                                                       figure_targets + r * FIGURE_TARGETS, NULL);
  for (int h = 0; h < 3; h++) expected += figure_head_weights[h] * figure_sums[h];
  cr_expect_float_eq(sum, expected, 1e-12 * expected, "%.17g", sum);
  objective_free(&objective);
}

Test(objective, one_loss_is_one_head_with_the_same_bits) {
  loss_settings_t loss = head("mse", 1, SETTINGS_AUTO);
  const double columns[] = {0, 1, 2, 3};
  objective_t plain = {0}, named = {0};
  float z[FIGURE_ROWS * 4], t[FIGURE_ROWS * 4], delta[2][FIGURE_ROWS * 4];
  double sums[2];
  ls_error error = {0};
  to_floats(figure_z, FIGURE_ROWS * 4, z);
  to_floats(figure_targets, FIGURE_ROWS * 4, t);
  cr_assert_eq(create(&loss, 1, 4, &plain, &error), LS_OK, "%s", error.message);
  loss.targets = (numbers_t){.values = columns, .n = 4};
  cr_assert_eq(create(&loss, 1, 4, &named, &error), LS_OK, "%s", error.message);
  cr_assert_null(plain.columns);
  cr_assert_not_null(named.columns);
  objective_evaluate(&plain, FIGURE_ROWS, z, (target_t){.values = t}, delta[0], &sums[0]);
  objective_evaluate(&named, FIGURE_ROWS, z, (target_t){.values = t}, delta[1], &sums[1]);
  cr_expect_arr_eq(delta[0], delta[1], sizeof delta[0]);
  cr_expect_float_eq(sums[0], sums[1], 1e-12 * sums[0]);
  objective_free(&plain);
  objective_free(&named);
}

/* Weights of classes: those of a head count for its own loss alone, and come after those of the heads before.
 */
Test(objective, each_head_has_class_weights_of_its_own) {
  enum { FIRST = 4, OTHER = 3, OUTPUTS = FIRST + OTHER };
  loss_settings_t losses[] = {head("cross_entropy", 1, FIRST), head("cross_entropy", 1, OTHER)};
  objective_t objective = {0};
  ls_error error = {0};
  const float factors[OUTPUTS] = {2, 3, 5, 7, 11, 13, 17}, z[OUTPUTS] = {0}; /* all classes are as probable */
  cr_assert_eq(create(losses, 2, OUTPUTS, &objective, &error), LS_OK, "%s", error.message);
  for (int a = 0; a < FIRST; a++)
    for (int b = 0; b < OTHER; b++) {
      const float target[] = {(float)a, (float)b};
      const double exact[] = {a, b}, here[OUTPUTS] = {0};
      const double first = (double)factors[a] * log(FIRST), other = (double)factors[FIRST + b] * log(OTHER);
      double sums[2];
      objective_evaluate(&objective, 1, z, (target_t){.values = target, .factors = factors}, NULL, sums);
      cr_expect_float_eq(sums[0], first, 1e-5, "class %d: %g", a, sums[0]);
      cr_expect_float_eq(sums[1], other, 1e-5, "class %d: %g", b, sums[1]);
      cr_expect_float_eq(objective_reference(&objective, here, exact, factors), first + other, 1e-12);
    }
  objective_free(&objective);
}

Test(objective, heads_take_columns_of_y_in_turn_or_by_number) {
  const double named[] = {5, 2};
  loss_settings_t losses[] = {head("hinge", 1, 1), head("mse", 1, 2), head("quantile", 1, 2)};
  objective_t objective = {0};
  ls_error error = {0};
  losses[1].targets = (numbers_t){.values = named, .n = 2};
  cr_assert_eq(create(losses, 3, 5, &objective, &error), LS_OK, "%s", error.message);
  const int64_t columns[] = {0, 5, 2, 3}, classes[] = {2, 0, 0, 0};
  target_request_t request = objective_request(&objective);
  cr_assert_eq(request.kind, TARGET_VALUES);
  cr_assert_eq(request.width, 4);
  cr_expect_not(request.all_columns);
  for (int c = 0; c < 4; c++) {
    cr_expect_eq(request.columns[c].column, columns[c], "column %d", c);
    cr_expect_eq(request.columns[c].classes, classes[c], "column %d", c);
  }
  cr_expect_str_eq(objective.heads[2].name, "head3");
  objective_free(&objective);
}

Test(objective, heads_that_do_not_fit_the_network_are_refused) {
  const double one[] = {1};
  loss_settings_t named = head("mse", 1, 2);
  named.targets = (numbers_t){.values = one, .n = 1};
  const struct {
    loss_settings_t losses[2];
    int64_t outputs;
    const char *says;
  } bad[] = {
      {{head("mse", 1, 2), head("mse", 1, 2)}, 5, "the last layer has 5 outputs, and its heads take 4"},
      {{head("mse", 1, 2), head("mse", 1, 4)},
       5,
       "loss[1], head2 (mse): loss.outputs: it is to take 4 outputs, and of the last layer's 5"},
      {{head("mse", 1, SETTINGS_AUTO), head("mse", 1, SETTINGS_AUTO)}, 5, "there are 0 left"},
      {{head("mse", 1, 2), head("cross_entropy", 1, 1)}, 3, "loss[1], head2 (cross_entropy): "},
      {{head("gaussian_nll", 1, 3), head("mse", 1, 1)}, 4, "a multiple of 2"},
      {{named, head("mse", 1, 1)},
       3,
       "loss[0], head1 (mse): loss.targets names 1 columns of y, and the loss takes 2"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ls_error error = {0};
    objective_t objective = {0};
    loss_settings_t losses[2];
    memcpy(losses, bad[i].losses, sizeof losses);
    cr_expect_eq(create(losses, 2, bad[i].outputs, &objective, &error), LS_BAD_SETTINGS, "%zu", i);
    cr_expect_not_null(strstr(error.message, bad[i].says), "%s", error.message);
    cr_expect_null(objective.heads);
  }
}

/* Which classes folds share out: those of the first head that has some, found without knowing the network. */
Test(objective, folds_share_out_the_classes_of_the_first_head_that_has_some) {
  static const double third[] = {3}, others[] = {1, 6};
  loss_settings_t losses[3] = {head("cross_entropy", 1, SETTINGS_AUTO)};
  settings_t settings = {.losses = losses, .n_losses = 1};
  cr_expect_eq(objective_strata(&settings), STRATA_LABELS);
  losses[0].targets = (numbers_t){.values = third, .n = 1};
  cr_expect_eq(objective_strata(&settings), 4);
  losses[0] = head("binary_cross_entropy", 1, SETTINGS_AUTO);
  cr_expect_eq(objective_strata(&settings), 1);
  losses[0] = head("mse", 1, SETTINGS_AUTO);
  cr_expect_eq(objective_strata(&settings), STRATA_NONE);
  settings.n_losses = 3;
  losses[0] = head("mse", 1, 2);
  losses[1] = head("gaussian_nll", 1, 4); /* two targets */
  losses[2] = head("cross_entropy", 1, SETTINGS_AUTO);
  cr_expect_eq(objective_strata(&settings), 5);
  losses[1] = head("quantile", 1, 4); /* two levels of two targets */
  cr_expect_eq(objective_strata(&settings), 5);
  losses[1] = head("cross_entropy", 1, 4);
  cr_expect_eq(objective_strata(&settings), 3);
  losses[0].targets = (numbers_t){.values = others, .n = 2};
  cr_expect_eq(objective_strata(&settings), 8);
}
