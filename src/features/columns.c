#include "features/columns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  int64_t first, last;
} column_range_t;

static bool find_name(const dataset_t *data, const char *name, column_range_t *out) {
  for (int64_t c = 0; c < data->features && data->feature_names != NULL; c++)
    if (strcmp(data->feature_names[c], name) == 0) {
      *out = (column_range_t){c, c};
      return true;
    }
  return false;
}

/* "3", "-1", "3-5". */
static bool find_numbers(const dataset_t *data, const char *text, column_range_t *out) {
  int64_t first = 0, last = 0;
  char begin[32];
  const char *dash = text[0] == '\0' ? NULL : strchr(text + 1, '-');
  if (text_int64(text, &first)) {
    if (first < 0) first += data->features;
    last = first;
  } else {
    if (dash == NULL || (size_t)(dash - text) >= sizeof begin) return false;
    memcpy(begin, text, (size_t)(dash - text));
    begin[dash - text] = '\0';
    if (!text_int64(begin, &first) || !text_int64(dash + 1, &last)) return false;
  }
  *out = (column_range_t){first, last};
  return first >= 0 && first <= last && last < data->features;
}

ls_status columns_methods(const settings_t *settings, const dataset_t *data, method_t *methods,
                          ls_error *error) {
  const scaling_settings_t *others = &settings->data.scaling;
  for (int64_t c = 0; c < data->features; c++) methods[c] = (method_t){scaling_find(others->name), others};
  for (size_t i = 0; i < settings->data.n_columns; i++) {
    const column_scaling_t *choice = &settings->data.columns[i];
    column_range_t columns;
    if (!find_name(data, choice->columns, &columns) && !find_numbers(data, choice->columns, &columns))
      return error_set(
          error, LS_BAD_SETTINGS,
          "data.scaling.columns: x has no column '%.80s'; it takes a name%s, a number from 0 to %" PRId64
          " (-1 is the last), or two with - between",
          choice->columns, data->feature_names == NULL ? " (this file names none)" : "", data->features - 1);
    for (int64_t c = columns.first; c <= columns.last; c++)
      methods[c] = (method_t){scaling_find(choice->scaling.name), &choice->scaling};
  }
  return LS_OK;
}
