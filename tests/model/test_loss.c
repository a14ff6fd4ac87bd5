/* Losses against closed forms and their definitions in double, also where a naive formula overflows.
 * (Gradients against differences are in test_gradient.c.) */
#include "fixture.h"

#include "figures/losses.h"
#include "loss/objective.h"

Test(loss, has_its_closed_form_value_and_gradient) {
  const float z[] = {1.0F, -1.0F, 0.25F, 3.0F}, t[] = {0.0F, 1.0F, 0.0F, 3.0F};
  const struct {
    const char *name;
    double value;
    float delta[4];
  } expected[] = {
      {"mse", (1 + 4 + 0.0625) / 4, {0.5F, -1.0F, 0.125F, 0}},
      {"mae", (1 + 2 + 0.25) / 4, {0.25F, -0.25F, 0.25F, 0}},
      {"huber", (0.375 + 0.875 + 0.03125) / 4, {0.125F, -0.125F, 0.0625F, 0}},
  };
  for (size_t i = 0; i < COUNT(expected); i++) {
    float delta[4];
    target_t target = {.values = t};
    double value = loss_find(expected[i].name)->evaluate(&any_params, 1, 4, z, target, delta);
    cr_assert_float_eq(value, expected[i].value, 1e-7, "%s: %g", expected[i].name, value);
    cr_assert_arr_eq(delta, expected[i].delta, sizeof delta, "%s", expected[i].name);
    /* two rows of two: means over two outputs, summed over two rows */
    value = loss_find(expected[i].name)->evaluate(&any_params, 2, 2, z, target, NULL);
    cr_assert_float_eq(value, 2 * expected[i].value, 1e-7, "%s: %g", expected[i].name, value);
  }
}

/* ---- figures of PyTorch and scikit-learn ---- */

enum { FIGURES = FIGURE_ROWS * FIGURE_WIDTH };

/* A case of losses.py: a loss of all rows, and its gradient. */
typedef struct {
  const char *name;
  const double *targets; /* (FIGURE_ROWS, FIGURE_WIDTH), of which the first columns count; NULL: labels */
  int columns;
  double value;
  const double *slope;
  double smoothing;
  const double *weights; /* (FIGURE_ROWS) or NULL */
} figures_t;

static const double figure_levels[] = {0.1, 0.5, 0.9};

static const figures_t all_figures[] = {
    {"mse", figure_values, FIGURE_WIDTH, mse_value, mse_slope, 0, NULL},
    {"mae", figure_values, FIGURE_WIDTH, mae_value, mae_slope, 0, NULL},
    {"huber", figure_values, FIGURE_WIDTH, huber_value, huber_slope, 0, NULL},
    {"quantile", figure_values, 2, quantile_value, quantile_slope, 0, NULL},
    {"gaussian_nll", figure_values, 3, gaussian_nll_value, gaussian_nll_slope, 0, NULL},
    {"poisson_nll", figure_counts, FIGURE_WIDTH, poisson_nll_value, poisson_nll_slope, 0, NULL},
    {"cross_entropy", NULL, 0, smooth_cross_entropy_value, smooth_cross_entropy_slope, 0.1, NULL},
    {"cross_entropy", NULL, 0, weighted_cross_entropy_value, weighted_cross_entropy_slope, 0, figure_weights},
    {"binary_cross_entropy", figure_shares, FIGURE_WIDTH, binary_cross_entropy_value,
     binary_cross_entropy_slope, 0, NULL},
    {"binary_cross_entropy", figure_shares, FIGURE_WIDTH, smooth_binary_cross_entropy_value,
     smooth_binary_cross_entropy_slope, 0.1, NULL},
    {"hinge", NULL, 0, hinge_value, hinge_slope, 0, NULL},
    {"perceptron", NULL, 0, perceptron_value, perceptron_slope, 0, NULL},
    {"distortion", NULL, 0, distortion_value, distortion_slope, 0, NULL},
    {"density", NULL, 0, density_value, density_slope, 0, NULL},
};

/* The first `columns` columns of a table of figures. */
static const float *columns_of(const double *table, int columns, float *out) {
  for (int i = 0; i < FIGURE_ROWS * columns; i++)
    out[i] = (float)table[i / columns * FIGURE_WIDTH + i % columns];
  return out;
}

static void expect_figures(const figures_t *figures) {
  float z[FIGURES], delta[FIGURES], t[FIGURES], w[FIGURE_ROWS];
  const loss_t *loss = loss_find(figures->name);
  const head_t head = {
      .loss = loss,
      .params = {.delta = 0.5, .levels = figure_levels, .n_levels = 3, .label_smoothing = figures->smoothing},
      .weight = 1,
      .outputs = FIGURE_WIDTH,
      .classes = FIGURE_WIDTH};
  const objective_t objective = {.heads = &head,
                                 .n = 1,
                                 .outputs = FIGURE_WIDTH,
                                 .targets = loss_targets(loss, &head.params, FIGURE_WIDTH),
                                 .has_labels = figures->targets == NULL};
  target_t target = {.labels = figure_labels};
  double found = 0;
  if (figures->targets != NULL)
    target = (target_t){.values = columns_of(figures->targets, figures->columns, t)};
  for (int r = 0; r < FIGURE_ROWS && figures->weights != NULL; r++) w[r] = (float)figures->weights[r];
  if (figures->weights != NULL) target.weights = w;
  for (int i = 0; i < FIGURES; i++) z[i] = (float)figure_z[i];
  objective_evaluate(&objective, FIGURE_ROWS, z, target, delta, &found);
  cr_expect_float_eq(found, figures->value, 2e-7 * fabs(figures->value), "%s: %.9g, not %.9g", figures->name,
                     found, figures->value);
  for (int i = 0; i < FIGURES; i++)
    cr_expect_float_eq(delta[i], figures->slope[i], 1e-6, "%s: slope %d is %.9g, not %.9g", figures->name, i,
                       (double)delta[i], figures->slope[i]);
}

/* A row that is added to the table comes with figures of another program. */
Test(loss, of_every_row_of_the_table_is_that_of_pytorch) {
  choice_t row;
  for (size_t i = 0; loss_choice(i, &row); i++) {
    int cases = 0;
    for (size_t k = 0; k < COUNT(all_figures); k++) {
      if (strcmp(all_figures[k].name, row.name) != 0) continue;
      expect_figures(&all_figures[k]);
      cases++;
    }
    cr_expect_gt(cases, 0, "no figures for %s: a case in losses.py and a line in all_figures", row.name);
  }
}

Test(loss, of_two_classes_and_one_level_is_that_of_scikit_learn) {
  const double level = 0.9;
  const loss_params_t one_level = {.levels = &level, .n_levels = 1};
  float z[FIGURE_ROWS], t[FIGURE_ROWS];
  int32_t two[FIGURE_ROWS];
  columns_of(figure_z, 1, z);
  columns_of(figure_values, 1, t);
  for (int r = 0; r < FIGURE_ROWS; r++) two[r] = figure_labels[r] > 2;
  double value =
      loss_find("hinge")->evaluate(&any_params, FIGURE_ROWS, 1, z, (target_t){.labels = two}, NULL);
  cr_expect_float_eq(value, hinge_of_two_value, 1e-6);
  value = loss_find("quantile")->evaluate(&one_level, FIGURE_ROWS, 1, z, (target_t){.values = t}, NULL);
  cr_expect_float_eq(value, pinball_value, 1e-6);
}

/* A value that is met pulls neither way, whatever the level. */
Test(loss, of_quantiles_has_no_slope_where_the_target_is_met) {
  const float z[] = {1.0F, 2.0F, 1.0F}, t[] = {1.0F};
  float delta[3];
  double value = loss_find("quantile")->evaluate(&any_params, 1, 3, z, (target_t){.values = t}, delta);
  cr_expect_float_eq(value, (1 - any_params.levels[1]) / 3, 1e-7);
  cr_expect(delta[0] == 0.0F && delta[1] > 0.0F && delta[2] == 0.0F);
}

/* z = 0 counts as wrong, so that a perceptron that begins with zero weights begins to learn. */
Test(loss, of_the_perceptron_moves_what_is_not_right) {
  const float z[] = {0.0F, 2.0F, -2.0F};
  const int32_t labels[] = {1, 0, 0};
  float delta[3];
  double value = loss_find("perceptron")->evaluate(&any_params, 3, 1, z, (target_t){.labels = labels}, delta);
  cr_assert_eq(value, 2.0);
  cr_assert(delta[0] == -1.0F && delta[1] == 1.0F && delta[2] == 0.0F);
  value = loss_find("perceptron")->evaluate(&any_params, 1, 3, z, (target_t){.labels = labels + 1}, delta);
  cr_assert_eq(value, 2.0);
  cr_assert(delta[0] == -1.0F && delta[1] == 1.0F && delta[2] == 0.0F);
}

Test(loss, that_does_not_suit_the_network_is_refused) {
  const struct {
    const char *name;
    int64_t outputs;
    loss_params_t params;
    const char *word;
  } bad[] = {
      {"gaussian_nll", 3, {.delta = 1}, "2 outputs for every target"},
      {"quantile", 4, any_params, "3 outputs for every target"},
      {"quantile", 2, {.levels = (const double[]){0.5, 0.5}, .n_levels = 2}, "must grow"},
      {"cross_entropy", 1, {.delta = 1}, "an output for every class"},
      {"mse", 1, {.label_smoothing = 0.1}, "label_smoothing is for"},
  };
  for (size_t i = 0; i < COUNT(bad); i++) {
    ls_error error = {0};
    cr_expect_eq(loss_check(loss_find(bad[i].name), &bad[i].params, bad[i].outputs, &error), LS_BAD_SETTINGS);
    cr_expect(strstr(error.message, bad[i].word) != NULL, "%s", error.message);
  }
  CHECK(loss_check(loss_find("hinge"), &any_params, 1, error));
}

Test(loss, of_equal_logits_is_the_logarithm_of_the_classes) {
  const float z[10] = {0};
  const int32_t label = 3;
  float delta[10];
  double value =
      loss_find("cross_entropy")->evaluate(&any_params, 1, 10, z, (target_t){.labels = &label}, delta);
  cr_assert_float_eq(value, log(10), 1e-7);
  for (int i = 0; i < 10; i++) cr_assert_float_eq(delta[i], i == label ? -0.9 : 0.1, 1e-7);
}

/* `rows` rows of `width` outputs, for every loss. */
static void agree_with_definition(int64_t rows, int64_t width) {
  const size_t n = (size_t)(rows * width);
  double *drawn = malloc(n * sizeof *drawn);
  float *z = malloc(n * sizeof *z), *delta = malloc(n * sizeof *delta);
  choice_t row;
  for (size_t i = 0; loss_choice(i / 2, &row); i++) {
    const loss_t *loss = loss_find(row.name);
    loss_params_t params = any_params;
    params.label_smoothing = i % 2 == 0 ? 0 : 0.2;
    if (loss_check(loss, &params, width, NULL) != LS_OK) continue; /* is not smoothed */
    targets_t t = targets_create(loss, rows, width);
    double expected = 0;
    random_normal(&(random_stream_t){.seed = 1, .purpose = RANDOM_INIT}, n, drawn);
    for (size_t k = 0; k < n; k++) drawn[k] = (double)(z[k] = (float)(3 * drawn[k]));
    for (int64_t r = 0; r < rows; r++)
      expected += loss->reference(&params, width, drawn + r * width, t.plain + r * t.width);
    double value = loss->evaluate(&params, rows, width, z, targets_from(&t, 0), delta);
    cr_expect_float_eq(value, expected, 1e-6 * fabs(expected), "%s: %.9g, not %.9g", row.name, value,
                       expected);
    cr_expect_eq(loss->evaluate(&params, rows, width, z, targets_from(&t, 0), NULL), value);
    targets_destroy(&t);
  }
  free(drawn);
  free(z);
  free(delta);
}

Test(loss, agrees_with_its_definition_on_many_rows) {
  agree_with_definition(37, 12);
}

/* Outputs are taken 64 at a time: two whole blocks and an incomplete one of each of two kinds. */
Test(loss, agrees_with_its_definition_on_many_outputs) {
  agree_with_definition(3, 300);
}

Test(loss, of_huge_logits_is_finite) {
  const float z[] = {1e4F, -1e4F, 0.0F}, t[] = {0.0F, 1.0F, 0.5F};
  const int32_t label = 1;
  float delta[3];
  double value =
      loss_find("cross_entropy")->evaluate(&any_params, 1, 3, z, (target_t){.labels = &label}, delta);
  cr_assert_float_eq(value, 2e4, 1e-3);
  cr_assert(delta[0] == 1.0F && delta[1] == -1.0F && delta[2] == 0.0F);
  value = loss_find("binary_cross_entropy")->evaluate(&any_params, 1, 3, z, (target_t){.values = t}, delta);
  cr_assert_float_eq(value, (2e4 + log(2)) / 3, 1e-3);
  cr_assert_float_eq(delta[0], 1.0 / 3, 1e-6);
  cr_assert_float_eq(delta[1], -1.0 / 3, 1e-6);
  cr_assert_float_eq(delta[2], 0, 1e-6);
}

Test(loss, of_a_value_that_is_not_a_number_is_not_a_number) {
  const float t[6] = {0.0F};
  const int32_t label = 0;
  choice_t row;
  for (size_t i = 0; loss_choice(i, &row); i++)
    for (int bad = 0; bad < 6; bad++) {
      float z[6] = {0.0F};
      z[bad] = NAN;
      target_t target = {.labels = &label, .values = t};
      cr_expect(isnan(loss_find(row.name)->evaluate(&any_params, 1, 6, z, target, NULL)), "%s", row.name);
    }
  const float none = NAN;
  cr_expect(
      isnan(loss_find("hinge")->evaluate(&any_params, 1, 1, &none, (target_t){.labels = &label}, NULL)));
}

static void predict(const char *name, int64_t rows, int64_t width, float *z) {
  const loss_t *loss = loss_find(name);
  for (int64_t r = 0; r < rows; r++) loss->predict(&any_params, width, z + r * width);
}

Test(loss, predictions_are_probabilities_deviations_and_rates) {
  float z[] = {0.0F, logf(3.0F), 1e4F, -1e4F};
  predict("cross_entropy", 2, 2, z);
  const float softmax[] = {0.25F, 0.75F, 1.0F, 0.0F};
  for (int i = 0; i < 4; i++) cr_assert_float_eq(z[i], softmax[i], 1e-6);
  float b[] = {0.0F, logf(3.0F), 1e4F, -1e4F};
  predict("binary_cross_entropy", 2, 2, b);
  const float logistic[] = {0.5F, 0.75F, 1.0F, 0.0F};
  for (int i = 0; i < 4; i++) cr_assert_float_eq(b[i], logistic[i], 1e-6);
  float g[] = {2.0F, -1.0F, logf(4.0F), 0.0F}, p[] = {0.0F, logf(3.0F)};
  predict("gaussian_nll", 1, 4, g);
  cr_assert(g[0] == 2.0F && g[1] == -1.0F && fabsf(g[2] - 2.0F) < 1e-6F && g[3] == 1.0F);
  predict("poisson_nll", 1, 2, p);
  cr_assert(p[0] == 1.0F && fabsf(p[1] - 3.0F) < 1e-6F);
  cr_assert_null(loss_find("mse")->predict); /* outputs as they are */
}

Test(loss, predictions_of_many_outputs_are_those_of_each) {
  enum { N = 150 };
  float z[N], expected[N];
  for (int i = 0; i < N; i++) z[i] = (float)(i - 70) / 16;
  for (int i = 0; i < N; i++) expected[i] = 1 / (1 + expf(-z[i]));
  predict("binary_cross_entropy", 1, N, z);
  for (int i = 0; i < N; i++) cr_expect_float_eq(z[i], expected[i], 1e-6, "output %d: %g", i, (double)z[i]);
}

/* Elementary functions are computed for 64 values at a time: here for more than two such pieces in each loop,
 * and an incomplete last one. */
Test(loss, of_many_values_is_that_of_its_definition) {
  enum { ROWS = 3, WIDTH = 2 * 3 * 30, VALUES = ROWS * WIDTH };
  choice_t row;
  for (size_t i = 0; loss_choice(i, &row); i++) {
    const loss_t *loss = loss_find(row.name);
    const int64_t width = loss->target == TARGET_LABELS && loss_classes(loss, 1) == 2 ? 1 : WIDTH;
    float z[VALUES];
    double expected = 0, plain[WIDTH];
    targets_t t = targets_create(loss, ROWS, width);
    for (int k = 0; k < VALUES; k++) z[k] = (float)(k * 37 % 101) / 32 - 1.5F;
    for (int r = 0; r < ROWS; r++) {
      for (int64_t k = 0; k < width; k++) plain[k] = (double)z[r * width + k];
      expected += loss->reference(&any_params, width, plain, t.plain + r * t.width);
    }
    const double value = loss->evaluate(&any_params, ROWS, width, z, targets_from(&t, 0), NULL);
    cr_expect_float_eq(value, expected, 2e-6 * fabs(expected) + 1e-7, "%s: %.9g, not %.9g", row.name, value,
                       expected);
    targets_destroy(&t);
  }
}

Test(loss, of_every_row_names_its_predictions) {
  choice_t row;
  for (size_t i = 0; loss_choice(i, &row); i++)
    cr_expect_not_null(loss_find(row.name)->prediction, "%s: .prediction in its row of loss_table", row.name);
}

Test(loss, unknown_names_are_not_found) {
  cr_assert_null(loss_find("mean"));
}
