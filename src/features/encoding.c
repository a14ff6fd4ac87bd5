#include "features/encoding.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What the functions below share. */
typedef struct {
  const settings_t *settings;
  const dataset_t *data;
  const column_choice_t *choices;
  const categories_t *categories;
  const int64_t *present;
  features_t *features;
  ls_error *error;
} making_t;

static ls_status no_memory(const making_t *making) {
  return error_set(making->error, LS_NO_MEMORY, "no memory for features of %" PRId64 " columns",
                   making->features->columns);
}

/* ---- vectors ---- */

static bool is_embedded(const making_t *making, const category_column_t *column) {
  const column_choice_t *choice = &making->choices[column->column];
  int64_t above = making->settings->model.embeddings.above;
  bool by_number = choice->embeds == EMBED_ABOVE && above != EMBEDDINGS_NEVER && column->n > above;
  return choice->embeds == EMBED_ALWAYS || by_number;
}

/* A rule of thumb that fastai found by experiments: min(600, round(1.6 n^0.56)) (Howard and Gugger 2020,
 * "fastai: a layered API for deep learning"; emb_sz_rule in fastai/tabular/model.py). */
static int64_t width_by_rule(int64_t n) {
  enum { WIDEST = 600 };
  int64_t width = (int64_t)round(1.6 * pow((double)n, 0.56));
  return width < 1 ? 1 : width < WIDEST ? width : WIDEST;
}

/* Vectors need an input that holds their number as it is. */
static ls_status check_vectors(const making_t *making, const category_column_t *column) {
  const data_settings_t *data = &making->settings->data;
  bool has_window = data->window.length > 0;
  bool is_named = making->choices[column->column].embeds == EMBED_ALWAYS;
  char text[COLUMN_TEXT_SIZE];
  column_text(making->data, column->column, text);
  if (column->n == 0)
    return error_set(making->error, LS_BAD_DATA, "%s holds no category, so no vector stands for it", text);
  if (!has_window && strcmp(data->basis.name, "none") == 0) return LS_OK;
  return error_set(making->error, LS_BAD_SETTINGS,
                   "%s: %s, with %" PRId64 " categories, becomes an embedding, which %s: %s",
                   is_named ? "model.embeddings.columns" : "model.embeddings.above", text, column->n,
                   has_window ? "rows with data.window cannot have" : "data.basis cannot take",
                   is_named ? "leave the column out"
                            : "`none`, or a larger number, makes the column one_hot instead");
}

static ls_status make_lookups(const making_t *making) {
  const categories_t *categories = making->categories;
  features_t *features = making->features;
  features->lookups = arena_new(&features->arena, categories->n_columns, sizeof *features->lookups);
  features->tables = arena_new(&features->arena, categories->n_columns, sizeof *features->tables);
  if (features->lookups == NULL || features->tables == NULL) return no_memory(making);
  for (size_t i = 0; i < categories->n_columns; i++) {
    const category_column_t *column = &categories->columns[i];
    int64_t width = making->choices[column->column].width;
    if (!is_embedded(making, column)) continue;
    TRY(check_vectors(making, column));
    lookup_t *lookup = &features->lookups[features->n_lookups];
    *lookup = (lookup_t){.column = column->column, .n = column->n};
    lookup->values = arena_new(&features->arena, (size_t)column->n, sizeof *lookup->values);
    if (lookup->values == NULL) return no_memory(making);
    memcpy(lookup->values, column->values, (size_t)column->n * sizeof *lookup->values);
    features->tables[features->n_lookups++] =
        (graph_table_t){column->n, width == SETTINGS_AUTO ? width_by_rule(column->n) : width};
  }
  return LS_OK;
}

/* ---- values ---- */

/* Values that may be missing get an input of their own. */
static bool has_indicator(const making_t *making, int64_t column) {
  return making->present != NULL && making->present[column] < making->data->train.partition.rows;
}

/* The categories of a column; NULL for numbers. */
static const category_column_t *categories_of(const making_t *making, int64_t column) {
  const categories_t *all = making->categories;
  for (size_t i = 0; i < all->n_columns; i++)
    if (all->columns[i].column == column) return &all->columns[i];
  return NULL;
}

static void put(features_t *features, int64_t column, value_kind_t kind, double category) {
  int64_t at = features->encoded++;
  features->source[at] = column;
  features->kind[at] = (uint8_t)kind;
  features->category[at] = category;
}

/* One value after the other. */
static void put_all(const making_t *making) {
  features_t *features = making->features;
  for (int64_t c = 0; c < features->columns; c++) {
    const category_column_t *column = categories_of(making, c);
    if (column == NULL) put(features, c, VALUE_NUMBER, NAN);
    if (column == NULL || is_embedded(making, column)) continue;
    for (int64_t k = 0; k < column->n; k++) put(features, c, VALUE_CATEGORY, column->values[k]);
  }
  for (int64_t c = 0; c < features->columns; c++)
    if (has_indicator(making, c)) put(features, c, VALUE_MISSING, NAN);
  for (size_t t = 0; t < features->n_lookups; t++)
    put(features, features->lookups[t].column, VALUE_VECTOR, NAN);
}

static ls_status make_values(const making_t *making) {
  features_t *features = making->features;
  const categories_t *categories = making->categories;
  int64_t most = 2 * features->columns, indicators = 0;
  for (size_t i = 0; i < categories->n_columns; i++) most += categories->columns[i].n;
  for (int64_t c = 0; c < features->columns; c++) indicators += has_indicator(making, c);
  features->encoded = features->columns;
  if (categories->n_columns == 0 && indicators == 0) return LS_OK;
  features->source = arena_new(&features->arena, (size_t)most, sizeof *features->source);
  features->kind = arena_new(&features->arena, (size_t)most, sizeof *features->kind);
  features->category = arena_new(&features->arena, (size_t)most, sizeof *features->category);
  if (features->source == NULL || features->kind == NULL || features->category == NULL)
    return no_memory(making);
  features->encoded = 0;
  put_all(making);
  if (features->encoded > 0) return LS_OK;
  return error_set(making->error, LS_BAD_DATA, "no column holds a number or a known category");
}

/* ---- names ---- */

static ls_status make_codes(const making_t *making) {
  const category_names_t *names = making->data->categories;
  features_t *features = making->features;
  if (names == NULL) return LS_OK;
  features->codes = arena_new(&features->arena, (size_t)features->columns, sizeof *features->codes);
  if (features->codes == NULL) return no_memory(making);
  for (int64_t c = 0; c < features->columns; c++) {
    codes_t *codes = &features->codes[c];
    *codes = (codes_t){.names = names[c], .known = (int64_t)names[c].n};
    if (!category_names_copy(&features->arena, names[c].names, &codes->names)) return no_memory(making);
  }
  return LS_OK;
}

ls_status encoding_make(const settings_t *settings, const dataset_t *data, const column_choice_t *choices,
                        const categories_t *categories, const int64_t *present, features_t *features,
                        ls_error *error) {
  const making_t making = {settings, data, choices, categories, present, features, error};
  TRY(make_codes(&making));
  TRY(make_lookups(&making));
  return make_values(&making);
}
