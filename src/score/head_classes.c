/* What a model knows of the classes of its heads: their names, where the data gives them some, and how much a
 * row of each counts. In a file those of a single head stand at the top, those of several in a group of each,
 * heads/NAME. */
#include "score/model_file_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 128 };

/* The object that a head's attributes are of. */
static void head_group(const objective_t *objective, size_t h, char out[PATH_SIZE]) {
  snprintf(out, PATH_SIZE, objective->n == 1 ? "/" : "heads/%s", objective->heads[h].name);
}

static void weights_path(const objective_t *objective, size_t h, char out[PATH_SIZE]) {
  if (objective->n == 1)
    snprintf(out, PATH_SIZE, "class_weights");
  else
    snprintf(out, PATH_SIZE, "heads/%s/class_weights", objective->heads[h].name);
}

/* ---- names ---- */

static ls_status write_names(store_t *store, const objective_t *objective, size_t h, char *const *names,
                             ls_error *error) {
  char group[PATH_SIZE];
  head_group(objective, h, group);
  return store_write_texts(store, group, "class_names", (const char *const *)names,
                           (size_t)objective->heads[h].classes, error);
}

/* Another number of names than of classes is none. */
static ls_status read_names(const store_t *store, const objective_t *objective, size_t h, char *const **out,
                            ls_error *error) {
  char group[PATH_SIZE], **names = NULL;
  size_t n = 0;
  head_group(objective, h, group);
  if (!store_has_attribute(store, group, "class_names")) return LS_OK;
  TRY(store_read_texts(store, group, "class_names", &names, &n, error));
  if (objective->heads[h].classes > 1 && (int64_t)n == objective->heads[h].classes)
    *out = names;
  else
    free(names);
  return LS_OK;
}

/* ---- weights ---- */

static ls_status write_weights(store_t *store, const model_parts_t *parts, size_t h, ls_error *error) {
  const head_t *head = &parts->objective->heads[h];
  char name[PATH_SIZE];
  weights_path(parts->objective, h, name);
  return store_write(store, name, STORE_F64, 1, &head->classes,
                     parts->class_weights->values + head->first_factor, error);
}

/* Those of head h, into its place among all; 1 where it has none. */
static ls_status read_weights(const store_t *store, const objective_t *objective, size_t h, double *all,
                              ls_error *error) {
  const head_t *head = &objective->heads[h];
  store_array_t array = {0};
  char name[PATH_SIZE];
  weights_path(objective, h, name);
  for (int64_t c = 0; c < head->classes; c++) all[head->first_factor + c] = 1;
  if (!store_has(store, name)) return LS_OK;
  TRY(store_describe(store, name, &array, error));
  if (array.dims != 1 || array.shape[0] != head->classes)
    return error_set(error, LS_BAD_DATA, "%s: %s has not one number for each of %" PRId64 " classes",
                     store_path(store), name, head->classes);
  return store_read_rows(store, name, 0, head->classes, STORE_F64, all + head->first_factor, error);
}

static ls_status read_all_weights(const store_t *store, model_t *model, ls_error *error) {
  bool any = false;
  for (size_t h = 0; h < model->objective.n; h++) any = any || head_has_class_weights(model->settings, h);
  if (!any) return LS_OK;
  model->class_weights.values = calloc((size_t)model->objective.factors, sizeof(double));
  if (model->class_weights.values == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for the weights of classes", store_path(store));
  for (size_t h = 0; h < model->objective.n; h++)
    TRY(read_weights(store, &model->objective, h, model->class_weights.values, error));
  return LS_OK;
}

/* ---- both ---- */

ls_status head_classes_write(store_t *store, const model_parts_t *parts, ls_error *error) {
  bool weighs = parts->class_weights != NULL && parts->class_weights->values != NULL;
  for (size_t h = 0; h < parts->objective->n; h++) {
    if (parts->class_names != NULL && parts->class_names[h] != NULL)
      TRY(write_names(store, parts->objective, h, parts->class_names[h], error));
    if (weighs && head_has_class_weights(parts->settings, h)) TRY(write_weights(store, parts, h, error));
  }
  return LS_OK;
}

ls_status head_classes_read(const store_t *store, model_t *model, ls_error *error) {
  for (size_t h = 0; h < model->objective.n; h++)
    TRY(read_names(store, &model->objective, h, &model->class_names[h], error));
  return read_all_weights(store, model, error);
}
