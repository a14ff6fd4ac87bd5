/* Model files. On disk: attributes on "/" for what is small, parameters/NAME as plain (out, in) matrices,
 * scaling/features and scaling/targets. The resolved settings are stored as the YAML text that built the
 * network, so a reader needs nothing else. */
#include "score/model_file_impl.h"

#include "base/checksum.h"
#include "features/scaling.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The same limits as of the settings; a counter of steps stays one when a run adds to it. */
enum { MOST_MEMBERS = 10000, MOST_SHARDS = 1 << 20 };
static const int64_t MOST_STEPS = INT64_C(1) << 53;

/* ---- vectors ---- */

/* A walk over the arrays of a folder. */
typedef struct {
  const graph_t *graph;
  const char *folder;
  size_t next;
  float *plain;   /* room for an array, or for a piece of some rows; freed by the caller */
  size_t number;  /* the present array */
  char name[160]; /* its path in the file */
} array_walk_t;

/* `piece`: floats of a piece; an array or a row that is larger has room too if it is to be used whole: with
 * SIZE_MAX the largest array, else the largest row. */
static ls_status walk_begin(const graph_t *graph, const char *folder, const char *purpose, size_t piece,
                            array_walk_t *out, ls_error *error) {
  size_t largest = 1, widest = 1;
  for (size_t i = 0; i < graph_parameter_count(graph); i++) {
    const parameter_t *array = graph_parameter(graph, i);
    size_t n = parameter_values(array), row = n / (size_t)array->shape[0];
    if (n > largest) largest = n;
    if (row > widest) widest = row;
  }
  size_t most = piece < largest ? (piece > widest ? piece : widest) : largest;
  *out = (array_walk_t){.graph = graph, .folder = folder, .plain = malloc(most * sizeof *out->plain)};
  if (out->plain == NULL) return error_set(error, LS_NO_MEMORY, "no memory to %s parameters", purpose);
  return LS_OK;
}

/* Goes to the next array and returns its description; NULL after the last. An optimiser has no state of
 * running statistics. */
static const parameter_t *walk_next(array_walk_t *walk) {
  const bool no_statistics = strncmp(walk->folder, "optimizer/", strlen("optimizer/")) == 0;
  while (walk->next < graph_parameter_count(walk->graph)) {
    const parameter_t *array = graph_parameter(walk->graph, walk->next);
    walk->number = walk->next++;
    if (array->is_statistic && no_statistics) continue;
    snprintf(walk->name, sizeof walk->name, "%s/%s", walk->folder, array->name);
    return array;
  }
  return NULL;
}

/* Files are written in pieces, which stay in cache and leave other threads their turns with HDF5. */
enum { PIECE_FLOATS = 1 << 20 };

/* Writes array number walk->number in pieces of some rows. */
static ls_status write_array(store_t *store, const array_walk_t *walk, const parameter_t *array,
                             const float *vector, ls_error *error) {
  const int64_t rows = array->shape[0], row = (int64_t)parameter_values(array) / rows;
  const int64_t most = row < PIECE_FLOATS ? PIECE_FLOATS / row : 1;
  TRY(store_declare(store, walk->name, STORE_F32, array->dims, array->shape, error));
  for (int64_t first = 0; first < rows; first += most) {
    int64_t count = rows - first < most ? rows - first : most;
    graph_unpack_rows(walk->graph, walk->number, vector, first, count, walk->plain);
    TRY(store_write_rows(store, walk->name, first, count, STORE_F32, walk->plain, error));
  }
  return LS_OK;
}

ls_status vector_write(store_t *store, const graph_t *graph, const char *folder, const float *vector,
                       ls_error *error) {
  array_walk_t walk;
  TRY(walk_begin(graph, folder, "write", PIECE_FLOATS, &walk, error));
  ls_status status = LS_OK;
  for (const parameter_t *array; status == LS_OK && (array = walk_next(&walk)) != NULL;)
    status = write_array(store, &walk, array, vector, error);
  free(walk.plain);
  return status;
}

static ls_status check_shape(const store_t *store, const char *name, const parameter_t *array,
                             ls_error *error) {
  store_array_t found = {0};
  TRY(store_describe(store, name, &found, error));
  bool same = found.dims == array->dims && found.shape[0] == array->shape[0] &&
              (array->dims == 1 || found.shape[1] == array->shape[1]);
  if (same) return LS_OK;
  return error_set(error, LS_BAD_DATA,
                   "%s: %s has another shape than this network's (%" PRId64
                   " outputs): it belongs to another "
                   "model.layers",
                   store_path(store), name, array->shape[0]);
}

/* Whether a folder has all arrays of the network, before memory is taken for them. */
static ls_status check_shapes(const store_t *store, const graph_t *graph, const char *folder,
                              ls_error *error) {
  array_walk_t walk = {.graph = graph, .folder = folder};
  for (const parameter_t *array; (array = walk_next(&walk)) != NULL;)
    if (!array->is_statistic) TRY(check_shape(store, walk.name, array, error));
  return LS_OK;
}

ls_status vector_read(const store_t *store, const graph_t *graph, const char *folder, float *vector,
                      ls_error *error) {
  array_walk_t walk;
  TRY(walk_begin(graph, folder, "read", SIZE_MAX, &walk, error));
  ls_status status = LS_OK;
  for (const parameter_t *array; (array = walk_next(&walk)) != NULL;) {
    if (array->is_statistic && !store_has(store, walk.name)) /* earlier versions left them out for members */
      status =
          error_set(error, LS_BAD_DATA, "%s: the running statistics %s are missing: train the ensemble again",
                    store_path(store), walk.name);
    if (status == LS_OK) status = check_shape(store, walk.name, array, error);
    if (status == LS_OK)
      status = store_read_rows(store, walk.name, 0, array->shape[0], STORE_F32, walk.plain, error);
    if (status != LS_OK) break;
    graph_pack(graph, walk.number, walk.plain, vector);
  }
  free(walk.plain);
  return status;
}

/* ---- writing ---- */

static ls_status write_settings(store_t *store, const settings_t *settings, ls_error *error) {
  char *text = NULL;
  TRY(settings_dump(settings, &text, error));
  ls_status status = store_write_text(store, "/", "settings", text, error);
  free(text);
  return status;
}

ls_status model_checksum(const model_parts_t *parts, char hex[17], ls_error *error) {
  uint64_t sum = 0;
  if (parts->members == NULL) {
    TRY(graph_checksum(parts->graph, parts->parameters, &sum, error));
  } else {
    size_t n = (size_t)parts->n_members;
    uint64_t *sums = malloc(n * sizeof *sums);
    if (sums == NULL) return error_set(error, LS_NO_MEMORY, "no memory for the checksum of an ensemble");
    ls_status status = LS_OK;
    for (size_t m = 0; m < n && status == LS_OK; m++)
      status = graph_checksum(parts->graph, parts->members[m], &sums[m], error);
    if (status == LS_OK) sum = checksum_of(sums, n * sizeof *sums);
    free(sums);
    TRY(status);
  }
  snprintf(hex, 17, "%016" PRIx64, sum);
  return LS_OK;
}

static ls_status write_origin(store_t *store, const model_parts_t *parts, ls_error *error) {
  char checksum[17];
  TRY(model_checksum(parts, checksum, error));
  TRY(store_write_text(store, "/", "parameters_checksum", checksum, error));
  TRY(store_write_text(store, "/", "libraries", parts->libraries, error));
  return store_write_text(store, "/", "cpu", parts->cpu, error);
}

/* ---- the members of an ensemble: the first lies where a single network lies ---- */

static void member_folder(int64_t member, char out[64]) {
  snprintf(out, 64, member == 0 ? "parameters" : "members/%" PRId64, member + 1);
}

static ls_status write_members(store_t *store, const model_parts_t *parts, ls_error *error) {
  TRY(store_write_int(store, "/", "members", parts->n_members, error));
  for (int64_t m = 1; m < parts->n_members; m++) {
    char folder[64];
    member_folder(m, folder);
    TRY(vector_write(store, parts->graph, folder, parts->members[m], error));
  }
  return LS_OK;
}

/* Reads a whole number that must lie in a range. */
static ls_status read_count(const store_t *store, const char *key, int64_t least, int64_t most, int64_t *out,
                            ls_error *error) {
  int64_t count = 0;
  TRY(store_read_int(store, "/", key, &count, error));
  if (count < least || count > most)
    return error_set(error, LS_BAD_DATA,
                     "%s: attribute %s is %" PRId64 ", but it can only be %" PRId64 " to %" PRId64,
                     store_path(store), key, count, least, most);
  *out = count;
  return LS_OK;
}

static ls_status read_members(const store_t *store, model_t *model, ls_error *error) {
  const bool is_tied = graph_is_tied(model->graph);
  const size_t floats = is_tied ? graph_buffer_floats(model->graph) : graph_floats(model->graph);
  const size_t bytes = (floats * sizeof(float) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
  model->n_members = 1;
  if (store_has_attribute(store, "/", "members"))
    TRY(read_count(store, "members", 1, MOST_MEMBERS, &model->n_members, error));
  model->members = calloc((size_t)model->n_members, sizeof *model->members);
  for (int64_t m = 0; m < model->n_members; m++) {
    char folder[64];
    member_folder(m, folder);
    TRY(check_shapes(store, model->graph, folder, error));
    if (model->members != NULL) model->members[m] = aligned_alloc(ARENA_ALIGNMENT, bytes);
    if (model->members == NULL || model->members[m] == NULL)
      return error_set(error, LS_NO_MEMORY, "%s: no memory for %.1f MB of parameters", store_path(store),
                       (double)bytes / 1e6);
    memset(model->members[m], 0, bytes);
    TRY(vector_read(store, model->graph, folder, model->members[m], error));
    TRY(graph_check_factors(model->graph, model->members[m], error));
    if (is_tied) graph_transpose(model->graph, model->members[m], 0, graph_floats(model->graph));
  }
  model->parameters = model->members[0];
  return LS_OK;
}

static ls_status write_model(store_t *store, const model_parts_t *parts, ls_error *error) {
  TRY(write_settings(store, parts->settings, error));
  TRY(write_origin(store, parts, error));
  if (parts->origin != NULL && parts->origin[0] != '\0')
    TRY(store_write_text(store, "/", "init_from_checksum", parts->origin, error));
  TRY(store_write_int(store, "/", "inputs", graph_inputs(parts->graph), error));
  TRY(store_write_int(store, "/", "step", parts->step, error));
  TRY(store_write_int(store, "/", "epoch", parts->epoch, error));
  TRY(store_write_int(store, "/", "shards", parts->shards, error));
  TRY(head_classes_write(store, parts, error));
  if (parts->feature_names != NULL)
    TRY(store_write_texts(store, "/", "feature_names", (const char *const *)parts->feature_names,
                          (size_t)features_file_columns(parts->features), error));
  TRY(vector_write(store, parts->graph, "parameters", parts->parameters, error));
  if (parts->members != NULL) TRY(write_members(store, parts, error));
  if (parts->posterior != NULL && parts->posterior->inputs > 0)
    TRY(posterior_write(store, parts->posterior, error));
  if (parts->components != NULL) TRY(components_write(store, parts->components, error));
  if (parts->data != NULL) TRY(identity_write(parts->data, store, error));
  TRY(features_write(parts->features, store, error));
  return scaler_write(parts->targets, store, "scaling/targets", error);
}

ls_status model_write(const char *path, const model_parts_t *parts, const model_extra_t *extra,
                      ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status =
      store_write_text(store, "/", "format", extra != NULL ? CHECKPOINT_FORMAT : MODEL_FORMAT, error);
  if (status == LS_OK) status = write_model(store, parts, error);
  if (status == LS_OK && extra != NULL) status = extra->write(store, extra->context, error);
  if (status == LS_OK) status = store_publish(&store, error);
  store_close(&store);
  return status;
}

ls_status model_write_weights(const char *path, const model_parts_t *parts, ls_error *error) {
  store_t *store = NULL;
  TRY(store_create(path, &store, error));
  ls_status status = store_write_text(store, "/", "format", WEIGHTS_FORMAT, error);
  if (status == LS_OK) status = write_model(store, parts, error);
  if (status == LS_OK) status = store_publish_unsealed(&store, error);
  store_close(&store);
  return status;
}

/* ---- reading ---- */

/* A checkpoint is a model too. */
static ls_status check_format(const store_t *store, const char *wanted, ls_error *error) {
  char *format = NULL;
  if (!store_has_attribute(store, "/", "format"))
    return error_set(error, LS_BAD_DATA,
                     "%s is not a lockstep model or checkpoint: name one, as in runs/NAME/model.h5",
                     store_path(store));
  TRY(store_read_text(store, "/", "format", &format, error));
  ls_status status = LS_OK;
  if (strcmp(format, wanted) != 0 && strcmp(format, CHECKPOINT_FORMAT) != 0)
    status = error_set(error, LS_BAD_DATA, "%s is a \"%s\", not a %s", store_path(store), format, wanted);
  free(format);
  return status;
}

ls_status model_open(const char *path, const char *format, store_t **out, ls_error *error) {
  store_t *store = NULL;
  TRY(store_open_whole(path, &store, error));
  ls_status status = check_format(store, format, error);
  if (status == LS_OK) status = store_require_manifest(store, error);
  if (status != LS_OK) {
    store_close(&store);
    return status;
  }
  *out = store;
  return LS_OK;
}

bool model_is_weights(const char *path) {
  store_t *store = NULL;
  char *format = NULL;
  if (store_open(path, &store, NULL) != LS_OK) return false;
  const bool is_weights = store_has_attribute(store, "/", "format") &&
                          store_read_text(store, "/", "format", &format, NULL) == LS_OK &&
                          strcmp(format, WEIGHTS_FORMAT) == 0;
  free(format);
  store_close(&store);
  return is_weights;
}

ls_status model_read_parameters(const char *path, const graph_t *graph, float *parameters, ls_error *error) {
  store_t *store = NULL;
  TRY(model_open(path, MODEL_FORMAT, &store, error));
  ls_status status = vector_read(store, graph, "parameters", parameters, error);
  store_close(&store);
  return status;
}

/* ---- whole models ---- */

static ls_status read_settings(const store_t *store, const settings_choices_t *choices, settings_t **out,
                               ls_error *error) {
  char *text = NULL, source[512];
  snprintf(source, sizeof source, "%.480s (settings)", store_path(store));
  TRY(store_read_text(store, "/", "settings", &text, error));
  ls_status status = settings_restore(text, strlen(text), source, NULL, 0, choices, out, error);
  free(text);
  return status;
}

static ls_status read_checksum(const store_t *store, char checksum[17], ls_error *error) {
  char *text = NULL;
  TRY(store_read_text(store, "/", "parameters_checksum", &text, error));
  snprintf(checksum, 17, "%s", text);
  free(text);
  return LS_OK;
}

/* Files of earlier versions have none. */
static ls_status read_feature_names(const store_t *store, model_t *model, ls_error *error) {
  size_t n = 0;
  if (!store_has_attribute(store, "/", "feature_names")) return LS_OK;
  TRY(store_read_texts(store, "/", "feature_names", &model->feature_names, &n, error));
  if ((int64_t)n == features_file_columns(&model->features)) return LS_OK;
  return error_set(error, LS_BAD_DATA, "%s: %zu names for %" PRId64 " features", store_path(store), n,
                   features_file_columns(&model->features));
}

static ls_status read_model(const store_t *store, const settings_choices_t *choices, model_t *model,
                            ls_error *error) {
  int64_t shards = 0, inputs = 0;
  TRY(read_settings(store, choices, &model->settings, error));
  TRY(read_count(store, "step", 0, MOST_STEPS, &model->step, error));
  TRY(read_count(store, "epoch", 0, MOST_STEPS, &model->epoch, error));
  TRY(read_count(store, "shards", 1, MOST_SHARDS, &shards, error));
  TRY(read_count(store, "inputs", 1, INT32_MAX, &inputs, error));
  model->shards = (int)shards;
  TRY(features_read(store, &model->features, error));
  if (model->features.inputs != inputs)
    return error_set(error, LS_BAD_DATA,
                     "%s: the network has %" PRId64 " inputs, but its features make %" PRId64,
                     store_path(store), inputs, model->features.inputs);
  TRY(scaler_read(store, "scaling/targets", &model->targets, error));
  TRY(graph_create_with_tables(model->settings->model.layers, model->settings->model.n_layers,
                               model->features.inputs, model->features.tables, model->features.n_lookups,
                               &model->graph, error));
  TRY(objective_create(model->settings, graph_outputs(model->graph), &model->objective, error));
  TRY(head_classes_read(store, model, error));
  TRY(read_feature_names(store, model, error));
  if (store_has(store, "posterior"))
    TRY(posterior_read(store, model->features.inputs, graph_outputs(model->graph), &model->posterior, error));
  TRY(components_read(store, model->features.inputs, &model->components, error));
  return read_members(store, model, error);
}

ls_status model_read(const char *path, const settings_choices_t *choices, model_t **out, ls_error *error) {
  store_t *store = NULL;
  model_t *model = calloc(1, sizeof *model);
  if (model == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a model");
  ls_status status = model_open(path, MODEL_FORMAT, &store, error);
  if (status == LS_OK) status = read_checksum(store, model->checksum, error);
  if (status == LS_OK) status = read_model(store, choices, model, error);
  if (status == LS_BAD_SETTINGS)
    status = error_prefix(error, LS_BAD_DATA, "%s", path); /* those in the file */
  store_close(&store);
  if (status != LS_OK) {
    model_destroy(&model);
    return status;
  }
  *out = model;
  return LS_OK;
}

ls_status model_read_features(const char *path, const settings_choices_t *choices, features_t *features,
                              scaler_t *targets, settings_t **settings, ls_error *error) {
  store_t *store = NULL;
  features_t found = {0};
  scaler_t scaler = {0};
  settings_t *stored = NULL;
  if (model_is_weights(path))
    TRY(store_open_whole(path, &store, error));
  else
    TRY(model_open(path, MODEL_FORMAT, &store, error));
  ls_status status = read_settings(store, choices, &stored, error);
  if (status == LS_BAD_SETTINGS) status = error_prefix(error, LS_BAD_DATA, "%s", path);
  if (status == LS_OK) status = features_read(store, &found, error);
  if (status == LS_OK) status = scaler_read(store, "scaling/targets", &scaler, error);
  store_close(&store);
  if (status != LS_OK) {
    features_free(&found);
    scaler_free(&scaler);
    settings_destroy(&stored);
    return status;
  }
  *features = found;
  *targets = scaler;
  *settings = stored;
  return LS_OK;
}

model_parts_t model_parts(const model_t *model) {
  const bool is_ensemble = model->n_members > 1;
  return (model_parts_t){.settings = model->settings,
                         .graph = model->graph,
                         .objective = &model->objective,
                         .features = &model->features,
                         .targets = &model->targets,
                         .class_weights = &model->class_weights,
                         .class_names = model->class_names,
                         .feature_names = model->feature_names,
                         .step = model->step,
                         .epoch = model->epoch,
                         .shards = model->shards,
                         .parameters = model->parameters,
                         .members = is_ensemble ? (const float *const *)model->members : NULL,
                         .n_members = model->n_members,
                         .posterior = &model->posterior,
                         .components = &model->components};
}

ls_status model_read_weights(const char *path, const settings_choices_t *choices, model_t **out,
                             ls_error *error) {
  store_t *store = NULL;
  model_t *model = calloc(1, sizeof *model);
  if (model == NULL) return error_set(error, LS_NO_MEMORY, "no memory for a model");
  ls_status status = store_open_whole(path, &store, error);
  if (status == LS_OK) status = check_format(store, WEIGHTS_FORMAT, error);
  if (status == LS_OK) status = read_model(store, choices, model, error);
  if (status == LS_BAD_SETTINGS) status = error_prefix(error, LS_BAD_DATA, "%s", path);
  store_close(&store);
  const model_parts_t parts = model_parts(model);
  if (status == LS_OK) status = model_checksum(&parts, model->checksum, error);
  if (status != LS_OK) {
    model_destroy(&model);
    return status;
  }
  *out = model;
  return LS_OK;
}

void model_destroy(model_t **model) {
  if (model == NULL || *model == NULL) return;
  objective_free(&(*model)->objective);
  settings_destroy(&(*model)->settings);
  graph_destroy(&(*model)->graph);
  features_free(&(*model)->features);
  scaler_free(&(*model)->targets);
  posterior_free(&(*model)->posterior);
  components_free(&(*model)->components);
  for (int64_t m = 0; (*model)->members != NULL && m < (*model)->n_members; m++) free((*model)->members[m]);
  free((*model)->members);
  for (size_t h = 0; h < MOST_HEADS; h++) free((void *)(*model)->class_names[h]);
  free((*model)->class_weights.values);
  free((*model)->feature_names);
  free(*model);
  *model = NULL;
}
