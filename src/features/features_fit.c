/* Fitting features: which column is treated how, and the categories of one-hot columns. Categories are the
 * distinct values of the training rows in ascending order, a set, so who found them is no matter. */
#include "features/features_fit.h"

#include "data/window.h"
#include "features/categories.h"
#include "features/columns.h"
#include "features/landmarks.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ls_status no_memory(const features_t *features, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for features of %" PRId64 " columns", features->columns);
}

/* source and category, from the categories of all one-hot columns. */
static ls_status expand(const categories_t *categories, features_t *features, ls_error *error) {
  int64_t n = features->encoded = features->columns + categories_added(categories);
  if (categories->n_columns == 0) return LS_OK;
  features->source = arena_new(&features->arena, (size_t)n, sizeof *features->source);
  features->category = arena_new(&features->arena, (size_t)n, sizeof *features->category);
  if (features->source == NULL || features->category == NULL) return no_memory(features, error);
  int64_t at = 0;
  size_t next = 0; /* one-hot column */
  for (int64_t c = 0; c < features->columns; c++) {
    bool is_number = next == categories->n_columns || categories->columns[next].column != c;
    int64_t count = is_number ? 1 : categories->columns[next].n;
    for (int64_t k = 0; k < count; k++, at++) {
      features->source[at] = c;
      features->category[at] = is_number ? NAN : categories->columns[next].values[k];
    }
    next += !is_number;
  }
  return LS_OK;
}

/* Whether anything is done to the columns at all. */
static bool is_plain(const settings_t *settings, const method_t *methods, int64_t columns) {
  bool plain = strcmp(settings->data.missing, "mean") != 0;
  for (int64_t c = 0; c < columns; c++) plain &= methods[c].row->finish == NULL;
  return plain;
}

static ls_status fit(world_t *world, const settings_t *settings, const split_t *train,
                     const method_t *methods, features_t *features, ls_error *error) {
  bool fills = strcmp(settings->data.missing, "mean") == 0;
  columns_view_t table = {train->x, train->type, train->rows, train->features, 0, train->features, fills};
  categories_t categories = {0};
  if (fills) features->fill = arena_new(&features->arena, (size_t)features->columns, sizeof *features->fill);
  ls_status status = fills && features->fill == NULL ? no_memory(features, error) : LS_OK;
  TRY(world_agree(world, status, error));
  const char *name = scaling_find(settings->data.scaling.name)->choice.name;
  if (is_plain(settings, methods, features->columns))
    features->scaler.name = name;
  else
    TRY(scaler_fit(world, name, methods, train, &table, features->fill, &features->scaler, error));
  TRY_OR_DONE(categories_find(world, methods, train, &table, &categories, error));
  status = expand(&categories, features, error);
done:
  categories_free(&categories);
  return world_agree(world, status, error);
}

/* Training rows as rows of the file, where they are windows over them. */
static dataset_t row_by_row(const dataset_t *data) {
  dataset_t rows = *data;
  if (data->train.windows == NULL) return rows;
  rows.train = windows_as_steps(&data->train);
  rows.features = data->train.windows->columns;
  return rows;
}

/* A row of `times` time steps instead of one: each column is treated as it is in the first. */
static ls_status repeat(features_t *features, int64_t times, ls_error *error) {
  features_t all = {.columns = times * features->columns, .encoded = times * features->encoded};
  const int64_t columns = features->columns, encoded = features->encoded;
  TRY(scaler_repeat(&features->scaler, times, error));
  if (features->fill != NULL) all.fill = arena_new(&features->arena, (size_t)all.columns, sizeof *all.fill);
  if (features->source != NULL) {
    all.source = arena_new(&features->arena, (size_t)all.encoded, sizeof *all.source);
    all.category = arena_new(&features->arena, (size_t)all.encoded, sizeof *all.category);
  }
  if ((features->fill != NULL && all.fill == NULL) ||
      (features->source != NULL && (all.source == NULL || all.category == NULL)))
    return no_memory(&all, error);
  for (int64_t c = 0; c < all.columns && all.fill != NULL; c++) all.fill[c] = features->fill[c % columns];
  for (int64_t i = 0; i < all.encoded && all.source != NULL; i++) {
    all.source[i] = i / encoded * columns + features->source[i % encoded];
    all.category[i] = features->category[i % encoded];
  }
  all.scaler = features->scaler;
  all.arena = features->arena;
  *features = all;
  return LS_OK;
}

ls_status features_fit(world_t *world, const settings_t *settings, const dataset_t *data, features_t *out,
                       ls_error *error) {
  dataset_t rows = row_by_row(data);
  features_t features = {.columns = rows.features};
  method_t *methods = calloc((size_t)rows.features, sizeof *methods);
  ls_status status =
      methods == NULL ? no_memory(&features, error) : columns_methods(settings, &rows, methods, error);
  status = world_agree(world, status, error);
  if (status == LS_OK) status = fit(world, settings, &rows.train, methods, &features, error);
  free(methods);
  if (status == LS_OK && data->train.windows != NULL)
    status = world_agree(world, repeat(&features, data->train.windows->length, error), error);
  if (status == LS_OK) status = landmarks_fit(world, settings, &data->train, &features, error);
  if (status != LS_OK) {
    features_free(&features);
    if (status == LS_BAD_SETTINGS) return status; /* about a key, not about rows */
    return error_prefix(error, status, "x of the training rows");
  }
  *out = features;
  return LS_OK;
}

ls_status features_fit_file(world_t *world, const settings_t *settings, int shards, features_t *out,
                            ls_error *error) {
  dataset_t *data = NULL;
  TRY(dataset_load(world, settings, SPLIT_TRAIN, (target_request_t){.kind = TARGET_NONE}, shards, &data,
                   error));
  ls_status status = features_fit(world, settings, data, out, error);
  dataset_destroy(&data);
  return status;
}

ls_status features_find_width(world_t *world, const settings_t *settings, const dataset_shape_t *shape,
                              int shards, features_width_t *out, ls_error *error) {
  features_t features = {0};
  *out = features_width(settings, shape->features, shape->train_rows);
  if (out->inputs > 0) return basis_check(&settings->data.basis, out->encoded, shape->train_rows, error);
  TRY(features_fit_file(world, settings, shards, &features, error));
  *out = (features_width_t){features.columns, features.encoded, features.inputs};
  features_free(&features);
  return LS_OK;
}
