/* Features: how wide rows become, and files with their columns or categories in another order. */
#include "features/features.h"

#include "features/scaler_fit.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void features_free(features_t *features) {
  scaler_free(&features->scaler);
  basis_free(&features->basis);
  arena_free(&features->arena);
  *features = (features_t){0};
}

static ls_status no_memory(const features_t *features, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for features of %" PRId64 " columns", features->columns);
}

features_width_t features_width(const settings_t *settings, const dataset_shape_t *shape) {
  bool by_rows = scaling_find(settings->data.scaling.name)->is_one_hot || shape->has_categories ||
                 settings->model.embeddings.n_columns > 0 || settings->data.missing_indicator;
  for (size_t i = 0; i < settings->data.n_columns; i++)
    by_rows |= scaling_find(settings->data.columns[i].scaling.name)->is_one_hot;
  by_rows |= settings->data.basis.size == SETTINGS_AUTO && strcmp(settings->data.missing, "drop") == 0;
  if (by_rows) return (features_width_t){.columns = shape->features};
  return (features_width_t){shape->features, shape->features,
                            basis_width(&settings->data.basis, shape->features, shape->train_rows)};
}

int64_t features_file_columns(const features_t *features) {
  return features->columns / (features->steps > 1 ? features->steps : 1);
}

/* ---- features as targets ---- */

ls_status features_check_targets(const features_t *features, int64_t targets, ls_error *error) {
  if (features->n_lookups > 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "data.targets: x compares outputs with numbers, and column %" PRId64
                     " (counted from 0) becomes a vector that is trained: model.embeddings.above=none makes "
                     "it 0 and 1 for each category",
                     features->lookups[0].column);
  if (features->encoded == targets) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "model.layers: data.targets: x needs a target for each of the %" PRId64
                   " values that the features of a row become, but the network and its loss are for %" PRId64
                   ": change the width of the last layer",
                   features->encoded, targets);
}

ls_status features_target_scaler(const features_t *features, bool is_double, scaler_t *out, ls_error *error) {
  const scaler_t *scaler = &features->scaler;
  scaler_t found = {0};
  const char *name = scaler->name != NULL ? scaler->name : "none";
  TRY(scaler_new(name, scaler->n > 0 ? features->encoded : 0, &found, error));
  found.is_double = is_double;
  for (int64_t i = 0; i < found.n; i++) {
    const int64_t c = features->source != NULL ? features->source[i] : i;
    scaler_leave(&found, i);
    if (features->kind != NULL && features->kind[i] != VALUE_NUMBER) continue;
    found.shift[i] = scaler->shift[c];
    found.scale[i] = scaler->scale[c];
    found.offset[i] = scaler->offset[c];
  }
  *out = found;
  return LS_OK;
}

/* ---- columns in another order ---- */

static ls_status reorder_codes(features_t *features, const int64_t *at, ls_error *error) {
  size_t n = (size_t)features_file_columns(features);
  if (features->codes == NULL) return LS_OK;
  codes_t *codes = arena_new(&features->arena, n, sizeof *codes);
  if (codes == NULL) return no_memory(features, error);
  for (size_t c = 0; c < n; c++) codes[at[c]] = features->codes[c];
  features->codes = codes;
  return LS_OK;
}

ls_status features_reorder(features_t *features, const int64_t *at, ls_error *error) {
  const int64_t n = features->columns, in_file = features_file_columns(features);
  scaler_t *scaler = &features->scaler;
  int64_t *to = arena_new(&features->arena, (size_t)n, sizeof *to); /* at, for the columns of all steps */
  int64_t *source = arena_new(&features->arena, (size_t)features->encoded, sizeof *source);
  double *values = arena_new(&features->arena, 4 * (size_t)n, sizeof *values);
  uint8_t *kind = features->kind;
  double *category = features->category;
  if (kind == NULL) {
    kind = arena_new(&features->arena, (size_t)features->encoded, sizeof *kind); /* VALUE_NUMBER */
    category = arena_new(&features->arena, (size_t)features->encoded, sizeof *category);
  }
  if (to == NULL || source == NULL || values == NULL || kind == NULL || category == NULL)
    return no_memory(features, error);
  double *shift = values, *scale = values + n, *offset = values + 2 * n, *fill = values + 3 * n;
  TRY(reorder_codes(features, at, error));
  for (int64_t c = 0; c < n; c++) to[c] = c / in_file * in_file + at[c % in_file];
  for (int64_t i = 0; i < features->encoded; i++)
    source[i] = to[features->source != NULL ? features->source[i] : i];
  for (int64_t c = 0; c < n && scaler->n > 0; c++) {
    shift[to[c]] = scaler->shift[c];
    scale[to[c]] = scaler->scale[c];
    offset[to[c]] = scaler->offset[c];
  }
  for (int64_t c = 0; c < n && features->fill != NULL; c++) fill[to[c]] = features->fill[c];
  for (size_t t = 0; t < features->n_lookups; t++)
    features->lookups[t].column = to[features->lookups[t].column];
  features->source = source;
  features->kind = kind;
  features->category = category;
  if (features->fill != NULL) features->fill = fill;
  if (scaler->n > 0) scaler->shift = shift, scaler->scale = scale, scaler->offset = offset;
  return LS_OK;
}

/* ---- categories with other numbers ---- */

static int64_t find_name(const category_names_t *names, const char *name) {
  for (size_t i = 0; i < names->n; i++)
    if (strcmp(names->names[i], name) == 0) return (int64_t)i;
  return -1;
}

/* Most names are where they were, or a little further on: the search begins behind the last one found. */
static void find_names(const category_names_t *model, const category_names_t *file, double *meaning) {
  size_t next = 0;
  for (size_t i = 0; i < file->n; i++) {
    bool is_next = next < model->n && strcmp(model->names[next], file->names[i]) == 0;
    int64_t found = is_next ? (int64_t)next : find_name(model, file->names[i]);
    meaning[i] = (double)found;
    if (found >= 0) next = (size_t)found + 1;
  }
}

ls_status features_rename(features_t *features, const category_names_t *names, ls_error *error) {
  const int64_t n = features_file_columns(features);
  if (features->codes == NULL) return LS_OK;
  codes_t *codes = arena_new(&features->arena, (size_t)n, sizeof *codes);
  if (codes == NULL) return no_memory(features, error);
  for (int64_t c = 0; c < n; c++) {
    codes[c] = (codes_t){.names = features->codes[c].names};
    if (codes[c].names.n == 0) continue;
    codes[c].known = (int64_t)names[c].n;
    codes[c].meaning = arena_new(&features->arena, names[c].n, sizeof *codes[c].meaning);
    if (codes[c].meaning == NULL) return no_memory(features, error);
    find_names(&codes[c].names, &names[c], codes[c].meaning);
  }
  features->codes = codes;
  return LS_OK;
}

double features_meaning(const features_t *features, int64_t c, double x) {
  if (features->codes == NULL || features->codes[c].names.n == 0 || isnan(x)) return x;
  const codes_t *codes = &features->codes[c];
  if (!(x >= 0 && x < (double)codes->known && x == floor(x))) return -1;
  return codes->meaning != NULL ? codes->meaning[(int64_t)x] : x;
}
