/* The hyper-parameters of each optimiser: the settings accept exactly those that change its update. */
#include "optim/optimizer.h"
#include "train/choices.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const optimizer_step_t usual = {.learning_rate = 0.1,
                                       .step = 2,
                                       .momentum = 0.5,
                                       .beta1 = 0.9,
                                       .beta2 = 0.99,
                                       .epsilon = 0.01,
                                       .alpha = 0.9,
                                       .weight_decay = 0.1,
                                       .trust_coefficient = 0.01};

enum { KEYS = 8, FEW = 4 };

static const char *const keys[KEYS] = {"momentum", "nesterov", "beta1",        "beta2",
                                       "epsilon",  "alpha",    "weight_decay", "trust_coefficient"};

/* The usual step with another value of a key. */
static optimizer_step_t step_with(const char *key) {
  optimizer_step_t step = usual;
  if (strcmp(key, "momentum") == 0) step.momentum = 0.25;
  if (strcmp(key, "nesterov") == 0) step.nesterov = true;
  if (strcmp(key, "beta1") == 0) step.beta1 = 0.25;
  if (strcmp(key, "beta2") == 0) step.beta2 = 0.25;
  if (strcmp(key, "epsilon") == 0) step.epsilon = 0.25;
  if (strcmp(key, "alpha") == 0) step.alpha = 0.25;
  if (strcmp(key, "weight_decay") == 0) step.weight_decay = 0.25;
  if (strcmp(key, "trust_coefficient") == 0) step.trust_coefficient = 0.25;
  return step;
}

/* Parameters after one update of weights, from states that are not zero. */
static void update(const optimizer_t *optimizer, optimizer_step_t step, float *w) {
  float g[FEW] = {0.5F, -0.25F, 1.0F, -2.0F}, states[OPTIMIZER_MAX_STATES][FEW], *state[OPTIMIZER_MAX_STATES];
  const layerwise_t *layerwise = &optimizer->layerwise;
  for (int k = 0; k < OPTIMIZER_MAX_STATES; k++) {
    for (int i = 0; i < FEW; i++) states[k][i] = (float)(FEW - i);
    state[k] = states[k];
  }
  for (int i = 0; i < FEW; i++) w[i] = 0.75F - 0.5F * (float)i;
  optimizer_prepare(optimizer, &step);
  if (layerwise->direction != NULL) layerwise->direction(&step, true, FEW, w, g, state);
  if (layerwise->trust != NULL) step.trust = layerwise->trust(&step, 3, 2);
  optimizer->update(&step, true, FEW, w, g, state);
}

static bool update_uses(const optimizer_t *optimizer, const char *key) {
  float a[FEW], b[FEW];
  update(optimizer, usual, a);
  update(optimizer, step_with(key), b);
  return memcmp(a, b, sizeof a) != 0;
}

static bool settings_accept(const char *name, const char *key) {
  char text[256];
  settings_t *settings = NULL;
  ls_error error = {0};
  snprintf(text, sizeof text,
           "data: {file: a.h5}\nmodel: {layers: [dense: 2]}\nloss: mse\noptimizer: {name: %s, %s: %s}\n",
           name, key, strcmp(key, "nesterov") == 0 ? "true" : "0.25");
  ls_status status =
      settings_parse(text, strlen(text), "text", NULL, 0, settings_choices(), &settings, &error);
  settings_destroy(&settings);
  cr_assert(status == LS_OK || strstr(error.message, "has no effect") != NULL, "%s", error.message);
  return status == LS_OK;
}

Test(optimizer_keys, are_accepted_where_they_change_the_update) {
  choice_t row;
  for (size_t i = 0; optimizer_choice(i, &row); i++) {
    const optimizer_t *optimizer = optimizer_find(row.name);
    for (int k = 0; k < KEYS && optimizer->update != NULL; k++) {
      bool uses = update_uses(optimizer, keys[k]);
      cr_expect_eq(settings_accept(row.name, keys[k]), uses,
                   "%s %s optimizer.%s: src/config/table.c says otherwise in .used_by of that key", row.name,
                   uses ? "uses" : "does not use", keys[k]);
    }
  }
}
