/* Fitting features: which column is treated how, and the values that stand for columns of categories.
 * Categories are the distinct values of the training rows in ascending order, a set, so who found them is no
 * matter. */
#include "features/features_fit.h"

#include "base/activity.h"
#include "data/window.h"
#include "features/categories.h"
#include "features/encoding.h"
#include "features/landmarks.h"
#include "features/missing.h"
#include "loss/objective.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ls_status no_memory(const features_t *features, ls_error *error) {
  return error_set(error, LS_NO_MEMORY, "no memory for features of %" PRId64 " columns", features->columns);
}

/* ---- fitting columns ---- */

/* What fitting works with, beside the features. */
typedef struct {
  world_t *world;
  const settings_t *settings;
  const dataset_t *data;    /* whose training rows are rows of the file */
  column_choice_t *choices; /* (columns) */
  method_t *methods;        /* (columns): those of the choices */
  bool *wanted;             /* (columns): where the most frequent value is asked for */
  filling_t filling;
} work_t;

static columns_view_t training_rows(const work_t *work) {
  const split_t *train = &work->data->train;
  return (columns_view_t){
      train->x, train->type, train->rows, train->features, 0, train->features, work->filling.row != NULL};
}

static ls_status begin(work_t *work, features_t *features, arena_t *arena, ls_error *error) {
  const data_settings_t *data = &work->settings->data;
  size_t n = (size_t)features->columns;
  work->choices = arena_new(arena, n, sizeof *work->choices);
  work->methods = arena_new(arena, n, sizeof *work->methods);
  work->wanted = arena_new(arena, n, sizeof *work->wanted);
  work->filling = (filling_t){.row = missing_find(data->missing), .constant = data->missing_value};
  if (data->missing_indicator) work->filling.present = arena_new(arena, n, sizeof *work->filling.present);
  if (work->filling.row != NULL)
    work->filling.fill = features->fill = arena_new(&features->arena, n, sizeof *features->fill);
  if (work->choices == NULL || work->methods == NULL || work->wanted == NULL ||
      (data->missing_indicator && work->filling.present == NULL) ||
      (work->filling.row != NULL && features->fill == NULL))
    return no_memory(features, error);
  TRY(columns_choose(work->settings, work->data, work->choices, error));
  for (size_t c = 0; c < n; c++) work->methods[c] = work->choices[c].method;
  return LS_OK;
}

/* Whether nothing is to be known of the columns' numbers. */
static bool is_plain(const work_t *work, int64_t columns) {
  bool plain = work->filling.row == NULL && work->filling.present == NULL;
  for (int64_t c = 0; c < columns; c++) plain &= work->methods[c].row->finish == NULL;
  return plain;
}

/* A gap in a column of categories is no category, or the most frequent one. */
static ls_status fill_categories(work_t *work, const categories_t *categories, features_t *features,
                                 ls_error *error) {
  const bool by_count = work->filling.row->fill == NULL;
  for (int64_t c = 0; c < features->columns; c++) {
    work->wanted[c] = by_count;
    if (work->methods[c].row->is_one_hot) features->fill[c] = NAN;
  }
  for (size_t i = 0; i < categories->n_columns && by_count; i++) {
    const category_column_t *column = &categories->columns[i];
    if (column->names == NULL) continue;
    work->wanted[column->column] = false;
    features->fill[column->column] = categories_most_frequent(column);
  }
  if (!by_count) return LS_OK;
  const columns_view_t table = training_rows(work);
  return most_frequent_find(work->world, &work->data->train, &table, work->wanted, FREQUENT_ROOM,
                            features->fill, error);
}

static ls_status fit(work_t *work, features_t *features, ls_error *error) {
  const columns_view_t table = training_rows(work);
  const split_t *train = &work->data->train;
  categories_t categories = {0};
  const char *name = scaling_find(work->settings->data.scaling.name)->choice.name;
  if (is_plain(work, features->columns))
    features->scaler.name = name;
  else
    TRY(scaler_fit(work->world, name, work->methods, train, &table, &work->filling, &features->scaler,
                   error));
  ls_status status = categories_find(work->world, work->choices, train, &table, &categories, error);
  TRY_OR_DONE(status);
  if (work->filling.row != NULL) TRY_OR_DONE(fill_categories(work, &categories, features, error));
  status = encoding_make(work->settings, work->data, work->choices, &categories, work->filling.present,
                         features, error);
  status = world_agree(work->world, status, error);
done:
  categories_free(&categories);
  return status;
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
  features_t all = *features;
  const int64_t columns = features->columns, encoded = features->encoded;
  all.columns = times * columns;
  all.encoded = times * encoded;
  all.steps = times;
  TRY(scaler_repeat(&features->scaler, times, error));
  if (features->fill != NULL) all.fill = arena_new(&features->arena, (size_t)all.columns, sizeof *all.fill);
  if (features->source != NULL) {
    all.source = arena_new(&features->arena, (size_t)all.encoded, sizeof *all.source);
    all.kind = arena_new(&features->arena, (size_t)all.encoded, sizeof *all.kind);
    all.category = arena_new(&features->arena, (size_t)all.encoded, sizeof *all.category);
  }
  if ((features->fill != NULL && all.fill == NULL) ||
      (features->source != NULL && (all.source == NULL || all.kind == NULL || all.category == NULL)))
    return no_memory(&all, error);
  for (int64_t c = 0; c < all.columns && all.fill != NULL; c++) all.fill[c] = features->fill[c % columns];
  for (int64_t i = 0; i < all.encoded && all.source != NULL; i++) {
    all.source[i] = i / encoded * columns + features->source[i % encoded];
    all.kind[i] = features->kind[i % encoded];
    all.category[i] = features->category[i % encoded];
  }
  all.scaler = features->scaler;
  all.arena = features->arena;
  *features = all;
  return LS_OK;
}

static ls_status fit_columns(world_t *world, const settings_t *settings, const dataset_t *data,
                             features_t *features, ls_error *error) {
  arena_t arena = {0};
  work_t work = {.world = world, .settings = settings, .data = data};
  ls_status status = world_agree(world, begin(&work, features, &arena, error), error);
  if (status == LS_OK) status = fit(&work, features, error);
  arena_free(&arena);
  return status;
}

ls_status features_fit(world_t *world, const settings_t *settings, const dataset_t *data, features_t *out,
                       ls_error *error) {
  dataset_t rows = row_by_row(data);
  features_t features = {.columns = rows.features};
  activity_set("computing the scaling of the features");
  ls_status status = fit_columns(world, settings, &rows, &features, error);
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
  const target_request_t targets = {.kind = TARGET_NONE, .strata = objective_strata(settings)};
  TRY(dataset_load(world, settings, SPLIT_TRAIN, targets, shards, &data, error));
  ls_status status = features_fit(world, settings, data, out, error);
  dataset_destroy(&data);
  return status;
}

ls_status features_find_width(world_t *world, const settings_t *settings, const dataset_shape_t *shape,
                              int shards, features_t *out, ls_error *error) {
  const features_width_t width = features_width(settings, shape);
  if (width.inputs == 0) return features_fit_file(world, settings, shards, out, error);
  TRY(basis_check(&settings->data.basis, width.encoded, shape->train_rows, error));
  *out = (features_t){.columns = width.columns, .encoded = width.encoded, .inputs = width.inputs};
  return LS_OK;
}
