/* Predictions from the caller's memory. Rows are taken a block at a time. If the values of a row lie next to
 * each other, the gather reads them where they are; otherwise, and for tables, a block is copied first. */
#include "library/library_impl.h"

#include "base/float_mode.h"

#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- creation ---- */

static ls_status check_options(const model_t *model, const ls_predictor_options *options, ls_error *error) {
  if (options->most_rows < 0 || options->most_rows > PREDICT_ROWS)
    return error_set(error, LS_USAGE, "most_rows is %" PRId64 ", but must be from 1 to %d",
                     options->most_rows, PREDICT_ROWS);
  if (options->samples < 0 || options->samples > 100000)
    return error_set(error, LS_USAGE, "samples is %" PRId64 ", but must be from 0 to 100000",
                     options->samples);
  if (options->samples > 0 && !graph_has_samples(model->graph))
    return error_set(error, LS_USAGE,
                     "this network has no dropout and no layer sample, so all samples would be the same");
  for (size_t h = 0; options->temperatures != NULL && h < model->objective.n; h++)
    if (!(options->temperatures[h] >= 0 && isfinite(options->temperatures[h])))
      return error_set(error, LS_USAGE, "temperature %g of head %zu is not a positive number",
                       options->temperatures[h], h);
  return LS_OK;
}

/* Rows of a type in memory; where they lie is set before each use. */
static ls_status make_gather(ls_predictor *predictor, int which, element_t type, ls_error *error) {
  const features_t *features = &predictor->model->features;
  const split_arrays_t arrays = {
      .rows = predictor->rows, .features = features->columns, .type = type, .x = predictor->block};
  TRY(split_from_memory(&arrays, &predictor->splits[which], error));
  return gather_create(&predictor->splits[which], features, &predictor->gathers[which], error);
}

static ls_status make(ls_predictor *predictor, bool derivatives, ls_error *error) {
  const model_t *model = predictor->model;
  arena_t *arena = &predictor->arena;
  size_t rows = (size_t)predictor->rows, inputs = (size_t)model->features.columns;
  size_t values = rows * (size_t)predictions_first(&model->objective, model->objective.n);
  predictor->block = arena_new(arena, rows * inputs, sizeof(double));
  predictor->places = arena_new(arena, inputs, sizeof *predictor->places);
  double *found = arena_new(arena, 3 * values, sizeof(double));
  if (predictor->block == NULL || predictor->places == NULL || found == NULL)
    return error_set(error, LS_NO_MEMORY, "no memory for predictions");
  predictor->found = (prediction_rows_t){found, found + values, found + 2 * values};
  TRY(make_gather(predictor, 1, ELEMENT_F64, error));
  if (make_gather(predictor, 0, ELEMENT_F32, &predictor->unusable) == LS_NO_MEMORY)
    return error_set(error, LS_NO_MEMORY, "%s", predictor->unusable.message);
  TRY(predictor_create(model->graph, &model->objective, &model->targets, predictor->rows,
                       &predictor->predictor, error));
  TRY(predictor_take(predictor->predictor, &predictor->mixture, error));
  return derivatives ? sensitivity_create(predictor, &predictor->sensitivity, error) : LS_OK;
}

ls_status ls_predictor_create(const ls_model *model, const ls_predictor_options *options, ls_predictor **out,
                              ls_error *error) {
  static const ls_predictor_options usual;
  if (options == NULL) options = &usual;
  const model_t *m = model->model;
  TRY(check_options(m, options, error));
  ls_predictor *predictor = calloc(1, sizeof *predictor);
  if (predictor == NULL) return error_set(error, LS_NO_MEMORY, "no memory for predictions");
  predictor->model = m;
  predictor->rows = options->most_rows > 0 ? options->most_rows : PREDICT_ROWS;
  predictor->mixture = (mixture_t){.members = (const float *const *)m->members,
                                   .n_members = m->n_members,
                                   .samples = options->samples,
                                   .seed = m->settings->train.seed,
                                   .posterior = &m->posterior,
                                   .has_copies = true};
  if (options->temperatures != NULL) {
    memcpy(predictor->temperatures, options->temperatures, m->objective.n * sizeof(double));
    predictor->mixture.temperatures = predictor->temperatures;
  }
  predictor->uncertainty = predictor_uncertainty(&m->objective, &predictor->mixture);
  fenv_t mode;
  fegetenv(&mode);
  fesetenv(FE_DFL_ENV);
  ls_status status = make(predictor, options->derivatives != 0, error);
  fesetenv(&mode);
  if (status != LS_OK) {
    ls_predictor_free(&predictor);
    return status;
  }
  *out = predictor;
  return LS_OK;
}

void ls_predictor_free(ls_predictor **predictor) {
  if (predictor == NULL || *predictor == NULL) return;
  predictor_destroy(&(*predictor)->predictor);
  sensitivity_destroy(&(*predictor)->sensitivity);
  for (int i = 0; i < 2; i++) gather_free(&(*predictor)->gathers[i]);
  arena_free(&(*predictor)->arena);
  free(*predictor);
  *predictor = NULL;
}

int ls_predictor_has_aleatoric(const ls_predictor *predictor) {
  return predictor->uncertainty.aleatoric;
}

int ls_predictor_has_epistemic(const ls_predictor *predictor) {
  return predictor->uncertainty.epistemic;
}

/* ---- results ---- */

static int64_t columns_of(const ls_predictor *predictor) {
  return predictions_first(&predictor->model->objective, predictor->model->objective.n);
}

static ls_status check_output(const ls_output *out, const char *name, bool is_known, ls_error *error) {
  if (out->values == NULL) return LS_OK;
  if (!is_known)
    return error_set(error, LS_USAGE, "%s is asked for, but this model does not estimate it", name);
  if (out->type != LS_FLOAT32 && out->type != LS_FLOAT64)
    return error_set(error, LS_USAGE, "%s: the type is neither LS_FLOAT32 nor LS_FLOAT64", name);
  return LS_OK;
}

static ls_status check_outputs(const ls_predictor *predictor, const ls_predictions *out, ls_error *error) {
  TRY(check_output(&out->mean, "mean", true, error));
  TRY(check_output(&out->aleatoric, "aleatoric", predictor->uncertainty.aleatoric, error));
  return check_output(&out->epistemic, "epistemic", predictor->uncertainty.epistemic, error);
}

/* The first of the largest probabilities, the sign of a single score, or the cluster. row: the head's
 * predictions. */
static int32_t class_of(const head_t *head, const double *row) {
  int32_t best = 0;
  if (head->loss->describe != NULL) return (int32_t)row[0];
  if (head->loss->target != TARGET_LABELS) return -1;
  if (head->outputs == 1) return row[0] > 0;
  for (int32_t c = 1; c < head->outputs; c++)
    if (row[c] > row[best]) best = c;
  return best;
}

static void put_classes(const ls_predictor *predictor, int64_t first, int64_t n, int32_t *classes) {
  const objective_t *objective = &predictor->model->objective;
  int64_t columns = columns_of(predictor);
  for (int64_t r = 0; r < n && classes != NULL; r++)
    for (size_t h = 0; h < objective->n; h++)
      classes[(first + r) * (int64_t)objective->n + (int64_t)h] = class_of(
          &objective->heads[h], predictor->found.mean + r * columns + predictions_first(objective, h));
}

/* Predicts n rows of a gather, rows [first, first + n) of the call. */
static void predict_block(ls_predictor *predictor, const gather_t *gather, int64_t resident, int64_t first,
                          int64_t n, const ls_predictions *out) {
  int64_t columns = columns_of(predictor);
  float_mode_t mode = float_mode_enter();
  predictor_predict(predictor->predictor, gather, resident, n, (row_place_t){.row = first},
                    &predictor->found);
  output_put(&out->mean, first, n, columns, predictor->found.mean);
  output_put(&out->aleatoric, first, n, columns, predictor->found.aleatoric);
  output_put(&out->epistemic, first, n, columns, predictor->found.epistemic);
  put_classes(predictor, first, n, out->classes);
  float_mode_restore(mode);
}

ls_status ls_predict(ls_predictor *predictor, int64_t rows, const ls_input *x, const ls_predictions *out,
                     ls_error *error) {
  gather_t *gather = NULL;
  TRY(rows_open(predictor, rows, x, &gather, error));
  TRY(check_outputs(predictor, out, error));
  for (int64_t first = 0, n; first < rows; first += n) {
    n = block_rows(predictor, rows, first);
    predict_block(predictor, gather, rows_take(predictor, x, first, n), first, n, out);
  }
  return LS_OK;
}

/* ---- tables ---- */

static bool is_text_column(const ls_predictor *predictor, int64_t c) {
  const features_t *features = &predictor->model->features;
  return features->codes != NULL && features->codes[c].names.n > 0;
}

/* Finds the table's column for each column of the model. */
static ls_status find_columns(ls_predictor *predictor, int64_t n, const ls_column *columns, ls_error *error) {
  const model_t *model = predictor->model;
  if (model->feature_names == NULL)
    return error_set(error, LS_BAD_DATA, "this model has no names of columns, so it cannot take a table");
  if (features_file_columns(&model->features) != model->features.columns)
    return error_set(error, LS_BAD_DATA,
                     "a row of this model has several time steps, so it cannot take a table");
  for (int64_t c = 0; c < model->features.columns; c++) {
    int64_t found = -1;
    for (int64_t j = 0; j < n; j++) {
      if (strcmp(columns[j].name, model->feature_names[c]) != 0) continue;
      if (found >= 0)
        return error_set(error, LS_BAD_DATA, "the table has two columns %.200s", columns[j].name);
      found = j;
    }
    if (found < 0)
      return error_set(error, LS_BAD_DATA, "the table has no column %.200s", model->feature_names[c]);
    ls_type type = columns[found].type;
    if (type < LS_FLOAT32 || type > LS_TEXT)
      return error_set(error, LS_USAGE, "column %.200s: %d is no type", columns[found].name, (int)type);
    if (is_text_column(predictor, c) ? type == LS_FLOAT32 || type == LS_FLOAT64 : type == LS_TEXT)
      return error_set(error, LS_BAD_DATA, "column %.200s: the model has %s here, but the table %s",
                       columns[found].name, is_text_column(predictor, c) ? "categories" : "numbers",
                       type == LS_TEXT ? "texts" : "numbers with a decimal point");
    predictor->places[c] = found;
  }
  return LS_OK;
}

static double number_at(const ls_column *column, int64_t at) {
  switch (column->type) {
  case LS_FLOAT32:
    return (double)((const float *)column->values)[at];
  case LS_FLOAT64:
    return ((const double *)column->values)[at];
  case LS_INT32:
    return (double)((const int32_t *)column->values)[at];
  default:
    return (double)((const int64_t *)column->values)[at];
  }
}

/* The number of a category: NaN for a missing one, -1 for one that the model does not know. */
static double category_at(const category_names_t *names, const ls_column *column, int64_t at) {
  char digits[24];
  const char *text = digits;
  if (column->type == LS_TEXT)
    text = ((const char *const *)column->values)[at];
  else
    snprintf(digits, sizeof digits, "%" PRId64,
             column->type == LS_INT32 ? (int64_t)((const int32_t *)column->values)[at]
                                      : ((const int64_t *)column->values)[at]);
  if (text == NULL || text[0] == '\0') return NAN;
  for (size_t i = 0; i < names->n; i++)
    if (strcmp(names->names[i], text) == 0) return (double)i;
  return -1;
}

static void copy_table(const ls_predictor *predictor, const ls_column *columns, int64_t first, int64_t n,
                       bool is_double) {
  const features_t *features = &predictor->model->features;
  for (int64_t c = 0; c < features->columns; c++) {
    const ls_column *column = &columns[predictor->places[c]];
    int64_t stride = column->stride != 0 ? column->stride : 1;
    for (int64_t r = 0; r < n; r++) {
      int64_t at = (first + r) * stride;
      double value = is_text_column(predictor, c) ? category_at(&features->codes[c].names, column, at)
                                                  : number_at(column, at);
      if (is_double)
        predictor->block[r * features->columns + c] = value;
      else
        ((float *)predictor->block)[r * features->columns + c] = (float)value;
    }
  }
}

ls_status ls_predict_table(ls_predictor *predictor, int64_t rows, int64_t n_columns, const ls_column *columns,
                           const ls_predictions *out, ls_error *error) {
  gather_t *gather = NULL;
  bool is_double = false;
  TRY(find_columns(predictor, n_columns, columns, error));
  TRY(check_outputs(predictor, out, error));
  for (int64_t c = 0; c < predictor->model->features.columns; c++) {
    ls_type type = columns[predictor->places[c]].type;
    is_double |= !is_text_column(predictor, c) && (type == LS_FLOAT64 || type == LS_INT64);
  }
  TRY(gather_of(predictor, is_double ? LS_FLOAT64 : LS_FLOAT32, predictor->block,
                predictor->model->features.columns, &gather, error));
  for (int64_t first = 0, n; first < rows; first += n) {
    n = block_rows(predictor, rows, first);
    copy_table(predictor, columns, first, n, is_double);
    predict_block(predictor, gather, 0, first, n, out);
  }
  return LS_OK;
}
