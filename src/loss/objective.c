#include "loss/objective.h"

#include "config/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- from settings ---- */

void head_key(const objective_t *objective, size_t h, char key[HEAD_KEY_SIZE]) {
  if (objective->n == 1)
    snprintf(key, HEAD_KEY_SIZE, "loss");
  else
    snprintf(key, HEAD_KEY_SIZE, "loss[%zu]", h);
}

/* Names a head in messages about it, where there are several. */
static ls_status about_head(const objective_t *objective, const head_t *head, ls_status status,
                            ls_error *error) {
  char key[HEAD_KEY_SIZE];
  if (status == LS_OK || objective->n == 1) return status;
  head_key(objective, (size_t)(head - objective->heads), key);
  return error_prefix(error, status, "%s, %s (%s)", key, head->name, head->loss->name);
}

/* Heads take outputs one after the other. */
static ls_status deal_outputs(const objective_t *objective, const loss_settings_t *settings, int64_t *next,
                              head_t *head, ls_error *error) {
  int64_t left = objective->outputs - *next;
  head->first = *next;
  head->outputs = settings->outputs == SETTINGS_AUTO ? left : settings->outputs;
  if (head->outputs > left || head->outputs == 0)
    return about_head(objective, head,
                      error_set(error, LS_BAD_SETTINGS,
                                "loss.outputs: it is to take %" PRId64
                                " outputs, and of the last layer's %" PRId64 " there are %" PRId64
                                " left: give that more units, or heads fewer outputs",
                                head->outputs > 0 ? head->outputs : 1, objective->outputs, left),
                      error);
  *next += head->outputs;
  return about_head(objective, head, loss_check(head->loss, &head->params, head->outputs, error), error);
}

static ls_status check_rest(const objective_t *objective, int64_t next, ls_error *error) {
  if (next == objective->outputs) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "loss: the last layer has %" PRId64 " outputs, and its head%s take%s %" PRId64
                   " of them: make it narrower, or leave loss.outputs out at the last head",
                   objective->outputs, objective->n == 1 ? "" : "s", objective->n == 1 ? "s" : "", next);
}

static bool names_targets(const loss_settings_t *settings) {
  return settings->targets.word == NULL;
}

static int64_t forecast_steps(const settings_t *settings) {
  const bool forecasts = settings->data.window.length > 0 && !settings_targets_are_x(settings);
  return forecasts ? settings->data.window.horizon : 1;
}

/* Targets of a row that one column gives: a forecast has one for every step of the horizon, but the class at
 * the last of them. */
static int64_t column_targets(const settings_t *settings, const head_t *head) {
  return head->loss->target == TARGET_LABELS ? 1 : forecast_steps(settings);
}

static ls_status check_columns(const settings_t *all, size_t i, const head_t *head, ls_error *error) {
  const loss_settings_t *settings = &all->losses[i];
  int64_t each = column_targets(all, head);
  if (head->targets % each != 0)
    return error_set(error, LS_BAD_SETTINGS,
                     "loss.outputs: the loss takes %" PRId64
                     " targets, and a column that is forecast has %" PRId64
                     " (data.window.horizon): give the head outputs for whole columns",
                     head->targets, each);
  if (!names_targets(settings) || (int64_t)settings->targets.n * each == head->targets) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "loss.targets names %zu columns of %s, and the loss takes %" PRId64, settings->targets.n,
                   all->data.window.length > 0 ? "those that are forecast" : "y", head->targets / each);
}

static const char *layer_name(layer_kind_t kind) {
  layer_row_t row = {.name = "none"};
  for (size_t i = 0; layer_row(i, &row) && row.kind != kind; i++) {
  }
  return row.name;
}

/* Scores of a fitted layer mean something to its own loss only, and that loss to no other outputs. */
static ls_status check_scores(const settings_t *all, size_t i, const head_t *head, ls_error *error) {
  const layer_kind_t last =
      all->model.n_layers > 0 ? all->model.layers[all->model.n_layers - 1].kind : LAYER_DENSE;
  const bool is_fitted = last == LAYER_CENTRES || last == LAYER_GAUSSIANS;
  if (head->loss->target == TARGET_NONE && last != head->loss->layer)
    return error_set(error, LS_BAD_SETTINGS, "loss: %s is the loss of the layer %s, and the last layer is %s",
                     head->loss->name, layer_name(head->loss->layer), layer_name(last));
  if (head->loss->target != TARGET_NONE && is_fitted)
    return error_set(error, LS_BAD_SETTINGS, "loss: the last layer is %s, whose loss is %s, not %s",
                     layer_name(last), last == LAYER_CENTRES ? "distortion" : "density", head->loss->name);
  if (head->loss->target != TARGET_NONE) return LS_OK;
  if (all->n_losses > 1)
    return error_set(error, LS_BAD_SETTINGS, "loss: %s stands alone, without other heads", head->loss->name);
  if (names_targets(&all->losses[i]))
    return error_set(error, LS_BAD_SETTINGS, "loss.targets: %s has none: leave it out", head->loss->name);
  return LS_OK;
}

static ls_status fill_head(objective_t *objective, const settings_t *all, size_t i, int64_t *next,
                           head_t *head, ls_error *error) {
  const loss_settings_t *settings = &all->losses[i];
  *head = (head_t){
      .loss = loss_find(settings->name), .params = loss_params(settings), .weight = settings->weight};
  if (objective->of_x) head->loss = loss_of_features(head->loss);
  if (strcmp(settings->head, "auto") == 0)
    snprintf(head->name, sizeof head->name, "head%zu", i + 1);
  else
    snprintf(head->name, sizeof head->name, "%.63s", settings->head);
  TRY(deal_outputs(objective, settings, next, head, error));
  bool is_label = head->loss->target == TARGET_LABELS;
  head->first_target = objective->targets;
  head->targets = is_label ? 1 : loss_targets(head->loss, &head->params, head->outputs);
  TRY(check_scores(all, i, head, error));
  objective->targets += head->targets;
  head->first_factor = objective->factors;
  head->classes = loss_row_classes(head->loss, head->outputs);
  if (head->classes == 0) head->classes = 1;
  objective->factors += head->classes;
  return LS_OK;
}

/* Which columns of y the targets are, of a forecast step by step. A head that names none takes those behind
 * the head before. */
static ls_status choose_columns(objective_t *objective, const settings_t *settings, ls_error *error) {
  int64_t next = 0, c = 0;
  target_column_t *columns = arena_new(&objective->arena, (size_t)objective->targets, sizeof *columns);
  if (columns == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the columns of heads");
  objective->all_columns = true;
  for (size_t i = 0; i < objective->n; i++) {
    const head_t *head = &objective->heads[i];
    const loss_settings_t *loss = &settings->losses[i];
    int64_t n = head->targets / column_targets(settings, head), first = next;
    TRY(about_head(objective, head, check_columns(settings, i, head, error), error));
    if (names_targets(loss)) objective->all_columns = false;
    for (int64_t k = 0; k < head->targets; k++, c++) {
      int64_t column = names_targets(loss) ? (int64_t)loss->targets.values[k % n] : first + k % n;
      bool is_label = head->loss->target == TARGET_LABELS;
      columns[c] = (target_column_t){.column = column,
                                     .step = is_label ? forecast_steps(settings) - 1 : k / n,
                                     .classes = is_label ? loss_classes(head->loss, head->outputs) : 0,
                                     .low = head->loss->low,
                                     .high = head->loss->high};
      next = column + 1;
    }
  }
  objective->columns = columns;
  return LS_OK;
}

int64_t objective_strata(const settings_t *settings) {
  int64_t column = 0;
  if (settings_targets_are_x(settings)) return STRATA_NONE;
  for (size_t i = 0; i < settings->n_losses; i++) {
    const loss_settings_t *own = &settings->losses[i];
    const loss_t *loss = loss_find(own->name);
    const loss_params_t params = loss_params(own);
    bool is_plain = settings->n_losses == 1 && !names_targets(own);
    if (is_plain && loss->target == TARGET_LABELS) return STRATA_LABELS;
    if (names_targets(own)) column = (int64_t)own->targets.values[0];
    if (loss->is_classification) return column + 1;
    if (own->outputs == SETTINGS_AUTO) return STRATA_NONE; /* the last head */
    column = names_targets(own) ? (int64_t)own->targets.values[own->targets.n - 1] + 1
                                : column + loss_targets(loss, &params, own->outputs);
  }
  return STRATA_NONE;
}

/* data.targets: x asks for numbers of any size, all of them, in the order of the features. */
static ls_status check_features(const settings_t *settings, const objective_t *objective, ls_error *error) {
  for (size_t h = 0; h < objective->n; h++) {
    const loss_t *loss = objective->heads[h].loss;
    char key[HEAD_KEY_SIZE];
    head_key(objective, h, key);
    if (loss->target == TARGET_NONE)
      return error_set(error, LS_BAD_SETTINGS, "data.targets: the loss %s has no targets: leave it out",
                       loss->name);
    if (!loss_is_regression(loss) || loss->fixed_units)
      return error_set(error, LS_BAD_SETTINGS,
                       "%s: %s compares with %s, and with data.targets: x the targets are the features: take "
                       "a loss of numbers, as mse, or of numbers from 0 to 1, binary_cross_entropy",
                       key, loss->name, loss->is_classification ? "classes" : "counts");
    if (names_targets(&settings->losses[h]))
      return error_set(
          error, LS_BAD_SETTINGS,
          "%s.targets names columns of y, and with data.targets: x the targets are all features: "
          "leave it out",
          key);
  }
  return LS_OK;
}

static ls_status make(const settings_t *settings, objective_t *objective, ls_error *error) {
  int64_t next = 0;
  head_t *heads = arena_new(&objective->arena, objective->n, sizeof *heads);
  if (heads == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the heads of a network");
  objective->heads = heads;
  for (size_t i = 0; i < objective->n; i++) TRY(fill_head(objective, settings, i, &next, &heads[i], error));
  TRY(check_rest(objective, next, error));
  if (objective->of_x) TRY(check_features(settings, objective, error));
  bool is_plain = objective->n == 1 && !names_targets(settings->losses);
  objective->has_labels = is_plain && heads->loss->target == TARGET_LABELS;
  return is_plain ? LS_OK : choose_columns(objective, settings, error);
}

ls_status objective_create(const settings_t *settings, int64_t outputs, objective_t *out, ls_error *error) {
  objective_t objective = {.n = settings->n_losses,
                           .outputs = outputs,
                           .strata = objective_strata(settings),
                           .of_x = settings_targets_are_x(settings)};
  ls_status status = make(settings, &objective, error);
  if (status == LS_OK)
    *out = objective;
  else
    objective_free(&objective);
  return status;
}

void objective_free(objective_t *objective) {
  arena_free(&objective->arena);
  *objective = (objective_t){0};
}

/* ---- what is asked of it ---- */

ls_status objective_check_classes(const objective_t *objective, const char *file, int64_t names,
                                  ls_error *error) {
  int64_t classes = objective->heads[0].classes;
  if (!objective->has_labels || names == 0 || names == classes) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "model.layers: the network tells %" PRId64 " classes apart, but %s has %" PRId64
                   ": the last layer needs other outputs",
                   classes, file, names);
}

ls_status objective_check_top_k(const objective_t *objective, int64_t top_k, ls_error *error) {
  enum { DEFAULT = 5 };
  int64_t most = 0;
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    if (head->loss->target == TARGET_LABELS && head->classes > most) most = head->classes;
  }
  if (most == 0 || top_k == 1 || top_k < most || top_k == DEFAULT) return LS_OK;
  return error_set(error, LS_BAD_SETTINGS,
                   "train.top_k is %" PRId64 ", but the network tells %" PRId64
                   " classes apart, so the true one would always be among them: make it smaller",
                   top_k, most);
}

target_request_t objective_request(const objective_t *objective) {
  const head_t *head = objective->heads;
  target_request_t request = loss_request(head->loss, &head->params, head->outputs);
  request.strata = objective->strata;
  if (objective->of_x)
    return (target_request_t){.kind = TARGET_VALUES, .width = objective->targets, .of_x = true};
  if (objective->columns == NULL) return request;
  return (target_request_t){.kind = TARGET_VALUES,
                            .strata = objective->strata,
                            .width = objective->targets,
                            .columns = objective->columns,
                            .all_columns = objective->all_columns};
}

const char *objective_name(const objective_t *objective, char text[32]) {
  if (objective->n == 1) return objective->heads->loss->name;
  snprintf(text, 32, "of %zu heads", objective->n);
  return text;
}

bool head_has_class_weights(const settings_t *settings, size_t h) {
  const char *word = settings->losses[h].class_weights.word;
  return word == NULL || strcmp(word, "none") != 0;
}

bool head_is_scaled(const head_t *head) {
  return loss_is_regression(head->loss) && !head->loss->fixed_units;
}

bool objective_is_scaled(const objective_t *objective) {
  bool is_scaled = false;
  for (size_t h = 0; h < objective->n; h++) is_scaled = is_scaled || head_is_scaled(&objective->heads[h]);
  return is_scaled;
}

/* ---- losses ---- */

int64_t head_class(const head_t *head, double target) {
  if (head->loss->target == TARGET_LABELS) return (int64_t)target;
  return head->classes > 1 && target > 0.5;
}

static double factor_of(const head_t *head, const float *factors, double target) {
  return factors == NULL ? 1 : (double)factors[head->first_factor + head_class(head, target)];
}

/* One head, row by row: its columns lie apart from row to row, and each row has a weight. */
static double head_evaluate(const objective_t *objective, const head_t *head, int64_t rows, const float *z,
                            target_t target, float *delta) {
  double sum = 0;
  for (int64_t r = 0; r < rows; r++) {
    float *dr = delta == NULL ? NULL : delta + r * objective->outputs + head->first;
    const float *values = NULL;
    int32_t label = 0;
    if (objective->has_labels)
      label = target.labels[r];
    else if (head->targets > 0)
      values = target.values + r * objective->targets + head->first_target;
    if (values != NULL && head->loss->target == TARGET_LABELS) label = (int32_t)*values;
    float weight = (float)factor_of(head, target.factors, values != NULL ? (double)*values : label);
    if (target.weights != NULL) weight *= target.weights[r];
    sum += (double)weight * head->loss->evaluate(&head->params, 1, head->outputs,
                                                 z + r * objective->outputs + head->first,
                                                 (target_t){.labels = &label, .values = values}, dr);
    weight *= (float)head->weight;
    for (int64_t i = 0; i < head->outputs && dr != NULL; i++) dr[i] *= weight;
  }
  return sum;
}

void objective_evaluate(const objective_t *objective, int64_t rows, const float *z, target_t target,
                        float *delta, double *sums) {
  const head_t *head = objective->heads;
  bool all_alike = target.weights == NULL && target.factors == NULL && head->weight == 1;
  if (objective->columns == NULL && all_alike)
    sums[0] = head->loss->evaluate(&head->params, rows, head->outputs, z, target, delta);
  else
    for (size_t h = 0; h < objective->n; h++)
      sums[h] = head_evaluate(objective, &objective->heads[h], rows, z, target, delta);
}

double objective_factor(const objective_t *objective, const float *factors, double target) {
  return factor_of(objective->heads, factors, target);
}

float objective_row_weight(const objective_t *objective, target_t target, int64_t r) {
  const head_t *head = objective->heads;
  double value = 0;
  if (objective->has_labels && target.factors != NULL) value = target.labels[r];
  if (target.values != NULL) value = (double)target.values[r * objective->targets + head->first_target];
  float weight = (float)factor_of(head, target.factors, value);
  return target.weights != NULL ? weight * target.weights[r] : weight;
}

double objective_total(const objective_t *objective, const double *losses) {
  double total = 0;
  for (size_t h = 0; h < objective->n; h++) total += objective->heads[h].weight * losses[h];
  return total;
}

double objective_reference(const objective_t *objective, const double *z, const double *target,
                           const float *factors) {
  double total = 0;
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    double first = head->targets > 0 ? target[head->first_target] : 0;
    double weight = head->weight * factor_of(head, factors, first);
    total += weight * head->loss->reference(&head->params, head->outputs, z + head->first,
                                            target + head->first_target);
  }
  return total;
}

void objective_predict(const objective_t *objective, int64_t rows, float *z) {
  for (size_t h = 0; h < objective->n; h++) {
    const head_t *head = &objective->heads[h];
    for (int64_t r = 0; r < rows && head->loss->predict != NULL; r++)
      head->loss->predict(&head->params, head->outputs, z + r * objective->outputs + head->first);
  }
}
