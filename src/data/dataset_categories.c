/* Names of categories: the array categories/C of a dataset file names what the numbers in column C of x stand
 * for, in the order of these numbers. Its attribute `ordered` says that the order means something. */
#include "data/dataset_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CATEGORIES_NAME_SIZE = 40 };

static const char group[] = "categories";

static void array_name(int64_t column, char out[CATEGORIES_NAME_SIZE]) {
  snprintf(out, CATEGORIES_NAME_SIZE, "%s/%" PRId64, group, column);
}

static ls_status read_ordered(const store_t *store, const char *name, bool *out, ls_error *error) {
  int64_t ordered = 0;
  if (store_has_attribute(store, name, "ordered"))
    TRY(store_read_int(store, name, "ordered", &ordered, error));
  *out = ordered != 0;
  return LS_OK;
}

ls_status categories_plan(const store_t *store, int64_t columns, bool *has_unordered, ls_error *error) {
  *has_unordered = false;
  for (int64_t c = 0; c < columns && store_has(store, group) && !*has_unordered; c++) {
    char name[CATEGORIES_NAME_SIZE];
    bool is_ordered = true;
    array_name(c, name);
    if (store_has(store, name)) TRY(read_ordered(store, name, &is_ordered, error));
    *has_unordered = !is_ordered;
  }
  return LS_OK;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

ls_status names_check_once(const store_t *store, const char *where, const char *what, char *const *names,
                           size_t n, ls_error *error) {
  char **sorted = malloc((n + 1) * sizeof *sorted);
  if (sorted == NULL) return error_set(error, LS_NO_MEMORY, "%s: no memory for %s", store_path(store), where);
  memcpy(sorted, names, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, compare_names);
  ls_status status = LS_OK;
  for (size_t i = 1; i < n && status == LS_OK; i++)
    if (sorted[i][0] != '\0' && strcmp(sorted[i - 1], sorted[i]) == 0)
      status = error_set(error, LS_BAD_DATA, "%s: %s names the %s '%.60s' twice", store_path(store), where,
                         what, sorted[i]);
  free(sorted);
  return status;
}

static ls_status load_column(const store_t *store, const char *name, arena_t *arena, category_names_t *out,
                             ls_error *error) {
  char **names = NULL;
  size_t n = 0;
  TRY(store_read_text_array(store, name, &names, &n, error));
  /* rows of other files are found by the names */
  ls_status status = names_check_once(store, name, "category", names, n, error);
  if (status == LS_OK && n == 0)
    status = error_set(error, LS_BAD_DATA, "%s: %s names no category", store_path(store), name);
  category_names_t found = {.n = n};
  if (status == LS_OK && !category_names_copy(arena, names, &found))
    status = error_set(error, LS_NO_MEMORY, "%s: no memory for %s", store_path(store), name);
  free(names);
  TRY(status);
  TRY(read_ordered(store, name, &found.is_ordered, error));
  *out = found;
  return LS_OK;
}

bool category_names_copy(arena_t *arena, char *const *names, category_names_t *out) {
  size_t bytes = 0;
  for (size_t i = 0; i < out->n; i++) bytes += strlen(names[i]) + 1;
  char **copies = arena_new(arena, out->n, sizeof *copies), *text = arena_new(arena, bytes, 1);
  if (copies == NULL || text == NULL) return false;
  for (size_t i = 0; i < out->n; i++) {
    size_t size = strlen(names[i]) + 1;
    copies[i] = memcpy(text, names[i], size);
    text += size;
  }
  out->names = copies;
  return true;
}

ls_status categories_load(const store_t *store, int64_t columns, dataset_t *dataset, ls_error *error) {
  for (int64_t c = 0; c < columns && store_has(store, group); c++) {
    char name[CATEGORIES_NAME_SIZE];
    array_name(c, name);
    if (!store_has(store, name)) continue;
    if (dataset->categories == NULL)
      dataset->categories = arena_new(&dataset->arena, (size_t)columns, sizeof *dataset->categories);
    if (dataset->categories == NULL)
      return error_set(error, LS_NO_MEMORY, "%s: no memory for names of categories", store_path(store));
    TRY(load_column(store, name, &dataset->arena, &dataset->categories[c], error));
  }
  return LS_OK;
}
