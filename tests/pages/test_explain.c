/* What is said of a setting is right: the example of every key is taken by the settings. */
#include "pages/pages.h"

#include "config/keys.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LIST(function, ...)                                                                             \
  static bool function(size_t i, choice_t *out) {                                                            \
    static const char *const names[] = {__VA_ARGS__};                                                        \
    if (i >= sizeof names / sizeof names[0]) return false;                                                   \
    *out = (choice_t){names[i], "meaning of the name"};                                                      \
    return true;                                                                                             \
  }
NAME_LIST(activations, "identity", "relu")
NAME_LIST(losses, "mse", "cross_entropy", "huber", "quantile")
NAME_LIST(optimizers, "sgd", "adam", "adamw", "rmsprop", "lars")
NAME_LIST(schedules, "constant", "cosine", "step", "polynomial", "one_cycle", "reduce_on_plateau")
NAME_LIST(inits, "glorot_uniform", "he_normal")
NAME_LIST(bases, "none", "polynomial", "polynomial_kernel", "fourier", "pca")
NAME_LIST(scalings, "none", "minmax", "standard", "robust")
NAME_LIST(methods, "least_squares", "ridge")
NAME_LIST(rate_scalings, "none", "linear", "sqrt")
NAME_LIST(stop_metrics, "none", "train_loss", "valid_loss")
NAME_LIST(precisions, "fp32", "bf16")

static const settings_choices_t choices = {.activation = activations,
                                           .loss = losses,
                                           .optimizer = optimizers,
                                           .schedule = schedules,
                                           .init = inits,
                                           .scaling = scalings,
                                           .basis = bases,
                                           .rate_scaling = rate_scalings,
                                           .stop_metric = stop_metrics,
                                           .solve = methods,
                                           .precision = precisions};

static char *explained(const char *word) {
  char *text = NULL;
  size_t size = 0;
  ls_error error = {0};
  FILE *out = open_memstream(&text, &size);
  cr_assert_eq(explain_print(out, &choices, word, &error), LS_OK, "%s: %s", word, error.message);
  fclose(out);
  return text;
}

/* Parts an example into its overrides, as a shell would. Returns their number. */
static size_t words_of(char *line, char *words[4]) {
  size_t n = 0;
  for (char *at = line; *at != '\0' && n < 4;) {
    const bool is_quoted = *at == '\'';
    char *end = is_quoted ? strchr(at + 1, '\'') : at + strcspn(at, " ");
    words[n++] = at + is_quoted;
    at = end + (*end != '\0');
    *end = '\0';
    at += strspn(at, " ");
  }
  return n;
}

/* The settings take the example under `key`. A layer has the kind of the key. */
static void expect_taken(const char *key, const char *layer) {
  char text[256], *words[4], *all = explained(key), *line = strstr(all, "  example    ");
  ls_error error = {0};
  settings_t *settings = NULL;
  cr_assert_not_null(line, "%s", all);
  line += strlen("  example    ");
  line[strcspn(line, "\n")] = '\0';
  cr_expect_not_null(strstr(line, strrchr(key, '.') != NULL ? strrchr(key, '.') : key), "%s: %s", key, line);
  snprintf(text, sizeof text, "data: {file: a.h5}\nmodel: {layers: [%s]}\nloss: mse\n", layer);
  const size_t n = words_of(line, words);
  ls_status status = settings_parse(text, strlen(text), "t.yaml", words, n, &choices, &settings, &error);
  cr_expect_eq(status, LS_OK, "%s: %s", key, error.message);
  settings_destroy(&settings);
  free(all);
}

Test(explain, examples_of_all_keys_are_taken) {
  setting_key_t key;
  size_t i = 0;
  for (; settings_key(i, &choices, &key); i++)
    if (strcmp(key.path, "loss") != 0) expect_taken(key.path, "dense: 10");
  cr_assert_gt(i, 100);
  layer_row_t layer;
  for (size_t l = 0; layer_row(l, &layer); l++)
    for (size_t k = 0; k < layer.keys.n; k++) {
      char path[64], item[64];
      snprintf(path, sizeof path, "%s.%s", layer.name, layer.keys.rows[k].path);
      snprintf(item, sizeof item, "%s: %s", layer.name,
               strcmp(layer.name, "dense") == 0        ? "10"
               : strcmp(layer.name, "dropout") == 0    ? "0.5"
               : strcmp(layer.name, "centres") == 0    ? "3"
               : strcmp(layer.name, "gaussians") == 0  ? "{units: 3}"
               : strcmp(layer.name, "activation") == 0 ? "identity"
               : strcmp(layer.name, "tied") == 0       ? "dense1"
                                                       : "{}");
      expect_taken(path, item);
    }
}

static void expect_part(const char *word, const char *part) {
  char *text = explained(word);
  cr_expect_not_null(strstr(text, part), "%s:\n%s", word, text);
  free(text);
}

Test(explain, finds_keys_sections_and_layers) {
  expect_part("epochs", "train.epochs\n");
  expect_part("optimizer.momentum", "only with  optimizer.name: sgd, rmsprop, lars");
  expect_part("optimizer.name", "    adamw");
  expect_part("data.scaling", "data.scaling.columns");
  expect_part("loss", "loss.delta");
  expect_part("model.layers", "softmax\n");
  expect_part("model.layers.3.dense.units", "model.layers.0.dense.units=");
  expect_part("seed", "data.basis.seed");
  expect_part("seed", "train.seed");
}

Test(explain, an_unknown_key_has_a_nearest) {
  static const char *const words[][2] = {{"optimizer.momentun", "did you mean optimizer.momentum?"},
                                         {"epoch", "did you mean train.epochs?"},
                                         {"trian", "did you mean train?"},
                                         {"frobnicate", "`lockstep reference` lists them"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    ls_error error = {0};
    cr_expect_eq(explain_print(stdout, &choices, words[i][0], &error), LS_USAGE);
    cr_expect_not_null(strstr(error.message, words[i][1]), "%s", error.message);
  }
}

Test(explain, keys_are_found_by_names_of_options) {
  static const char *const words[][2] = {{"epochs", "train.epochs"},
                                         {"learning-rate", "optimizer.learning_rate"},
                                         {"lr", "optimizer.learning_rate"},
                                         {"batch-size", "train.global_batch_size"},
                                         {"train.seed", "train.seed"}};
  char path[SETTING_PATH_SIZE];
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    cr_assert(settings_key_find(words[i][0], path), "%s", words[i][0]);
    cr_expect_str_eq(path, words[i][1]);
  }
  cr_expect_not(settings_key_find("name", path) && strcmp(path, "name") != 0);
  cr_expect_not(settings_key_find("resume", path));
}
