/* What the tests of settings share: lists of names of their own, and a small complete file. */
#ifndef TEST_CONFIG_FIXTURE_H
#define TEST_CONFIG_FIXTURE_H

#include "config/settings.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MINIMAL "data: {file: a.h5}\nmodel:\n  layers:\n    - dense: 10\nloss: mse\n"

#define NAME_LIST(function, ...)                                                                             \
  static bool function(size_t i, choice_t *out) {                                                            \
    static const char *const names[] = {__VA_ARGS__};                                                        \
    if (i >= sizeof names / sizeof names[0]) return false;                                                   \
    *out = (choice_t){names[i], "meaning of the name"};                                                      \
    return true;                                                                                             \
  }
NAME_LIST(test_activations, "identity", "relu", "gelu")
NAME_LIST(test_losses, "mse", "cross_entropy", "huber")
NAME_LIST(test_optimizers, "sgd", "adam", "adamw")
NAME_LIST(test_schedules, "constant", "cosine", "step")
NAME_LIST(test_inits, "glorot_uniform", "he_normal")
NAME_LIST(test_bases, "none", "rbf")
NAME_LIST(test_scalings, "none", "minmax", "standard", "one_hot")
NAME_LIST(test_methods, "least_squares", "ridge")
NAME_LIST(test_rate_scalings, "none", "linear", "sqrt")
NAME_LIST(test_stop_metrics, "none", "train_loss", "valid_loss")
NAME_LIST(test_precisions, "fp32", "bf16")

static const settings_choices_t test_choices = {.activation = test_activations,
                                                .loss = test_losses,
                                                .optimizer = test_optimizers,
                                                .schedule = test_schedules,
                                                .init = test_inits,
                                                .scaling = test_scalings,
                                                .basis = test_bases,
                                                .rate_scaling = test_rate_scalings,
                                                .stop_metric = test_stop_metrics,
                                                .solve = test_methods,
                                                .precision = test_precisions};

enum { MOST_OVERRIDES = 8 };

/* Overrides end with NULL. */
static inline ls_status parse(const char *text, const char *const *overrides, settings_t **out,
                              ls_error *error) {
  char *copies[MOST_OVERRIDES] = {0};
  size_t n = 0;
  for (; overrides != NULL && overrides[n] != NULL; n++) copies[n] = strdup(overrides[n]);
  ls_status status = settings_parse(text, strlen(text), "runs/t.yaml", copies, n, &test_choices, out, error);
  for (size_t i = 0; i < n; i++) free(copies[i]);
  return status;
}

static inline settings_t *parsed(const char *text, const char *const *overrides) {
  ls_error error = {0};
  settings_t *settings = NULL;
  ls_status status = parse(text, overrides, &settings, &error);
  cr_assert_eq(status, LS_OK, "%s", error.message);
  return settings;
}

static inline char *dumped(const settings_t *settings) {
  ls_error error = {0};
  char *text = NULL;
  ls_status status = settings_dump(settings, &text, &error);
  cr_assert_eq(status, LS_OK, "%s", error.message);
  return text;
}

/* The text is refused with a message that begins and goes on as told, and *out stays as it was. */
static inline void assert_refused(const char *text, const char *const *overrides, const char *begins,
                                  const char *has) {
  ls_error error = {0};
  settings_t *untouched = (settings_t *)&error, *settings = untouched;
  ls_status status = parse(text, overrides, &settings, &error);
  cr_assert_eq(status, LS_BAD_SETTINGS, "was taken, should begin: %s", begins);
  cr_assert_eq(error.status, LS_BAD_SETTINGS);
  cr_assert_eq(settings, untouched);
  cr_assert_eq(strncmp(error.message, begins, strlen(begins)), 0, "\n%s\nshould begin\n%s", error.message,
               begins);
  cr_assert_not_null(strstr(error.message, has), "\n%s\nlacks\n%s", error.message, has);
}

#endif
