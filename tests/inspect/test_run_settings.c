/* Settings as a flat list, and the keys in which runs differ. */
#include "inspect/place.h"

#include "config/settings.h"
#include "inspect/run_settings.h"
#include "train/choices.h"

TestSuite(run_settings, .init = place_make, .fini = place_remove);

static run_settings_t of_text(arena_t *arena, const char *text) {
  run_settings_t settings;
  put_file("runs/a/config.yaml", text);
  OK(run_settings_read("runs/a", arena, &settings, error));
  return settings;
}

static void expect_value(const run_settings_t *settings, const char *key, const char *expected) {
  const char *value = run_settings_value(settings, key);
  cr_assert_not_null(value, "%s", key);
  cr_expect_str_eq(value, expected);
}

Test(run_settings, are_flat) {
  arena_t arena = {0};
  run_settings_t settings =
      of_text(&arena, "name: a\nmodel:\n  layers:\n  - dense: {units: 3, bias: true}\n  - flatten\n"
                      "loss: {quantiles: [0.1, 0.5]}\nempty: {}\nnone: []\n");
  expect_value(&settings, "model.layers[0].dense.units", "3");
  expect_value(&settings, "model.layers[1]", "flatten");
  expect_value(&settings, "loss.quantiles", "[0.1, 0.5]");
  expect_value(&settings, "empty", "{}");
  expect_value(&settings, "none", "[]");
  cr_expect_null(run_settings_value(&settings, "model.layers"));
  arena_free(&arena);
}

Test(run_settings, differ_in_keys_that_not_all_runs_have_alike) {
  arena_t arena = {0};
  const run_settings_t runs[] = {of_text(&arena, "name: a\ntrain: {epochs: 3, seed: 1}\nold: 1\n"),
                                 (run_settings_t){0}, /* damaged: does not count */
                                 of_text(&arena, "name: b\ntrain: {epochs: 4, seed: 1}\nnew: 2\n")};
  static const char *const expected[] = {"train.epochs", "old", "new"};
  const char *const *keys = NULL;
  size_t n = 0;
  OK(run_settings_differing(runs, 3, &arena, &keys, &n, error));
  cr_assert_eq(n, 3);
  for (size_t k = 0; k < n; k++) cr_expect_str_eq(keys[k], expected[k]);
  OK(run_settings_differing(runs, 2, &arena, &keys, &n, error));
  cr_expect_eq(n, 0);
  arena_free(&arena);
}

/* Every key that the program writes has a default of the same name and value. */
Test(run_settings, defaults_are_those_of_the_program) {
  static const char text[] = "name: run\ndata: {file: x.h5}\nmodel: {layers: [{dense: 4}]}\nloss: mae\n";
  arena_t arena = {0};
  settings_t *settings = NULL;
  char *dump = NULL;
  run_settings_t defaults;
  OK(settings_parse(text, strlen(text), "x", NULL, 0, settings_choices(), &settings, error));
  OK(settings_dump(settings, &dump, error));
  run_settings_t run = of_text(&arena, dump);
  OK(run_settings_default(&arena, &defaults, error));
  const run_settings_t both[] = {defaults, run};
  static const char *const expected[] = {"data.file", "model.layers[0].dense.units", "loss.name"};
  const char *const *keys = NULL;
  size_t n = 0;
  OK(run_settings_differing(both, 2, &arena, &keys, &n, error));
  cr_assert_eq(n, 3, "%zu", n);
  for (size_t k = 0; k < n; k++) cr_expect_str_eq(keys[k], expected[k]);
  free(dump);
  settings_destroy(&settings);
  arena_free(&arena);
}

Test(run_settings, may_be_missing_or_damaged) {
  arena_t arena = {0};
  run_settings_t settings = {.n = 7};
  ls_error refused = {0};
  OK(run_settings_read("runs/none", &arena, &settings, error));
  cr_expect_eq(settings.n, 0);
  put_file("runs/a/config.yaml", "name: [\n");
  cr_expect_eq(run_settings_read("runs/a", &arena, &settings, &refused), LS_BAD_DATA);
  cr_expect_str_eq(refused.message, "runs/a/config.yaml is damaged: not a table of names and values");
  arena_free(&arena);
}
