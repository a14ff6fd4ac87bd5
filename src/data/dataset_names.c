/* Names in a dataset file: attributes of its top, of features, of the classes that labels are, and of those
 * that single columns of y hold. */
#include "data/dataset_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void class_names_key(int64_t column, char out[CLASS_NAMES_KEY_SIZE]) {
  snprintf(out, CLASS_NAMES_KEY_SIZE, "class_names_%" PRId64, column);
}

/* An attribute with a list of names; none without it. */
static ls_status load_names(const store_t *store, const char *key, const char *what, dataset_t *dataset,
                            class_names_t *out, ls_error *error) {
  char **names = NULL;
  size_t n = 0;
  if (!store_has_attribute(store, "/", key)) return LS_OK;
  TRY(store_read_texts(store, "/", key, &names, &n, error));
  ls_status status = names_check_once(store, key, what, names, n, error);
  if (status != LS_OK) {
    free(names);
    return status;
  }
  char **copies = arena_new(&dataset->arena, n + 1, sizeof *copies);
  bool copied = copies != NULL;
  for (size_t i = 0; i < n && copied; i++)
    copied = (copies[i] = arena_text(&dataset->arena, names[i])) != NULL;
  free(names);
  if (!copied) return error_set(error, LS_NO_MEMORY, "%s: no memory for %s", store_path(store), key);
  *out = (class_names_t){copies, n};
  return LS_OK;
}

static ls_status load_column_names(const store_t *store, int64_t columns, dataset_t *dataset,
                                   ls_error *error) {
  dataset->column_names = arena_new(&dataset->arena, (size_t)columns, sizeof *dataset->column_names);
  if (dataset->column_names == NULL)
    return error_set(error, LS_NO_MEMORY, "%s: no memory for names of classes", store_path(store));
  dataset->y_columns = columns;
  for (int64_t c = 0; c < columns; c++) {
    char key[CLASS_NAMES_KEY_SIZE];
    class_names_key(c, key);
    TRY(load_names(store, key, "class", dataset, &dataset->column_names[c], error));
  }
  return LS_OK;
}

static bool is_called_x(const char *array) {
  const char *slash = strrchr(array, '/');
  return strcmp(slash != NULL ? slash + 1 : array, "x") == 0;
}

ls_status feature_names_load(const store_t *store, const char *x, int64_t columns, dataset_t *dataset,
                             ls_error *error) {
  class_names_t features = {0};
  TRY(load_names(store, "feature_names", "feature", dataset, &features, error));
  if ((int64_t)features.n == columns)
    dataset->feature_names = features.names;
  else if (features.n > 0 && is_called_x(x))
    return error_set(error, LS_BAD_DATA, "%s: feature_names names %zu features, but %s has %" PRId64,
                     store_path(store), features.n, x, columns);
  return categories_load(store, columns, dataset, error);
}

ls_status names_load(const store_t *store, const char *x, const source_t *train, dataset_t *dataset,
                     ls_error *error) {
  TRY(load_names(store, "class_names", "class", dataset, &dataset->class_names, error));
  TRY(load_column_names(store, train->has_y ? train->y_width : 0, dataset, error));
  return feature_names_load(store, x, train->features, dataset, error);
}

const class_names_t *dataset_class_names(const dataset_t *dataset, int64_t column) {
  bool is_only = dataset->y_columns == 1, has_any = column < dataset->y_columns && (column >= 0 || is_only);
  const class_names_t *own = has_any ? &dataset->column_names[column >= 0 ? column : 0] : NULL;
  if (own != NULL && own->n > 0) return own;
  static const class_names_t none = {0};
  return column < 0 || is_only ? &dataset->class_names : &none;
}
