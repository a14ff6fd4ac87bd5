/* Losses against closed forms and their definitions in double, also where a naive formula overflows.
 * (Gradients against differences are in test_gradient.c.) */
#include "fixture.h"

static const loss_params_t params = {.delta = 0.5};

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
    double value = loss_find(expected[i].name)->evaluate(&params, 1, 4, z, target, delta);
    cr_assert_float_eq(value, expected[i].value, 1e-7, "%s: %g", expected[i].name, value);
    cr_assert_arr_eq(delta, expected[i].delta, sizeof delta, "%s", expected[i].name);
    /* two rows of two: means over two outputs, summed over two rows */
    value = loss_find(expected[i].name)->evaluate(&params, 2, 2, z, target, NULL);
    cr_assert_float_eq(value, 2 * expected[i].value, 1e-7, "%s: %g", expected[i].name, value);
  }
}

Test(loss, of_equal_logits_is_the_logarithm_of_the_classes) {
  const float z[10] = {0};
  const int32_t label = 3;
  float delta[10];
  double value = loss_find("cross_entropy")->evaluate(&params, 1, 10, z, (target_t){.labels = &label}, delta);
  cr_assert_float_eq(value, log(10), 1e-7);
  for (int i = 0; i < 10; i++) cr_assert_float_eq(delta[i], i == label ? -0.9 : 0.1, 1e-7);
}

Test(loss, agrees_with_its_definition_on_many_rows) {
  enum { ROWS = 37, WIDTH = 11, N = ROWS * WIDTH };
  choice_t row;
  for (size_t i = 0; loss_choice(i, &row); i++) {
    const loss_t *loss = loss_find(row.name);
    targets_t t = targets_create(loss, ROWS, WIDTH);
    double drawn[N], expected = 0;
    float z[N], delta[N];
    random_normal(&(random_stream_t){.seed = 1, .purpose = RANDOM_INIT}, N, drawn);
    for (int k = 0; k < N; k++) drawn[k] = (double)(z[k] = (float)(3 * drawn[k]));
    for (int r = 0; r < ROWS; r++)
      expected += loss->reference(&params, WIDTH, drawn + r * WIDTH, t.plain + r * t.width);
    double value = loss->evaluate(&params, ROWS, WIDTH, z, targets_from(&t, 0), delta);
    cr_expect_float_eq(value, expected, 1e-6 * expected, "%s: %.9g, not %.9g", row.name, value, expected);
    cr_expect_eq(loss->evaluate(&params, ROWS, WIDTH, z, targets_from(&t, 0), NULL), value);
    targets_destroy(&t);
  }
}

Test(loss, of_huge_logits_is_finite) {
  const float z[] = {1e4F, -1e4F, 0.0F}, t[] = {0.0F, 1.0F, 0.5F};
  const int32_t label = 1;
  float delta[3];
  double value = loss_find("cross_entropy")->evaluate(&params, 1, 3, z, (target_t){.labels = &label}, delta);
  cr_assert_float_eq(value, 2e4, 1e-3);
  cr_assert(delta[0] == 1.0F && delta[1] == -1.0F && delta[2] == 0.0F);
  value = loss_find("binary_cross_entropy")->evaluate(&params, 1, 3, z, (target_t){.values = t}, delta);
  cr_assert_float_eq(value, (2e4 + log(2)) / 3, 1e-3);
  cr_assert_float_eq(delta[0], 1.0 / 3, 1e-6);
  cr_assert_float_eq(delta[1], -1.0 / 3, 1e-6);
  cr_assert_float_eq(delta[2], 0, 1e-6);
}

Test(loss, of_a_value_that_is_not_a_number_is_not_a_number) {
  const float t[] = {0.0F, 0.0F};
  const int32_t label = 0;
  choice_t row;
  for (size_t i = 0; loss_choice(i, &row); i++)
    for (int bad = 0; bad < 2; bad++) {
      float z[] = {0.0F, 0.0F};
      z[bad] = NAN;
      target_t target = {.labels = &label, .values = t};
      cr_expect(isnan(loss_find(row.name)->evaluate(&params, 1, 2, z, target, NULL)), "%s", row.name);
    }
}

Test(loss, predictions_are_probabilities) {
  float z[] = {0.0F, logf(3.0F), 1e4F, -1e4F};
  loss_predict(loss_find("cross_entropy"), 2, 2, z);
  const float softmax[] = {0.25F, 0.75F, 1.0F, 0.0F};
  for (int i = 0; i < 4; i++) cr_assert_float_eq(z[i], softmax[i], 1e-6);
  float b[] = {0.0F, logf(3.0F), 1e4F, -1e4F};
  loss_predict(loss_find("binary_cross_entropy"), 2, 2, b);
  const float logistic[] = {0.5F, 0.75F, 1.0F, 0.0F};
  for (int i = 0; i < 4; i++) cr_assert_float_eq(b[i], logistic[i], 1e-6);
  float v[] = {5.0F, -5.0F};
  loss_predict(loss_find("mse"), 1, 2, v);
  cr_assert(v[0] == 5.0F && v[1] == -5.0F);
}

Test(loss, unknown_names_are_not_found) {
  cr_assert_null(loss_find("mean"));
}
