#include "anomaly/labels.h"

#include "base/text.h"
#include "store/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 256, LIST_SIZE = 200 };

/* The values that mean anomalous. */
typedef struct {
  char *text; /* all of them, malloc'd; `words` point into it */
  const char *words[MOST_VALUES];
  int64_t rows[MOST_VALUES]; /* that have the value */
  size_t n;
} positives_t;

static ls_status values_split(const labels_request_t *request, positives_t *out, ls_error *error) {
  positives_t values = {.text = strdup(request->anomalous != NULL ? request->anomalous : "1")};
  char *rest = values.text;
  if (values.text == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the values of labels");
  while (rest != NULL && values.n < MOST_VALUES) values.words[values.n++] = strsep(&rest, ",");
  if (rest != NULL) {
    free(values.text);
    return error_set(error, LS_USAGE, "--anomalous takes at most %d values", MOST_VALUES);
  }
  *out = values;
  return LS_OK;
}

/* A value that no row has is a mistake: the figures would be those of other rows than meant. */
static ls_status values_check(const positives_t *values, const labels_request_t *request, const char *found,
                              ls_error *error) {
  for (size_t i = 0; i < values->n && request->anomalous != NULL; i++)
    if (values->rows[i] == 0)
      return error_set(error, LS_USAGE, "--anomalous: no row has the label '%.60s' in %.200s, which holds %s",
                       values->words[i], request->path, found);
  return LS_OK;
}

/* ---- labels in a dataset file ---- */

/* Writes the first different labels, as "0, 1, 2, …". */
static void list_numbers(const double *labels, int64_t n, char out[LIST_SIZE]) {
  enum { SHOWN = 10 };
  double shown[SHOWN];
  int count = 0;
  size_t at = 0;
  out[0] = '\0';
  for (int64_t i = 0; i < n; i++) {
    int k = 0;
    while (k < count && shown[k] != labels[i]) k++;
    if (k < count) continue;
    if (count == SHOWN || at > LIST_SIZE - 40) {
      snprintf(out + at, LIST_SIZE - at, ", …");
      return;
    }
    shown[count++] = labels[i];
    at += (size_t)snprintf(out + at, LIST_SIZE - at, "%s%g", count > 1 ? ", " : "", labels[i]);
  }
}

/* The numbers that the values are: a number itself, or the place of a name among the classes of the file. */
static ls_status values_number(const positives_t *values, const store_t *store, double numbers[MOST_VALUES],
                               ls_error *error) {
  char **names = NULL;
  size_t n = 0;
  ls_status status = LS_OK;
  if (store_has_attribute(store, "/", "class_names"))
    TRY(store_read_texts(store, "/", "class_names", &names, &n, error));
  for (size_t i = 0; i < values->n && status == LS_OK; i++) {
    size_t k = 0;
    while (k < n && strcmp(names[k], values->words[i]) != 0) k++;
    if (k < n)
      numbers[i] = (double)k;
    else if (!text_double(values->words[i], &numbers[i]))
      status = error_set(error, LS_USAGE, "--anomalous: '%.60s' is neither a number nor a class of %.300s",
                         values->words[i], store_path(store));
  }
  free(names);
  return status;
}

static ls_status check_shape(const store_t *store, const char *x, const labels_request_t *request, int64_t *n,
                             ls_error *error) {
  store_array_t rows, labels;
  TRY(store_describe(store, x, &rows, error));
  ls_status status = store_describe(store, request->path, &labels, error);
  if (status != LS_OK) return error_prefix(error, status, "--labels");
  const bool is_column = labels.dims == 1 || (labels.dims == 2 && labels.shape[1] == 1);
  if (!is_column)
    return error_set(error, LS_BAD_DATA,
                     "--labels: %s in %.300s has %d dimensions, but labels are one number for each row",
                     request->path, store_path(store), labels.dims);
  if (labels.shape[0] != rows.shape[0])
    return error_set(error, LS_BAD_DATA,
                     "--labels: %s in %.300s has %" PRId64 " labels, but %s has %" PRId64 " rows",
                     request->path, store_path(store), labels.shape[0], x, rows.shape[0]);
  *n = labels.shape[0];
  return LS_OK;
}

/* Without a list of values, other labels than 0 and 1 have no meaning. */
static ls_status check_numbers(const double *labels, int64_t n, const labels_request_t *request,
                               ls_error *error) {
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(labels[i]))
      return error_set(error, LS_BAD_DATA, "--labels: row %" PRId64 " of %.200s is not finite", i,
                       request->path);
    if (request->anomalous == NULL && labels[i] != 0 && labels[i] != 1) {
      char found[LIST_SIZE];
      list_numbers(labels, n, found);
      return error_set(error, LS_USAGE,
                       "--labels: %.200s holds %s: name the values that are anomalous with --anomalous "
                       "VALUE,VALUE (without it, labels are 0 and 1, and 1 is anomalous)",
                       request->path, found);
    }
  }
  return LS_OK;
}

static void match_numbers(const double *labels, int64_t n, const double *numbers, positives_t *values,
                          bool *out) {
  for (int64_t i = 0; i < n; i++) {
    out[i] = false;
    for (size_t k = 0; k < values->n; k++) {
      if (labels[i] != numbers[k]) continue;
      out[i] = true;
      values->rows[k]++;
    }
  }
}

static ls_status read_labels(const store_t *store, const labels_request_t *request, int64_t n, bool **out,
                             ls_error *error) {
  positives_t values = {0};
  double numbers[MOST_VALUES] = {0}, *labels = malloc((size_t)n * sizeof *labels + 1);
  bool *found = malloc((size_t)n * sizeof *found + 1);
  char list[LIST_SIZE];
  ls_status status = LS_OK;
  if (labels == NULL || found == NULL)
    TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " labels", n));
  TRY_OR_DONE(store_read_rows(store, request->path, 0, n, STORE_F64, labels, error));
  TRY_OR_DONE(check_numbers(labels, n, request, error));
  TRY_OR_DONE(values_split(request, &values, error));
  TRY_OR_DONE(values_number(&values, store, numbers, error));
  match_numbers(labels, n, numbers, &values, found);
  list_numbers(labels, n, list);
  status = values_check(&values, request, list, error);
done:
  free(values.text);
  free(labels);
  if (status == LS_OK)
    *out = found;
  else
    free(found);
  return status;
}

ls_status labels_read(const char *file, const char *x, const labels_request_t *request, bool **out,
                      int64_t *n, ls_error *error) {
  store_t *store = NULL;
  int64_t rows = 0;
  TRY(store_open(file, &store, error));
  ls_status status = check_shape(store, x, request, &rows, error);
  if (status == LS_OK) status = read_labels(store, request, rows, out, error);
  store_close(&store);
  if (status == LS_OK) *n = rows;
  return status;
}

/* ---- labels in a table ---- */

/* Equal texts, or texts of equal numbers. */
static bool is_same(const char *label, const char *value) {
  double a, b;
  return strcmp(label, value) == 0 || (text_double(label, &a) && text_double(value, &b) && a == b);
}

ls_status labels_of_texts(const char *const *texts, int64_t n, const labels_request_t *request, bool **out,
                          ls_error *error) {
  positives_t values = {0};
  bool *found = malloc((size_t)n * sizeof *found + 1);
  ls_status status = LS_OK;
  if (found == NULL) TRY_OR_DONE(error_set(error, LS_NO_MEMORY, "no memory for %" PRId64 " labels", n));
  TRY_OR_DONE(values_split(request, &values, error));
  for (int64_t i = 0; i < n; i++) {
    if (texts[i][0] == '\0')
      TRY_OR_DONE(error_set(error, LS_BAD_DATA, "--labels: row %" PRId64 " of the column %.200s is empty", i,
                            request->path));
    if (request->anomalous == NULL && !is_same(texts[i], "0") && !is_same(texts[i], "1"))
      TRY_OR_DONE(error_set(error, LS_USAGE,
                            "--labels: %.200s holds '%.60s': name the values that are anomalous with "
                            "--anomalous VALUE,VALUE",
                            request->path, texts[i]));
    found[i] = false;
    for (size_t k = 0; k < values.n; k++) {
      if (!is_same(texts[i], values.words[k])) continue;
      found[i] = true;
      values.rows[k]++;
    }
  }
  status = values_check(&values, request, "others", error);
done:
  free(values.text);
  if (status == LS_OK)
    *out = found;
  else
    free(found);
  return status;
}
