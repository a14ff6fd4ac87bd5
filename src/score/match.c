#include "score/match.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t find(char *const *names, int64_t n, const char *name) {
  for (int64_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}

static bool same(char *const *a, char *const *b, int64_t n) {
  int64_t i = 0;
  while (i < n && strcmp(a[i], b[i]) == 0) i++;
  return i == n;
}

/* "a, b, c", cut to size. */
static void list(char *const *names, int64_t n, char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (int64_t i = 0; i < n && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", names[i]);
}

/* ---- columns of x ---- */

/* at (n): where the file has each column of the model. */
static ls_status find_columns(const model_t *model, const char *file, char *const *names, int64_t n,
                              int64_t *at, ls_error *error) {
  char all[512];
  for (int64_t c = 0; c < n; c++) {
    at[c] = find(names, n, model->feature_names[c]);
    if (at[c] < 0) {
      list(names, n, all, sizeof all);
      return error_set(error, LS_BAD_DATA,
                       "%s: there is no feature '%.60s', which the model was trained on; there are %s", file,
                       model->feature_names[c], all);
    }
    for (int64_t i = 0; i < c; i++)
      if (at[i] == at[c])
        return error_set(error, LS_BAD_DATA, "%s: the model has two features called '%.60s'", file,
                         model->feature_names[c]);
  }
  return LS_OK;
}

/* The names in the order of the file too, so that a second file is matched with the order of the first. */
static ls_status reorder_names(model_t *model, const int64_t *at, ls_error *error) {
  size_t n = (size_t)features_file_columns(&model->features);
  char **names = malloc(n * sizeof *names);
  if (names == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the names of %zu features", n);
  memcpy(names, model->feature_names, n * sizeof *names);
  for (size_t c = 0; c < n; c++) model->feature_names[at[c]] = names[c];
  free(names);
  return LS_OK;
}

static ls_status match_columns(model_t *model, const char *file, char *const *names, int64_t n,
                               ls_error *error) {
  if (model->feature_names == NULL || names == NULL || same(model->feature_names, names, n)) return LS_OK;
  int64_t *at = malloc((size_t)n * sizeof *at);
  if (at == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the names of %" PRId64 " features", n);
  ls_status status = find_columns(model, file, names, n, at, error);
  if (status == LS_OK) status = features_reorder(&model->features, at, error);
  if (status == LS_OK) status = reorder_names(model, at, error);
  free(at);
  return status;
}

/* ---- categories ---- */

static ls_status refuse_column(const model_t *model, const char *file, int64_t column,
                               const category_names_t *has, const category_names_t *wants, ls_error *error) {
  const char *name = model->feature_names != NULL ? model->feature_names[column] : NULL;
  const category_names_t *of = has->n > 0 ? has : wants;
  char some[96];
  list(of->names, of->n < 4 ? (int64_t)of->n : 4, some, sizeof some);
  return error_set(error, LS_BAD_DATA,
                   "%s: column %" PRId64
                   "%s%.60s%s of x holds %s, but the model was trained on %s there (%s%s): "
                   "import the file as the training rows were imported",
                   file, column, name != NULL ? " '" : "", name != NULL ? name : "", name != NULL ? "'" : "",
                   has->n > 0 ? "categories" : "numbers", has->n > 0 ? "numbers" : "categories", some,
                   of->n > 4 ? ", ..." : "");
}

static ls_status match_categories(model_t *model, const char *file, const category_names_t *names, int64_t n,
                                  ls_error *error) {
  static const category_names_t none = {0};
  const codes_t *codes = model->features.codes;
  bool is_same = true;
  for (int64_t c = 0; c < n; c++) {
    const category_names_t *has = names != NULL ? &names[c] : &none;
    const category_names_t *wants = codes != NULL ? &codes[c].names : &none;
    if ((has->n > 0) != (wants->n > 0)) return refuse_column(model, file, c, has, wants, error);
    is_same &= has->n == wants->n && (has->n == 0 || same(has->names, wants->names, (int64_t)has->n));
    is_same &= codes == NULL || codes[c].meaning == NULL;
  }
  return is_same ? LS_OK : features_rename(&model->features, names, error);
}

ls_status match_features(model_t *model, const char *file, const dataset_t *dataset, ls_error *error) {
  const int64_t n = features_file_columns(&model->features);
  if (dataset->features != model->features.columns) return LS_OK; /* refused elsewhere */
  TRY(match_columns(model, file, dataset->feature_names, n, error));
  return match_categories(model, file, dataset->categories, n, error);
}

/* ---- classes ---- */

/* number (names->n): the model's number of each class of the file. */
static ls_status find_classes(const model_t *model, const char *file, const class_names_t *names, size_t h,
                              int32_t *number, ls_error *error) {
  const head_t *head = &model->objective.heads[h];
  char all[512];
  for (size_t c = 0; c < names->n; c++) {
    number[c] = (int32_t)find(model->class_names[h], head->classes, names->names[c]);
    if (number[c] >= 0) continue;
    list(model->class_names[h], head->classes, all, sizeof all);
    return error_set(error, LS_BAD_DATA, "%s: the model knows no class '%.60s', only %s", file,
                     names->names[c], all);
  }
  return LS_OK;
}

static ls_status renumber(const model_t *model, const char *file, const class_names_t *names, split_t *split,
                          ls_error *error) {
  int32_t *number = malloc(names->n * sizeof *number);
  if (number == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the names of classes");
  ls_status status = find_classes(model, file, names, 0, number, error);
  if (status == LS_OK && (split->stream != NULL || split->windows != NULL || split->labels == NULL))
    status =
        error_set(error, LS_BAD_DATA,
                  "%s: its classes have other numbers than the model's: import the file together with the "
                  "training rows, or evaluate it without data.memory_limit",
                  file);
  for (int64_t i = 0; i < split->rows && status == LS_OK; i++)
    if ((size_t)split->labels[i] < names->n) split->labels[i] = number[split->labels[i]];
  free(number);
  return status;
}

ls_status match_classes(const model_t *model, const char *file, const dataset_t *dataset, split_t *split,
                        ls_error *error) {
  const objective_t *objective = &model->objective;
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    int64_t column = objective->columns != NULL ? objective->columns[head->first_target].column : -1;
    const class_names_t *names = dataset_class_names(dataset, column);
    if (model->class_names[h] == NULL || names->n == 0) continue;
    if ((int64_t)names->n == head->classes && same(names->names, model->class_names[h], head->classes))
      continue;
    if (objective->n > 1)
      return error_set(
          error, LS_BAD_DATA,
          "%s: the classes of the head %s are not those that the model was trained on, or not in their "
          "order: import the file together with the training rows",
          file, head->name);
    TRY(renumber(model, file, names, split, error));
  }
  return LS_OK;
}
