#include "features/columns.h"

#include <inttypes.h>
#include <stdio.h>
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

/* The nearest name of a column, or NULL. */
static const char *nearest_column(const dataset_t *data, const char *text) {
  size_t best = strlen(text) / 3 + 2; /* as choice_nearest */
  const char *near = NULL;
  for (int64_t c = 0; c < data->features && data->feature_names != NULL; c++) {
    const size_t distance = text_distance(text, data->feature_names[c]);
    if (distance >= best) continue;
    best = distance;
    near = data->feature_names[c];
  }
  return near;
}

static ls_status no_column(const dataset_t *data, const char *key, const char *text, ls_error *error) {
  const char *near = nearest_column(data, text);
  return error_set(error, LS_BAD_SETTINGS,
                   "%s: x has no column '%.80s'; %s%.80s%sit takes a name%s, a number from 0 to %" PRId64
                   " (-1 is the last), or two with - between",
                   key, text, near != NULL ? "did you mean " : "", near != NULL ? near : "",
                   near != NULL ? "? " : "", data->feature_names == NULL ? " (this file names none)" : "",
                   data->features - 1);
}

static ls_status find_columns(const dataset_t *data, const char *key, const char *text, column_range_t *out,
                              ls_error *error) {
  if (find_name(data, text, out) || find_numbers(data, text, out)) return LS_OK;
  return no_column(data, key, text, error);
}

void column_text(const dataset_t *data, int64_t column, char out[COLUMN_TEXT_SIZE]) {
  const char *name = data->feature_names != NULL ? data->feature_names[column] : NULL;
  snprintf(out, COLUMN_TEXT_SIZE, "column %" PRId64 "%s%.60s%s (counted from 0)", column,
           name != NULL ? " '" : "", name != NULL ? name : "", name != NULL ? "'" : "");
}

/* What a column is where no setting names it. */
static column_choice_t choose_by_kind(const settings_t *settings, const dataset_t *data, int64_t column) {
  static const scaling_settings_t one_hot = {"one_hot", 0, 1};
  const scaling_settings_t *others = &settings->data.scaling;
  column_choice_t choice = {.method = {scaling_find(others->name), others}, .width = SETTINGS_AUTO};
  if (data->categories == NULL || data->categories[column].n == 0) return choice;
  choice.names = &data->categories[column];
  if (choice.names->is_ordered) return choice;
  choice.method = (method_t){scaling_find(one_hot.name), &one_hot};
  choice.embeds = EMBED_ABOVE;
  choice.width = settings->model.embeddings.width;
  return choice;
}

static ls_status choose_vectors(const settings_t *settings, const dataset_t *data, const bool *is_scaled,
                                column_choice_t *choices, ls_error *error) {
  static const char key[] = "model.embeddings.columns";
  static const scaling_settings_t one_hot = {"one_hot", 0, 1};
  const embedding_settings_t *embeddings = &settings->model.embeddings;
  for (size_t i = 0; i < embeddings->n_columns; i++) {
    const column_width_t *named = &embeddings->columns[i];
    column_range_t columns;
    TRY(find_columns(data, key, named->columns, &columns, error));
    for (int64_t c = columns.first; c <= columns.last; c++) {
      if (is_scaled[c])
        return error_set(error, LS_BAD_SETTINGS,
                         "%s: data.scaling.columns scales column %" PRId64
                         " (counted from 0) too: leave it out of one of them",
                         key, c);
      choices[c].method = (method_t){scaling_find(one_hot.name), &one_hot};
      choices[c].embeds = EMBED_ALWAYS;
      choices[c].width = named->width != SETTINGS_AUTO ? named->width : embeddings->width;
    }
  }
  return LS_OK;
}

static ls_status choose_scaling(const settings_t *settings, const dataset_t *data, bool *is_scaled,
                                column_choice_t *choices, ls_error *error) {
  for (size_t i = 0; i < settings->data.n_columns; i++) {
    const column_scaling_t *named = &settings->data.columns[i];
    column_range_t columns;
    TRY(find_columns(data, "data.scaling.columns", named->columns, &columns, error));
    for (int64_t c = columns.first; c <= columns.last; c++) {
      choices[c].method = (method_t){scaling_find(named->scaling.name), &named->scaling};
      choices[c].embeds = EMBED_NEVER;
      is_scaled[c] = true;
    }
  }
  return LS_OK;
}

ls_status columns_choose(const settings_t *settings, const dataset_t *data, column_choice_t *choices,
                         ls_error *error) {
  bool *is_scaled = calloc((size_t)data->features, sizeof *is_scaled);
  if (is_scaled == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for features of %" PRId64 " columns", data->features);
  for (int64_t c = 0; c < data->features; c++) choices[c] = choose_by_kind(settings, data, c);
  ls_status status = choose_scaling(settings, data, is_scaled, choices, error);
  if (status == LS_OK) status = choose_vectors(settings, data, is_scaled, choices, error);
  free(is_scaled);
  return status;
}
