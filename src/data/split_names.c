/* The names of the arrays that hold a split, by the settings alone. */
#include "data/dataset_impl.h"

#include <stdio.h>
#include <string.h>

bool windows_use_y(const window_settings_t *window) {
  return window->targets.word != NULL && strcmp(window->targets.word, "y") == 0;
}

void windows_series_name(const window_settings_t *window, const char *x, char out[ARRAY_NAME_SIZE]) {
  const char *slash = strrchr(x, '/');
  int folder = slash != NULL ? (int)(slash - x) + 1 : 0;
  out[0] = '\0';
  if (window->length == 0 || window->series == NULL || strcmp(window->series, "none") == 0) return;
  snprintf(out, ARRAY_NAME_SIZE, "%.*s%s", folder, x, window->series);
}

/* Paths may begin with a slash or not. */
static const char *bare(const char *path) {
  while (*path == '/') path++;
  return path;
}

static bool differs(const char *path, const char *usual) {
  return strcmp(bare(path), usual) != 0;
}

void split_names(const settings_t *settings, int split, split_names_t *out) {
  static const struct {
    const char *x, *y, *x_key, *y_key, *weights_key;
  } usual[SPLITS] = {
      [TRAIN] = {"train/x", "train/y", "data.x", "data.y", "data.weights"},
      [VALID] = {"valid/x", "valid/y", "data.valid_x", "data.valid_y", "data.valid_weights"},
      [TEST] = {"test/x", "test/y", "data.test_x", "data.test_y", "data.test_weights"},
  };
  const char *const x[SPLITS] = {settings->data.x, settings->data.valid_x, settings->data.test_x};
  const char *const y[SPLITS] = {settings->data.y, settings->data.valid_y, settings->data.test_y};
  const char *const weights[SPLITS] = {settings->data.weights, settings->data.valid_weights,
                                       settings->data.test_weights};
  *out = (split_names_t){
      .x_key = usual[split].x_key, .y_key = usual[split].y_key, .weights_key = usual[split].weights_key};
  if (weights[split] != NULL && strcmp(weights[split], "none") != 0)
    snprintf(out->weights, sizeof out->weights, "%s", weights[split]);
  if (split == VALID && settings->data.validation.group != NULL) {
    snprintf(out->x, sizeof out->x, "%s/x", settings->data.validation.group);
    snprintf(out->y, sizeof out->y, "%s/y", settings->data.validation.group);
    out->x_key = out->y_key = "data.validation";
    out->x_explicit = true;
    windows_series_name(&settings->data.window, out->x, out->series);
    return;
  }
  snprintf(out->x, sizeof out->x, "%s", x[split]);
  snprintf(out->y, sizeof out->y, "%s", y[split]);
  out->x_explicit = split == TRAIN || differs(x[split], usual[split].x);
  bool wants_y = settings->data.window.length == 0 || windows_use_y(&settings->data.window);
  out->y_explicit = wants_y && differs(y[split], usual[split].y);
  windows_series_name(&settings->data.window, out->x, out->series);
}

ls_status dataset_check_choice(const settings_t *settings, ls_error *error) {
  const data_settings_t *data = &settings->data;
  const struct {
    const char *key;
    bool is_given;
  } keys[] = {{"data.valid_x", differs(data->valid_x, "valid/x")},
              {"data.valid_y", differs(data->valid_y, "valid/y")},
              {"data.valid_weights", strcmp(data->valid_weights, "none") != 0}};
  bool by_group = data->validation.group != NULL;
  if (!by_group && data->validation.share == 0 && data->validation.folds == 0) return LS_OK;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    if (keys[i].is_given && !(by_group && i == 2))
      return error_set(
          error, LS_BAD_SETTINGS,
          "%s has no effect, because %s says which rows are for validation: leave one of them out",
          keys[i].key, data->validation.folds > 0 ? "data.folds" : "data.validation");
  return LS_OK;
}

int array_of(const dataset_plan_t *plan, int which) {
  return plan->in_train[which] ? TRAIN : which;
}
