#include "score/origin.h"

#include "score/given.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_file(const settings_t *settings) {
  return strcmp(settings->model.init_from, "none") != 0;
}

bool origin_is_set(const settings_t *settings) {
  return has_file(settings) || settings->model.init_values.n > 0;
}

bool origin_takes_all(const settings_t *settings) {
  return has_file(settings) && !given_is_table(settings) && strcmp(settings->model.init_layers, "all") == 0;
}

/* ---- features ---- */

/* Keys that say what becomes of a row before the network sees it. */
static const char *const feature_keys[] = {"data.scaling.name",         "data.scaling.range",
                                           "data.scaling.columns",      "data.target_scaling.name",
                                           "data.target_scaling.range", "data.missing",
                                           "data.missing_value",        "data.missing_indicator",
                                           "data.window.length",        "data.basis.name",
                                           "data.basis.degree",         "data.basis.interactions",
                                           "data.basis.size",           "data.basis.whiten",
                                           "data.basis.gamma",          "data.basis.coef0",
                                           "model.embeddings.above",    "model.embeddings.width",
                                           "model.embeddings.columns",  NULL};

static ls_status compare_features(const settings_t *settings, const settings_t *stored,
                                  const dataset_shape_t *shape, const features_t *features, ls_error *error) {
  const char *from = settings->model.init_from, *changed = NULL;
  TRY(settings_compare_among(stored, settings, feature_keys, &changed, error));
  if (changed != NULL)
    return error_set(error, LS_BAD_SETTINGS,
                     "%s is not what %s was trained with. With model.init_layers: all, scaling and encoding "
                     "come from that model: set the key to the model's value (`lockstep info --settings %s` "
                     "shows it), or take only the layers: model.init_layers: matching",
                     changed, from, from);
  if (shape->features == features->columns) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s has %" PRId64 " features, but %s was trained on %" PRId64,
                   settings->data.file, shape->features, from, features->columns);
}

ls_status origin_features(const settings_t *settings, const settings_choices_t *choices,
                          const dataset_shape_t *shape, features_t *features, scaler_t *targets,
                          ls_error *error) {
  settings_t *stored = NULL;
  features_t found = {0};
  scaler_t scaler = {0};
  ls_status status = model_read_features(settings->model.init_from, choices, &found, &scaler, &stored, error);
  if (status != LS_OK) return error_prefix(error, status, "model.init_from");
  status = compare_features(settings, stored, shape, &found, error);
  settings_destroy(&stored);
  if (status != LS_OK) {
    features_free(&found);
    scaler_free(&scaler);
    return status;
  }
  *features = found;
  *targets = scaler;
  return LS_OK;
}

/* ---- layers ---- */

/* What is wrong with one array of the network, or of the model, for taking it over. */
typedef enum { FITS, IS_MISSING, HAS_OTHER_SHAPE, HAS_OTHER_CATEGORIES } fit_t;

enum { LAYER_NAME = 64, NAMES = 512 };

static void layer_of(const parameter_t *parameter, char out[LAYER_NAME]) {
  snprintf(out, LAYER_NAME, "%.*s", (int)strcspn(parameter->name, "/"), parameter->name);
}

static const parameter_t *find_array(const graph_t *graph, const char *name, size_t *number) {
  for (size_t i = 0; i < graph_parameter_count(graph); i++)
    if (strcmp(graph_parameter(graph, i)->name, name) == 0) {
      *number = i;
      return graph_parameter(graph, i);
    }
  return NULL;
}

static bool same_names(const codes_t *a, const codes_t *b) {
  bool is_same = (a != NULL ? a->names.n : 0) == (b != NULL ? b->names.n : 0);
  for (size_t k = 0; is_same && a != NULL && k < a->names.n; k++)
    is_same = strcmp(a->names.names[k], b->names.names[k]) == 0;
  return is_same;
}

/* Whether vector i of a table stands for the same category in both. Tables are numbered from 1. */
static bool same_categories(const features_t *a, const features_t *b, size_t table) {
  if (table > a->n_lookups || table > b->n_lookups) return false;
  const lookup_t *x = &a->lookups[table - 1], *y = &b->lookups[table - 1];
  if (x->n != y->n || memcmp(x->values, y->values, (size_t)x->n * sizeof *x->values) != 0) return false;
  return same_names(a->codes != NULL ? &a->codes[x->column] : NULL,
                    b->codes != NULL ? &b->codes[y->column] : NULL);
}

static fit_t fit_array(const origin_heir_t *heir, const model_t *model, const parameter_t *here) {
  size_t number = 0;
  const parameter_t *there = find_array(model->graph, here->name, &number);
  if (there == NULL) return IS_MISSING;
  if (there->dims != here->dims || there->shape[0] != here->shape[0] ||
      (here->dims == 2 && there->shape[1] != here->shape[1]))
    return HAS_OTHER_SHAPE;
  if (!here->is_table || heir->dataset == NULL) return FITS;
  size_t table = (size_t)strtoul(here->name + strcspn(here->name, "0123456789"), NULL, 10);
  return same_categories(heir->features, &model->features, table) ? FITS : HAS_OTHER_CATEGORIES;
}

/* The first array of a layer that cannot be taken over; NULL if all can. */
static const parameter_t *find_misfit(const origin_heir_t *heir, const model_t *model, const char *layer,
                                      fit_t *fit) {
  size_t number = 0;
  for (size_t i = 0; i < graph_parameter_count(heir->graph); i++) {
    const parameter_t *here = graph_parameter(heir->graph, i);
    if (!parameter_is_of(here, layer)) continue;
    *fit = fit_array(heir, model, here);
    if (*fit != FITS) return here;
  }
  for (size_t i = 0; i < graph_parameter_count(model->graph); i++) {
    const parameter_t *there = graph_parameter(model->graph, i);
    if (!parameter_is_of(there, layer) || find_array(heir->graph, there->name, &number) != NULL) continue;
    *fit = IS_MISSING;
    return there;
  }
  return NULL;
}

static void shape_text(const graph_t *graph, const char *name, char out[48]) {
  size_t number = 0;
  const parameter_t *array = find_array(graph, name, &number);
  if (array == NULL)
    snprintf(out, 48, "absent");
  else if (array->dims == 1)
    snprintf(out, 48, "%" PRId64 " values", array->shape[0]);
  else
    snprintf(out, 48, "%" PRId64 " x %" PRId64, array->shape[0], array->shape[1]);
}

static ls_status refuse_misfit(const origin_heir_t *heir, const model_t *model, const parameter_t *array,
                               fit_t fit, ls_error *error) {
  const char *from = heir->settings->model.init_from;
  char there[48], here[48];
  shape_text(model->graph, array->name, there);
  shape_text(heir->graph, array->name, here);
  if (fit == HAS_OTHER_CATEGORIES)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.init_from: the vectors %s of %s stand for other categories than those of %s: "
                     "take the layers that match with model.init_layers: matching",
                     array->name, from, heir->settings->data.file);
  return error_set(error, LS_BAD_SETTINGS,
                   "model.init_from: %s is %s in %s, but %s here: change model.layers, or take the layers "
                   "that match with model.init_layers: matching",
                   array->name, there, from, here);
}

/* Adds ", NAME" to a list, as far as there is room. */
static void add_name(char list[NAMES], const char *name) {
  size_t used = strlen(list);
  snprintf(list + used, NAMES - used, "%s%s", used > 0 ? ", " : "", name);
}

static void copy_layer(const origin_heir_t *heir, const model_t *model, const char *layer, float *plain,
                       float *vector) {
  size_t there = 0;
  for (size_t i = 0; i < graph_parameter_count(heir->graph); i++) {
    const parameter_t *array = graph_parameter(heir->graph, i);
    if (!parameter_is_of(array, layer) || find_array(model->graph, array->name, &there) == NULL) continue;
    graph_unpack(model->graph, there, model->parameters, plain);
    graph_pack(heir->graph, i, plain, vector);
  }
}

/* Whether array i is the first one of its layer. */
static bool begins_layer(const graph_t *graph, size_t i, char layer[LAYER_NAME]) {
  layer_of(graph_parameter(graph, i), layer);
  for (size_t k = 0; k < i; k++)
    if (parameter_is_of(graph_parameter(graph, k), layer)) return false;
  return true;
}

/* plain: room for the largest array; NULL: only looks. taken, left: names of layers. */
static ls_status take_layers(const origin_heir_t *heir, const model_t *model, float *plain, float *vector,
                             char taken[NAMES], char left[NAMES], ls_error *error) {
  const bool all = origin_takes_all(heir->settings);
  char layer[LAYER_NAME];
  for (size_t i = 0; i < graph_parameter_count(heir->graph); i++) {
    if (!begins_layer(heir->graph, i, layer)) continue;
    fit_t fit = FITS;
    const parameter_t *misfit = find_misfit(heir, model, layer, &fit);
    if (misfit != NULL && all) return refuse_misfit(heir, model, misfit, fit, error);
    if (misfit == NULL && plain != NULL) copy_layer(heir, model, layer, plain, vector);
    add_name(misfit == NULL ? taken : left, layer);
  }
  for (size_t i = 0; i < graph_parameter_count(model->graph) && all; i++) {
    size_t number = 0;
    const parameter_t *there = graph_parameter(model->graph, i);
    if (find_array(heir->graph, there->name, &number) == NULL)
      return refuse_misfit(heir, model, there, IS_MISSING, error);
  }
  if (taken[0] != '\0') return LS_OK;
  return error_set(
      error, LS_BAD_SETTINGS,
      "model.init_from: no layer of %s has the name and the shapes of a layer here; this network "
      "has %s",
      heir->settings->model.init_from, left);
}

/* ---- names ---- */

static bool same_texts(char *const *a, char *const *b, int64_t n, int64_t *where) {
  for (*where = 0; a != NULL && b != NULL && *where < n; ++*where)
    if (strcmp(a[*where], b[*where]) != 0) return false;
  return true;
}

/* Columns with other names are other quantities, and weights of the first layers belong to quantities. */
static ls_status compare_columns(const origin_heir_t *heir, const model_t *model, ls_error *error) {
  const settings_t *settings = heir->settings;
  char *const *names = heir->dataset->feature_names;
  int64_t n = features_file_columns(&model->features), column = 0;
  if (n != features_file_columns(heir->features) || heir->dataset->features != heir->features->columns)
    return LS_OK;
  if (same_texts(model->feature_names, names, n, &column)) return LS_OK;
  if (!origin_takes_all(settings)) {
    log_warn(heir->log, "column %" PRId64 " of x is '%.60s' here, but '%.60s' in %s", column, names[column],
             model->feature_names[column], settings->model.init_from);
    return LS_OK;
  }
  return error_set(
      error, LS_BAD_DATA,
      "%s: column %" PRId64
      " of x is '%.60s', but '%.60s' in %s, whose weights and scaling belong to the columns in its "
      "order: import the file with the same columns",
      settings->data.file, column, names[column], model->feature_names[column], settings->model.init_from);
}

static void compare_classes(const origin_heir_t *heir, const model_t *model) {
  const objective_t *objective = &model->objective;
  int64_t number = 0;
  for (size_t h = 0; h < objective->n && objective->n == heir->settings->n_losses; h++)
    if (!same_texts(model->class_names[h], heir->class_names[h], objective->heads[h].classes, &number))
      log_warn(heir->log,
               "class %" PRId64 " is '%.60s' here, but '%.60s' in %s: its weights begin as those of "
               "another class",
               number, heir->class_names[h][number], model->class_names[h][number],
               heir->settings->model.init_from);
}

/* ---- a model ---- */

static ls_status check_model(const model_t *model, const char *from, const char *checksum, ls_error *error) {
  if (model->n_members > 1)
    return error_set(error, LS_BAD_SETTINGS,
                     "model.init_from: %s is an ensemble of %" PRId64
                     " networks: name the model of one of them, such as RUN-member-1/model.h5",
                     from, model->n_members);
  if (checksum[0] == '\0' || strcmp(checksum, model->checksum) == 0) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s has changed since this run began: its weights had the checksum %s",
                   from, checksum);
}

static ls_status take(const origin_heir_t *heir, const model_t *model, float *vector, ls_error *error) {
  char taken[NAMES] = "", left[NAMES] = "";
  float *plain = NULL;
  if (heir->dataset != NULL) TRY(compare_columns(heir, model, error));
  if (vector != NULL) {
    plain = malloc(graph_floats(model->graph) * sizeof *plain);
    if (plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the weights of a model");
  }
  ls_status status = take_layers(heir, model, plain, vector, taken, left, error);
  free(plain);
  if (status != LS_OK || vector == NULL) return status;
  log_info(heir->log, "weights of %s (checksum %s): %s%s%s", heir->settings->model.init_from, model->checksum,
           taken, left[0] != '\0' ? "; they begin anew: " : "", left);
  if (heir->class_names != NULL && left[0] == '\0') compare_classes(heir, model);
  return LS_OK;
}

/* The file that training begins with is a model, a checkpoint, or a file of weights without a checksum of its
 * own, which gets that of its bytes. */
static ls_status read_origin(const char *from, const settings_choices_t *choices, model_t **out,
                             ls_error *error) {
  model_t *model = NULL;
  if (!model_is_weights(from)) return model_read(from, choices, out, error);
  TRY(model_read_weights(from, choices, &model, error));
  ls_status status = given_checksum(from, model->checksum, error);
  if (status == LS_OK)
    *out = model;
  else
    model_destroy(&model);
  return status;
}

static ls_status take_model(const origin_heir_t *heir, float *vector, char checksum[17], ls_error *error) {
  const char *from = heir->settings->model.init_from;
  model_t *model = NULL;
  ls_status status = read_origin(from, heir->choices, &model, error);
  if (status != LS_OK) return error_prefix(error, status, "model.init_from");
  status = check_model(model, from, checksum, error);
  if (status == LS_OK) status = take(heir, model, vector, error);
  if (status == LS_OK) memcpy(checksum, model->checksum, sizeof model->checksum);
  model_destroy(&model);
  return status;
}

ls_status origin_take(const origin_heir_t *heir, float *vector, char checksum[17], ls_error *error) {
  const settings_t *settings = heir->settings;
  if (given_is_table(settings))
    TRY(given_table_set(settings, heir->graph, vector, heir->log, checksum, error));
  else if (has_file(settings))
    TRY(take_model(heir, vector, checksum, error));
  return given_values_set(settings, heir->graph, vector, heir->log, error);
}

/* ---- resume ---- */

static ls_status read_text_to(const store_t *store, const char *key, char checksum[17], ls_error *error) {
  char *text = NULL;
  TRY(store_read_text(store, "/", key, &text, error));
  snprintf(checksum, 17, "%s", text);
  free(text);
  return LS_OK;
}

/* The checksum that origin_take finds. */
static ls_status read_checksum(const settings_t *settings, char checksum[17], ls_error *error) {
  const char *from = settings->model.init_from;
  store_t *model = NULL;
  if (given_is_table(settings) || model_is_weights(from)) return given_checksum(from, checksum, error);
  TRY(model_open(from, MODEL_FORMAT, &model, error));
  ls_status status = read_text_to(model, "parameters_checksum", checksum, error);
  store_close(&model);
  return status;
}

ls_status origin_check(const settings_t *settings, const char *checkpoint, const store_t *store,
                       char checksum[17], ls_error *error) {
  const char *from = settings->model.init_from;
  char then[17] = "", now[17] = "";
  if (store_has_attribute(store, "/", "init_from_checksum"))
    TRY(read_text_to(store, "init_from_checksum", then, error));
  if (has_file(settings) != (then[0] != '\0'))
    return error_set(error, LS_BAD_SETTINGS,
                     "model.init_from: the run of %s began %s a model, so it cannot be resumed %s one",
                     checkpoint, then[0] != '\0' ? "with" : "without", then[0] != '\0' ? "without" : "with");
  if (has_file(settings) && access(from, F_OK) == 0) {
    TRY(read_checksum(settings, now, error));
    if (strcmp(then, now) != 0)
      return error_set(error, LS_BAD_DATA,
                       "model.init_from: %s is not the model that the run of %s began with: its weights have "
                       "the checksum %s, and those had %s",
                       from, checkpoint, now, then);
  }
  memcpy(checksum, then, sizeof then);
  return LS_OK;
}
