/* What the losses of clusters and densities say of rows: clusters, distances, densities and responsibilities,
 * ties, rows that are far from everything, and which settings they refuse. */
#include "loss/objective.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const loss_params_t none = {0};

Test(fitted, a_row_belongs_to_the_first_of_the_nearest_centres) {
  const loss_t *loss = loss_find("distortion");
  float z[40];
  double out[2];
  for (int i = 0; i < 40; i++) z[i] = -2;
  z[17] = z[18] = z[39] = -0.5F; /* squared distance 1 */
  loss->describe(40, z, out);
  cr_expect_eq((int)out[0], 17);
  cr_expect_float_eq(out[1], 1, 1e-12);
  cr_expect_float_eq(loss->evaluate(&none, 1, 40, z, (target_t){0}, NULL), 1, 1e-12);
  z[3] = 0; /* at a centre */
  loss->describe(40, z, out);
  cr_expect_eq((int)out[0], 3);
  cr_expect_eq(out[1], 0);
}

/* log(0.25 + 0.5 + 0.25) = 0, with scores moved far up and down */
Test(fitted, a_density_is_the_sum_of_its_components) {
  const loss_t *loss = loss_find("density");
  const float shifts[] = {0, 300, -300};
  for (int s = 0; s < 3; s++) {
    const float z[] = {logf(0.25F) + shifts[s], logf(0.5F) + shifts[s], logf(0.25F) + shifts[s]};
    double out[5];
    loss->describe(3, z, out);
    cr_expect_eq((int)out[0], 1);
    cr_expect_float_eq(out[1], (double)shifts[s], 1e-5);
    for (int k = 0; k < 3; k++) cr_expect_float_eq(out[2 + k], k == 1 ? 0.5 : 0.25, 2e-5);
    cr_expect_float_eq(loss->evaluate(&none, 1, 3, z, (target_t){0}, NULL), -(double)shifts[s], 1e-5);
  }
}

/* A kernel density has tens of thousands of terms: their sum keeps its digits. */
Test(fitted, a_density_of_many_components_keeps_its_digits) {
  enum { MANY = 60001 };
  static float z[MANY];
  double sum = 0;
  for (int k = 0; k < MANY; k++) sum += exp((double)(z[k] = -3 - (float)(k % 97) / 50));
  double value = loss_find("density")->evaluate(&none, 1, MANY, z, (target_t){0}, NULL);
  cr_expect_float_eq(value, -log(sum), 1e-7, "%.12g, not %.12g", value, -log(sum));
  cr_expect_eq(loss_columns(loss_find("density"), MANY), 2, "responsibilities of %d components", MANY);
  cr_expect_eq(loss_columns(loss_find("density"), 1000), 1002);
  loss_part_t part = loss_part(loss_find("density"), &none, MANY, 2);
  cr_expect_eq(part.width, 0);
}

Test(fitted, a_row_far_from_everything_has_no_density) {
  const loss_t *loss = loss_find("density");
  const float z[] = {-INFINITY, -INFINITY};
  float delta[2];
  double out[4];
  cr_expect_eq(loss->evaluate(&none, 1, 2, z, (target_t){0}, delta), (double)INFINITY);
  cr_expect(isfinite(delta[0]) && isfinite(delta[1]));
  loss->describe(2, z, out);
  cr_expect_eq(out[1], (double)-INFINITY);
  cr_expect_float_eq(out[2] + out[3], 1, 1e-12);
  const float one[] = {-INFINITY, 0};
  cr_expect_eq(loss->evaluate(&none, 1, 2, one, (target_t){0}, NULL), 0);
}

/* ---- settings ---- */

static ls_status create(layer_kind_t kind, const char *name, size_t heads, ls_error *error) {
  layer_settings_t layers[] = {{.kind = LAYER_DENSE, .units = 4}, {.kind = kind, .units = 3}};
  loss_settings_t losses[2];
  for (int i = 0; i < 2; i++)
    losses[i] = (loss_settings_t){.name = i == 0 ? name : "mse",
                                  .head = "auto",
                                  .weight = 1,
                                  .outputs = heads == 1 || i == 1 ? SETTINGS_AUTO : 2,
                                  .targets = {.word = "auto"},
                                  .class_weights = {.word = "none"}};
  settings_t settings = {.model = {.layers = layers, .n_layers = 2}, .losses = losses, .n_losses = heads};
  objective_t objective = {0};
  ls_status status = objective_create(&settings, 3, &objective, error);
  if (status == LS_OK) {
    cr_expect_eq(objective.targets, 0);
    cr_expect_eq((int)objective_request(&objective).kind, TARGET_NONE);
    objective_free(&objective);
  }
  return status;
}

Test(fitted, losses_go_with_their_layers_and_stand_alone) {
  ls_error error = {0};
  cr_expect_eq(create(LAYER_CENTRES, "distortion", 1, &error), LS_OK, "%s", error.message);
  cr_expect_eq(create(LAYER_GAUSSIANS, "density", 1, &error), LS_OK, "%s", error.message);
  const struct {
    layer_kind_t kind;
    const char *loss, *says;
    size_t heads;
  } wrong[] = {{LAYER_CENTRES, "density", "gaussians", 1},
               {LAYER_DENSE, "distortion", "the last layer is dense", 1},
               {LAYER_GAUSSIANS, "mse", "whose loss is density", 1},
               {LAYER_CENTRES, "distortion", "stands alone", 2}};
  for (size_t i = 0; i < 4; i++) {
    cr_expect_eq(create(wrong[i].kind, wrong[i].loss, wrong[i].heads, &error), LS_BAD_SETTINGS);
    cr_expect_not_null(strstr(error.message, wrong[i].says), "%s", error.message);
  }
}
