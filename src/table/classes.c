/* Classes from label texts. The distinct texts of all inputs are sorted once. The number of a class is its
 * position in numerical order if all labels are integers, otherwise in alphabetical order. Integers 0 … K-1
 * therefore keep their values. */
#include "base/text.h"
#include "table/table_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *text;
  double number; /* valid if is_number */
  bool is_number;
  int32_t class;
} label_t;

typedef struct {
  label_t *labels; /* distinct texts */
  size_t n;
  bool all_integers;
  bool all_numbers;
} label_set_t;

static int compare_text(const void *a, const void *b) {
  return strcmp(((const label_t *)a)->text, ((const label_t *)b)->text);
}

static int compare_number(const void *a, const void *b) {
  double x = ((const label_t *)a)->number, y = ((const label_t *)b)->number;
  return x < y ? -1 : x > y ? 1 : compare_text(a, b);
}

static bool is_integer(double number) {
  return fabs(number) <= 0x1p53 && number == floor(number);
}

static ls_status collect(const class_column_t *columns, size_t n_columns, label_set_t *out, ls_error *error) {
  size_t n = 0;
  for (size_t c = 0; c < n_columns; c++) n += columns[c].n;
  label_t *labels = calloc(n + 1, sizeof *labels);
  if (labels == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu labels", n);
  n = 0;
  for (size_t c = 0; c < n_columns; c++)
    for (size_t i = 0; i < columns[c].n; i++) labels[n++].text = columns[c].labels[i];
  qsort(labels, n, sizeof *labels, compare_text);
  *out = (label_set_t){.labels = labels, .all_integers = true, .all_numbers = true};
  for (size_t i = 0; i < n; i++) {
    if (out->n > 0 && strcmp(labels[out->n - 1].text, labels[i].text) == 0) continue;
    label_t *label = &labels[out->n++];
    *label = (label_t){.text = labels[i].text};
    label->is_number = csv_number(label->text, &label->number);
    out->all_numbers &= label->is_number;
    out->all_integers &= label->is_number && is_integer(label->number);
  }
  return LS_OK;
}

static ls_status check_kind(const label_set_t *set, const char *path, ls_error *error) {
  if (!set->all_numbers || set->all_integers) return LS_OK;
  const label_t *odd = set->labels;
  while (is_integer(odd->number)) odd++;
  return error_set(error, LS_BAD_DATA,
                   "%s: label %.40s is a number but not an integer, so it cannot be a class; to predict "
                   "numbers give --regression, or choose another --label column",
                   path, odd->text);
}

/* Numbers the classes in order; equal numbers (1, 1.0) are one class. Leaves the set sorted by class. Returns
 * the number of classes. */
static size_t number_classes(label_set_t *set) {
  if (set->all_integers) qsort(set->labels, set->n, sizeof *set->labels, compare_number);
  size_t classes = 0;
  for (size_t i = 0; i < set->n; i++) {
    bool same = i > 0 && set->all_integers && set->labels[i].number == set->labels[i - 1].number;
    if (!same) classes++;
    set->labels[i].class = (int32_t)(classes - 1);
  }
  return classes;
}

/* If the file itself names classes 0 … K-1, labels are those numbers. */
static ls_status number_as_named(label_set_t *set, const class_column_t *column, ls_error *error) {
  for (size_t i = 0; i < set->n; i++) {
    label_t *label = &set->labels[i];
    if (!label->is_number || !is_integer(label->number) || label->number < 0 ||
        label->number >= (double)column->n_class_names)
      return error_set(
          error, LS_BAD_DATA,
          "%s: the first line names %zu classes, but there is a label %.40s; labels must be 0 to %zu",
          column->path, column->n_class_names, label->text, column->n_class_names - 1);
    label->class = (int32_t)label->number;
  }
  return LS_OK;
}

static ls_status names_of(const label_set_t *set, size_t n_classes, const char ***names, ls_error *error) {
  *names = NULL;
  bool plain = set->n > 0 && set->all_integers && set->labels[0].number == 0 &&
               set->labels[set->n - 1].number == (double)(n_classes - 1);
  if (plain) return LS_OK;
  const char **texts = calloc(n_classes, sizeof *texts);
  if (texts == NULL) return error_set(error, LS_NO_MEMORY, "no memory for %zu class names", n_classes);
  for (size_t i = set->n; i-- > 0;) texts[set->labels[i].class] = set->labels[i].text;
  *names = texts;
  return LS_OK;
}

static ls_status names_given(const class_column_t *column, const char ***names, ls_error *error) {
  const char **texts = calloc(column->n_class_names, sizeof *texts);
  if (texts == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for %zu class names", column->n_class_names);
  for (size_t i = 0; i < column->n_class_names; i++) texts[i] = column->class_names[i];
  *names = texts;
  return LS_OK;
}

static void fill_classes(label_set_t *set, class_column_t *columns, size_t n_columns) {
  qsort(set->labels, set->n, sizeof *set->labels, compare_text);
  for (size_t c = 0; c < n_columns; c++)
    for (size_t i = 0; i < columns[c].n; i++) {
      label_t key = {.text = columns[c].labels[i]};
      const label_t *found = bsearch(&key, set->labels, set->n, sizeof key, compare_text);
      columns[c].classes[i] = found->class;
    }
}

ls_status classes_number(class_column_t *columns, size_t n_columns, table_names_t *names, ls_error *error) {
  const class_column_t *named = NULL;
  for (size_t c = 0; c < n_columns && named == NULL; c++)
    if (columns[c].class_names != NULL) named = &columns[c];
  label_set_t set = {0};
  const char **texts = NULL;
  size_t n = 0;
  ls_status status = collect(columns, n_columns, &set, error);
  if (status != LS_OK) return status;
  if (named != NULL) {
    n = named->n_class_names;
    TRY_OR_DONE(number_as_named(&set, named, error));
    TRY_OR_DONE(names_given(named, &texts, error));
  } else {
    TRY_OR_DONE(check_kind(&set, columns[0].path, error));
    n = number_classes(&set);
    TRY_OR_DONE(names_of(&set, n, &texts, error));
  }
  fill_classes(&set, columns, n_columns);
  *names = (table_names_t){texts, n};
done:
  free(set.labels);
  return status;
}
